"""Symmetry: processes of a family that nobody can tell apart are sorted.

C. Ip, D. Dill, "Better verification through symmetry", 1996. Two states that differ only in which of such
processes does what are one; the smallest stands for all. A family is interchangeable where its code never
asks who it is (`me`), nothing else does, and what must hold speaks of all of them alike.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from ipcsim.explorer.checks import Checks, Part
from ipcsim.model.effects import Action
from ipcsim.model.layout import Layout
from ipcsim.model.machine import Machine
from ipcsim.program import Family
from ipcsim.program.constants import expressions_of
from ipcsim.program.expressions import ME, At, BoolOp, Const, Expr, slots_of
from ipcsim.program.instructions import Signal, Spawn


@dataclass(slots=True)
class _Block:
    """The adjacent slots of one family, as one number."""

    mask: int
    shift: int
    width: int
    count: int
    known: dict[int, int]

    def sort(self, state: int) -> int:
        block = state & self.mask
        found = self.known.get(block)
        if found is None:
            low, one = block >> self.shift, (1 << self.width) - 1
            parts = sorted((low >> i * self.width & one for i in range(self.count)), reverse=True)
            total = sum(part << i * self.width for i, part in enumerate(parts))
            found = self.known[block] = (total << self.shift) - block
        return state + found


class Symmetry:
    """Sorts states; `families` are the numbers of those that are interchangeable."""

    def __init__(self, machine: Machine, checks: Checks) -> None:
        self.families = [
            number
            for number, family in enumerate(machine.program.families)
            if family.size > 1 and _interchangeable(machine, checks, number, family)
        ]
        self._blocks = [_block(machine, f) for f in self.families]

    def of(self, state: int) -> int:
        """The state that stands for all that look like it."""
        for block in self._blocks:
            state = block.sort(state)
        return state

    @staticmethod
    def unseen(_state: int) -> tuple[Action, ...]:
        """None: nobody takes a step from one to the other."""
        return ()


def _block(machine: Machine, family: int) -> _Block:
    layout: Layout = machine.layout
    slots = [layout.slots[p] for p in machine.program.members(family)]
    mask = layout.mask(s.number for s in slots)
    return _Block(mask, slots[0].shift, slots[0].width, len(slots), {})


def _interchangeable(machine: Machine, checks: Checks, number: int, family: Family) -> bool:
    if any(ME in slots_of(e) for i in family.code for e in expressions_of(i)):
        return False
    if len({values[1:] for values in family.initial}) > 1:
        return False
    named = any(
        isinstance(i, Signal | Spawn) and i.family == number for f in machine.program.families for i in f.code
    )
    return not named and _even_handed(checks, number, family.size)


def _even_handed(checks: Checks, number: int, size: int) -> bool:
    """Whether what must hold stays the same when two of the family change places, and when all move on.

    These two make every permutation.
    """
    swap = {0: 1, 1: 0}
    move = {i: (i + 1) % size for i in range(size)}
    here = _shapes(checks.parts, number, {})
    return here is not None and all(_shapes(checks.parts, number, m) == here for m in (swap, move))


def _shapes(parts: list[Part], family: int, moved: dict[int, int]) -> frozenset[Any] | None:
    """The conditions with instances renamed, whatever their order; None where one cannot be told."""
    try:
        return frozenset(_shaped(p, _renamed(p.bad, family, moved)) for p in parts)
    except _Unknown:
        return None


def _shaped(part: Part, bad: Expr) -> Any:
    """Where a part may have no value, the order in which it is evaluated does count."""
    return _shape(bad) if part.sure else bad


class _Unknown(Exception):
    pass


def _renamed(expr: Any, family: int, moved: dict[int, int]) -> Any:
    if isinstance(expr, At):
        if expr.family != family:
            return expr
        if not isinstance(expr.index, Const) or not isinstance(expr.index.value, int):
            raise _Unknown
        return replace(expr, index=Const(moved.get(expr.index.value, expr.index.value)))
    if not isinstance(expr, Expr):
        return expr
    changes: dict[str, Any] = {}
    for f in fields(expr):
        value = getattr(expr, f.name)
        if isinstance(value, tuple):
            changes[f.name] = tuple(_renamed(v, family, moved) for v in value)
        elif isinstance(value, Expr):
            changes[f.name] = _renamed(value, family, moved)
    return replace(expr, **changes) if changes else expr


def _shape(expr: Any) -> Any:
    """An expression in which the order of an "and" or an "or" does not count."""
    if isinstance(expr, BoolOp):
        return (expr.op, frozenset(_shape(i) for i in expr.items))
    return expr
