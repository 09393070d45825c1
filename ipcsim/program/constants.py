"""Which locals of a family never change.

`P: fork[left]` with `locals: {left: me}` is the same semaphore every time. The runner prepares its
sembuf once, and the analysis knows exactly which fork it is.
"""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from typing import Any, assert_never

from ipcsim.program.expressions import Expr, generator_slots
from ipcsim.program.instructions import (
    Assert,
    Assign,
    Branch,
    Choose,
    Code,
    Crash,
    Exit,
    GetValue,
    Instruction,
    Jump,
    Load,
    ObjectCall,
    Pause,
    Phase,
    Receive,
    Repeat,
    SemaphoreOperation,
    Semop,
    Send,
    SetValue,
    Signal,
    Spawn,
    Store,
)
from ipcsim.program.program import Family


def written_slots(instruction: Instruction) -> frozenset[int]:
    """The locals that executing `instruction` may change (generators' variables among them)."""
    slots: set[int] = set()
    match instruction:
        case Assign(slot=slot) | Repeat(slot=slot):
            slots.add(slot)
        case Load(into=into) | GetValue(into=into):
            slots.add(into)
        case Receive(into=into) | ObjectCall(into=into):
            slots |= set() if into is None else {into}
        case Semop() | SetValue() | Send() | Signal() | Spawn() | Store():
            pass
        case Phase() | Choose() | Assert() | Exit() | Crash() | Branch() | Jump() | Pause():
            pass
        case _:
            assert_never(instruction)
    for expr in expressions_of(instruction):
        slots |= generator_slots(expr)
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


@lru_cache(maxsize=256)
def _written(code: Code) -> frozenset[int]:
    return frozenset().union(*(written_slots(i) for i in code))


def constant_locals(family: Family, instance: int) -> dict[int, Any]:
    """The locals (slot → value) that keep their initial value in this instance for ever."""
    written = _written(family.code)
    return {s: v for s, v in enumerate(family.initial[instance]) if s not in written}
