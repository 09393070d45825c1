"""semop, SETVAL, SETALL and the questions of semctl: what they may do (S-1 to S-38)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipcsim.errors import EvaluationError
from ipcsim.facts.limits import SEM_OPS, SEMVMX
from ipcsim.model import processes, semaphores, undo
from ipcsim.model.effects import Effects
from ipcsim.model.processes import pid_of
from ipcsim.model.semaphores import Operation, Operations, Sleeper, Sleeps
from ipcsim.model.turn import Outcomes, Turn, queued, waits
from ipcsim.program.expressions import position
from ipcsim.program.instructions import GetValue, ObjectKind, SemaphoreQuestion, Semop, SetValue
from ipcsim.trace import pairs_bytes

if TYPE_CHECKING:
    from ipcsim.model.machine import Machine


def semop(turn: Turn, call: Semop) -> Outcomes:
    machine, fx = turn.machine, turn.fx
    array = operations(turn, call)
    record = (0, 0, pairs_of(array))
    alters = any(o.delta for o in array)
    if not turn.asleep:  # rights are looked at on entry only (S-26)
        if not all(o.delta in SEM_OPS for o in array):
            raise EvaluationError("an operation does not fit sem_op, a short")
        last = max(o.number for o in array)
        errno = turn.refusal(ObjectKind.SEMAPHORES, call.set, 2 if alters else 4, last)
        if errno != "EINVAL" and any(o.undo for o in array):
            undo.note_use(machine, fx, turn.process, call.set)
        if errno:
            yield turn.returned(errno, begin=record)
            return
    slots = machine.sem[call.set]
    values = {o.number: fx[slots[o.number]] for o in array}
    full = dict(values)
    adjustments = undo.of(machine, fx, turn.process, call.set)
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
        undo.put(machine, fx, turn.process, call.set, adjustments)
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
        # what the set does not have stays 0 in the caller's array, what the array does not have is left out
        mine = slots[: machine.program.sets[call.set].size]
        yield turn.returned(None, result=tuple(fx[s] for s in mine))
        return
    number = position(call.base, call.count, turn.number(call.index))
    if number >= turn.semaphores_of(call.set):
        yield turn.returned("EINVAL")
        return
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
    first = 0 if call.all else position(call.base, call.count, turn.number(call.index))
    asked = [int(turn.value(v)) for v in call.values]
    there = turn.semaphores_of(call.set)
    slots = machine.sem[call.set]
    if call.all:  # as many unsigned shorts as the set has; behind the array of the caller stand zeros
        new = [*(v & 0xFFFF for v in asked), *(0 for _ in slots[len(asked) :])][:there]
    else:
        new = [_as_int(asked[0])]
    if errno := _set_refused(turn, call, first < there, all(0 <= v <= SEMVMX for v in new)):
        yield turn.returned(errno)
        return
    for number, value in enumerate(new, first):
        fx[slots[number]] = value
        processes.note_pid(machine, fx, call.set, number, turn.process)
        for process in machine.undo:
            adjustments = undo.of(machine, fx, process, call.set)
            if adjustments.pop(number, None) is not None:
                undo.put(machine, fx, process, call.set, adjustments)
    turn.returned(None, finish=(0 if call.all else asked[0], 0, b""))
    processes.hand_over(machine, fx, call.set, None)
    yield fx


def _set_refused(turn: Turn, call: SetValue, exists: bool, in_range: bool) -> str | None:
    """SETVAL looks at the value, the set, the number, the rights; SETALL at the set, the rights, the values.
    An id below 0, of a set that was never opened, is no id at all for both."""
    refused = turn.refusal(ObjectKind.SEMAPHORES, call.set, 2)
    if call.all:
        return refused or (None if in_range else "ERANGE")
    if not in_range and not turn.never_opened(ObjectKind.SEMAPHORES, call.set):
        return "ERANGE"
    return "EINVAL" if not exists else refused


def _as_int(value: int) -> int:
    """What C makes of a number that does not fit an int."""
    return (value + 2**31) % 2**32 - 2**31
