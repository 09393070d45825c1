"""Making objects so that none is lost: noted before, noted after, and not killed in between.

Who makes one holds a lock of its own meanwhile: a byte of the rings' memfd, by fcntl(2), which the
kernel gives up with its process. Who is about to kill takes that lock first, for a bounded time: then the
victim is not inside, and does not get inside any more. Against a SIGKILL from elsewhere no lock helps; then
`intents` finds what was made.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ipcsim.program import Program
from ipcsim.program.instructions import Lifecycle, ObjectCall
from ipcsim.program.objects import IpcObject
from ipcsim.runner import intents, manifest, objects
from ipcsim.runner.objects import Created
from ipcsim.sysv import process as sysv_process

LAUNCHER = -1  # the number under which the launcher notes what it makes
PATIENCE = 2.0  # seconds in which a process that makes an object should be through
_POLL = 0.0002  # seconds between attempts to get a lock


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes objects: the process `by` whose parent is `parent`; `notes` is the manifest, a descriptor
    open for appending."""

    notes: int
    by: int
    parent: int

    def create(
        self, declared: IpcObject, mode: int, size: int | None = None, exclusive: bool = True
    ) -> Created:
        """`objects.create`, noted. From the intent to the result the death of the parent can wait: whoever
        cleans up meanwhile finds an intent and sees that its maker lives."""
        intent = intents.intend(declared, mode, size)
        manifest.note_intent(self.notes, self.by, intent)
        sysv_process.outlive_parent()
        try:
            return self._create(intent, declared, mode, size, exclusive)
        finally:
            sysv_process.die_with_parent(self.parent)

    def _create(
        self, intent: intents.Intent, declared: IpcObject, mode: int, size: int | None, exclusive: bool
    ) -> Created:
        created = None
        try:
            created = objects.create(declared, intent.mode, size, exclusive)
            if created.new:
                manifest.append(self.notes, created, self.by)
        finally:
            if created is None or not created.new:
                manifest.note_nothing(self.notes, self.by)
        if created.new and intent.mode != mode & 0o777:
            _settle(created, mode & 0o777)
        return created


def _settle(created: Created, mode: int) -> None:
    """Give an object that was made with a mark (see `intents`) the rights that it is to have."""
    try:
        objects.change(created.kind, created.id, mode, None)
    except OSError:
        if objects.remove(created.kind, created.id):
            raise
        # else somebody has removed it already, which may happen to any object that is made


def creators(program: Program) -> list[int]:
    """The numbers of the processes that may make objects."""
    making = {
        number
        for number, family in enumerate(program.families)
        if any(isinstance(i, ObjectCall) and i.action is Lifecycle.CREATE for i in family.code)
    }
    return [p.number for p in program.processes if p.family in making]


@contextmanager
def inside(locks: int, process: int) -> Iterator[None]:
    """While `process` (this one) makes an object; waits as long as it is kept out."""
    fcntl.lockf(locks, fcntl.LOCK_EX, 1, process)
    try:
        yield
    finally:
        fcntl.lockf(locks, fcntl.LOCK_UN, 1, process)


@contextmanager
def kept_out(
    locks: int,
    processes: Iterable[int],
    seconds: float,
    stuck: Callable[[int], None] = lambda process: None,
) -> Iterator[bool]:
    """Keep processes from making anything; whether all of them are out within `seconds`.

    `stuck(process)` is called, again and again, as long as one is inside.
    """
    until, held = time.monotonic() + seconds, []
    try:
        for process in processes:
            while not _try(locks, process):
                if time.monotonic() >= until:
                    yield False
                    return
                stuck(process)
                time.sleep(_POLL)
            held.append(process)
        yield True
    finally:
        for process in held:
            fcntl.lockf(locks, fcntl.LOCK_UN, 1, process)


def _try(locks: int, process: int) -> bool:
    try:
        fcntl.lockf(locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, process)
    except (BlockingIOError, PermissionError):
        return False
    return True
