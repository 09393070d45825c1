"""One state of everything."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, Literal, NamedTuple

Life = Literal["unborn", "ready", "asleep", "exiting", "zombie", "gone"]
# what becomes of the block above when this one is over: the next step, the same step again, this block
# again for ever, or so many rounds of it that are left with this one
After = Literal["next", "again", "forever"] | int


class Frame(NamedTuple):
    """A place in a block: before its step number `at`."""

    block: int
    at: int
    after: After


class Process(NamedTuple):
    """One process. A process asleep in a call is at the step that made it."""

    life: Life
    stack: tuple[Frame, ...] = ()
    env: tuple[Any, ...] = ()
    loaded: tuple[int, ...] = ()  # for the expression that it is about to evaluate
    part: int = 0  # which entry of a `set` comes next
    phase: str | None = None
    inside: tuple[tuple[tuple[int, int], int], ...] = ()  # units taken since the phase began
    how: Literal["", "ok", "failed", "dead"] = ""  # its end
    stopped: bool = False
    due: bool = False  # an errno that nothing handles ends it, once it is continued
    # what was sent to one who is in a call, or may be, and was not noticed yet: a signal that it catches, one
    # that only makes it look up, SIGSTOP, SIGKILL
    signalled: Literal["", "looks", "caught"] = ""
    stopping: bool = False
    killed: bool = False
    resume: Literal["", "restart", "EINTR"] = ""  # a call left by SIGSTOP: what it does after SIGCONT

    @property
    def living(self) -> bool:
        return self.life in ("ready", "asleep")

    @property
    def disturbed(self) -> bool:
        return bool(self.signalled) or self.stopping or self.killed

    @property
    def over(self) -> bool:
        return self.life in ("zombie", "gone")


class Sleeper(NamedTuple):
    """Who sleeps in a semop. `blocker`: the operation at which an array of zeros only was last seen to be
    blocked, which may be out of date (S-11); -1 for every other."""

    process: int
    blocker: int = -1


class Undo(NamedTuple):
    """semadj of one process for one set."""

    set: int
    adjustments: tuple[tuple[int, int], ...] = ()


class Message(NamedTuple):
    type: int
    length: int
    n: int


@dataclass
class World:
    """A state while it is being changed. The last four are of the step only, and no part of the state."""

    processes: list[Process]
    sems: list[tuple[int, ...]]
    sleepers: list[tuple[Sleeper, ...]]  # by set; in the order of arrival under `kernel`
    undo: list[tuple[Undo, ...]]  # by process, the set used last first
    queues: list[tuple[Message, ...]]
    senders: list[tuple[int, ...]]
    receivers: list[tuple[int, ...]]
    fields: list[int]
    present: list[bool]  # the sets, then the queues
    handles: list[tuple[bool, ...]]  # by process: who has opened what
    budget: list[int]  # how many may still die anywhere
    known: list[Any] = field(default_factory=list)  # see `races`
    found: set[str] = field(default_factory=set)
    entered: set[str] = field(default_factory=set)
    alternative: Any = None
    acted: bool = False  # something was stored, though it may have been there before

    def key(self) -> tuple[Any, ...]:
        """The state, as something that a dictionary can keep."""
        return tuple([tuple(part) for part in _parts(self)])

    def copy(self) -> World:
        return thaw(_parts(self))

    def update(self, process: int, **changes: Any) -> Process:
        """Change a process."""
        new = self.processes[process] = self.processes[process]._replace(**changes)
        return new


def thaw(key: tuple[Any, ...]) -> World:
    """A state of the dictionary, to be changed."""
    parts: list[Any] = [list(part) for part in key]
    return World(*parts)


_STATE = [f.name for f in fields(World)][:-4]
_parts = attrgetter(*_STATE)
OBJECTS = tuple(_STATE.index(n) for n in ("sems", "queues", "fields", "present"))
