"""Loads and stores, phases, choices, ends, signals, spawning: what they may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipcsim.errors import EvaluationError
from ipcsim.model import processes
from ipcsim.model.effects import Act, Effects, Failure, Step
from ipcsim.model.locals import Local, Mode
from ipcsim.model.turn import SHOWN, Outcomes, Turn
from ipcsim.program.expressions import element
from ipcsim.program.instructions import (
    Assert,
    Choose,
    Crash,
    Exit,
    Load,
    Phase,
    Semop,
    Signal,
    Spawn,
    Store,
)

if TYPE_CHECKING:
    from ipcsim.model.machine import Machine


# --- shared memory ---


def load(turn: Turn, access: Load) -> Outcomes:
    slots, index = _elements(turn, access)
    if _faults(turn, access, index, store=False):
        yield _fault(turn, (0, index, b""))
        return
    value = turn.fx[slots[index]]
    turn.env[access.into] = value
    shown = (value, index, b"") if isinstance(value, int) else (0, 0, value.encode()[:SHOWN])
    yield turn.stepped(*shown)


def store(turn: Turn, access: Store) -> Outcomes:
    field = turn.machine.program.segments[access.segment].struct.fields[access.field]
    if field.is_text and access.index is None:
        raw = field.encode_text(turn.value(access.value))
        value: Any = field.decode_text(raw)
        shown = (0, 0, raw[:SHOWN])
    else:
        value = field.check(int(turn.value(access.value)))
        shown = (value, 0, b"")
    slots, index = _elements(turn, access)
    if _faults(turn, access, index, store=True):
        yield _fault(turn, (shown[0], index, shown[2]))
        return
    turn.fx[slots[index]] = value
    yield turn.stepped(shown[0], index, shown[2])


def _faults(turn: Turn, access: Load | Store, index: int, store: bool) -> bool:
    """Whether the access is a SIGSEGV: to memory attached read-only (H-3), or beyond the last page (H-1)."""
    living = turn.machine.living
    return living is not None and living.faults(turn.fx, turn.process, access, index, store)


def _fault(turn: Turn, tried: tuple[int, int, bytes]) -> Effects:
    processes.fail(turn.machine, turn.fx, turn.process, turn.local.pc, Failure.FAULT, "SIGSEGV", True, tried)
    return turn.fx


def _elements(turn: Turn, access: Load | Store) -> tuple[list[int], int]:
    """The slots of the field's elements, and which one is meant."""
    machine = turn.machine
    generation = (
        0 if machine.living is None else machine.living.generation(turn.fx, turn.process, access.segment)
    )
    slots = machine.element[access.segment][generation][access.field]
    field = machine.program.segments[access.segment].struct.fields[access.field]
    if field.is_text and access.index is None:
        return slots, 0
    index = 0 if access.index is None else int(turn.value(access.index))
    last = (field.count or 1) - 1
    if not 0 <= index <= last:
        raise EvaluationError(f"index {index} of `{field.name}` is outside 0 … {last}")
    return slots, index


# --- a process with itself, and with others ---


def phase(turn: Turn, mark: Phase) -> Outcomes:
    kept = processes.enter(turn.machine, turn.fx, turn.process, turn.local.pc, mark)
    processes.go_on(turn.machine, turn.fx, turn.process, turn.local.pc + 1, turn.env, kept)
    yield turn.fx


def choose(turn: Turn, choice: Choose) -> Outcomes:
    for alternative, target in enumerate(choice.targets):
        fx = Effects(turn.view)
        fx.steps.append(
            Step(turn.process, turn.local.pc, Act.STEP, end=(alternative, 0, b""), scheduled=True)
        )
        processes.go_on(turn.machine, fx, turn.process, target, list(turn.env), turn.local.phase)
        yield fx


def claim(turn: Turn, assertion: Assert) -> Outcomes:
    if processes.check(turn.machine, turn.fx, turn.process, turn.local.pc, assertion, turn.env):
        turn.after(turn.fx)
    yield turn.fx


def leave(turn: Turn, exit_: Exit) -> Outcomes:
    processes.leave(turn.machine, turn.fx, turn.process, turn.local.pc, exit_, turn.env)
    yield turn.fx


def crash(turn: Turn, crash_: Crash) -> Outcomes:
    turn.fx.steps.append(Step(turn.process, turn.local.pc, Act.STEP, scheduled=True))
    processes.end(turn.machine, turn.fx, turn.process, Mode.DEAD)
    yield turn.fx


def signal(turn: Turn, call: Signal) -> Outcomes:
    """kill(2): see `Signal`, S-22, S-23, Q-12."""
    machine, fx = turn.machine, turn.fx
    target = _target(turn, call.family, call.index)
    record = (target, 0, b"")
    other: Local = fx[target]
    if other.mode in (Mode.UNBORN, Mode.ENDED, Mode.FAILED, Mode.DEAD):
        yield turn.returned("ESRCH", begin=record)
        return
    if target == turn.process and call.signal in ("SIGKILL", "SIGSTOP"):
        fx.steps.append(Step(target, other.pc, Act.CALL, begin=record, scheduled=True))
        if call.signal == "SIGKILL":
            _killed(machine, fx, target)
        else:
            turn.after(fx)
            fx[target] = fx[target]._replace(mode=Mode.STOPPED)
        yield fx
        return
    turn.returned(None, begin=record)
    other = fx[target]
    match call.signal:
        case "SIGKILL":
            _killed(machine, fx, target)
        case "SIGSTOP":
            _stopped(machine, fx, target, other)
        case "SIGCONT":
            _continued(machine, fx, target, other)
        case _ if other.mode is Mode.ASLEEP:
            processes.leave_queue(machine, fx, target, other)
            processes.returned(machine, fx, target, other, "EINTR", act=Act.WAKE, scheduled=False)
        case _ if other.mode is Mode.STOPPED_ASLEEP:
            fx[target] = other._replace(mode=Mode.STOPPED_CAUGHT)
    yield fx


def _killed(machine: Machine, fx: Effects, target: int) -> None:
    fx.steps.append(Step(target, fx[target].pc, Act.DIE, end=(-9, 0, b"")))
    processes.end(machine, fx, target, Mode.DEAD)


def _stopped(machine: Machine, fx: Effects, target: int, other: Local) -> None:
    if other.mode is Mode.READY:
        fx[target] = other._replace(mode=Mode.STOPPED)
    elif other.mode is Mode.ASLEEP:
        processes.leave_queue(machine, fx, target, other)
        fx[target] = other._replace(mode=Mode.STOPPED_ASLEEP)


def _continued(machine: Machine, fx: Effects, target: int, other: Local) -> None:
    if other.mode is Mode.STOPPED:
        fx[target] = other._replace(mode=Mode.READY)
    elif other.mode in (Mode.STOPPED_ASLEEP, Mode.STOPPED_CAUGHT):
        local = fx[target] = other._replace(mode=Mode.ASLEEP)
        # a semop ends with EINTR, handler or not (S-23); msgsnd and msgrcv begin again by themselves, except
        # where a handler has to run first
        semop_ = isinstance(machine.people[target].code[other.pc], Semop)
        if semop_ or other.mode is Mode.STOPPED_CAUGHT:
            processes.returned(machine, fx, target, local, "EINTR", act=Act.WAKE, scheduled=False)


def spawn(turn: Turn, call: Spawn) -> Outcomes:
    machine, fx = turn.machine, turn.fx
    target = _target(turn, call.family, call.index)
    record = (target, 0, b"")
    if fx[target].mode is not Mode.UNBORN:
        yield turn.returned("EAGAIN", begin=record)
        return
    person = machine.people[target]
    handles = turn.local.handles
    if machine.living is not None:
        machine.living.inherited(fx, handles, turn.process)
    fx[target] = processes.arrive(person, 0, list(person.initial), None, handles)
    yield turn.returned(None, begin=record, finish=(target, 0, b""))


def _target(turn: Turn, family: int, index: Any) -> int:
    program = turn.machine.program
    first = next(p.number for p in program.processes if p.family == family)
    if index is None:
        return first
    return int(element(range(first, first + program.families[family].size), int(turn.value(index))))
