"""Which kernel objects are this run's: no process of it may take hold of another.

A System V id is a small number that anybody can guess, and a key is no secret; the kernel asks only for
rights, which the user's own databases grant the user's scenarios as well. So every object that a worker
comes by (`open`, a `create` that finds one) is looked up here before it becomes a handle; whatever is
done later is done to a handle. Between the look-up and the use nothing can slip in: both are about the
id, which the kernel gives to another object only after tens of thousands of others.

Ours is what a process of this run has made, and, for an object declared `persist: true`, what an earlier run
of this user has made to persist: its manifest says so. `ipcsim run --shared` takes the fence away.

What the run made stands in memory that all its processes share, one word a slot of the kernel's tables. A
process that has just made an object needs a moment until it has said so; who makes one announces its
key before, and who finds an object under an announced key waits for that moment.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable, Iterable, Mapping

from ipcsim.errors import EnvironmentProblem, EvaluationError
from ipcsim.facts.limits import IPCMNI
from ipcsim.program import Program
from ipcsim.program.instructions import ObjectKind, ObjectRef
from ipcsim.runner import identity, manifest
from ipcsim.runner.objects import Created
from ipcsim.sysv import tables

WORD = 8
PATIENCE = 5.0  # seconds to wait for a process that is making an object
KINDS = tuple(ObjectKind)


class Owned:
    """The objects of one run; made before the workers are forked, so that they all share it.

    `earlier` are what earlier runs left to persist, where this run may meet them: see `earlier_objects`.
    """

    def __init__(self, processes: int, shared: bool = False) -> None:
        self._everything = shared
        self._memory = mmap.mmap(-1, (len(KINDS) * IPCMNI + processes) * WORD)
        self._words = memoryview(self._memory).cast("q")
        self._first = len(KINDS) * IPCMNI  # the word in which process 0 announces
        self._processes = processes
        self.earlier: frozenset[tuple[ObjectKind, int]] = frozenset()

    def add(self, kind: ObjectKind, object_id: int) -> None:
        """An object that this run has made."""
        self._words[_slot(kind, object_id)] = object_id + 1

    def ours(self, kind: ObjectKind, object_id: int) -> bool:
        """Whether a process of this run has booked the object, or a later one in its slot: then it is gone,
        and its id is good for EINVAL only."""
        return object_id >= 0 and bool(self._words[_slot(kind, object_id)] > object_id)

    def made(self, process: int, key: int, create: Callable[[], Created]) -> Created:
        """What `create` gives, called by `process`, and booked where it is new."""
        at = self._first + process
        self._words[at] = _announced(key)
        try:
            created = create()
            if created.new:
                self.add(created.kind, created.id)
        finally:
            self._words[at] = 0
        return created

    def check(self, name: str, kind: ObjectKind, object_id: int, key: int, persist: bool) -> None:
        """Raise EvaluationError where the object is neither this run's nor one that it is meant to meet."""
        if self._everything or object_id < 0 or self._is_ours(kind, object_id, key):
            return  # a negative id is the kernel's to refuse
        if persist and ((kind, object_id) in self.earlier or (kind, object_id) in earlier_objects()):
            return
        unmade = " and no earlier run left it to persist" if persist else ""
        raise EvaluationError(
            f"`{name}`: the {_NOUN[kind]} with id {object_id} was not made by this run{unmade}; a scenario "
            "may use objects of others only with --shared"
        )

    def _is_ours(self, kind: ObjectKind, object_id: int, key: int) -> bool:
        limit = time.monotonic() + PATIENCE
        while not self.ours(kind, object_id):
            announced = self._words[self._first : self._first + self._processes]
            if _announced(key) not in announced or time.monotonic() > limit:
                # it may have been booked between the two looks
                return self.ours(kind, object_id)
            time.sleep(0.0002)
        return True


_NOUN = {
    ObjectKind.SEMAPHORES: "semaphore set",
    ObjectKind.QUEUE: "queue",
    ObjectKind.SEGMENT: "segment",
}


def _slot(kind: ObjectKind, object_id: int) -> int:
    return KINDS.index(kind) * IPCMNI + object_id % IPCMNI


def _announced(key: int) -> int:
    """A key as a word that is never 0."""
    return (key & 0xFFFFFFFF) + 1


def begin(program: Program, created: Mapping[ObjectRef, Created], shared: bool) -> Owned:
    """With what the launcher has just created, or found because it is to persist. EvaluationError where that
    is not this run's to use."""
    owned = Owned(len(program.processes), shared)
    if any(declared.persist for _, declared in program.objects()):
        owned.earlier = earlier_objects()  # a worker of another user may not read the manifests
    for ref, made in created.items():
        if made.new:
            owned.add(made.kind, made.id)
        else:
            owned.check(made.name, made.kind, made.id, made.key, program.object(ref).persist)
    return owned


def earlier_objects() -> frozenset[tuple[ObjectKind, int]]:
    """What earlier runs of this user have left to persist, as far as it is still the same object."""
    try:
        noted = [m for m in manifest.all_manifests() if m.here]
    except EnvironmentProblem:
        return frozenset()
    return frozenset((c.kind, c.id) for m in noted for c in _left(m))


def _left(noted: manifest.Manifest) -> Iterable[Created]:
    now = tables.read()
    for created, born in zip(noted.objects, noted.births, strict=True):
        row = identity.row_of(now, created)
        meant = created.persist and created.new and row is not None
        if meant and row is not None and not identity.stranger(created, born, row, noted.touched):
            yield created
