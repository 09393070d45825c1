"""How a process goes on, sleeps, wakes, and ends: what all rules have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipcsim.errors import EvaluationError
from ipcsim.model import semaphores, undo
from ipcsim.model.effects import Act, Effects, Failure, Step
from ipcsim.model.locals import Coming, Local, Mode, ModelProcess, Stuck
from ipcsim.model.semaphores import Sleeper, Sleeps
from ipcsim.program.expressions import Locals
from ipcsim.program.instructions import (
    Assert,
    Exit,
    Instruction,
    KernelCall,
    ObjectKind,
    Phase,
    Receive,
    Semop,
    Send,
)

if TYPE_CHECKING:
    from ipcsim.model.machine import Machine

FIRST_PID = 1000  # the pid of process 0, where somebody asks
ENDED = ""  # the phase that `at` asks for with the one argument: it has ended
BY_THE_RUN = -1  # what a slot keeps instead of a process's number plus 1: the one that made the objects


def arrive(proc: ModelProcess, pc: int, env: Locals, phase: str | None, handles: Any) -> Local:
    """The local state before the first visible instruction from `pc` on.

    A silent instruction that fails before it is left where it is: doing it, which others can see, is then
    the next step.
    """
    try:
        pc = proc.run_silently(pc, env)
    except Stuck as stuck:
        pc = stuck.pc
    return proc.at(pc, env, phase, handles)


def go_on(machine: Machine, fx: Effects, process: int, pc: int, env: Locals, phase: str | None) -> None:
    """The process is done with its step and goes to `pc`: the silent instructions there are done at once,
    and so are those that are chained to the step."""
    proc, handles = machine.processes[process], fx[process].handles
    done: set[int] = set()
    while True:
        local = arrive(proc, pc, env, phase, handles)
        pc = local.pc
        if (proc.family, pc) not in machine.chained or pc in done:
            break
        done.add(pc)
        instruction = proc.code[pc]
        if isinstance(instruction, Phase):
            phase = enter(machine, fx, process, pc, instruction)
        elif isinstance(instruction, Assert):
            if not check(machine, fx, process, pc, instruction, env):
                return
        elif isinstance(instruction, Exit):
            leave(machine, fx, process, pc, instruction, env)
            return
        pc += 1
    fx[process] = local


def stick(machine: Machine, fx: Effects, process: int, pc: int, env: Locals) -> None:
    """The process stands before a silent instruction that cannot be done: it ends there."""
    try:
        machine.processes[process].run_silently(pc, env)
    except Stuck as stuck:
        fail(machine, fx, process, stuck.pc, Failure.EVALUATION, stuck.problem, scheduled=not stuck.endless)
        return
    raise AssertionError("a process stands before a silent instruction only where that fails")


def enter(machine: Machine, fx: Effects, process: int, pc: int, phase: Phase) -> str | None:
    """Enter a phase; what a local state keeps of it."""
    fx.steps.append(Step(process, pc, Act.STEP, scheduled=True))
    fx.entered.append((process, phase.name))
    return phase.name if phase.name in machine.watched else None


def check(machine: Machine, fx: Effects, process: int, pc: int, claim: Assert, env: Locals) -> bool:
    """An `assert`; False where it does not hold and the process is at its end."""
    try:
        holds = bool(machine.processes[process].evaluate(claim.condition, env))
    except EvaluationError as error:
        fail(machine, fx, process, pc, Failure.EVALUATION, str(error), scheduled=True)
        return False
    failure = None if holds else Failure.ASSERTION
    fx.steps.append(Step(process, pc, Act.STEP, end=(int(holds), 0, b""), scheduled=True, failure=failure))
    if not holds:
        end(machine, fx, process, Mode.FAILED)
    return holds


def leave(machine: Machine, fx: Effects, process: int, pc: int, exit_: Exit, env: Locals) -> None:
    try:
        code = int(machine.processes[process].evaluate(exit_.code, env))
    except EvaluationError as error:
        fail(machine, fx, process, pc, Failure.EVALUATION, str(error), scheduled=True)
        return
    fx.steps.append(Step(process, pc, Act.STEP, end=(code, 0, b""), scheduled=True))
    end(machine, fx, process, Mode.ENDED)


def fail(
    machine: Machine,
    fx: Effects,
    process: int,
    pc: int,
    failure: Failure,
    problem: str = "",
    scheduled: bool = False,
    end_: tuple[int, int, bytes] = (0, 0, b""),
) -> None:
    """The process ends at `pc` with something worth a finding."""
    fx.steps.append(
        Step(process, pc, Act.STEP, end=end_, scheduled=scheduled, failure=failure, problem=problem)
    )
    end(machine, fx, process, Mode.FAILED)


def returned(
    machine: Machine,
    fx: Effects,
    process: int,
    local: Local,
    errno: str | None,
    received: tuple[Any, ...] | None = None,
    result: int | None = None,
    act: Act = Act.CALL,
    begin: tuple[int, int, bytes] = (0, 0, b""),
    finish: tuple[int, int, bytes] = (0, 0, b""),
    scheduled: bool = True,
) -> None:
    """The kernel call at the process's pc is over: with success, or with `errno`.

    `received` goes into the variable of a receive, `result` into that of any other call that has one. What
    is on its way to a sleeper (`Coming`) finds it here, outside of the queue.
    """
    if local.coming is Coming.KILL:  # what was done is done, and it never knows
        if act is Act.CALL:
            fx.steps.append(Step(process, local.pc, Act.LAST, errno, begin, scheduled=True))
        die(machine, fx, process, local)
        return
    if local.coming in (Coming.STOP, Coming.STOP_CAUGHT):
        served = (errno, received, result, act, begin, finish, scheduled)
        _stop_served(machine, fx, process, local, served)
        return
    proc = machine.processes[process]
    instruction = proc.code[local.pc]
    assert isinstance(instruction, KernelCall)
    env = proc.env(local)
    phase = phase_in_call(instruction, local)
    into = getattr(instruction, "into", None)
    if errno is None:
        fx.steps.append(Step(process, local.pc, act, None, begin, finish, scheduled))
        if into is not None:
            env[into] = received if isinstance(instruction, Receive) else result
        go_on(machine, fx, process, local.pc + 1, env, phase)
        return
    target = instruction.handler(errno)
    failure = Failure.ERRNO if target is None else None
    fx.steps.append(Step(process, local.pc, act, errno, begin, (-1, 0, b""), scheduled, failure))
    if target is None:
        end(machine, fx, process, Mode.FAILED)
    else:
        go_on(machine, fx, process, target, env, phase)


def _stop_served(
    machine: Machine, fx: Effects, process: int, local: Local, served: tuple[str | None, *tuple[Any, ...]]
) -> None:
    """The call of a process that SIGSTOP is about to reach is over: it stops on its way back. `served`: the
    arguments of `returned`."""
    errno, on_its_way = served[0], local._replace(coming=None)
    call = machine.processes[process].code[local.pc]
    assert isinstance(call, KernelCall)
    if errno is not None and call.handler(errno) is None:  # which is its end, when it goes on
        fx[process] = on_its_way._replace(mode=Mode.STOPPED, due=errno)
        return
    returned(machine, fx, process, on_its_way, *served)
    if fx[process].mode is Mode.READY:
        fx[process] = fx[process]._replace(mode=Mode.STOPPED)


def phase_in_call(instruction: Instruction, local: Local) -> str | None:
    """A semop that gives back what the phase stands for ends it as it begins (see `Phase`)."""
    return None if isinstance(instruction, Semop) and instruction.ends_phase else local.phase


def fall_asleep(machine: Machine, fx: Effects, process: int, begin: tuple[int, int, bytes]) -> Local:
    """The call at the process's pc has to wait: only where sleeping is a step of its own."""
    local: Local = fx[process]
    instruction = machine.processes[process].code[local.pc]
    asleep = local._replace(mode=Mode.ASLEEP, phase=phase_in_call(instruction, local))
    fx[process] = asleep
    fx.steps.append(Step(process, local.pc, Act.SLEEP, begin=begin, scheduled=True))
    return asleep


def leave_queue(machine: Machine, fx: Effects, process: int, local: Local) -> None:
    """Take a sleeper out of the queue that it sleeps in."""
    if not machine.explicit:
        return  # nobody could see it there
    slot = _queue_of(machine, process, local)
    fx[slot] = tuple(s for s in fx[slot] if s.process != process)


def adrift(machine: Machine, fx: Effects, process: int, local: Local) -> bool:
    """Whether a sleeper has been woken without being served, and is about to look again and, where it still
    has to wait, to queue up anew: after SIGCONT (Q-12), a receiver after IPC_SET (Q-10)."""
    return machine.explicit and all(s.process != process for s in fx[_queue_of(machine, process, local)])


def _queue_of(machine: Machine, process: int, local: Local) -> int:
    """The slot with those who sleep in the call that the process is in."""
    instruction = machine.processes[process].code[local.pc]
    match instruction:
        case Semop(set=number):
            return machine.sleepers[number]
        case Send(queue=number):
            return machine.senders[number]
        case Receive(queue=number):
            return machine.receivers[number]
        case _:
            raise TypeError(f"nobody sleeps in {type(instruction).__name__}")


# --- ends take time ---


def end(machine: Machine, fx: Effects, process: int, mode: Mode) -> None:
    """The process takes no more steps: out of every queue. What it holds goes back at once where that is one
    thing at most, else one thing after another (S-16)."""
    local: Local = fx[process]
    if local.mode is Mode.ASLEEP:
        leave_queue(machine, fx, process, local)
    fx[process] = Local(local.pc, Mode.ENDING, handles=local.handles, fate=mode)
    held = holdings(machine, fx, process)
    if len(held) < 2:
        give_back(machine, fx, process, held[0] if held else None)


def die(machine: Machine, fx: Effects, process: int, local: Local) -> None:
    """SIGKILL has come: not one step more of its code. What it holds has still to go back (S-29); where there
    is nothing, and nobody looks at it, a process at its end and one that is over are the same."""
    fx.steps.append(Step(process, local.pc, Act.DIE, end=(-9, 0, b"")))
    fx[process] = Local(local.pc, Mode.ENDING, phase=local.phase, handles=local.handles, fate=Mode.DEAD)
    shows = local.phase is not None or ENDED in machine.watched
    if not shows and not holdings(machine, fx, process):
        give_back(machine, fx, process, None)


def holdings(machine: Machine, fx: Effects, process: int) -> list[int | None]:
    """What goes back at the end, in Linux's order: attachments (None), then the sets with something to undo,
    the most recently used first (S-16)."""
    handles = fx[process].handles
    attached = handles is not None and any(handles.attached)
    slot = machine.undo.get(process)
    used = [] if slot is None else list(dict.fromkeys(s for (s, _), _ in fx[slot]))
    return [None] * attached + [*reversed(used)]


def next_back(machine: Machine, fx: Effects, process: int) -> list[int | None]:
    """What of it may go back next: under `weak` any of the sets."""
    held = holdings(machine, fx, process)
    if not held:
        return [None]
    return held[:1] if machine.kernel or held[0] is None else held


def give_back(machine: Machine, fx: Effects, process: int, what: int | None) -> None:
    """One of the holdings goes back; with the last one the process is over."""
    local: Local = fx[process]
    if what is None and machine.living is not None:
        machine.living.detach_all(fx, process)
        local = local._replace(handles=None)
    fx[process] = local._replace(phase=None)
    if what is not None:
        undo_set(machine, fx, process, what)
    if not holdings(machine, fx, process):
        assert local.fate is not None
        fx[process] = Local(local.pc, local.fate)


def undo_set(machine: Machine, fx: Effects, process: int, set_: int) -> None:
    """All adjustments of a set at once, and whoever can go on then (S-16)."""
    slot = machine.undo[process]
    adjustments = undo.of(machine, fx, process, set_)
    fx[slot] = tuple((key, a) for key, a in fx[slot] if key[0] != set_)
    slots = machine.sem[set_]
    values = {number: fx[slots[number]] for number in adjustments}
    for number in semaphores.give_back(adjustments, values):
        fx[slots[number]] = values[number]
        note_pid(machine, fx, set_, number, process)
    note_otime(machine, fx, set_)  # even where nothing is given back (S-18)
    hand_over(machine, fx, set_, None)


def note_pid(machine: Machine, fx: Effects, set_: int, number: int, process: int) -> None:
    """GETPID names whoever touched a semaphore last (S-13)."""
    if machine.pid[set_]:
        fx[machine.pid[set_][number]] = process + 1


def note_otime(machine: Machine, fx: Effects, set_: int) -> None:
    if machine.living is not None:
        machine.living.touched(fx, ObjectKind.SEMAPHORES, set_, "otime")


def hand_over(machine: Machine, fx: Effects, set_: int, touched: tuple[int, ...] | None) -> None:
    """Under the `kernel` discipline, complete whoever can go on now (S-5)."""
    if machine.zcnt_shows and not machine.kernel:
        _look_again(machine, fx, set_, touched)
    if not machine.kernel or not fx[machine.sleepers[set_]]:
        return
    slots = machine.sem[set_]
    before = [fx[s] for s in slots]
    sleepers = fx[machine.sleepers[set_]]
    adjustments = {s.process: undo.of(machine, fx, s.process, set_) for s in sleepers}
    work = semaphores.HandOver(dict(enumerate(before)), sleepers, adjustments)
    work.run(touched)
    fx[machine.sleepers[set_]] = tuple(work.sleepers)
    for number, slot in enumerate(slots):
        if work.values[number] != before[number]:
            fx[slot] = work.values[number]
    for sleeper, errno in work.completed:
        if errno is None:
            for operation in sleeper.operations:
                note_pid(machine, fx, set_, operation.number, sleeper.process)
            undo.put(machine, fx, sleeper.process, set_, work.adjustments.get(sleeper.process, {}))
            note_otime(machine, fx, set_)  # also where SETVAL, which does not by itself, completes it (S-28)
    for sleeper, errno in work.completed:
        returned(machine, fx, sleeper.process, fx[sleeper.process], errno, act=Act.WAKE, scheduled=False)


def _look_again(machine: Machine, fx: Effects, set_: int, touched: tuple[int, ...] | None) -> None:
    """Under `weak`: the kernel looks again at arrays that only wait for zero, where one of the semaphores
    touched (None: all) is zero now (S-11)."""
    slots = machine.sem[set_]
    numbers = range(len(slots)) if touched is None else touched
    if not any(fx[slots[n]] == 0 for n in numbers):
        return
    sleepers: tuple[Sleeper, ...] = fx[machine.sleepers[set_]]
    looked = [(looked_at(machine, fx, set_, s) or s) if s.grows_stale else s for s in sleepers]
    fx[machine.sleepers[set_]] = tuple(looked)


def looked_at(machine: Machine, fx: Effects, set_: int, sleeper: Sleeper) -> Sleeper | None:
    """A sleeper with the operation that it waits at now; None where its call could go on."""
    values = {o.number: fx[machine.sem[set_][o.number]] for o in sleeper.operations}
    adjustments = undo.of(machine, fx, sleeper.process, set_)
    result = semaphores.attempt(sleeper.operations, values, adjustments)
    return sleeper._replace(blocker=result.blocker) if isinstance(result, Sleeps) else None


def pid_of(kept: int) -> int:
    """What GETPID and the like say of a slot that keeps the number of a process plus 1; 0: nobody."""
    return FIRST_PID + kept - 1 if kept else 0
