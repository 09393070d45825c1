"""Expressions of the scenario language as plain data, and how they are evaluated.

The language layer parses and type-checks the text and builds these nodes; nothing here ever sees the
text. `fold` computes what is already known, `compile_expression` makes a closure over the locals of
one process. An expression has no side effects, touches no shared memory (loads are instructions of
their own), and its cost is bounded: the only loop is over a `range` or a list of at most `MAX_ITEMS`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

from ipcsim.errors import EvaluationError

MAX_ITEMS = 10_000  # the longest range or list
MAX_INT = 2**63 - 1  # locals are C longs

Locals = list[Any]  # the values of one process's locals, by slot; slot 0 is `me`
ME = 0


@dataclass(frozen=True, slots=True)
class Const:
    value: int | str | bool | tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Local:
    """The local variable in `slot`."""

    slot: int
    name: str


@dataclass(frozen=True, slots=True)
class Unary:
    op: str  # - + not
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary:
    op: str  # + - * // % and the comparisons == != < <= > >= in, not in
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class BoolOp:
    op: str  # and or
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class IfElse:
    condition: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True, slots=True)
class Index:
    """Element `index` of a list, or field number `index` of a message; negative is out of range."""

    sequence: Expr
    index: Expr


@dataclass(frozen=True, slots=True)
class ListOf:
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Call:
    function: str  # min max abs len sum any all range
    arguments: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Generator:
    """`element for slot in iterable if condition`, as the argument of any, all, sum, min, max, len."""

    element: Expr
    slot: int
    name: str
    iterable: Expr
    condition: Expr | None


# What only properties may look at: the whole system at one instant.


@dataclass(frozen=True, slots=True)
class At:
    """at(process, 'phase'): whether the process is in that phase (see `Phase` for how long one lasts).

    `index` None means the only process of the family. An empty phase asks whether it has ended.
    """

    family: int
    index: Expr | None
    phase: str


@dataclass(frozen=True, slots=True)
class SemaphoreValue:
    set: int
    base: int
    count: int | None
    index: Expr | None


@dataclass(frozen=True, slots=True)
class QueueLength:
    """How many messages lie in the queue (msg_qnum)."""

    queue: int


@dataclass(frozen=True, slots=True)
class SegmentValue:
    """A field of a segment; `index` picks an element, without it an array field is the whole list."""

    segment: int
    field: int
    index: Expr | None


Expr = (
    Const | Local | Unary | Binary | BoolOp | IfElse | Index | ListOf | Call | Generator
    | At | SemaphoreValue | QueueLength | SegmentValue
)  # fmt: skip

Evaluator = Callable[[Locals], Any]


class Observable(Protocol):
    """What a property can ask of the system; whoever evaluates properties supplies one of these."""

    def at(self, family: int, index: int | None, phase: str) -> bool: ...

    def semaphore(self, set_: int, number: int) -> int: ...

    def queue_length(self, queue: int) -> int: ...

    def segment(self, segment: int, field: int) -> Any: ...


def _divide(op: Callable[[int, int], int]) -> Callable[[int, int], int]:
    def checked(a: int, b: int) -> int:
        if b == 0:
            raise EvaluationError("division by zero")
        return op(a, b)

    return checked


def _multiply(a: int, b: int) -> int:
    return bounded(a * b)


def bounded(value: int) -> int:
    """`value`, or `EvaluationError` where it would not fit a C long."""
    if not -MAX_INT - 1 <= value <= MAX_INT:
        raise EvaluationError("the value does not fit 64 bits")
    return value


def _member(a: Any, b: Any) -> bool:
    return a in b


def _not_member(a: Any, b: Any) -> bool:
    return a not in b


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": _multiply,
    "//": _divide(operator.floordiv), "%": _divide(operator.mod),
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "in": _member, "not in": _not_member,
}  # fmt: skip
UNARY: dict[str, Callable[[Any], Any]] = {"-": operator.neg, "+": operator.pos, "not": operator.not_}


def _range(*bounds: int) -> range:
    if len(bounds) == 3 and bounds[2] == 0:
        raise EvaluationError("the step of a range cannot be 0")
    result = range(*bounds)
    # len() overflows for giant ranges, so compare the ends instead
    if abs(result.stop - result.start) // abs(result.step) > MAX_ITEMS:
        raise EvaluationError(f"a range has at most {MAX_ITEMS} elements")
    return result


def _extreme(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def checked(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except ValueError:
            raise EvaluationError(f"{name} of nothing") from None

    return checked


def _len(value: Any) -> int:
    return len(value) if isinstance(value, (Sequence, str)) else sum(1 for _ in value)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": _extreme(min, "min"), "max": _extreme(max, "max"), "abs": abs, "len": _len,
    "sum": sum, "any": any, "all": all, "range": _range,
}  # fmt: skip


def element(sequence: Sequence[Any], index: int) -> Any:
    """`sequence[index]` as C means it: an index outside 0 … n−1 is an error, also a negative one."""
    if not 0 <= index < len(sequence):
        raise EvaluationError(f"index {index} is outside 0 … {len(sequence) - 1}")
    return sequence[index]


def position(base: int, count: int | None, index: int | None) -> int:
    """The number in its set of element `index` of a member that starts at `base`."""
    if index is None or count is None:
        return base
    if not 0 <= index < count:
        raise EvaluationError(f"index {index} is outside 0 … {count - 1}")
    return base + index


def compile_expression(expr: Expr, world: Observable | None = None) -> Evaluator:
    """A closure that computes `expr` from a process's locals; raises `EvaluationError` at run time.

    `world` is needed for the nodes that only properties have.
    """
    match expr:
        case Const(value):
            return lambda _: value
        case Local(slot):
            return operator.itemgetter(slot)
        case Unary(op, operand):
            unary, inner = UNARY[op], compile_expression(operand, world)
            return lambda env: unary(inner(env))
        case Binary(op, left, right):
            return _compile_binary(op, left, right, world)
        case BoolOp(op, items):
            parts = [compile_expression(i, world) for i in items]
            if op == "and":
                return lambda env: all(p(env) for p in parts)
            return lambda env: any(p(env) for p in parts)
        case IfElse(condition, then, otherwise):
            test, yes, no = (compile_expression(e, world) for e in (condition, then, otherwise))
            return lambda env: yes(env) if test(env) else no(env)
        case Index(sequence, index):
            items_of, number_of = compile_expression(sequence, world), compile_expression(index, world)
            return lambda env: element(items_of(env), number_of(env))
        case ListOf(items):
            parts = [compile_expression(i, world) for i in items]
            return lambda env: tuple(p(env) for p in parts)
        case Call(function, arguments):
            call, parts = FUNCTIONS[function], [compile_expression(a, world) for a in arguments]
            return lambda env: call(*(p(env) for p in parts))
        case Generator():
            return _compile_generator(expr, world)
        case _:
            return _compile_world(expr, world)


def _compile_binary(op: str, left: Expr, right: Expr, world: Observable | None) -> Evaluator:
    function = BINARY[op]
    first = compile_expression(left, world)
    if isinstance(right, Const):  # the commonest shape: variable against constant
        constant = right.value
        return lambda env: function(first(env), constant)
    second = compile_expression(right, world)
    return lambda env: function(first(env), second(env))


def _compile_generator(expr: Generator, world: Observable | None) -> Evaluator:
    slot = expr.slot
    iterable = compile_expression(expr.iterable, world)
    value = compile_expression(expr.element, world)
    keep = compile_expression(expr.condition, world) if expr.condition is not None else None

    def generate(env: Locals) -> Any:
        try:
            for item in iterable(env):
                env[slot] = item
                if keep is None or keep(env):
                    yield value(env)
        finally:  # also where `any` has seen enough: equal states must compare equal
            env[slot] = 0

    return generate


def _compile_world(expr: Expr, world: Observable | None) -> Evaluator:
    if world is None:
        raise TypeError(f"{type(expr).__name__} needs a world to look at")
    match expr:
        case At(family, index, phase):
            at, who = world.at, _optional(index, world)
            return lambda env: at(family, who(env), phase)
        case SemaphoreValue(set_, base, count, index):
            semaphore, number = world.semaphore, _optional(index, world)
            return lambda env: semaphore(set_, position(base, count, number(env)))
        case QueueLength(queue):
            length = world.queue_length
            return lambda env: length(queue)
        case SegmentValue(segment, field_, index):
            read, which = world.segment, _optional(index, world)
            if index is None:
                return lambda env: read(segment, field_)
            return lambda env: element(read(segment, field_), which(env))
    raise TypeError(f"not an expression: {expr!r}")


def _optional(index: Expr | None, world: Observable | None) -> Evaluator:
    return (lambda _: None) if index is None else compile_expression(index, world)


def evaluate(expr: Expr, env: Locals, world: Observable | None = None) -> Any:
    """The value of `expr` now."""
    return compile_expression(expr, world)(env)


def children(expr: Expr) -> tuple[Expr, ...]:
    """The direct subexpressions."""
    found: list[Expr] = []
    for f in fields(expr):
        value = getattr(expr, f.name)
        if isinstance(value, tuple):
            found += [v for v in value if isinstance(v, _NODES)]
        elif isinstance(value, _NODES):
            found.append(value)
    return tuple(found)


_NODES = (
    Const, Local, Unary, Binary, BoolOp, IfElse, Index, ListOf, Call, Generator,
    At, SemaphoreValue, QueueLength, SegmentValue,
)  # fmt: skip


def slots_of(expr: Expr) -> frozenset[int]:
    """The locals that `expr` reads (a generator's own variable among them)."""
    mine = {expr.slot} if isinstance(expr, (Local, Generator)) else set()
    return frozenset(mine.union(*(slots_of(c) for c in children(expr))))


def generator_slots(expr: Expr) -> frozenset[int]:
    """The locals that the generators in `expr` use for their variables, and so write."""
    return frozenset(g.slot for g in _generators(expr))


def fold(expr: Expr, known: Mapping[int, Any]) -> Expr:
    """`expr` with the `known` locals filled in and everything constant computed.

    What would raise `EvaluationError` is left as it is: it may stand in a branch never taken.
    """
    if isinstance(expr, Const):
        return expr
    if isinstance(expr, Local):
        return Const(known[expr.slot]) if expr.slot in known else expr
    inner = {k: v for k, v in known.items() if not (isinstance(expr, Generator) and k == expr.slot)}
    changes: dict[str, Any] = {}
    for f in fields(expr):
        value = getattr(expr, f.name)
        if isinstance(value, _NODES):
            changes[f.name] = fold(value, inner)
        elif isinstance(value, tuple) and value and isinstance(value[0], _NODES):
            changes[f.name] = tuple(fold(v, inner) for v in value)
    folded: Expr = replace(expr, **changes)
    return _compute(folded)


def _compute(expr: Expr) -> Expr:
    if isinstance(expr, IfElse) and isinstance(expr.condition, Const):
        return expr.then if expr.condition.value else expr.otherwise
    if isinstance(expr, BoolOp):
        return _shorten(expr)
    if isinstance(expr, (Generator, At, SemaphoreValue, QueueLength, SegmentValue)):
        return expr
    if isinstance(expr, Call) and expr.function == "range":
        return expr  # stays lazy; whoever loops over it is computed instead
    free = slots_of(expr) - {c.slot for c in _generators(expr)}
    if free or _looks_at_world(expr):
        return expr
    try:
        value = evaluate(expr, [0] * (1 + max((g.slot for g in _generators(expr)), default=0)))
    except EvaluationError:
        return expr
    return Const(value)


def _shorten(expr: BoolOp) -> Expr:
    stop = expr.op == "or"  # the value that decides
    kept: list[Expr] = []
    for item in expr.items:
        if not isinstance(item, Const):
            kept.append(item)
        elif bool(item.value) == stop:
            kept.append(Const(stop))
            break
    if not kept:
        return Const(not stop)
    if len(kept) == 1 and isinstance(kept[0], Const):
        return kept[0]
    return replace(expr, items=tuple(kept))


def _generators(expr: Expr) -> list[Generator]:
    found = [expr] if isinstance(expr, Generator) else []
    for child in children(expr):
        found += _generators(child)
    return found


def _looks_at_world(expr: Expr) -> bool:
    if isinstance(expr, (At, SemaphoreValue, QueueLength, SegmentValue)):
        return True
    return any(_looks_at_world(c) for c in children(expr))
