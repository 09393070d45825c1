"""Every object of an IPC namespace, with what ipcsim knows of it: run, scenario object, sleepers.

`look` is what `ipcsim ipcs` shows. The kernel's tables say what there is, the manifests of this user's
runs whose it is, /proc who sleeps there. The namespace of an isolated run is entered by a forked helper,
which sends what it reads there; this process stays where it is.
"""

from __future__ import annotations

import errno
import os
import pickle
from dataclasses import dataclass
from typing import Generic, NoReturn, TypeVar

from ipcsim.errors import EnvironmentProblem, UsageError
from ipcsim.program.instructions import ObjectKind
from ipcsim.runner import identity, manifest, sleepers
from ipcsim.runner.clean import kernel_tables
from ipcsim.runner.manifest import Manifest
from ipcsim.runner.sleepers import Operations, Sleeper
from ipcsim.sysv import libc, namespaces, semaphores
from ipcsim.sysv.tables import QueueRow, Row, SegmentRow, SetRow, Tables

MOST_SEMAPHORES = 20_000  # whose counts are asked for: two calls each

R = TypeVar("R", bound=Row)
S = TypeVar("S", bound=Row, covariant=True)


@dataclass(frozen=True, slots=True)
class Run:
    """A run of this user, as its manifest has it; `pid` is its supervisor."""

    scenario: str
    pid: int
    alive: bool
    isolated: bool
    namespace: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A sleeper. `process` is its name in the scenario, where it belongs to the run; `on` names the
    semaphores of its operations, `blocked` is the operation that cannot be done (its place in `on`)."""

    sleeper: Sleeper
    process: str | None
    on: tuple[str, ...] = ()
    blocked: int | None = None


@dataclass(frozen=True, slots=True)
class Semaphores:
    """What may be asked of a set with the right to read it: values, and how many sleep on it."""

    values: tuple[int, ...]
    sleeping: int


@dataclass(frozen=True, slots=True)
class Item(Generic[S]):
    """An object. `name` is that of the scenario; `unseen` processes sleep on it that /proc does not show."""

    row: S
    run: Run | None
    name: str | None
    waiting: tuple[Waiting, ...]
    values: tuple[int, ...] | None = None
    unseen: int = 0


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything in one namespace; `of` is the run that was asked for, `elsewhere` are runs of this user
    that live in other namespaces."""

    namespace: str
    of: Run | None
    queues: tuple[Item[QueueRow], ...]
    segments: tuple[Item[SegmentRow], ...]
    sets: tuple[Item[SetRow], ...]
    elsewhere: tuple[Run, ...] = ()


@dataclass(frozen=True, slots=True)
class Contents:
    """What can only be read inside a namespace."""

    namespace: str
    unique: int | None
    tables: Tables
    semaphores: dict[int, Semaphores]


def look(which: str | None = None) -> Inventory:
    """The namespace of this process, or that of the run which `which` names (a pid, or a scenario)."""
    manifests = manifest.all_manifests()
    if which is None:
        return _joined(inside(), manifests, None)
    chosen = _chosen(manifests, which)
    contents = inside() if chosen.here else _visit(chosen)
    return _joined(contents, manifests, chosen)


def inside() -> Contents:
    """What there is in the namespace of this process."""
    found = kernel_tables()
    asked, counts = 0, {}
    for row in found.sets:
        asked += row.nsems
        if asked > MOST_SEMAPHORES:
            break
        if (known := _semaphores(row)) is not None:
            counts[row.id] = known
    return Contents(manifest.namespace(), namespaces.unique(), found, counts)


def _semaphores(row: SetRow) -> Semaphores | None:
    try:
        values = semaphores.get_all(row.id, row.nsems)
        sleeping = sum(
            semaphores.get(row.id, n, what) for n in range(row.nsems) for what in (libc.GETNCNT, libc.GETZCNT)
        )
    except OSError:  # no right to read it, or removed meanwhile
        return None
    return Semaphores(values, sleeping)


# --- another namespace ---


def _chosen(manifests: list[Manifest], which: str) -> Manifest:
    if which.isdecimal():
        fitting = [m for m in manifests if str(m.pid) == which.lstrip("0")]
    else:
        fitting = [m for m in manifests if m.scenario == which]
    living = [m for m in fitting if m.alive]
    if len({(m.pid, m.owner["namespace"]) for m in living}) > 1:
        pids = ", ".join(str(m.pid) for m in living)
        raise UsageError(f"several runs of {which!r} go on; name one by its pid: {pids}")
    if living:
        return living[0]
    dead = [m for m in fitting if m.here and not m.isolated]
    if dead:  # what it left is here
        return dead[-1]
    if fitting:
        raise UsageError(
            f"the run {which!r} is over; its IPC namespace is gone with everything in it, or out of reach"
        )
    known = ", ".join(f"{m.pid} ({m.scenario})" for m in manifests if m.alive) or "none goes on"
    raise UsageError(f"there is no run {which!r} of this user; runs: {known}")


def _visit(run: Manifest) -> Contents:
    """`inside`, as a forked helper sees it from within the namespace of a run."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        _report(run, theirs)
    os.close(theirs)
    with open(ours, "rb") as pipe:
        raw = pipe.read()
    os.waitpid(child, 0)
    answer = pickle.loads(raw) if raw else "the helper ended"  # from our own fork, on our own pipe
    if isinstance(answer, Contents):
        return answer
    raise EnvironmentProblem(
        f"cannot enter the IPC namespace of run {run.pid} ({run.scenario}): {answer}. "
        "That takes root, or a run of the same user that made its own user namespace (`ipcsim run --isolate` "
        "without root)."
    )


def _report(run: Manifest, pipe: int) -> NoReturn:
    answer: Contents | str
    try:
        namespaces.enter(run.pid)
        answer = inside()
        if not run.inside(answer.namespace, answer.unique):
            answer = "the process is in another one now"
    except OSError as error:
        code = errno.errorcode.get(error.errno or 0, "unknown error")
        answer = f"{error.strerror} ({code})"
    except BaseException as error:
        answer = str(error) or type(error).__name__
    try:
        with open(pipe, "wb") as file:
            pickle.dump(answer, file)
    finally:
        os._exit(0)


# --- joining ---


def _joined(contents: Contents, manifests: list[Manifest], chosen: Manifest | None) -> Inventory:
    joiner = _Joiner(contents, manifests)
    found = contents.tables
    return Inventory(
        contents.namespace,
        None if chosen is None else _run(chosen),
        tuple(joiner.item(row, ObjectKind.QUEUE) for row in found.queues),
        tuple(joiner.item(row, ObjectKind.SEGMENT) for row in found.segments),
        tuple(joiner.item(row, ObjectKind.SEMAPHORES) for row in found.sets),
        tuple(_run(m) for m in manifests if m not in joiner.here and m.alive),
    )


def _run(found: Manifest) -> Run:
    return Run(found.scenario, found.pid, found.alive, found.isolated, str(found.owner["namespace"]))


class _Joiner:
    """Brings together what is known of each object."""

    def __init__(self, contents: Contents, manifests: list[Manifest]) -> None:
        self._contents = contents
        self.here = [m for m in manifests if m.inside(contents.namespace, contents.unique)]
        self._runs = {m.path: _run(m) for m in self.here}
        self._owners = {
            (created.kind, created.id): (m, created, born)
            for m in self.here
            for created, born in zip(m.objects, m.births, strict=True)
        }
        self._living: dict[int, list[Manifest]] = {}  # by supervisor: a program may run several at a time
        for m in self.here:
            if m.alive:
                self._living.setdefault(m.pid, []).append(m)
        self._sleepers: dict[tuple[ObjectKind, int], list[Sleeper]] = {}
        for sleeper in sleepers.find(contents.namespace):
            self._sleepers.setdefault((sleeper.kind, sleeper.id), []).append(sleeper)

    def item(self, row: R, kind: ObjectKind) -> Item[R]:
        owner: Manifest | None = None
        name: str | None = None
        if (known := self._owners.get((kind, row.id))) is not None:
            found, created, born = known
            if not identity.stranger(created, born, row, _touched(found)):
                owner, name = found, created.name
        asleep = self._sleepers.get((kind, row.id), [])
        counted = self._contents.semaphores.get(row.id) if kind is ObjectKind.SEMAPHORES else None
        values = counted.values if counted else None
        waiting = tuple(self._waiting(s, owner, name, values) for s in asleep)
        unseen = max(0, counted.sleeping - len(asleep)) if counted else 0
        return Item(row, self._runs[owner.path] if owner else None, name, waiting, values, unseen)

    def _waiting(
        self, sleeper: Sleeper, owner: Manifest | None, name: str | None, values: tuple[int, ...] | None
    ) -> Waiting:
        runs = [m for p in sleepers.ancestors(sleeper.pid) for m in self._living.get(p, ())]
        process = next((m.workers[sleeper.pid] for m in runs if sleeper.pid in m.workers), None)
        if not isinstance(sleeper.call, Operations):
            return Waiting(sleeper, process)
        on = tuple(_label(owner, name, number) for number, _ in sleeper.call.operations)
        blocked = sleepers.waits_for(sleeper.call, values)
        place = sleeper.call.operations.index(blocked) if blocked is not None else None
        return Waiting(sleeper, process, on, place)


def _touched(found: Manifest) -> float:
    """A run that goes on may change its objects at any time."""
    return float("inf") if found.alive else found.touched


def _label(owner: Manifest | None, name: str | None, number: int) -> str:
    known = owner.member(name, number) if owner is not None and name is not None else None
    return known if known is not None else f"#{number}"
