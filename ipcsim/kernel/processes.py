"""Processes among themselves: kill(2) and fork(2)."""

from __future__ import annotations

from ipcsim.kernel.effects import Interrupt, Start
from ipcsim.kernel.values import Value, span
from ipcsim.program import Program
from ipcsim.program.expressions import Expr
from ipcsim.program.instructions import Signal, Spawn


def signal(call: Signal, program: Program, value: Value) -> Interrupt:
    continues = call.signal in ("SIGCONT", "SIGKILL")
    return Interrupt(_processes(program, call.family, call.index, value), continues)


def spawn(call: Spawn, program: Program, value: Value) -> Start:
    return Start(_processes(program, call.family, call.index, value))


def _processes(program: Program, family: int, index: Expr | None, value: Value) -> range:
    """The processes of the family that may be meant."""
    members = program.members(family)
    return span(members.start, len(members), index, value)
