"""The declared objects in the kernel: creating, finding, initialising, looking at, removing."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from ipcsim.errors import EnvironmentProblem, EvaluationError, UsageError
from ipcsim.program import Program
from ipcsim.program.instructions import ObjectKind, ObjectRef
from ipcsim.program.objects import IpcObject, Key, Queue, Segment, SemaphoreSet, Value
from ipcsim.runner import ceilings
from ipcsim.snapshot import QueueState
from ipcsim.sysv import keys, libc, queues, segments, semaphores

KIND_OF = {SemaphoreSet: ObjectKind.SEMAPHORES, Queue: ObjectKind.QUEUE, Segment: ObjectKind.SEGMENT}


@dataclass(frozen=True, slots=True)
class Created:
    """A kernel object: its kind, the name in the scenario, the id, the key; `new` where this call made it."""

    kind: ObjectKind
    name: str
    id: int
    key: int
    new: bool = True
    persist: bool = False


def key_of(key: Key) -> int:
    """The number that the kernel is asked for. OSError where ftok cannot look at its path."""
    if key.path is not None:
        return keys.ftok(key.path, key.project)
    return keys.IPC_PRIVATE if key.number is None else key.number


def _get(declared: IpcObject, key: int, flags: int, size: int | None) -> int:
    match declared:
        case SemaphoreSet():
            return semaphores.create(key, declared.size if size is None else size, flags)
        case Queue():
            return queues.create(key, flags)
        case Segment():
            return segments.create(key, declared.struct.size if size is None else size, flags)


def find(declared: IpcObject, mode: int = 0, size: int | None = None) -> int:
    """The id of an object that exists; OSError as semget, msgget, shmget give it."""
    return _get(declared, key_of(declared.key), mode, size)


def create(declared: IpcObject, mode: int, size: int | None = None, exclusive: bool = True) -> Created:
    """IPC_CREAT, and whether that made a new object or (not `exclusive`) found one.

    The kernel does not say which; so it is first asked with IPC_EXCL. A run may only remove what
    it made.
    """
    key = key_of(declared.key)
    kind = KIND_OF[type(declared)]
    while True:
        try:
            made = _get(declared, key, mode | libc.IPC_CREAT | libc.IPC_EXCL, size)
        except OSError as error:
            if exclusive or error.errno != errno.EEXIST:
                raise
        else:
            if isinstance(declared, Queue) and declared.bytes is not None:
                _give_room(made, declared.bytes, mode)
            return Created(kind, declared.name, made, key, persist=declared.persist)
        try:
            return Created(kind, declared.name, _get(declared, key, mode, size), key, new=False)
        except OSError as error:
            if error.errno != errno.ENOENT:  # removed in between: try to make it again
                raise


def _give_room(queue_id: int, qbytes: int, mode: int) -> None:
    """The `bytes` of a queue that has just been made; where the kernel does not allow so many (Q-13), there
    is no queue."""
    try:
        queues.set_first_capacity(queue_id, qbytes, mode)
    except OSError:
        queues.remove(queue_id)
        raise


def initialise(declared: IpcObject, object_id: int) -> None:
    """Give a new object the values that the scenario declares."""
    match declared:
        case SemaphoreSet() if any(declared.initial):
            semaphores.set_all(object_id, declared.initial)
        case Segment():
            raw = declared.struct.pack(declared.initial)
            if any(raw):
                attachment = segments.attach(object_id)
                attachment.write(raw)
                attachment.detach()


def remove(kind: ObjectKind, object_id: int) -> bool:
    """IPC_RMID; False where it is already gone."""
    call = {
        ObjectKind.SEMAPHORES: semaphores.remove,
        ObjectKind.QUEUE: queues.remove,
        ObjectKind.SEGMENT: segments.remove,
    }[kind]
    try:
        call(object_id)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EIDRM):
            return False
        raise
    return True


def change(kind: ObjectKind, object_id: int, mode: int | None, qbytes: int | None) -> None:
    """IPC_SET of the rights, and of msg_qbytes for a queue; OSError as the kernel gives it."""
    match kind:
        case ObjectKind.SEMAPHORES:
            semaphores.set_mode(object_id, mode)
        case ObjectKind.QUEUE:
            queues.set_parameters(object_id, mode, qbytes)
        case ObjectKind.SEGMENT:
            segments.set_mode(object_id, mode)


# --- looking ---

STAT = {
    ObjectKind.SEMAPHORES: semaphores.stat,
    ObjectKind.QUEUE: queues.stat,
    ObjectKind.SEGMENT: segments.stat,
}


def exists(kind: ObjectKind, object_id: int) -> bool:
    """Whether there is (still) an object with this id that we may look at."""
    try:
        STAT[kind](object_id)
    except OSError:
        return False
    return True


def semaphore_values(set_id: int, size: int) -> tuple[int, ...] | None:
    """GETALL; None where the set is gone (or not there yet)."""
    try:
        return semaphores.get_all(set_id, size)
    except OSError:
        return None


def queue_state(queue_id: int) -> QueueState | None:
    """IPC_STAT; None where the queue is gone. Which types lie in it the kernel does not tell."""
    try:
        stat = queues.stat(queue_id)
    except OSError:
        return None
    return QueueState(stat["qnum"], stat["cbytes"], stat["qbytes"])


def segment_values(segment: Segment, segment_id: int) -> tuple[Value, ...] | None:
    """Every field now, 0 beyond the end of a smaller segment; None where it cannot be attached any more."""
    try:
        size = segments.stat(segment_id)["size"]
        attachment = segments.attach(segment_id, readonly=True)
    except OSError:
        return None
    there = min(segment.struct.size, segments.whole_pages(size))
    values = segment.struct.unpack(attachment.read(there))
    attachment.detach()
    return values


# --- what can go wrong when a run creates its objects ---


def explain_failure(program: Program, ref: ObjectRef, number: int, text: str) -> Exception:
    """The error for the user when `ref` could not be created with errno `number`."""
    declared = program.object(ref)
    what = f"cannot create {_NOUN[ref.kind]} `{declared.name}` ({declared.at})"
    if limit := ceilings.creation(declared, number):
        return EnvironmentProblem(f"{what} ({libc.errno_name(number)}). {limit}")
    if number == errno.EEXIST:
        return EnvironmentProblem(
            f"{what}: an object with this key exists already (EEXIST), perhaps of another run. "
            "Use `key: private`, another key, or remove it (`ipcs` shows it, `ipcrm` removes it)."
        )
    if number == errno.ENOENT and declared.key.path is not None:
        return UsageError(f"{what}: ftok cannot find the path `{declared.key.path}` (ENOENT).")
    return EnvironmentProblem(f"{what}: {text}")


_NOUN = {
    ObjectKind.SEMAPHORES: "semaphore set",
    ObjectKind.QUEUE: "queue",
    ObjectKind.SEGMENT: "segment",
}


def check_initial(program: Program) -> None:
    """Segment values that do not fit their fields, before anything is created."""
    for segment in program.segments:
        try:
            segment.struct.pack(segment.initial)
        except EvaluationError as error:
            raise UsageError(f"{segment.at}: segment `{segment.name}`: {error}") from None
