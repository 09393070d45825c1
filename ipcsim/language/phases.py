"""Marks the Semops that end a phase: those that give back what was not taken since it began.

A forward analysis: at each pc, the semaphores taken on *all* paths since the current phase began. A
nested `P: log / V: log` inside a phase gives back what it took and does not end it.
"""

from __future__ import annotations

from dataclasses import replace

from ipcsim.program.expressions import Const, Expr, Unary
from ipcsim.program.flow import Flow, forward
from ipcsim.program.instructions import Code, Phase, Semop

Taken = frozenset[tuple[int, int]] | None  # (set, base of the member); None: no phase has begun yet


def mark_ends_of_phases(code: Code) -> Code:
    """`code` with `ends_phase` set where it holds."""
    if not any(isinstance(i, Phase) for i in code):
        return code
    before = forward(Flow(code), None, _join, lambda pc, taken: _after(code[pc], taken))
    return tuple(
        replace(i, ends_phase=True) if isinstance(i, Semop) and _gives_back(i, before.get(pc)) else i
        for pc, i in enumerate(code)
    )


def _after(instruction: object, taken: Taken) -> Taken:
    match instruction:
        case Phase():
            return frozenset()
        case Semop(set=number, operations=operations) if taken is not None:
            return taken | {(number, o.base) for o in operations if _may_take(o.delta)}
    return taken


def _join(a: Taken, b: Taken) -> Taken:
    """Where no phase has begun on one path, there is nothing on it that could end."""
    if a is None or b is None:
        return b if a is None else a
    return a & b


def _gives_back(semop: Semop, taken: Taken) -> bool:
    if taken is None:
        return False
    return any(_may_give(o.delta) and (semop.set, o.base) not in taken for o in semop.operations)


def _may_take(delta: Expr) -> bool:
    return not isinstance(delta, Const) or int(delta.value) < 0  # type: ignore[arg-type]


def _may_give(delta: Expr) -> bool:
    if isinstance(delta, Const):
        return int(delta.value) > 0  # type: ignore[arg-type]
    return not (isinstance(delta, Unary) and delta.op == "-")  # an amount of P
