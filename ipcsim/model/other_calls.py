"""Loads and stores, phases, choices, ends, signals, spawning: what they may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipcsim.errors import EvaluationError
from ipcsim.model import processes
from ipcsim.model.effects import Act, Effects, Failure, Step
from ipcsim.model.layout import View
from ipcsim.model.locals import LIVING, Coming, Local, Mode
from ipcsim.model.turn import SHOWN, Outcomes, Turn
from ipcsim.program.expressions import element
from ipcsim.program.instructions import (
    Assert,
    Choose,
    Crash,
    Exit,
    KernelCall,
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
    """kill(2): see `Signal`, S-22, S-23, S-29, S-30, Q-12."""
    machine, fx = turn.machine, turn.fx
    target = _target(turn, call.family, call.index)
    record = (target, 0, b"")
    other: Local = fx[target]
    if other.mode is Mode.UNBORN or other.reaped:
        yield turn.returned("ESRCH", begin=record)
        return
    doomed = turn.local.coming is Coming.KILL  # it is at its end, whatever it sends itself
    if target == turn.process and call.signal in ("SIGKILL", "SIGSTOP") and not doomed:
        fx.steps.append(Step(target, other.pc, Act.CALL, begin=record, scheduled=True))
        if call.signal == "SIGKILL":
            fx.steps.append(Step(target, other.pc, Act.DIE, end=(-9, 0, b"")))
            processes.end(machine, fx, target, Mode.DEAD)
        else:
            turn.after(fx)
            fx[target] = fx[target]._replace(mode=Mode.STOPPED)
        yield fx
        return
    turn.returned(None, begin=record)
    _deliver(turn, target, call.signal)
    yield fx


def _deliver(turn: Turn, target: int, name: str) -> None:
    """A signal is sent to a process; one that is in a call, or may be, has it on its way (S-30)."""
    machine, fx = turn.machine, turn.fx
    local: Local = fx[target]
    calls = isinstance(machine.processes[target].code[local.pc], KernelCall) and target != turn.process
    match name:
        case "SIGCONT":
            _continue(machine, fx, target, local)
        case _ if local.mode is Mode.ASLEEP or (local.mode is Mode.READY and calls):
            fx[target] = local._replace(coming=_coming(local.coming, name))
        case "SIGKILL" if local.mode in LIVING and local.mode is not Mode.ENDING:
            processes.die(machine, fx, target, local)
        case "SIGSTOP" if local.mode is Mode.READY:
            fx[target] = local._replace(mode=Mode.STOPPED)
        case "SIGKILL" | "SIGSTOP":
            pass  # it is stopped, or at its end, already
        case _ if local.mode is Mode.STOPPED_ASLEEP:
            fx[target] = local._replace(mode=Mode.STOPPED_CAUGHT)


def _coming(before: Coming | None, name: str) -> Coming:
    """What is on its way to a sleeper once this signal has been sent, too."""
    if name == "SIGKILL" or before is Coming.KILL:
        return Coming.KILL
    caught = before in (Coming.SIGNAL, Coming.STOP_CAUGHT) or name != "SIGSTOP"
    stop = before in (Coming.STOP, Coming.STOP_CAUGHT) or name == "SIGSTOP"
    if not stop:
        return Coming.SIGNAL
    return Coming.STOP_CAUGHT if caught else Coming.STOP


def _continue(machine: Machine, fx: Effects, target: int, local: Local) -> None:
    """SIGCONT: a semop ends with EINTR, handler or not (S-23); msgsnd and msgrcv begin again by themselves,
    except where a handler has to run first (Q-12)."""
    semop = isinstance(machine.processes[target].code[local.pc], Semop)
    match local.mode:
        case Mode.STOPPED if local.due is not None:
            served = local._replace(mode=Mode.ASLEEP, due=None)
            processes.returned(machine, fx, target, served, local.due, act=Act.WAKE, scheduled=False)
        case Mode.STOPPED:
            fx[target] = local._replace(mode=Mode.READY)
        case Mode.STOPPED_ASLEEP | Mode.STOPPED_CAUGHT:
            again = fx[target] = local._replace(mode=Mode.ASLEEP)
            if semop or local.mode is Mode.STOPPED_CAUGHT:
                processes.returned(machine, fx, target, again, "EINTR", act=Act.WAKE, scheduled=False)
        case Mode.ASLEEP | Mode.READY if local.coming in (Coming.STOP, Coming.STOP_CAUGHT):
            caught = semop or local.coming is Coming.STOP_CAUGHT
            fx[target] = local._replace(coming=Coming.SIGNAL if caught else Coming.RESTART)


def reached(turn: Turn) -> Effects:
    """What was sent to a process that is about to call reaches it before the call."""
    fx, process, local = turn.fx, turn.process, turn.local
    quiet = local._replace(coming=None)
    match local.coming:
        case Coming.KILL:
            processes.die(turn.machine, fx, process, quiet)
        case Coming.STOP | Coming.STOP_CAUGHT:
            fx[process] = quiet._replace(mode=Mode.STOPPED)
        case _:  # a handler has run, or there was nothing to do
            fx[process] = quiet
    return fx


def disturbed(turn: Turn) -> Effects:
    """What was on its way to a sleeper takes it out of its queue."""
    machine, fx, process, local = turn.machine, turn.fx, turn.process, turn.local
    processes.leave_queue(machine, fx, process, local)
    quiet = local._replace(coming=None)
    match local.coming:
        case Coming.SIGNAL:
            processes.returned(machine, fx, process, quiet, "EINTR", act=Act.WAKE, scheduled=False)
        case Coming.RESTART:
            fx[process] = quiet
        case Coming.STOP:
            fx[process] = quiet._replace(mode=Mode.STOPPED_ASLEEP)
        case Coming.STOP_CAUGHT:
            fx[process] = quiet._replace(mode=Mode.STOPPED_CAUGHT)
        case Coming.KILL:
            processes.die(machine, fx, process, quiet)
    return fx


def ending(machine: Machine, view: View, process: int, local: Local) -> Outcomes:
    """A process at its end gives back what it holds, one thing a step (S-16, S-29)."""
    for what in processes.next_back(machine, Effects(view), process):
        fx = Effects(view)
        fx.steps.append(Step(process, local.pc, Act.UNDO))
        processes.give_back(machine, fx, process, what)
        yield fx


def reaped(view: View, process: int, local: Local) -> Effects:
    """Its parent has waited for it: from now on kill(2) gives ESRCH (S-29)."""
    fx = Effects(view)
    fx.steps.append(Step(process, local.pc, Act.REAP))
    fx[process] = local._replace(reaped=True)
    return fx


def spawn(turn: Turn, call: Spawn) -> Outcomes:
    machine, fx = turn.machine, turn.fx
    target = _target(turn, call.family, call.index)
    record = (target, 0, b"")
    if fx[target].mode is not Mode.UNBORN:
        yield turn.returned("EAGAIN", begin=record)
        return
    proc = machine.processes[target]
    handles = turn.local.handles
    if machine.living is not None:
        machine.living.inherited(fx, handles, turn.process)
    fx[target] = processes.arrive(proc, 0, list(proc.initial), None, handles)
    yield turn.returned(None, begin=record, finish=(target, 0, b""))


def _target(turn: Turn, family: int, index: Any) -> int:
    members = turn.machine.program.members(family)
    return members[0] if index is None else int(element(members, int(turn.value(index))))
