"""The manifest of a run stays small, and loses nothing by it."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ipcsim.program.instructions import ObjectKind
from ipcsim.runner import compaction, creating, intents, liveness, manifest, objects
from ipcsim.runner.clean import clean
from ipcsim.runner.compaction import Compactor, compact
from ipcsim.runner.objects import Created
from ipcsim.runner.rings import Rings
from tests.runner.helpers import program, run_text
from tests.runner.test_clean import MAKE, change

PROGRAM = program("scenario: s\nqueues: {mail: {message: {n: int}}}\nprocesses: {p: {steps: [exit: 0]}}\n")


@pytest.fixture
def path() -> Iterator[Path]:
    """The manifest of a run that has made and removed 200 objects, and still has one of each kind."""
    made = manifest.begin(PROGRAM)
    manifest.note_workers(made, {os.getpid(): "p"})
    for kind in ObjectKind:
        for n in range(200):
            created = Created(kind, f"thing{n}", MAKE[kind](0), 0)
            manifest.append(made, created, 0)
            if n != 100:
                objects.remove(kind, created.id)
    yield made
    change(made, started=1)
    liveness.release(made)
    assert len([c for c in clean() if c.action == "removed"]) >= len(ObjectKind)
    assert manifest.all_manifests() == []


def kept(path: Path) -> list[str]:
    return [o.name for o in manifest.read(path).objects]


def test_only_what_is_there_is_kept(path: Path) -> None:
    before, size = manifest.read(path), path.stat().st_size
    notes = os.open(path, os.O_WRONLY | os.O_APPEND)
    manifest.note_intent(notes, 7, intents.intend(PROGRAM.queues[0], 0o600, None))
    waiting = manifest.read(path).open
    assert compact(path) == path.stat().st_size < size / 50
    after = manifest.read(path)
    assert (after.owner, after.workers, after.open) == (before.owner, before.workers, waiting)
    assert kept(path) == ["thing100"] * 3
    assert all(b is not None and b in before.births for b in after.births)
    assert not manifest.beside(path).exists()
    manifest.note_nothing(notes, 7)
    queue = Created(ObjectKind.QUEUE, "later", MAKE[ObjectKind.QUEUE](0), 0)
    manifest.append(notes, queue, 7)  # by the descriptor of before
    os.close(notes)
    assert kept(path) == ["thing100"] * 3 + ["later"]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_interrupted_at_any_byte(path: Path, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fixture asserts that `clean` finds everything."""

    def part(path: Path, text: bytes) -> None:
        with path.open("r+b") as file:
            file.write(text[: int(share * len(text))])
        raise KeyboardInterrupt

    monkeypatch.setattr(compaction, "_overwrite", part)
    with pytest.raises(KeyboardInterrupt):
        compact(path)
    assert manifest.beside(path).exists()
    change(manifest.beside(path), started=1)


def test_what_an_earlier_one_has_left_is_not_touched(path: Path) -> None:
    text = path.read_bytes()
    manifest.beside(path).write_bytes(text)
    with pytest.raises(FileExistsError):
        compact(path)
    assert path.read_bytes() == manifest.beside(path).read_bytes() == text
    manifest.beside(path).unlink()


def test_no_room_leaves_all_as_it_is(path: Path) -> None:
    text = path.read_bytes()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            compact(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == text
    assert not manifest.beside(path).exists()


def test_not_while_somebody_makes_an_object(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "LARGE", 1)
    size, locks = path.stat().st_size, Rings(2).fd
    (entered, enter), (leave, leaving) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        with creating.inside(locks, 1):
            os.write(enter, b"x")
            os.read(leave, 1)
        os._exit(0)
    os.read(entered, 1)
    compactor = Compactor(path, locks, [0, 1])
    compactor.look()
    assert path.stat().st_size == size
    os.write(leaving, b"x")
    os.waitpid(child, 0)
    compactor.look()
    assert path.stat().st_size < size / 50


def test_a_run_that_creates_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its manifest is seen to shrink; and nothing is left, which every test asserts."""
    sizes: list[int] = []
    real: Callable[[Path], int] = compact

    def watched(path: Path) -> int:
        sizes.append(path.stat().st_size)
        sizes.append(real(path))
        return sizes[-1]

    monkeypatch.setattr(compaction, "LARGE", 2**12)
    monkeypatch.setattr(compaction, "compact", watched)
    run_text("""
scenario: long
segments: {extra: {count: long}, other: {count: long}}
processes:
  owner: {steps: [create: other, forever: [create: extra, remove: extra]]}
  second: {steps: [forever: [create: extra, remove: extra]]}
run: {timeout: 3s, starvation: off, livelock: off}
""")
    assert len(sizes) >= 2
    assert all(large > 2**12 > small for large, small in zip(sizes[::2], sizes[1::2], strict=True))
