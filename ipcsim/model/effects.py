"""One possible outcome of an action, while the rules work it out and when it is done.

The rules write to an `Effects`; the machine makes an `Action` of it, which is what drivers see.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from ipcsim.model.layout import View


class Act(StrEnum):
    """What happened to a process in a step, as a run would record it."""

    STEP = "step"  # an instruction that cannot block
    CALL = "call"  # a kernel call, begun and ended
    SLEEP = "sleep"  # begun, and now asleep
    LAST = "last"  # begun and done, but the process was killed meanwhile and never returns from it
    WAKE = "wake"  # the call it slept in is over
    STRIKE = "timeout"  # its timeout struck
    DIE = "die"  # a signal killed it, in the middle of anything
    UNDO = "undo"  # it is ending, and something that it held goes back
    REAP = "reap"  # its parent has waited for it: its pid is free


class Failure(StrEnum):
    """Why a step is worth a finding of its own."""

    ERRNO = "errno"
    ASSERTION = "assertion"
    EVALUATION = "evaluation"
    FAULT = "fault"  # SIGSEGV
    UNKNOWN = "not modelled"


class Step(NamedTuple):
    """What one process did. `begin` and `end` are the (a, b, data) of the two records of a call; a step
    that is not a call has `end` only. `scheduled`: somebody has to be given the turn for it."""

    process: int
    pc: int
    act: Act
    errno: str | None = None
    begin: tuple[int, int, bytes] = (0, 0, b"")
    end: tuple[int, int, bytes] = (0, 0, b"")
    scheduled: bool = False
    failure: Failure | None = None
    problem: str = ""


class Effects:
    """A view with changes on top, and the steps that made them. Reading sees the changes."""

    __slots__ = ("entered", "obliged", "steps", "view", "writes")

    def __init__(self, view: View) -> None:
        self.view = view
        self.writes: dict[int, Any] = {}
        self.steps: list[Step] = []
        self.entered: list[tuple[int, str]] = []  # (process, phase) entered on the way
        self.obliged = True

    def __getitem__(self, slot: int) -> Any:
        return self.writes[slot] if slot in self.writes else self.view[slot]

    def __setitem__(self, slot: int, value: Any) -> None:
        self.writes[slot] = value


class Action(NamedTuple):
    """An enabled choice in a state: adding `delta` to the state takes it.

    `process` is whose step it is; `alternative` tells those of one process apart; `writes` are the slots
    that change, `entered` the (process, phase) pairs entered. `obliged`: by some fairness it happens at
    last; nobody is obliged to be killed from outside.
    """

    delta: int
    process: int
    alternative: int
    steps: tuple[Step, ...]
    writes: frozenset[int]
    entered: tuple[tuple[int, str], ...]
    obliged: bool = True

    @property
    def failed(self) -> bool:
        return any(s.failure is not None for s in self.steps)
