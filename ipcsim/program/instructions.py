"""Instructions: the static steps of a process. This list is the whole machine that run and verify share.

A family's code is a flat tuple of these; control flow is by target index ("pc"). Each call to the
kernel, each load and each store is one instruction, so nothing hides a race. Two sorts:

- *visible* instructions can matter to another process or to a property; a controlled scheduler hands
  over the turn, and the model takes a step, at each of them;
- *silent* ones (`Assign`, `Branch`, `Jump`, `Repeat`, `Pause`) only touch the process itself and run
  together with the visible instruction before them.

Falling off the end is an `Exit(0)`, which the language layer always appends.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from ipcsim.errors import Location
from ipcsim.program.expressions import Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Base of all: where an instruction stands and how to show it ("P: fork[left]")."""

    at: Location
    text: str
    visible: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelCall(Placed):
    """A call that can fail. `handlers` maps an errno name to the pc that deals with it; an errno
    without handler ends the process and is a finding. `timeout` is seconds, None waits for ever."""

    handlers: tuple[tuple[str, int], ...] = ()
    nowait: bool = False
    timeout: float | None = None

    @property
    def gives_up(self) -> bool:
        """Whether it does not wait, or not for ever."""
        return self.nowait or self.timeout is not None

    def handler(self, errno_name: str) -> int | None:
        return next((pc for name, pc in self.handlers if name == errno_name), None)


# --- semaphores ---


@dataclass(frozen=True, slots=True)
class SemaphoreOperation:
    """One sembuf. The semaphore is member `base` (+ `index` of an array of `count`); `delta` < 0 is
    P, > 0 is V, 0 is Z. `nowait` and `undo` are IPC_NOWAIT and SEM_UNDO of this operation alone."""

    base: int
    count: int | None
    index: Expr | None
    delta: Expr
    nowait: bool = False
    undo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Semop(KernelCall):
    """semop(2): all operations at once or none, on one set, in array order (S-1).

    `ends_phase`: gives back something that the process did not take inside its current phase, so
    the phase is over when the call begins (see `Phase`).
    """

    set: int
    operations: tuple[SemaphoreOperation, ...]
    ends_phase: bool = False

    @property
    def gives_up(self) -> bool:
        return self.nowait or self.timeout is not None or any(o.nowait for o in self.operations)


class SemaphoreQuestion(StrEnum):
    """What `get` asks: the semctl(2) command without its prefix."""

    VALUE = "GETVAL"
    ALL = "GETALL"
    NCNT = "GETNCNT"
    ZCNT = "GETZCNT"
    PID = "GETPID"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetValue(KernelCall):
    set: int
    question: SemaphoreQuestion
    base: int = 0
    count: int | None = None
    index: Expr | None = None
    into: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetValue(KernelCall):
    """SETVAL of one semaphore, or SETALL where `values` has one expression for each of the set."""

    set: int
    base: int = 0
    count: int | None = None
    index: Expr | None = None
    values: tuple[Expr, ...]
    all: bool = False


# --- queues ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Send(KernelCall):
    """msgsnd(2) of the queue's struct; fields without an expression are zero. `payload` is
    (field number, expression); `length` overrides how many bytes are sent."""

    queue: int
    type: Expr
    payload: tuple[tuple[int, Expr], ...]
    length: Expr | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receive(KernelCall):
    """msgrcv(2): `type` 0 the first, > 0 the first of that type, < 0 the lowest type up to −type.

    `into` receives the message as a tuple: one value a field, then the type, then the length.
    `size` is msgsz, None the struct's size. Flags: MSG_NOERROR, MSG_EXCEPT.
    """

    queue: int
    type: Expr
    into: int | None = None
    size: Expr | None = None
    noerror: bool = False
    exclude: bool = False


# --- shared memory ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Load(Placed):
    """One read of a segment field (or of one element) into a local; never blocks, never fails."""

    segment: int
    field: int
    index: Expr | None
    into: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Store(Placed):
    """One write of a segment field (or of one element)."""

    segment: int
    field: int
    index: Expr | None
    value: Expr


# --- the life of objects ---


class Lifecycle(StrEnum):
    CREATE = "create"  # semget/msgget/shmget with IPC_CREAT
    OPEN = "open"  # the same without: find an object that exists
    ATTACH = "attach"  # shmat
    DETACH = "detach"  # shmdt
    REMOVE = "remove"  # IPC_RMID
    STAT = "stat"  # IPC_STAT
    CHANGE = "change"  # IPC_SET


class ObjectKind(StrEnum):
    SEMAPHORES = "semaphores"
    QUEUE = "queue"
    SEGMENT = "segment"


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """A declared object: its kind and its number among the Program's objects of that kind."""

    kind: ObjectKind
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectCall(KernelCall):
    """create, open, attach, detach, remove, stat, change.

    `into` receives the id (create, open), the address (attach), or the `field` of IPC_STAT asked for;
    the field `id` is the process's own handle and asks nobody. `id` opens an object by an id that the
    process was told, without its key. `address` says which of several attachments to detach. `bytes`
    and `mode` are what IPC_SET changes: msg_qbytes (queues), the rights (all).
    """

    action: Lifecycle
    object: ObjectRef
    exclusive: bool = False
    readonly: bool = False
    mode: int | None = None
    size: int | None = None
    field: str | None = None
    into: int | None = None
    id: Expr | None = None
    address: Expr | None = None
    bytes: Expr | None = None


# --- processes among themselves ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal(KernelCall):
    """kill(2) to process `index` of `family`. ESRCH where it has ended (or was never started).

    SIGKILL, SIGSTOP and SIGCONT do what they do; any other signal is caught by a handler that does
    nothing, so a sleeping call ends with EINTR (S-22, Q-12).
    """

    family: int
    index: Expr | None
    signal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spawn(KernelCall):
    """fork(2): process `index` of `family` (a spawned one) starts, with this process's handles and
    attachments and its own first locals. EAGAIN where it runs already."""

    family: int
    index: Expr | None


# --- a process with itself ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase(Placed):
    """The process enters a phase, which `at(process, 'name')` asks for.

    It lasts until the next `Phase`, until the process ends, or until it begins a `Semop` with
    `ends_phase`: one that gives back a unit not taken since the phase began. So in
    `P: mutex / phase: critical / V: mutex` the process is no longer critical once it lets go, and
    a nested `P: log / V: log` inside the phase does not end it. `progress` marks a phase whose
    being entered counts as progress (see livelock).
    """

    name: str
    progress: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choose(Placed):
    """Goes to any one of `targets`: the schedule decides."""

    targets: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assert(Placed):
    condition: Expr
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit(Placed):
    code: Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash(Placed):
    """The process dies at once by a signal that it sends itself (SIGKILL unless named)."""

    signal: str = "SIGKILL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assign(Placed):
    """A local becomes `value`; with `index`, one element of a list local does."""

    visible: ClassVar[bool] = False
    slot: int
    value: Expr
    index: Expr | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch(Placed):
    """Falls through where `condition` holds, else goes to `otherwise`."""

    visible: ClassVar[bool] = False
    condition: Expr
    otherwise: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump(Placed):
    visible: ClassVar[bool] = False
    target: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat(Placed):
    """End of a counted loop: takes one off `slot`; goes back to `target` while some are left.

    The loop's start is `Assign(slot, n)` and `Branch(slot > 0)`.
    """

    visible: ClassVar[bool] = False
    slot: int
    target: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(Placed):
    """Real time (seconds, evenly from `least` to `most`) in a free run; no time at all elsewhere."""

    visible: ClassVar[bool] = False
    least: float
    most: float


Call = Semop | GetValue | SetValue | Send | Receive | ObjectCall | Signal | Spawn
Silent = Assign | Branch | Jump | Repeat | Pause
Instruction = Call | Load | Store | Phase | Choose | Assert | Exit | Crash | Silent
Code = tuple[Instruction, ...]
