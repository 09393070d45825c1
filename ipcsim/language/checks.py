"""Checks of compiled code: semaphores and fields out of range, loops that nobody could ever see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ipcsim.errors import EvaluationError
from ipcsim.facts.limits import SEMVMX
from ipcsim.language.expressions import cost
from ipcsim.language.families import Compiled
from ipcsim.language.family_names import FamilyName
from ipcsim.language.locals_reader import MAX_STEPS
from ipcsim.language.nodes import Problems
from ipcsim.language.objects import Objects
from ipcsim.program.constants import constant_locals
from ipcsim.program.expressions import Evaluator, Expr, compile_expression, slots_of
from ipcsim.program.flow import Branches, Flow, ahead
from ipcsim.program.instructions import (
    GetValue,
    Instruction,
    Jump,
    Load,
    Semop,
    SetValue,
    Signal,
    Spawn,
    Store,
)
from ipcsim.program.program import Family


def check_code(
    compiled: Compiled, objects: Objects, families: Iterable[FamilyName], problems: Problems
) -> None:
    numbered = {f.number: f for f in families if not f.is_broken}
    _check_indexes(compiled, objects, numbered, problems)
    _check_silent_loops(compiled, problems)


# --- indexes and amounts that are known for each instance ---


@dataclass(frozen=True, slots=True)
class _Bound:
    """An expression of an instruction that must stay in bounds; `label` shows what a value would mean."""

    pc: int
    expr: Expr
    low: int
    high: int
    label: Callable[[int], str]
    negated: bool = False  # the amount of a P, which is shown as it is written


def _check_indexes(
    compiled: Compiled, objects: Objects, families: dict[int, FamilyName], problems: Problems
) -> None:
    """Evaluates every index that depends on nothing but `me` and constant locals, for all instances."""
    family = compiled.family
    constant = set(constant_locals(family, 0)) if family.initial else set()
    bounds = [
        bound
        for pc, instruction in enumerate(family.code)
        for bound in _bounds(pc, instruction, objects, families)
        if slots_of(bound.expr) <= constant
    ]
    evaluators = [compile_expression(bound.expr) for bound in bounds]
    cost_of_one = sum(cost(bound.expr) for bound in bounds)
    walker = _Walker(family)
    told: set[int] = set()
    steps = 0
    for instance, start in enumerate(family.initial):
        steps += cost_of_one
        if steps + walker.steps > MAX_STEPS:
            return  # what is left is found when it happens
        env = list(start)
        for bound, evaluate in zip(bounds, evaluators, strict=True):
            wrong = None if bound.pc in told else _outside(bound, evaluate, env)
            if wrong is not None and bound.pc in walker.reachable(instance, start):
                told.add(bound.pc)
                who = family.name if family.count is None else f"{family.name}[{instance}]"
                problems.add(compiled.marks[bound.pc], f"for {who} {wrong}")


def _outside(bound: _Bound, evaluate: Evaluator, env: list[Any]) -> str | None:
    try:
        value = evaluate(env)
    except EvaluationError as error:
        return f"this has no value: {error}"
    if bound.low <= value <= bound.high:
        return None
    low, high = bound.low, bound.high
    if bound.negated:
        value, low, high = -value, -high, -low
    return f"this is {bound.label(int(value))}: it must be from {low} to {high}"


def _bounds(
    pc: int, instruction: Instruction, objects: Objects, families: dict[int, FamilyName]
) -> Iterator[_Bound]:
    match instruction:
        case Semop(set=number, operations=operations):
            least, most = _amounts(instruction)
            for o in operations:
                if o.index is not None:
                    yield _Bound(pc, o.index, 0, (o.count or 1) - 1, _element(objects, number, o.base))
                yield _Bound(pc, o.delta, least, most, "an amount of {}".format, most < 0)
        case GetValue(index=index) | SetValue(index=index) if index is not None:
            label = _element(objects, instruction.set, instruction.base)
            yield _Bound(pc, index, 0, (instruction.count or 1) - 1, label)
        case Load(index=index) | Store(index=index) if index is not None:
            segment = objects.segments[instruction.segment]
            place = segment.struct.fields[instruction.field]
            name = f"`{segment.name}.{place.name}"
            yield _Bound(pc, index, 0, (place.count or 1) - 1, (name + "[{}]`").format)
        case Signal(index=index) | Spawn(index=index) if index is not None:
            named = families[instruction.family]
            yield _Bound(pc, index, 0, (named.count or 1) - 1, (f"`{named.name}" + "[{}]`").format)


def _element(objects: Objects, number: int, base: int) -> Callable[[int], str]:
    return lambda value: f"`{objects.sets[number].label(base).split('[')[0]}[{value}]`"


def _amounts(semop: Semop) -> tuple[int, int]:
    """What sem_op can be: P only takes, V only gives."""
    if semop.text.startswith("P:"):
        return -SEMVMX - 1, -1
    return (1 if semop.text.startswith("V:") else -SEMVMX - 1), SEMVMX


class _Walker:
    """Which instructions an instance can come to: a branch on constants has one way for it."""

    def __init__(self, family: Family) -> None:
        self.flow, self.branches = Flow(family.code), Branches(family)
        self.steps = 0
        self.known: tuple[int, set[int]] = (-1, set())

    def reachable(self, instance: int, initial: tuple[Any, ...]) -> set[int]:
        if self.known[0] != instance:
            flow = self.flow.decided(self.branches.decided(initial))
            self.known = instance, set(flow.from_(0))
            self.steps += len(self.known[1])
        return self.known[1]


# --- loops without anything to see ---


def _check_silent_loops(compiled: Compiled, problems: Problems) -> None:
    """A loop that cannot end and in which no visible instruction stands would never give up its turn."""
    code = compiled.family.code
    flow = Flow(code)
    goes_on = ahead(flow, [int(i.visible) for i in code])
    for pc in flow.from_(0):
        if not goes_on[pc] and isinstance(code[pc], Jump):
            problems.add(
                compiled.marks[pc],
                "this loop never ends and does nothing that another process could see",
                "put a P, V, send, receive, phase or `exit` into it",
            )
            return
