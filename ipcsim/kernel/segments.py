"""Shared memory: each load and each store by itself (H-1 to H-10); nothing orders them."""

from __future__ import annotations

from ipcsim.kernel import effects
from ipcsim.kernel.values import Value, span
from ipcsim.program import Program
from ipcsim.program.instructions import Load, Store


def load(access: Load, program: Program, value: Value) -> effects.Load:
    return effects.Load(access.segment, access.field, _elements(access, program, value))


def store(access: Store, program: Program, value: Value) -> effects.Store:
    return effects.Store(access.segment, access.field, _elements(access, program, value))


def _elements(access: Load | Store, program: Program, value: Value) -> range:
    count = program.segments[access.segment].struct.fields[access.field].count
    if access.index is None:
        return range(count or 1)
    return span(0, count, access.index, value)
