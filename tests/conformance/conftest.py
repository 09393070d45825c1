"""Children and objects that are gone after each test."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ipcsim.sysv import keys, libc, queues, segments, semaphores
from tests.conformance.child import Child, MakeQueue, MakeSegment, MakeSet, NewChild
from tests.conformance.meetings import Meetings


@pytest.fixture
def new_child(make_set: MakeSet, make_queue: MakeQueue, make_segment: MakeSegment) -> Iterator[NewChild]:
    """Makes children; they end before the objects that they use."""
    made: list[Child] = []

    def new() -> Child:
        made.append(Child())
        return made[-1]

    yield new
    for child in made:
        child.kill()


@pytest.fixture
def meetings(new_child: NewChild) -> Iterator[Meetings]:
    """Lets two things meet at one sleeper, in all the ways that can be varied from here."""
    made = Meetings(new_child)
    yield made
    made.end()


def _removed(ids: list[int], remove: Callable[[int], None]) -> None:
    for made in ids:
        with contextlib.suppress(OSError):  # the test has removed it
            remove(made)


@pytest.fixture
def make_set() -> Iterator[MakeSet]:
    """Makes sets of the given values; untouched ones where all are 0."""
    ids: list[int] = []

    def make(*values: int, mode: int = 0o600, key: int = keys.IPC_PRIVATE) -> int:
        made = semaphores.create(key, len(values), 0o600 | libc.IPC_CREAT)
        ids.append(made)
        if any(values):
            semaphores.set_all(made, values)
        if mode != 0o600:
            semaphores.set_mode(made, mode)
        return made

    yield make
    _removed(ids, semaphores.remove)


@pytest.fixture
def make_queue() -> Iterator[MakeQueue]:
    """Makes queues; with a capacity of their own where one is given."""
    ids: list[int] = []

    def make(qbytes: int | None = None, mode: int = 0o600, key: int = keys.IPC_PRIVATE) -> int:
        made = queues.create(key, 0o600 | libc.IPC_CREAT)
        ids.append(made)
        if qbytes is not None or mode != 0o600:
            queues.set_parameters(made, mode, qbytes)
        return made

    yield make
    _removed(ids, queues.remove)


@pytest.fixture
def make_segment() -> Iterator[MakeSegment]:
    ids: list[int] = []

    def make(size: int, mode: int = 0o600, key: int = keys.IPC_PRIVATE) -> int:
        made = segments.create(key, size, mode | libc.IPC_CREAT)
        ids.append(made)
        return made

    yield make
    _removed(ids, segments.remove)


@pytest.fixture
def key(tmp_path: Path) -> int:
    """A key that nobody else uses."""
    return keys.ftok(str(tmp_path), 1)
