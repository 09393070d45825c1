"""Effects: what is done to the world, whoever does it and by whatever call.

Those of an instruction (`static`) are what it does if it succeeds, as far as that is known before; those of
an event (`observed`) are what was done.

`numbers` are semaphores of a set, `elements` the elements of a field, `processes` global numbers: one of
them is meant, and it is known which where there is only one. What varies is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_never

from ipcsim.program.instructions import ObjectRef

# --- semaphores ---


@dataclass(frozen=True, slots=True)
class Take:
    """P: `units` are taken off a semaphore. `undo`: the end of the process gives them back (S-16)."""

    set: int
    numbers: range
    units: int | None
    undo: bool = False


@dataclass(frozen=True, slots=True)
class Give:
    """V: `units` are added to a semaphore. `undo`: the end of the process takes them off again (S-16)."""

    set: int
    numbers: range
    units: int | None
    undo: bool = False


@dataclass(frozen=True, slots=True)
class AwaitZero:
    """Z: a semaphore is 0 (S-1)."""

    set: int
    numbers: range


@dataclass(frozen=True, slots=True)
class Set:
    """SETVAL of one semaphore, or SETALL: then `values` has one entry for each of `numbers`. Everybody's
    SEM_UNDO for them is forgotten (S-17)."""

    set: int
    numbers: range
    values: tuple[int | None, ...]

    @property
    def every(self) -> bool:
        """Whether each of `numbers` is set; else one of them is."""
        return len(self.values) == len(self.numbers)


@dataclass(frozen=True, slots=True)
class Ask:
    """GETVAL, GETALL, GETNCNT, GETZCNT, GETPID: a question about a semaphore, or about all of them."""

    set: int
    numbers: range


# --- queues ---


@dataclass(frozen=True, slots=True)
class Send:
    """A message of `type` is put into the queue; a type below 1 is refused (EINVAL, Q-8)."""

    queue: int
    type: int | None


@dataclass(frozen=True, slots=True)
class Receive:
    """A message that the selector takes is taken out of the queue (Q-5)."""

    queue: int
    selector: int | None
    exclude: bool = False


# --- shared memory ---


@dataclass(frozen=True, slots=True)
class Load:
    segment: int
    field: int
    elements: range


@dataclass(frozen=True, slots=True)
class Store:
    """`value`: of the field, or of the element; None where it is not known."""

    segment: int
    field: int
    elements: range
    value: Any = None


# --- the life of objects ---


@dataclass(frozen=True, slots=True)
class Create:
    """semget, msgget, shmget with IPC_CREAT: it is there now, made or found. `exclusive`: made. `size`: of
    the semaphores, where it is another than declared. `id`: what the call answered."""

    object: ObjectRef
    exclusive: bool = False
    size: int | None = None
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Find:
    """The same without IPC_CREAT; `by_id`: not by the key, but by an id that the process was told."""

    object: ObjectRef
    by_id: bool = False
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Attach:
    object: ObjectRef
    address: int | None = None


@dataclass(frozen=True, slots=True)
class Detach:
    """`address` None: of the latest attachment."""

    object: ObjectRef
    address: int | None = None


@dataclass(frozen=True, slots=True)
class Remove:
    """IPC_RMID: whoever sleeps on it wakes with EIDRM; a segment lives on until nobody has it attached."""

    object: ObjectRef


@dataclass(frozen=True, slots=True)
class Change:
    """IPC_SET: rights, and the bytes of a queue."""

    object: ObjectRef


@dataclass(frozen=True, slots=True)
class Inspect:
    """IPC_STAT."""

    object: ObjectRef


# --- processes ---


@dataclass(frozen=True, slots=True)
class Interrupt:
    """kill(2): a sleeping call of the process ends with EINTR (S-22, Q-12). `continues`: one that is stopped
    goes on, or dies, and is stopped no longer."""

    processes: range
    continues: bool


@dataclass(frozen=True, slots=True)
class Start:
    """fork(2)."""

    processes: range


OnSemaphores = Take | Give | AwaitZero | Set | Ask
OnQueue = Send | Receive
OnSegment = Load | Store
OnObject = Create | Find | Attach | Detach | Remove | Change | Inspect
OnProcess = Interrupt | Start
Effect = OnSemaphores | OnQueue | OnSegment | OnObject | OnProcess


def changes(effect: Effect) -> bool:
    """Whether an object, or another process, is not what it was. What `Find` finds is the process's own
    handle, and another than before only if somebody has made the object anew."""
    match effect:
        case AwaitZero() | Ask() | Load() | Find() | Inspect():
            return False
        case Take() | Give() | Set() | Send() | Receive() | Store():
            return True
        case Create() | Attach() | Detach() | Remove() | Change() | Interrupt() | Start():
            return True
        case _:
            assert_never(effect)
