"""The calls that may sleep (semop, msgsnd, msgrcv), each as a closure: record BEGIN, call, record END.

They are hot: their C arguments are prepared once where they never change.
"""

from __future__ import annotations

import errno
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ipcsim.errors import EvaluationError
from ipcsim.facts.limits import SEM_OPS
from ipcsim.program.expressions import Const, position
from ipcsim.program.instructions import (
    KernelCall,
    ObjectKind,
    Receive,
    Semop,
    Send,
)
from ipcsim.runner.rings import emit_data
from ipcsim.sysv import libc, queues, semaphores
from ipcsim.trace import EventKind, head

if TYPE_CHECKING:
    from ipcsim.runner.worker import Step, Worker

SHOWN = 64  # bytes of a message or text that the trace keeps
LONGEST = 2**20  # bytes of a buffer for msgrcv
TICK = 0.005  # a timer repeats, in case its first signal came just before the call went to sleep


# --- semaphores ---


def semop(worker: Worker, pc: int, call: Semop) -> Step:
    """semop, semtimedop in a free run with a timeout."""
    invoke = _semop_invoker(worker, pc, call)
    triples = _constant_triples(worker, call)
    if triples is None:
        return _varying_semop(worker, pc, call, invoke)
    array, count = semaphores.operations(triples), len(triples)
    emit, begin, end, after = worker.emit, head(EventKind.BEGIN, pc), head(EventKind.END, pc), pc + 1
    if call.timeout is not None:

        def timed() -> int:
            emit(begin, 0, 0)
            return invoke(array, count)

        return timed
    ids, number, do = worker.handles.ids[ObjectKind.SEMAPHORES], call.set, semaphores.semop

    def step() -> int:
        emit(begin, 0, 0)
        if do(ids[number], array, count) == 0:
            emit(end, 0, 0)
            return after
        return worker.failed(pc, call, libc.last_errno())

    return step


def _flags(call: Semop, index: int) -> int:
    operation = call.operations[index]
    nowait = libc.IPC_NOWAIT if operation.nowait or call.nowait else 0
    return nowait | (libc.SEM_UNDO if operation.undo else 0)


def _constant_triples(worker: Worker, call: Semop) -> list[tuple[int, int, int]] | None:
    """The (number, delta, flags) of each operation, None where one of them varies, or is wrong: that is told
    when the process gets there."""
    triples: list[tuple[int, int, int]] = []
    for i, op in enumerate(call.operations):
        index = Const(0) if op.index is None else worker.fold(op.index)
        delta = worker.fold(op.delta)
        if not (isinstance(index, Const) and isinstance(delta, Const)):
            return None
        try:
            number = position(op.base, op.count, int(index.value))  # type: ignore[arg-type]
        except EvaluationError:
            return None
        if int(delta.value) not in SEM_OPS:  # type: ignore[arg-type]
            return None
        triples.append((number, int(delta.value), _flags(call, i)))  # type: ignore[arg-type]
    return triples


def _varying_semop(worker: Worker, pc: int, call: Semop, invoke: Callable[[Any, int], int]) -> Step:
    """Operations that depend on locals: computed each time, and recorded as data."""
    emit, env, begin, data = worker.emit, worker.env, head(EventKind.BEGIN, pc), head(EventKind.DATA, 0)
    parts = [
        (
            op.base,
            op.count,
            worker.compile(op.index) if op.index is not None else None,
            worker.compile(op.delta),
            _flags(call, i),
        )
        for i, op in enumerate(call.operations)
    ]

    def step() -> int:
        triples = []
        for base, count, index, delta, flags in parts:
            number = position(base, count, None if index is None else index(env))
            op = int(delta(env))
            if op not in SEM_OPS:
                raise EvaluationError(f"{op} does not fit sem_op, a short")
            triples.append((number, op, flags))
        for number, op, _ in triples:
            emit(data, number, op)
        emit(begin, 0, 0)
        return invoke(semaphores.operations(triples), len(triples))

    return step


def _semop_invoker(worker: Worker, pc: int, call: Semop) -> Callable[[Any, int], int]:
    """Calls the kernel with an array, records END and gives the next pc."""
    emit, end, after = worker.emit, head(EventKind.END, pc), pc + 1
    ids, number = worker.handles.ids[ObjectKind.SEMAPHORES], call.set
    limit = None
    if call.timeout is not None and not worker.controlled:
        limit = semaphores.time_limit(call.timeout)

    def invoke(array: Any, count: int) -> int:
        result = semaphores.semtimedop(ids[number], array, count, limit)
        if result == 0:
            emit(end, 0, 0)
            return after
        error = libc.last_errno()
        if error == errno.EINTR and call.timeout is not None and worker.controlled:
            error = errno.EAGAIN if worker.struck() else error
        return worker.failed(pc, call, error)

    return invoke


# --- queues ---


def _with_timer(worker: Worker, call: KernelCall, invoke: Callable[[], int]) -> Callable[[], int]:
    """`invoke` ended by a timer's signal where the call has a timeout; returns 0 or more, or −errno.

    msgsnd and msgrcv know no timeout of their own. In a controlled run the signal is the
    supervisor's: then the timeout strikes when the schedule says so.
    """
    timeout = call.timeout
    eintr, eagain = errno.EINTR, errno.EAGAIN

    def plain_() -> int:
        result = invoke()
        return result if result >= 0 else -libc.last_errno()

    if timeout is None:
        return plain_
    if worker.controlled:

        def ordered() -> int:
            result = plain_()
            return -eagain if result == -eintr and worker.struck() else result

        return ordered

    def timed() -> int:
        deadline = time.monotonic() + timeout
        signal.setitimer(signal.ITIMER_REAL, max(timeout, 1e-6), TICK)
        result = plain_()
        signal.setitimer(signal.ITIMER_REAL, 0)
        return -eagain if result == -eintr and time.monotonic() >= deadline else result

    return timed


def send(worker: Worker, pc: int, call: Send) -> Step:
    """msgsnd of the queue's struct."""
    struct = worker.program.queues[call.queue].message
    emit, env, after = worker.emit, worker.env, pc + 1
    begin, end = head(EventKind.BEGIN, pc), head(EventKind.END, pc)
    ids, queue = worker.handles.ids[ObjectKind.QUEUE], call.queue
    kind = worker.compile(call.type)
    length = worker.compile(call.length) if call.length is not None else None
    values = {number: worker.compile(expr) for number, expr in call.payload}
    zero = struct.unpack(b"")
    flags = libc.IPC_NOWAIT if call.nowait else 0
    message = queues.Message(struct.size)
    buffer, body, size = message.raw, message.body, message.size
    invoke = _with_timer(worker, call, lambda: queues.msgsnd(ids[queue], buffer, size, flags))

    def step() -> int:
        raw = struct.pack(tuple(values[i](env) if i in values else z for i, z in enumerate(zero)))
        message.type = number = int(kind(env))
        body[: len(raw)] = raw
        if length is not None:
            size.value = _checked_length(length(env), struct.size)
        emit_data(emit, raw[: min(size.value, SHOWN)])
        emit(begin, number, size.value)
        result = invoke()
        if result < 0:
            return worker.failed(pc, call, -result)
        emit(end, 0, 0)
        return after

    return step


def _checked_length(value: Any, most: int) -> int:
    if not 0 <= value <= most:
        raise EvaluationError(f"length {value} is outside 0 … {most}, the size of the message")
    return int(value)


def receive(worker: Worker, pc: int, call: Receive) -> Step:
    """msgrcv into a local: the fields, then the type, then the length."""
    struct = worker.program.queues[call.queue].message
    emit, env, after, into = worker.emit, worker.env, pc + 1, call.into
    begin, end = head(EventKind.BEGIN, pc), head(EventKind.END, pc)
    ids, queue = worker.handles.ids[ObjectKind.QUEUE], call.queue
    kind = worker.compile(call.type)
    wanted = worker.compile(call.size) if call.size is not None else None
    flags = (
        (libc.IPC_NOWAIT if call.nowait else 0)
        | (libc.MSG_NOERROR if call.noerror else 0)
        | (libc.MSG_EXCEPT if call.exclude else 0)
    )
    message, selector = queues.Message(struct.size), queues.selector()

    def call_kernel() -> int:
        return int(queues.msgrcv(ids[queue], message.raw, message.size, selector, flags))

    invoke = _with_timer(worker, call, call_kernel)

    def step() -> int:
        nonlocal message
        selector.value = number = kind(env)
        asked = struct.size if wanted is None else int(wanted(env))
        if asked > LONGEST:
            raise EvaluationError(f"size {asked} is more than ipcsim gives a message: {LONGEST:,} bytes")
        if asked > message.capacity:
            message = queues.Message(asked)
        message.size.value = asked  # a negative one is the kernel's to refuse
        emit(begin, number, asked)
        result = invoke()
        if result < 0:
            return worker.failed(pc, call, -result)
        raw, got = message.content(result), message.type
        if into is not None:
            env[into] = (*struct.unpack(raw), got, result)
        emit_data(emit, raw[:SHOWN])
        emit(end, result, got)
        return after

    return step
