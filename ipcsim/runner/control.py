"""The calls that never sleep: semctl, msgctl, shmctl, the get calls, shmat, shmdt, kill, fork.

Each is one closure around a function that raises `OSError`: record BEGIN, call, record END.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ipcsim.errors import EvaluationError
from ipcsim.program.expressions import Const, Expr, element, position
from ipcsim.program.instructions import (
    GetValue,
    KernelCall,
    Lifecycle,
    ObjectCall,
    ObjectKind,
    SemaphoreQuestion,
    SetValue,
    Signal,
    Spawn,
)
from ipcsim.runner import creating, objects
from ipcsim.runner.rings import BEGUN, BORN, PID, WORDS
from ipcsim.sysv import libc, queues, segments, semaphores
from ipcsim.trace import EventKind, head

if TYPE_CHECKING:
    from ipcsim.runner.worker import Step, Worker

Action = Callable[[], int]


def plain(worker: Worker, pc: int, call: KernelCall) -> Step:
    """The step of a call that never sleeps."""
    match call:
        case GetValue():
            action = _get_value(worker, call)
        case SetValue():
            action = _set_value(worker, call)
        case ObjectCall():
            action = _object_call(worker, call)
        case Signal():
            action = _signal(worker, call)
        case Spawn():
            action = _spawn(worker, call)
        case _:
            raise TypeError(f"unknown call {type(call).__name__}")
    emit, after = worker.emit, pc + 1
    begin, end = head(EventKind.BEGIN, pc), head(EventKind.END, pc)
    whom: Action = lambda: 0  # noqa: E731 - most calls concern no other process
    if isinstance(call, (Signal, Spawn)):
        whom = _target(worker, call.family, call.index)
    what, data = _asked(worker, call), head(EventKind.DATA, 0)

    def step() -> int:
        emit(begin, whom(), 0)
        asked = what()  # of what is now: afterwards a variable may have changed
        try:
            result = action()
        except OSError as error:
            return worker.failed(pc, call, error.errno or 0)
        for a, b in asked:
            emit(data, a, b)
        emit(end, result, 0)
        return after

    return step


def _asked(worker: Worker, call: KernelCall) -> Callable[[], Sequence[tuple[int, int]]]:
    """What a call that succeeds must be recorded with to be understood later: (semaphore, value) pairs where
    they vary, the address of a segment that is detached."""
    env = worker.env
    match call:
        case SetValue(index=index, values=values):
            if index is None and all(isinstance(v, Const) for v in values):
                return lambda: ()  # the text says it
            computed = [worker.compile(v) for v in values]
            which = None if index is None else worker.compile(index)

            def pairs() -> Sequence[tuple[int, int]]:
                number = None if which is None else which(env)
                first = 0 if call.all else position(call.base, call.count, number)
                return [(first + i, int(value(env))) for i, value in enumerate(computed)]

            return pairs
        case ObjectCall(action=Lifecycle.DETACH, address=address) if address is not None:
            where = worker.compile(address)
            return lambda: [(int(where(env)), 0)]
    return lambda: ()


_COMMANDS = {
    SemaphoreQuestion.VALUE: libc.GETVAL,
    SemaphoreQuestion.NCNT: libc.GETNCNT,
    SemaphoreQuestion.ZCNT: libc.GETZCNT,
    SemaphoreQuestion.PID: libc.GETPID,
}


def _get_value(worker: Worker, call: GetValue) -> Action:
    env, ids = worker.env, worker.handles.ids[ObjectKind.SEMAPHORES]
    set_, into = worker.program.sets[call.set], call.into
    if call.question is SemaphoreQuestion.ALL:

        def get_all() -> int:
            env[into] = semaphores.get_all(ids[call.set], set_.size)
            return 0

        return get_all
    index = worker.compile(call.index) if call.index is not None else None
    command = _COMMANDS[call.question]

    def get() -> int:
        number = position(call.base, call.count, None if index is None else index(env))
        env[into] = value = semaphores.get(ids[call.set], number, command)
        return value

    return get


def _set_value(worker: Worker, call: SetValue) -> Action:
    env, ids = worker.env, worker.handles.ids[ObjectKind.SEMAPHORES]
    values = [worker.compile(v) for v in call.values]
    index = worker.compile(call.index) if call.index is not None else None

    def set_value() -> int:
        if call.all:
            semaphores.set_all(ids[call.set], tuple(int(v(env)) for v in values))
            return 0
        number = position(call.base, call.count, None if index is None else index(env))
        value = int(values[0](env))
        semaphores.set_value(ids[call.set], number, value)
        return value

    return set_value


def _object_call(worker: Worker, call: ObjectCall) -> Action:
    env, into = worker.env, call.into
    act = _ACTIONS[call.action](worker, call)

    def action() -> int:
        result = act()
        if into is not None:
            env[into] = result
        return result

    return action


def _create(worker: Worker, call: ObjectCall) -> Action:
    declared = worker.program.object(call.object)
    mode = declared.mode if call.mode is None else call.mode

    def create() -> int:
        found = worker.create(declared, mode, call.size, call.exclusive)
        return worker.handles.take(call.object, found)

    return create


def _open(worker: Worker, call: ObjectCall) -> Action:
    declared, env = worker.program.object(call.object), worker.env
    told = None if call.id is None else worker.compile(call.id)
    # the mode of a get call on an existing object are the rights asked for
    asked = (0o444 if call.readonly else 0) if call.mode is None else call.mode

    def find() -> int:
        if told is None and declared.key.private:
            # the kernel would make a new object, which nobody asked for and nobody would remove
            raise EvaluationError(
                f"`{declared.name}` has the key `private`, which finds nothing: give it a key, or open it "
                "by `id:`"
            )
        found = objects.find(declared, asked, call.size) if told is None else int(told(env))
        return worker.handles.take(call.object, found)

    return find


def _attach(worker: Worker, call: ObjectCall) -> Action:
    return lambda: worker.handles.attach(call.object.number, call.readonly)


def _detach(worker: Worker, call: ObjectCall) -> Action:
    address = None if call.address is None else worker.compile(call.address)
    env, handles, number = worker.env, worker.handles, call.object.number

    def detach() -> int:
        handles.detach(number, None if address is None else int(address(env)))
        return 0

    return detach


def _remove(worker: Worker, call: ObjectCall) -> Action:
    remove = {
        ObjectKind.SEMAPHORES: semaphores.remove,
        ObjectKind.QUEUE: queues.remove,
        ObjectKind.SEGMENT: segments.remove,
    }[call.object.kind]
    ids, number = worker.handles.ids[call.object.kind], call.object.number

    def destroy() -> int:
        remove(ids[number])
        return 0

    return destroy


def _stat(worker: Worker, call: ObjectCall) -> Action:
    ids, number, field = worker.handles.ids[call.object.kind], call.object.number, str(call.field)
    if field == "id":  # the process's own handle: nobody is asked
        return lambda: ids[number]
    stat = objects.STAT[call.object.kind]
    return lambda: stat(ids[number])[field]


def _change(worker: Worker, call: ObjectCall) -> Action:
    ids, number, env = worker.handles.ids[call.object.kind], call.object.number, worker.env
    capacity = None if call.bytes is None else worker.compile(call.bytes)

    def change() -> int:
        qbytes = None if capacity is None else int(capacity(env))
        objects.change(call.object.kind, ids[number], call.mode, qbytes)
        return 0

    return change


_ACTIONS: dict[Lifecycle, Callable[[Worker, ObjectCall], Action]] = {
    Lifecycle.CREATE: _create,
    Lifecycle.OPEN: _open,
    Lifecycle.ATTACH: _attach,
    Lifecycle.DETACH: _detach,
    Lifecycle.REMOVE: _remove,
    Lifecycle.STAT: _stat,
    Lifecycle.CHANGE: _change,
}


# --- other processes ---


def _target(worker: Worker, family: int, index: Expr | None) -> Action:
    """The number of the process that a `signal` or `spawn` names."""
    members, env = worker.program.members(family), worker.env
    if index is None:
        return lambda: members[0]
    which = worker.compile(index)
    return lambda: element(members, int(which(env)))


def _signal(worker: Worker, call: Signal) -> Action:
    control, number = worker.rings.control, getattr(signal, call.signal)
    target = _target(worker, call.family, call.index)
    # whom SIGKILL is to end must not be making an object; nor must who is stopped: nobody may be left
    # then who would let it go on, and so end
    ends, stops = number == signal.SIGKILL, number == signal.SIGSTOP
    makers = set(creating.creators(worker.program)) if ends or stops else set()

    def kill() -> int:
        process = target()
        if stops:
            _wait_until_begun(control, process)
        with creating.kept_out(worker.rings.fd, {process} & makers, creating.PATIENCE):
            return send(process)

    def send(process: int) -> int:
        word = process * WORDS + PID
        pid = control[word]
        if pid == 0:
            raise ProcessLookupError(errno.ESRCH, "no such process")
        fd = os.pidfd_open(pid)
        try:
            # the launcher clears the word before it reaps: what is still there is no other process
            if control[word] != pid:
                raise ProcessLookupError(errno.ESRCH, "no such process")
            signal.pidfd_send_signal(fd, number)
        finally:
            os.close(fd)
        return 0

    return kill


def _wait_until_begun(control: memoryview, process: int) -> None:
    """Until a process that was started ends with the launcher, stopped or not; for a bounded time."""
    at, limit = process * WORDS, time.monotonic() + creating.PATIENCE
    while 0 < control[at + BORN] < BEGUN and control[at + PID] and time.monotonic() < limit:
        time.sleep(0.0002)


def _spawn(worker: Worker, call: Spawn) -> Action:
    control, target = worker.rings.control, _target(worker, call.family, call.index)

    def spawn() -> int:
        process = target()
        if control[process * WORDS + BORN]:
            raise BlockingIOError(errno.EAGAIN, "it runs already")
        control[process * WORDS + BORN] = 1
        try:
            worker.spawn(process)
        except OSError:
            control[process * WORDS + BORN] = 0
            raise
        return process

    return spawn
