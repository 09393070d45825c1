"""Takes the reads of shared memory out of an expression: each becomes a Load of its own before it.

So nothing hides a race: another process can act between any two of them. The order is that of
evaluation, left to right, and what `and`, `or` and `… if … else …` do not evaluate is not loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ipcsim.errors import EvaluationError, Location
from ipcsim.language.code import CodeBuilder, Label, negated
from ipcsim.language.memory import Once, Read, reads_memory, substituted, with_children, with_fresh_tokens
from ipcsim.program.expressions import (
    BoolOp,
    Call,
    Const,
    Expr,
    Generator,
    IfElse,
    ListOf,
    Local,
    Unary,
    evaluate,
    fold,
)
from ipcsim.program.instructions import Load
from ipcsim.program.objects import Segment

MAX_UNROLLED = 1000
_TOO_MANY = f"reads shared memory more than {MAX_UNROLLED} times: write a `repeat:` loop"


class CannotUnroll(Exception):
    """A generator over something unknown reads shared memory; says how else to write it."""


class Loads:
    """Emits the loads of one expression at a time into `builder`."""

    def __init__(self, builder: CodeBuilder, segments: list[Segment]) -> None:
        self.builder = builder
        self.segments = segments
        self.at = Location("", 0)
        self.done: dict[int, Expr] = {}

    def take_out(self, expr: Expr, at: Location) -> Expr:
        """`expr` without reads: they have been emitted before it."""
        if not reads_memory(expr):
            return expr
        self.at, self.done = at, {}
        return fold(self._value(expr), {})

    def branch(self, expr: Expr, at: Location, text: str, otherwise: Label) -> None:
        """A branch on `expr` that loads only as much as the outcome needs."""
        self.at, self.done = at, {}
        self._branch(expr, text, otherwise)

    def _branch(self, expr: Expr, text: str, otherwise: Label) -> None:
        if not reads_memory(expr):
            self.builder.branch(self.at, text, fold(expr, {}), otherwise)
            return
        match expr:
            case BoolOp("and", items):
                for item in items:
                    self._branch(item, text, otherwise)
            case BoolOp("or", items):
                holds = self.builder.label()
                for item in items[:-1]:
                    self._branch(negated(item), text, holds)
                self._branch(items[-1], text, otherwise)
                self.builder.place(holds)
            case Unary("not", BoolOp(op, items)):
                other = "or" if op == "and" else "and"
                self._branch(BoolOp(other, tuple(map(negated, items))), text, otherwise)
            case Call("any" | "all", (Generator() as generator,)):
                self._branch_each(expr.function, generator, text, otherwise)
            case Unary("not", Call("any" | "all" as function, (Generator() as generator,))):
                other = "all" if function == "any" else "any"
                element = negated(generator.element)
                self._branch_each(other, replace(generator, element=element), text, otherwise)
            case _:
                self.builder.branch(self.at, text, fold(self._value(expr), {}), otherwise)

    def _branch_each(self, function: str, generator: Generator, text: str, otherwise: Label) -> None:
        """Branches on `any(…)` or `all(…)`, one element after the other, stopping where it is decided."""
        holds = self.builder.label()
        for test, element in _written_out(self._with_known_items(generator)):
            with self.builder.scratch():
                if function == "all":
                    item = element if test is None else BoolOp("or", (negated(test), element))
                    self._branch(item, text, otherwise)
                else:
                    item = element if test is None else BoolOp("and", (test, element))
                    self._branch(negated(item), text, holds)
        if function == "any":
            self.builder.jump(self.at, text, otherwise)
        self.builder.place(holds)

    def _value(self, expr: Expr) -> Expr:
        if not reads_memory(expr):
            return expr
        match expr:
            case Read():
                return self._load(expr)
            case Once():
                return self._once(expr)
            case BoolOp(_, items) if any(map(reads_memory, items[1:])):
                return self._truth(expr)
            case IfElse(condition, then, otherwise) if reads_memory(then) or reads_memory(otherwise):
                return self._if_else(condition, then, otherwise)
            case Call("any" | "all", (Generator(),)):
                return self._truth(expr)
            case Call(function, (Generator() as generator,)):
                return self._value(_unrolled(function, self._with_known_items(generator)))
            case _:
                return with_children(expr, self._value)

    def _load(self, read: Read) -> Expr:
        place = self.segments[read.segment].struct.fields[read.field]
        if read.index is not None or place.count is None or place.is_text:
            index = None if read.index is None else fold(self._value(read.index), {})
            return self._one(read, index, f"load {read.text}")
        if place.count > MAX_UNROLLED:
            raise CannotUnroll(_TOO_MANY)
        return ListOf(tuple(self._one(read, Const(i), f"load {read.text}[{i}]") for i in range(place.count)))

    def _once(self, once: Once) -> Expr:
        if once.token not in self.done:
            self.done[once.token] = self._value(once.operand)
        return self.done[once.token]

    def _one(self, read: Read, index: Expr | None, text: str) -> Local:
        slot = self.builder.hidden_slot()
        self.builder.emit(
            Load(at=self.at, text=text, segment=read.segment, field=read.field, index=index, into=slot)
        )
        return Local(slot, self.builder.slots[slot])

    def _truth(self, expr: Expr) -> Expr:
        """Whether `expr` holds, as a local: reads only as much as that needs."""
        slot, no, end = self.builder.hidden_slot(), self.builder.label(), self.builder.label()
        with self.builder.scratch():
            self._branch(expr, "condition", no)
        self.builder.assign(self.at, "condition holds", slot, Const(True))
        self.builder.jump(self.at, "condition", end)
        self.builder.place(no)
        self.builder.assign(self.at, "condition does not hold", slot, Const(False))
        self.builder.place(end)
        return Local(slot, self.builder.slots[slot])

    def _if_else(self, condition: Expr, then: Expr, otherwise: Expr) -> Expr:
        slot, other, end = self.builder.hidden_slot(), self.builder.label(), self.builder.label()
        self._branch(condition, "if", other)
        self.builder.assign(self.at, "if", slot, self._value(then))
        self.builder.jump(self.at, "if", end)
        self.builder.place(other)
        self.builder.assign(self.at, "else", slot, self._value(otherwise))
        self.builder.place(end)
        return Local(slot, self.builder.slots[slot])

    def _with_known_items(self, generator: Generator) -> Generator:
        return replace(generator, iterable=self._value(generator.iterable))


def _items(iterable: Expr) -> list[Expr]:
    """The elements that a generator goes through, as expressions."""
    if isinstance(iterable, ListOf):
        return list(iterable.items)
    try:
        if isinstance(iterable, (Const, Call)):
            values = evaluate(iterable, [])
            if len(values) <= MAX_UNROLLED:
                return [Const(v) for v in values]
            raise CannotUnroll(_TOO_MANY)
    except (EvaluationError, LookupError):
        pass
    raise CannotUnroll(
        "reads shared memory in a loop over something that is not known beforehand: write it as a"
        " `repeat:` loop with `set:` steps"
    )


def _written_out(generator: Generator) -> Iterator[tuple[Expr | None, Expr]]:
    """The (condition, element) of each round, with reads of their own."""
    for item in _items(generator.iterable):
        test = None
        if generator.condition is not None:
            test = with_fresh_tokens(substituted(generator.condition, generator.slot, item), {})
        yield test, with_fresh_tokens(substituted(generator.element, generator.slot, item), {})


def _unrolled(function: str, generator: Generator) -> Expr:
    """`sum`, `len`, `min`, `max` of a generator as one call with all elements."""
    elements: list[Expr] = []
    for test, element in _written_out(generator):
        value = Const(1) if function == "len" else element
        if test is not None and function in ("min", "max"):
            raise CannotUnroll(f"`{function}` with an `if` inside cannot read shared memory: write a loop")
        elements.append(value if test is None else IfElse(test, value, Const(0)))
    return Call("sum" if function == "len" else function, (ListOf(tuple(elements)),))
