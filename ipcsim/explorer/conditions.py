"""What must never be true, taken apart into conditions that each look at little.

`never: any(a(i) for i in …)` becomes one part for each i: "or" is split, "and" is distributed over it, and
ranges are unrolled. What a condition means is what Python's short-circuit evaluation of the whole says. Parts
say the same as long as each has a value everywhere; where one may have none (a division, an index that is
computed, an object that may be absent), it depends on what stands before it whether it is looked at at all.
Then the condition stays whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile

from ipcsim.errors import EvaluationError
from ipcsim.model.machine import Machine
from ipcsim.program.expressions import (
    At,
    Binary,
    BoolOp,
    Call,
    Const,
    Expr,
    Generator,
    IfElse,
    ListOf,
    Local,
    QueueLength,
    SegmentValue,
    SemaphoreValue,
    Unary,
    children,
    evaluate,
    fold,
)

MOST_PARTS = 20_000
MOST_VALUES = 1_000  # of a generator's variable that are tried one by one
_ALWAYS_WORK = frozenset(("+", "-", "==", "!=", "<", "<=", ">", ">=", "in", "not in"))


def parts(bad: Expr, machine: Machine) -> list[Expr]:
    """Conditions of which one is true, or has no value, exactly where `bad` is true, or has no value."""
    try:
        pieces = list(_disjuncts(bad, _Budget(MOST_PARTS)))
    except _TooMany:
        return [bad]
    return pieces if all(has_value(piece, machine) for piece in pieces) else [bad]


def conjuncts(bad: Expr, machine: Machine) -> Iterator[Expr]:
    """What has to be true for `bad` to be true or to have no value: its "and", up to what may have none."""
    items = bad.items if isinstance(bad, BoolOp) and bad.op == "and" else (bad,)
    return takewhile(lambda item: has_value(item, machine), items)


def has_value(expr: Expr, machine: Machine) -> bool:
    """Whether evaluating the condition can be seen to work in every state."""
    program = machine.program
    match expr:
        case Const() | Local():
            return True
        case At(family=family, index=index):
            return _within(index, program.families[family].count)
        case SemaphoreValue(count=count, index=index):
            return machine.living is None and _within(index, count)
        case QueueLength():
            return machine.living is None
        case SegmentValue(segment=number, field=field, index=index):
            declared = program.segments[number].struct.fields[field]
            return machine.living is None and _within(index, declared.count)
        case Binary(op=op, right=right):
            divides = op in ("//", "%") and isinstance(right, Const) and bool(right.value)
            sure = op in _ALWAYS_WORK or divides
        case Call(function=function, arguments=arguments):
            sure = function in ("any", "all", "sum", "len", "abs") or (
                function in ("min", "max") and len(arguments) > 1
            )
            if function == "range":
                return _computes(expr)
        case Generator():
            return _each_has_value(expr, machine)
        case Unary() | BoolOp() | IfElse() | ListOf():
            sure = True
        case _:
            return False
    return sure and all(has_value(child, machine) for child in children(expr))


def _each_has_value(each: Generator, machine: Machine) -> bool:
    """The same of a generator: for each value of its variable, where those are known beforehand."""
    try:
        pieces = _unrolled(each, _Budget(MOST_VALUES))
    except _TooMany:
        pieces = None
    if pieces is None:
        return all(has_value(child, machine) for child in children(each))
    return all(has_value(_both(piece), machine) for piece in pieces)


def _within(index: Expr | None, count: int | None) -> bool:
    if index is None or count is None:
        return True
    return isinstance(index, Const) and isinstance(index.value, int) and 0 <= index.value < count


def _computes(expr: Expr) -> bool:
    try:
        evaluate(expr, [])
    except (EvaluationError, TypeError, IndexError):
        return False
    return True


class _TooMany(Exception):
    """A condition has more parts than it is worth to take it apart."""


class _Budget:
    """How many parts a condition may still be taken apart into."""

    def __init__(self, parts: int) -> None:
        self._left = parts

    def take(self, parts: int) -> None:
        self._left -= parts
        if self._left < 0:
            raise _TooMany


def _disjuncts(expr: Expr, budget: _Budget) -> Iterable[Expr]:
    """`expr` as an "or" of smaller conditions, where it is one; a range is unrolled."""
    match expr:
        case BoolOp(op="or", items=items):
            return [d for item in items for d in _disjuncts(item, budget)]
        case BoolOp(op="and", items=items):
            return _distributed(items, budget)
        case Call(function="any", arguments=(Generator() as each,)):
            pieces = _unrolled(each, budget)
            return [expr] if pieces is None else [d for p in pieces for d in _disjuncts(_both(p), budget)]
        case Call(function="all", arguments=(Generator() as each,)):
            pieces = _unrolled(each, budget)
            return [expr] if pieces is None else _distributed([_implied(p) for p in pieces], budget)
        case Unary(op="not", operand=BoolOp(op="and", items=items)):
            return [d for item in items for d in _disjuncts(Unary("not", item), budget)]
        case Unary(op="not", operand=Call(function="all", arguments=(Generator() as each,))):
            pieces = _unrolled(each, budget)
            if pieces is None:
                return [expr]
            return [d for if_, e in pieces for d in _disjuncts(_both((if_, Unary("not", e))), budget)]
        case Unary(op="not", operand=Unary(op="not", operand=inner)):
            return _disjuncts(inner, budget)
        case Unary(op="not", operand=Call(function="any", arguments=(Generator() as each,))):
            pieces = _unrolled(each, budget)
            return (
                [expr] if pieces is None else _distributed([Unary("not", _both(p)) for p in pieces], budget)
            )
        case _:
            return [expr]


_Piece = tuple[Expr | None, Expr]  # (if, element) of a generator for one value of its variable


def _both(piece: _Piece) -> Expr:
    condition, element = piece
    return element if condition is None else BoolOp("and", (condition, element))


def _implied(piece: _Piece) -> Expr:
    condition, element = piece
    return element if condition is None else BoolOp("or", (Unary("not", condition), element))


def _distributed(items: Iterable[Expr], budget: _Budget) -> Iterable[Expr]:
    """An "and" over "or"s as an "or" over "and"s, while that stays small."""
    items = tuple(items)
    products: list[tuple[Expr, ...]] = [()]
    for item in items:
        pieces = list(_disjuncts(item, budget))
        if len(products) * len(pieces) > MOST_PARTS:
            return [BoolOp("and", items)]
        products = [(*p, d) for p in products for d in pieces]
    return [BoolOp("and", _flat(p)) if len(p) > 1 else p[0] if p else Const(True) for p in products]


def _flat(items: tuple[Expr, ...]) -> tuple[Expr, ...]:
    return tuple(
        i
        for item in items
        for i in (item.items if isinstance(item, BoolOp) and item.op == "and" else (item,))
    )


def _unrolled(each: Generator, budget: _Budget) -> list[_Piece] | None:
    """The generator's (if, element) for each value of its variable, the if None where it holds; None where
    the values are not known beforehand."""
    try:
        values = list(evaluate(each.iterable, [0] * (each.slot + 1)))
    except (EvaluationError, TypeError, IndexError):
        return None
    budget.take(len(values))
    pieces: list[_Piece] = []
    for value in values:
        element = fold(each.element, {each.slot: value})
        condition = None if each.condition is None else fold(each.condition, {each.slot: value})
        if condition is None or not isinstance(condition, Const):
            pieces.append((condition, element))
        elif condition.value:
            pieces.append((None, element))
    return pieces
