"""One process's turn: what every rule of a call begins with, and what becomes of a call that has to wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ipcsim.model import processes
from ipcsim.model.effects import Act, Effects, Step
from ipcsim.model.layout import View
from ipcsim.model.locals import Local, Mode
from ipcsim.program.expressions import Locals
from ipcsim.program.instructions import Call, ObjectKind, ObjectRef

if TYPE_CHECKING:
    from ipcsim.model.machine import Machine

Outcomes = Iterator[Effects]
Record = tuple[int, int, bytes]  # what the record of a call's begin, or end, carries
SHOWN = 64  # bytes of a message or text that a step keeps


class Turn:
    """One process's turn: everything its rule needs."""

    def __init__(self, machine: Machine, view: View, process: int, local: Local) -> None:
        self.machine, self.view, self.process, self.local = machine, view, process, local
        self.proc = machine.processes[process]
        self.env: Locals = self.proc.env(local)
        self.asleep = local.mode is Mode.ASLEEP
        self.fx = Effects(view)
        self.adrift = self.asleep and processes.adrift(machine, self.fx, process, local)

    def value(self, expr: Any) -> Any:
        return self.proc.evaluate(expr, self.env)

    def number(self, index: Any) -> int | None:
        return None if index is None else int(self.value(index))

    def after(self, fx: Effects) -> None:
        """Go on with the next instruction."""
        processes.go_on(self.machine, fx, self.process, self.local.pc + 1, self.env, self.local.phase)

    def stepped(self, a: int = 0, b: int = 0, data: bytes = b"") -> Effects:
        """A step that is no call has been done: record it and go on."""
        self.fx.steps.append(Step(self.process, self.local.pc, Act.STEP, end=(a, b, data), scheduled=True))
        self.after(self.fx)
        return self.fx

    def returned(self, errno: str | None, **more: Any) -> Effects:
        """The call is over; by a scheduled turn, or because what a sleeper waited for is there."""
        if self.asleep:
            more |= {"act": Act.WAKE, "scheduled": False}
        processes.returned(self.machine, self.fx, self.process, self.local, errno, **more)
        return self.fx

    def refusal(self, kind: ObjectKind, number: int, need: int, last: int = 0) -> str | None:
        """The errno of an object that is not there, of a semop that names semaphores up to `last` and a set
        that ends before, or of an object that is not for this process (S-25)."""
        living = self.machine.living
        return None if living is None else living.refusal(self.fx, self.process, kind, number, need, last)

    def never_opened(self, kind: ObjectKind, number: int) -> bool:
        """Whether the process has no id for the object, not even an old one."""
        living = self.machine.living
        return living is not None and living.never_opened(self.fx, self.process, ObjectRef(kind, number))

    def semaphores_of(self, number: int) -> int:
        """How many semaphores the set that is there has, which may be fewer than declared."""
        living = self.machine.living
        declared = self.machine.program.sets[number].size
        return declared if living is None else living.semaphores_of(self.fx, self.process, number, declared)


def struck(turn: Turn) -> Effects:
    """The timeout of the sleeping call strikes: EAGAIN (S-24)."""
    processes.leave_queue(turn.machine, turn.fx, turn.process, turn.local)
    processes.returned(
        turn.machine, turn.fx, turn.process, turn.local, "EAGAIN", act=Act.STRIKE, scheduled=True
    )
    return turn.fx


def waits(turn: Turn, call: Call, record: Record, enqueue: Callable[[], None]) -> Outcomes:
    """The call cannot be done now."""
    if turn.adrift:
        enqueue()  # sleeps again, at the tail; nothing that a run would record
        yield turn.fx
        return
    if turn.asleep:
        return  # sleeps on
    if turn.machine.explicit:
        processes.fall_asleep(turn.machine, turn.fx, turn.process, record)
        enqueue()
        yield turn.fx
        return
    asleep = processes.phase_in_call(call, turn.local) != turn.local.phase
    if asleep:  # a phase ends as its semop begins, whether it can be done or not
        fx = Effects(turn.view)
        processes.fall_asleep(turn.machine, fx, turn.process, record)
        yield fx
    if call.timeout is not None:
        processes.fall_asleep(turn.machine, turn.fx, turn.process, record)
        yield struck(turn)


def queued(machine: Machine, sleepers: tuple[Any, ...], new: Any) -> tuple[Any, ...]:
    """Under `kernel` the order of arrival counts; under `weak` it must not tell states apart."""
    if machine.kernel:
        return (*sleepers, new)
    return tuple(sorted((*sleepers, new), key=lambda s: s.process))
