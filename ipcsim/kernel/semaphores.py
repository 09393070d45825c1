"""Semaphore sets: semop(2) and semctl(2) (S-1 to S-38)."""

from __future__ import annotations

from collections.abc import Iterator

from ipcsim.kernel.effects import Ask, AwaitZero, Give, OnSemaphores, Set, Take
from ipcsim.kernel.values import Value, span
from ipcsim.program import Program
from ipcsim.program.instructions import GetValue, SemaphoreOperation, SemaphoreQuestion, Semop, SetValue


def semop(call: Semop, value: Value) -> Iterator[OnSemaphores]:
    """In the order of the array. An operation whose amount varies may be any of the three."""
    for operation in call.operations:
        yield from _operation(call.set, operation, value)


def _operation(set_: int, operation: SemaphoreOperation, value: Value) -> Iterator[OnSemaphores]:
    numbers = span(operation.base, operation.count, operation.index, value)
    delta = value(operation.delta)
    if delta is None or delta < 0:
        yield Take(set_, numbers, None if delta is None else -delta, operation.undo)
    if delta is None or delta > 0:
        yield Give(set_, numbers, delta, operation.undo)
    if not delta:
        yield AwaitZero(set_, numbers)


def set_value(call: SetValue, program: Program, value: Value) -> Set:
    values = tuple([value(v) for v in call.values])
    if call.all:
        return Set(call.set, range(program.sets[call.set].size), values)
    return Set(call.set, span(call.base, call.count, call.index, value), values)


def get_value(call: GetValue, program: Program, value: Value) -> Ask:
    if call.question is SemaphoreQuestion.ALL:
        return Ask(call.set, range(program.sets[call.set].size))
    return Ask(call.set, span(call.base, call.count, call.index, value))
