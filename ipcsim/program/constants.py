"""Which locals of a family never change, and instructions with those filled in.

`P: fork[left]` with `locals: {left: me}` is the same semaphore every time. The runner prepares its
sembuf once, and the analysis knows exactly which fork it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

from ipcsim.program.expressions import Expr, Generator, children, fold
from ipcsim.program.instructions import (
    Assign,
    Code,
    GetValue,
    Instruction,
    Load,
    ObjectCall,
    Receive,
    Repeat,
    SemaphoreOperation,
)
from ipcsim.program.program import Family, Program


def written_slots(instruction: Instruction) -> frozenset[int]:
    """The locals that executing `instruction` may change (generators' variables among them)."""
    slots: set[int] = set()
    match instruction:
        case Assign(slot=slot) | Repeat(slot=slot):
            slots.add(slot)
        case Load(into=into) | GetValue(into=into):
            slots.add(into)
        case Receive(into=into) | ObjectCall(into=into) if into is not None:
            slots.add(into)
    for expr in expressions_of(instruction):
        slots |= _generator_slots(expr)
    return frozenset(slots)


def expressions_of(part: Instruction | SemaphoreOperation) -> tuple[Expr, ...]:
    """Every expression that stands in an instruction."""
    found: list[Expr] = []
    for f in fields(part):
        value = getattr(part, f.name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, SemaphoreOperation):
                found += expressions_of(item)
            elif isinstance(item, tuple):
                found += [e for e in item if isinstance(e, Expr)]
            elif isinstance(item, Expr):
                found.append(item)
    return tuple(found)


def _generator_slots(expr: Expr) -> frozenset[int]:
    mine = {expr.slot} if isinstance(expr, Generator) else set()
    return frozenset(mine.union(*(_generator_slots(c) for c in children(expr))))


@lru_cache(maxsize=256)
def _written(code: Code) -> frozenset[int]:
    return frozenset().union(*(written_slots(i) for i in code))


def constant_locals(family: Family, instance: int) -> dict[int, Any]:
    """The locals (slot → value) that keep their initial value in this instance for ever."""
    written = _written(family.code)
    return {s: v for s, v in enumerate(family.initial[instance]) if s not in written}


def specialise(instruction: Instruction, known: Mapping[int, Any]) -> Instruction:
    """`instruction` with the `known` locals filled in."""
    filled: Instruction = _fill(instruction, known)
    return filled


def specialised_code(program: Program, process: int) -> Code:
    """The code of one process with its constant locals filled in."""
    p = program.processes[process]
    family = program.families[p.family]
    known = constant_locals(family, p.instance)
    return tuple(specialise(i, known) for i in family.code)


def _fill(part: Any, known: Mapping[int, Any]) -> Any:
    changes: dict[str, Any] = {}
    for f in fields(part):
        value = getattr(part, f.name)
        if isinstance(value, Expr):
            changes[f.name] = fold(value, known)
        elif isinstance(value, tuple) and value:
            changes[f.name] = tuple(_fill_item(v, known) for v in value)
    return replace(part, **changes) if changes else part


def _fill_item(item: Any, known: Mapping[int, Any]) -> Any:
    if isinstance(item, Expr):
        return fold(item, known)
    if isinstance(item, SemaphoreOperation):
        return _fill(item, known)
    if isinstance(item, tuple):
        return tuple(_fill_item(i, known) for i in item)
    return item
