"""Checks of compiled code: semaphores and fields out of range, loops that nobody could ever see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ipcsim.errors import EvaluationError
from ipcsim.language.families import Compiled
from ipcsim.language.nodes import Problems
from ipcsim.language.objects import Objects
from ipcsim.program.constants import constant_locals
from ipcsim.program.expressions import Evaluator, Expr, compile_expression, slots_of
from ipcsim.program.instructions import (
    Branch,
    Code,
    GetValue,
    Instruction,
    Jump,
    Load,
    Semop,
    SetValue,
    Store,
    successors,
)
from ipcsim.program.objects import SEMVMX
from ipcsim.program.program import Family


def check_code(compiled: Compiled, objects: Objects, problems: Problems) -> None:
    _check_indexes(compiled, objects, problems)
    _check_silent_loops(compiled, problems)


# --- indexes and amounts that are known for each instance ---


def _check_indexes(compiled: Compiled, objects: Objects, problems: Problems) -> None:
    """Evaluates every index that depends on nothing but `me` and constant locals, for all instances."""
    family = compiled.family
    constant = set(constant_locals(family, 0)) if family.initial else set()
    checks = [
        (pc, compile_expression(expr), low, high, name)
        for pc, instruction in enumerate(family.code)
        for expr, low, high, name in _bounded(instruction, objects)
        if slots_of(expr) <= constant
    ]
    if not checks:
        return
    reachable: dict[int, set[int]] = {}
    told: set[int] = set()
    for instance, start in enumerate(family.initial):
        env = list(start)
        for pc, evaluate, low, high, name in checks:
            wrong = None if pc in told else _outside(evaluate, env, low, high)
            if wrong is None:
                continue
            if instance not in reachable:
                reachable[instance] = _reachable(family, env, constant)
            if pc in reachable[instance]:
                told.add(pc)
                who = family.name if family.count is None else f"{family.name}[{instance}]"
                what = f"`{name.format(wrong)}`" if "{" in name else name
                problems.add(compiled.marks[pc], f"for {who} this is {what}: {_range(low, high, wrong)}")


def _range(low: int, high: int, wrong: int | str) -> str:
    return f"it must be from {low} to {high}" if isinstance(wrong, int) else wrong


def _outside(evaluate: Evaluator, env: list[Any], low: int, high: int) -> int | str | None:
    try:
        value = evaluate(env)
    except EvaluationError as error:
        return str(error)
    return None if low <= value <= high else int(value)


def _bounded(instruction: Instruction, objects: Objects) -> Iterator[tuple[Expr, int, int, str]]:
    """The expressions of an instruction that have bounds: expression, least, greatest, how to show it."""
    match instruction:
        case Semop(set=number, operations=operations):
            for o in operations:
                label = objects.sets[number].label(o.base).split("[")[0]
                if o.index is not None:
                    yield o.index, 0, (o.count or 1) - 1, label + "[{}]"
                yield o.delta, -SEMVMX - 1, SEMVMX, "an amount of {}"
        case GetValue(index=index) | SetValue(index=index) if index is not None:
            label = objects.sets[instruction.set].label(instruction.base).split("[")[0]
            yield index, 0, (instruction.count or 1) - 1, label + "[{}]"
        case Load(index=index) | Store(index=index) if index is not None:
            segment = objects.segments[instruction.segment]
            place = segment.struct.fields[instruction.field]
            yield index, 0, (place.count or 1) - 1, f"{segment.name}.{place.name}[{{}}]"


def _reachable(family: Family, env: list[Any], constant: set[int]) -> set[int]:
    """The pcs that an instance can come to: a branch on constants has one way for it."""
    found, work = {0}, [0]
    while work:
        pc = work.pop()
        targets = successors(family.code, pc)
        instruction = family.code[pc]
        if isinstance(instruction, Branch) and slots_of(instruction.condition) <= constant:
            try:
                holds = compile_expression(instruction.condition)(env)
                targets = (pc + 1,) if holds else (instruction.otherwise,)
            except EvaluationError:
                targets = ()
        for target in targets:
            if target not in found:
                found.add(target)
                work.append(target)
    return found


# --- loops without anything to see ---


def _check_silent_loops(compiled: Compiled, problems: Problems) -> None:
    """A loop that cannot end and in which no visible instruction stands would never give up its turn."""
    code = compiled.family.code
    visible = _can_reach_visible(code)
    work, seen = [0], {0}
    while work:
        pc = work.pop()
        if pc not in visible and isinstance(code[pc], Jump):
            problems.add(
                compiled.marks[pc],
                "this loop never ends and does nothing that another process could see",
                "put a P, V, send, receive, phase or `exit` into it",
            )
            return
        for target in successors(code, pc):
            if target not in seen:
                seen.add(target)
                work.append(target)


def _can_reach_visible(code: Code) -> set[int]:
    sources: dict[int, list[int]] = {}
    for pc in range(len(code)):
        for target in successors(code, pc):
            sources.setdefault(target, []).append(pc)
    found = {pc for pc, i in enumerate(code) if i.visible}
    work = list(found)
    while work:
        for source in sources.get(work.pop(), ()):
            if source not in found:
                found.add(source)
                work.append(source)
    return found
