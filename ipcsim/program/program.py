"""Program: the immutable intermediate representation that problems and scenarios compile to.

It is all that the runner and the model know of a scenario, so what verify proves is about what run
runs. Plain frozen data: `codec` turns it into JSON and back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import accumulate
from typing import Any

from ipcsim.errors import NOWHERE, Location
from ipcsim.program.expressions import Expr
from ipcsim.program.instructions import Code, Instruction, ObjectKind, ObjectRef
from ipcsim.program.objects import IpcObject, Queue, Segment, SemaphoreSet
from ipcsim.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose rights a process has: its user and group; it has no supplementary groups and no capabilities."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Family:
    """Processes that run the same code: `count` of them, or a single one (`count` None).

    `slots` names the locals by slot: slot 0 is `me`, then the declared ones, then `into:` variables,
    hidden ones (`.1`) last. `initial[i]` are the values that instance i starts with.
    """

    name: str
    count: int | None
    slots: tuple[str, ...]
    initial: tuple[tuple[Any, ...], ...]
    code: Code
    at: Location
    spawned: bool = False  # started by a `Spawn` of another process, not by the run
    identity: Identity | None = None  # None: the user who runs ipcsim

    @property
    def size(self) -> int:
        return 1 if self.count is None else self.count


@dataclass(frozen=True, slots=True)
class Process:
    """One instance of a family; `number` counts all processes of the Program from 0."""

    number: int
    family: int
    instance: int
    name: str


class PropertyKind(StrEnum):
    NEVER = "never"
    ALWAYS = "always"
    AT_END = "at_end"  # holds once every process has ended by itself
    ALWAYS_EVENTUALLY = "always_eventually"  # no process stays out of `phase` for ever


@dataclass(frozen=True, slots=True)
class Property:
    """Something that must hold: an expression over the whole system, or a phase to be reached."""

    name: str
    kind: PropertyKind
    at: Location
    condition: Expr | None = None
    phase: str | None = None
    slots: int = 1  # how many locals the condition's generators need


class Scheduler(StrEnum):
    FREE = "free"
    RANDOM = "random"
    PCT = "pct"
    REPLAY = "replay"


LONGEST_RUN = 7 * 86_400  # seconds; also of a verification: nobody waits longer, and a typing error would


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How to run; durations in seconds.

    `timeout` ends a run as inconclusive; `duration` ends it on purpose (for processes that run for
    ever): what was seen until then is judged. `starvation` is how often one and the same process may
    be served while another sleeps for it, `livelock` how many steps may pass without a progress phase
    being entered; None: not judged. `depth` is the number of priority changes of the pct scheduler.
    `trace_limit` is how many bytes of events a trace takes; the run goes on without it.
    """

    seed: int | None = None
    timeout: float = 20.0
    duration: float | None = None
    scheduler: Scheduler = Scheduler.FREE
    depth: int = 3
    starvation: int | None = 1000
    livelock: int | None = 10_000
    trace_limit: int = 10**9


class Discipline(StrEnum):
    """Who is next when several processes wait for a semaphore or a message; see `ipcsim.model`."""

    WEAK = "weak"  # anyone who can go on: what POSIX promises
    KERNEL = "kernel"  # the order of Linux


class Fairness(StrEnum):
    """Which endless executions count, where starvation and livelock are judged.

    none: all of them; weak: those in which nobody who could always go on stays where it is; strong: those
    in which nobody who could go on again and again does.
    """

    NONE = "none"
    WEAK = "weak"
    STRONG = "strong"


@dataclass(frozen=True, slots=True)
class VerifySettings:
    """How to verify, where the scenario says so; `crashes`: how many processes may die anywhere."""

    semaphores: Discipline = Discipline.WEAK
    fairness: Fairness = Fairness.STRONG
    crashes: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """A text that the Program was compiled from, kept so that a trace can show it."""

    file: str
    text: str


@dataclass(frozen=True)
class Program:
    """See the module's docstring. `expect_run` and `expect_verify` are the verdicts the author expects."""

    name: str
    title: str
    description: str
    arguments: tuple[tuple[str, int | str | bool], ...]
    sets: tuple[SemaphoreSet, ...]
    queues: tuple[Queue, ...]
    segments: tuple[Segment, ...]
    families: tuple[Family, ...]
    properties: tuple[Property, ...]
    settings: RunSettings
    expect_run: Verdict = Verdict.OK
    expect_verify: Verdict = Verdict.OK
    verify: VerifySettings = VerifySettings()
    sources: tuple[Source, ...] = field(default=())

    @cached_property
    def processes(self) -> tuple[Process, ...]:
        found: list[Process] = []
        for number, family in enumerate(self.families):
            for instance in range(family.size):
                name = family.name if family.count is None else f"{family.name}[{instance}]"
                found.append(Process(len(found), number, instance, name))
        return tuple(found)

    @cached_property
    def _first(self) -> tuple[int, ...]:
        return tuple(accumulate((f.size for f in self.families), initial=0))

    def members(self, family: int) -> range:
        """The numbers of the family's processes."""
        return range(self._first[family], self._first[family + 1])

    def code(self, process: int) -> Code:
        return self.families[self.processes[process].family].code

    def instruction(self, process: int, pc: int) -> Instruction:
        return self.code(process)[pc]

    def initial_locals(self, process: int) -> list[Any]:
        p = self.processes[process]
        return list(self.families[p.family].initial[p.instance])

    def object(self, ref: ObjectRef) -> IpcObject:
        if ref.kind is ObjectKind.SEMAPHORES:
            return self.sets[ref.number]
        return self.queues[ref.number] if ref.kind is ObjectKind.QUEUE else self.segments[ref.number]

    def objects(self) -> tuple[tuple[ObjectRef, IpcObject], ...]:
        """Every declared object, in a fixed order."""
        return (
            *((ObjectRef(ObjectKind.SEMAPHORES, i), s) for i, s in enumerate(self.sets)),
            *((ObjectRef(ObjectKind.QUEUE, i), q) for i, q in enumerate(self.queues)),
            *((ObjectRef(ObjectKind.SEGMENT, i), s) for i, s in enumerate(self.segments)),
        )

    def where(self, process: int, pc: int) -> Location:
        code = self.code(process)
        return code[pc].at if 0 <= pc < len(code) else NOWHERE
