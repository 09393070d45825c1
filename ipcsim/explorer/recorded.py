"""What a run would record of a step of the model, and whether an event is that record.

The model makes up ids, addresses, pids and keys of paths; `Names` keeps what the run has in their place,
learned from the calls that answer with one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ipcsim.explorer.path import EXIT_CODES
from ipcsim.facts import errnos, stats
from ipcsim.model.effects import Act, Failure, Step
from ipcsim.model.machine import Machine
from ipcsim.program.instructions import (
    Crash,
    Exit,
    GetValue,
    Instruction,
    KernelCall,
    Lifecycle,
    Load,
    ObjectCall,
    Receive,
    SemaphoreQuestion,
    Semop,
    Send,
    SetValue,
    Signal,
    Spawn,
    Store,
)
from ipcsim.program.objects import Struct
from ipcsim.trace import Event, EventKind

Names = frozenset[tuple[int, int]]  # (the model's number, the run's)
NO_NAMES: Names = frozenset()


class Expected(NamedTuple):
    """A record that a step leaves. `code`: the exit code or −signal of a DIED, None: any signal. `optional`:
    it may be left out, or come later than the next turn."""

    kind: EventKind
    pc: int
    errno: str | None = None
    a: int = 0
    b: int = 0
    data: bytes = b""
    optional: bool = False
    code: int | None = None


def expected(machine: Machine, step: Step) -> tuple[Expected, ...]:
    """The records of one step, in their order."""
    instruction = machine.processes[step.process].code[step.pc]
    found: list[Expected] = []
    if step.act is Act.DIE:
        return (_died(step.end[0]),)
    if step.act in (Act.UNDO, Act.REAP):
        return ()
    if step.act in (Act.CALL, Act.SLEEP, Act.LAST):
        a, b, data = step.begin
        found.append(Expected(EventKind.BEGIN, step.pc, None, a, b, data))
    if isinstance(instruction, Store):  # announced where it may be a fault
        found.append(Expected(EventKind.BEGIN, step.pc, None, *step.end, optional=True))
    if isinstance(instruction, Load):
        found.append(Expected(EventKind.BEGIN, step.pc, None, 0, step.end[1], optional=True))
    if step.act in (Act.CALL, Act.WAKE, Act.STRIKE):
        errno = "EAGAIN" if step.act is Act.STRIKE else step.errno
        found.append(Expected(EventKind.END, step.pc, errno, *step.end))
    elif step.act is Act.STEP and step.failure is not Failure.FAULT:
        failed = "evaluation" if step.failure is Failure.EVALUATION else None
        found.append(Expected(EventKind.STEP, step.pc, failed, *step.end))
    if step.failure is Failure.FAULT:
        found.append(_died(None))
    elif step.failure is not None:
        found.append(_died(EXIT_CODES[step.failure]))
    elif step.act is Act.STEP and isinstance(instruction, Exit):
        found.append(_died(step.end[0] & 0xFF))
    elif step.act is Act.STEP and isinstance(instruction, Crash):
        found.append(_died(None))
    return tuple(found)


def _died(code: int | None) -> Expected:
    return Expected(EventKind.DIED, 0, optional=True, code=code)


def matches(machine: Machine, wanted: Expected, event: Event, names: Names) -> Names | None:
    """`names`, with what this event teaches, where the event is the record wanted; else None."""
    if event.kind is not wanted.kind:
        return None
    if event.kind is EventKind.DIED:
        fits = event.a < 0 if wanted.code is None else event.a == wanted.code
        return names if fits else None
    if event.pc != wanted.pc:
        return None
    comparison = _Comparison(machine, wanted, event, names)
    instruction = machine.processes[event.process].code[event.pc]
    if event.kind is EventKind.BEGIN:
        fits = comparison.begin(instruction)
    elif event.kind is EventKind.END:
        errno = errnos.name(event.errno) if event.errno else None
        fits = errno == wanted.errno and (errno is not None or comparison.end(instruction))
    else:
        failed = event.errno != 0
        fits = failed == (wanted.errno is not None) and (failed or comparison.step(instruction))
    return comparison.names if fits else None


def unhandled(call: KernelCall, errno: int) -> bool:
    """Whether the process ends where `call` ends with this errno."""
    return call.handler(errnos.name(errno)) is None


class _Comparison:
    """One event against the record wanted; `names` grows by what the event teaches."""

    def __init__(self, machine: Machine, wanted: Expected, event: Event, names: Names) -> None:
        self._machine, self._wanted, self._event = machine, wanted, event
        self.names = names

    def begin(self, instruction: Instruction) -> bool:
        wanted, event = self._wanted, self._event
        match instruction:
            case Semop():  # the operations are recorded only where they vary
                return not event.data or event.data == wanted.data
            case Send():
                struct = self._machine.program.queues[instruction.queue].message
                return self._same(wanted.a, event.a) and wanted.b == event.b and self._same_message(struct)
            case Receive():
                return self._same(wanted.a, event.a) and wanted.b == event.b
            case Store() | Load():
                return self._same(wanted.a, event.a) and wanted.b == event.b
            case Signal() | Spawn():
                return wanted.a == event.a
        return True

    def end(self, instruction: Instruction) -> bool:
        """A call that succeeded."""
        wanted, event = self._wanted, self._event
        match instruction:
            case GetValue(question=SemaphoreQuestion.PID):
                return self._learn(wanted.a, event.a)
            case GetValue() | SetValue() | Spawn():
                return self._same(wanted.a, event.a)
            case Receive():
                struct = self._machine.program.queues[instruction.queue].message
                return wanted.a == event.a and self._same(wanted.b, event.b) and self._same_message(struct)
            case ObjectCall():
                return self._same_result(instruction)
        return True

    def step(self, instruction: Instruction) -> bool:
        """An instruction that cannot block."""
        wanted, event = self._wanted, self._event
        if isinstance(instruction, Crash):
            return True
        if isinstance(instruction, (Load, Store)):
            same = self._same(wanted.a, event.a) and wanted.b == event.b
            return same and _padded(wanted.data, event.data)
        return wanted.a == event.a

    # --- numbers ---

    def _same(self, mine: int, real: int) -> bool:
        """Equal, or one that the model made up and what the run has in its place."""
        return mine == real or (mine, real) in self.names

    def _learn(self, mine: int, real: int, lasting: bool = True) -> bool:
        """The two stand for the same from now on; False where they are known to stand for others. What is not
        `lasting` may stand for something else later."""
        if mine == 0 or real == 0:  # nobody; in a namespace of its own an id may be 0, too
            return mine == real
        if lasting and any((m == mine) is not (r == real) for m, r in self.names if m == mine or r == real):
            return False
        self.names |= {(mine, real)}
        return True

    def _same_result(self, call: ObjectCall) -> bool:
        mine, real = self._wanted.a, self._event.a
        match call.action:
            case Lifecycle.CREATE | Lifecycle.OPEN:
                return self._learn_id(mine, real)
            case Lifecycle.ATTACH:  # an address is used again once it is free
                return self._learn(mine, real, lasting=False)
            case Lifecycle.STAT:
                return self._same_field(str(call.field), mine, real)
        return mine == real

    def _learn_id(self, mine: int, real: int) -> bool:
        # an id is the kernel's to choose, 0 too, and unlike a pid can be equal to one that the model made up
        self.names |= {(mine, real)}
        return True

    def _same_field(self, field: str, mine: int, real: int) -> bool:
        if field in stats.TIMES:
            return (mine == 0) is (real == 0)
        if field in stats.PIDS:
            return self._learn(mine, real)
        if field == "id":
            return self._learn_id(mine, real)
        if field == "key" and mine != real:
            return self._learn(mine, real, lasting=False)
        if field in ("uid", "gid", "cuid", "cgid") and mine == 0:  # of the run: whoever runs ipcsim
            return True
        return mine == real

    def _same_message(self, struct: Struct) -> bool:
        """The bytes of a message, or number by number where it carries some that the model made up."""
        if _padded(self._wanted.data, self._event.data):
            return True
        mine, real = struct.unpack(self._wanted.data), struct.unpack(self._event.data)
        return all(self._same_value(m, r) for m, r in zip(mine, real, strict=True))

    def _same_value(self, mine: Any, real: Any) -> bool:
        if isinstance(mine, tuple):
            return all(self._same(m, r) for m, r in zip(mine, real, strict=True))
        if isinstance(mine, int):
            return self._same(mine, int(real))
        return bool(mine == real)


def _padded(mine: bytes, real: bytes) -> bool:
    """Equal but for the zeros that fill up the last record."""
    size = max(len(mine), len(real))
    return mine.ljust(size, b"\0") == real.ljust(size, b"\0")


# --- words ---


def what(machine: Machine, event: Event) -> str:
    """The event in words."""
    if event.kind is EventKind.DIED:
        return f"died of signal {-event.a}" if event.a < 0 else f"ended with exit code {event.a}"
    instruction = machine.processes[event.process].code[event.pc]
    place = f"`{instruction.text}` ({instruction.at})"
    if event.kind is EventKind.BEGIN:
        return f"began {place}{_pair(event.a, event.b)}"
    if event.kind is EventKind.STEP:
        return f"did {place}{_pair(event.a, event.b)}"
    how = f"with {errnos.name(event.errno)}" if event.errno else f"with success{_pair(event.a, event.b)}"
    return f"{place} ended {how}"


def shown(machine: Machine, process: int, wanted: Expected) -> str:
    """What the model has in place of an event, in words."""
    if wanted.kind is EventKind.DIED:
        return "is gone"
    text = machine.processes[process].code[wanted.pc].text
    if wanted.kind is EventKind.END:
        how = wanted.errno or f"success{_pair(wanted.a, wanted.b)}"
        return f"ends `{text}` with {how}"
    verb = "begins" if wanted.kind is EventKind.BEGIN else "does"
    return f"{verb} `{text}`{_pair(wanted.a, wanted.b)}"


def _pair(a: int, b: int) -> str:
    return f" ({a}, {b})" if a or b else ""
