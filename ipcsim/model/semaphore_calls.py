"""semop, SETVAL, SETALL and the questions of semctl: what they may do (SEMANTICS S)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipcsim.errors import EvaluationError
from ipcsim.model import processes, semaphores
from ipcsim.model.effects import Effects
from ipcsim.model.processes import pid_of
from ipcsim.model.semaphores import Operation, Operations, Sleeper, Sleeps
from ipcsim.model.turn import Outcomes, Turn, queued, waits
from ipcsim.program.expressions import position
from ipcsim.program.instructions import GetValue, ObjectKind, SemaphoreQuestion, Semop, SetValue
from ipcsim.program.objects import SEMVMX
from ipcsim.trace import pairs_bytes

if TYPE_CHECKING:
    from ipcsim.model.machine import Machine


def semop(turn: Turn, call: Semop) -> Outcomes:
    machine, fx = turn.machine, turn.fx
    array = operations(turn, call)
    record = (0, 0, pairs_of(array))
    alters = any(o.delta for o in array)
    if not turn.asleep:  # rights are looked at on entry only (S-26)
        if not all(-32768 <= o.delta <= 32767 for o in array):
            raise EvaluationError("an operation does not fit sem_op, a short")
        errno = turn.refusal(ObjectKind.SEMAPHORES, call.set, 2 if alters else 4)
        if errno != "EINVAL" and any(o.undo for o in array):
            processes.note_undo(machine, fx, turn.process, call.set)
        if errno:
            yield turn.returned(errno, begin=record)
            return
    slots = machine.sem[call.set]
    values = {o.number: fx[slots[o.number]] for o in array}
    full = dict(values)
    adjustments = processes.adjustments_of(machine, fx, turn.process, call.set)
    result = semaphores.attempt(array, full, adjustments)
    if isinstance(result, Sleeps):
        blocker = result.blocker

        def enqueue() -> None:
            slot = machine.sleepers[call.set]
            fx[slot] = queued(machine, fx[slot], Sleeper(turn.process, array, blocker))

        yield from waits(turn, call, record, enqueue)
        return
    if turn.asleep:
        processes.leave_queue(machine, fx, turn.process, turn.local)
    if result is not None:
        yield turn.returned(result, begin=record)
        return
    for number, value in full.items():
        if value != values[number]:
            fx[slots[number]] = value
    for operation in array:
        processes.note_pid(machine, fx, call.set, operation.number, turn.process)
    if any(o.undo for o in array):
        processes.put_adjustments(machine, fx, turn.process, call.set, adjustments)
    processes.note_otime(machine, fx, call.set)
    turn.returned(None, begin=record)
    if alters:
        processes.hand_over(machine, fx, call.set, tuple(o.number for o in array))
    yield fx


def operations(turn: Turn, call: Semop) -> Operations:
    """The array of a semop in the process's present state."""
    return tuple(
        Operation(
            position(o.base, o.count, turn.number(o.index)),
            int(turn.value(o.delta)),
            o.nowait or call.nowait,
            o.undo,
        )
        for o in call.operations
    )


def pairs_of(operations: Operations) -> bytes:
    return pairs_bytes((o.number, o.delta) for o in operations)


def get_value(turn: Turn, call: GetValue) -> Outcomes:
    machine, fx = turn.machine, turn.fx
    if errno := turn.refusal(ObjectKind.SEMAPHORES, call.set, 4):
        yield turn.returned(errno)
        return
    slots = machine.sem[call.set]
    if call.question is SemaphoreQuestion.ALL:
        yield turn.returned(None, result=tuple(fx[s] for s in slots))
        return
    number = position(call.base, call.count, turn.number(call.index))
    match call.question:
        case SemaphoreQuestion.VALUE:
            values = {fx[slots[number]]}
        case SemaphoreQuestion.PID:
            values = {pid_of(fx[machine.pid[call.set][number]])}
        case question:
            values = _counts(machine, fx, call.set, number, question is SemaphoreQuestion.ZCNT)
    for value in sorted(values):
        own = Turn(machine, turn.view, turn.process, turn.local)
        yield own.returned(None, result=value, finish=(value, 0, b""))


def _counts(machine: Machine, fx: Effects, set_: int, number: int, zero: bool) -> set[int]:
    """What GETNCNT or GETZCNT may answer.

    Under `weak` who could go on is on its way and is not counted. The others count where they are now, or,
    like on Linux, where they were when the kernel last looked at them (S-11).
    """
    sleepers: tuple[Sleeper, ...] = fx[machine.sleepers[set_]]
    if machine.kernel:
        return {semaphores.count(sleepers, number, zero)}
    counts = {0}
    for sleeper in sleepers:
        now = processes.looked_at(machine, fx, set_, sleeper)
        if now is None:
            continue
        seen = [now, sleeper] if sleeper.grows_stale else [now]
        counts = {c + semaphores.count([s], number, zero) for c in counts for s in seen}
    return counts


def set_value(turn: Turn, call: SetValue) -> Outcomes:
    """SETVAL and SETALL: range first (S-4), every undo of it forgotten (S-17), then whoever can go on."""
    machine, fx = turn.machine, turn.fx
    size = turn.machine.program.sets[call.set].size
    first = 0 if call.all else position(call.base, call.count, turn.number(call.index))
    numbers = range(first, size if call.all else first + 1)
    asked = [int(turn.value(v)) for v in call.values]
    # SETALL takes unsigned shorts, SETVAL an int
    new = [v & 0xFFFF if call.all else _as_int(v) for v in asked]
    out_of_range = not all(0 <= v <= SEMVMX for v in new)
    refused = turn.refusal(ObjectKind.SEMAPHORES, call.set, 2)
    errno = "ERANGE" if out_of_range and not (call.all and refused) else refused
    if errno:
        yield turn.returned(errno)
        return
    for number, value in zip(numbers, new, strict=True):
        fx[machine.sem[call.set][number]] = value
        processes.note_pid(machine, fx, call.set, number, turn.process)
        for process in machine.undo:
            adjustments = processes.adjustments_of(machine, fx, process, call.set)
            if adjustments.pop(number, None) is not None:
                processes.put_adjustments(machine, fx, process, call.set, adjustments)
    turn.returned(None, finish=(0 if call.all else asked[0], 0, b""))
    processes.hand_over(machine, fx, call.set, None)
    yield fx


def _as_int(value: int) -> int:
    """What C makes of a number that does not fit an int."""
    return (value + 2**31) % 2**32 - 2**31
