"""An object is never lost, whenever its maker is killed; and nobody else's is taken for it."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from ipcsim.program.instructions import ObjectKind, ObjectRef, Signal
from ipcsim.program.objects import IpcObject
from ipcsim.runner import control, creating, intents, liveness, manifest, objects
from ipcsim.runner.clean import clean
from ipcsim.runner.handles import Handles
from ipcsim.runner.owned import Owned
from ipcsim.runner.rings import BEGUN, BORN, PID, WORDS, Rings
from ipcsim.runner.worker import Options, Worker
from tests.conftest import sysv_objects
from tests.runner.helpers import Supervisor, program, run_text, wait_until
from tests.runner.test_clean import change

DECLARED = {
    "private": """scenario: dead
semaphores: {set: {a: 0, b: 0}}
queues: {mail: {message: {n: int}}}
segments: {memory: {count: long}}
processes: {p: {steps: [exit: 0]}}
""",
    "keyed": """scenario: dead
semaphores: {set: {a: 0, b: 0, key: 0x5eed}}
queues: {mail: {message: {n: int}, key: 0x5eed}}
segments: {memory: {count: long, key: 0x5eed}}
processes: {p: {steps: [exit: 0]}}
""",
}
KINDS = list(ObjectKind)


def declared(kind: ObjectKind, key: str) -> IpcObject:
    return program(DECLARED[key]).object(ObjectRef(kind, 0))


@pytest.fixture
def foreign() -> Iterator[Callable[[IpcObject], int]]:
    """Makes objects as another program would; they must stay, and go with the test."""
    made: list[tuple[ObjectKind, int]] = []

    def make(like: IpcObject) -> int:
        created = objects.create(like, like.mode)
        made.append((created.kind, created.id))
        return created.id

    yield make
    for kind, number in made:
        assert objects.exists(kind, number), "somebody else's object was removed"
        objects.remove(kind, number)


def killed(path: Path, like: IpcObject, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process makes an object and is killed as it calls the function that `where` names."""
    child = os.fork()
    if child == 0:
        try:
            module, name = where.split(".")
            target = {"manifest": manifest, "objects": objects}[module]
            monkeypatch.setattr(target, name, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
            notes = os.open(path, os.O_WRONLY | os.O_APPEND)
            creating.Maker(notes, 0, os.getppid()).create(like, like.mode)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    change(path, started=1)  # the supervisor is gone as well


def new_run() -> Path:
    return manifest.begin(program(DECLARED["private"]))


@pytest.mark.parametrize("key", ["private", "keyed"])
@pytest.mark.parametrize("kind", KINDS)
def test_killed_between_the_get_call_and_the_note(
    kind: ObjectKind, key: str, monkeypatch: pytest.MonkeyPatch, foreign: Callable[[IpcObject], int]
) -> None:
    """What looks the same, made just before and just after, is not taken for it."""
    like, path, before = declared(kind, key), new_run(), sysv_objects()
    if key == "private":
        foreign(like)
    here = sysv_objects()
    killed(path, like, "manifest.append", monkeypatch)
    assert sysv_objects() != here, "the object was not made: this tests nothing"
    if key == "private":
        foreign(like)
    assert [(c.object.name, c.action) for c in clean(dry_run=True)] == [(like.name, "would be removed")]
    assert [(c.object.name, c.action) for c in clean()] == [(like.name, "removed")]
    assert not path.exists()
    if key == "keyed":
        assert sysv_objects() == before


@pytest.mark.parametrize("kind", KINDS)
def test_killed_before_the_get_call(
    kind: ObjectKind, monkeypatch: pytest.MonkeyPatch, foreign: Callable[[IpcObject], int]
) -> None:
    like, path = declared(kind, "private"), new_run()
    foreign(like)
    killed(path, like, "objects.create", monkeypatch)
    foreign(like)
    assert clean() == []
    assert not path.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_killed_where_the_key_was_taken(
    kind: ObjectKind, monkeypatch: pytest.MonkeyPatch, foreign: Callable[[IpcObject], int]
) -> None:
    like, path = declared(kind, "keyed"), new_run()
    foreign(like)
    killed(path, like, "manifest.note_nothing", monkeypatch)
    assert clean() == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_living_run_is_making_is_not_taken_for_a_dead_one_s(
    kind: ObjectKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    like, dead = declared(kind, "private"), new_run()
    killed(dead, like, "objects.create", monkeypatch)
    living = new_run()
    killed(living, like, "manifest.append", monkeypatch)
    change(living, started=liveness.start_time("self"))
    assert clean() == []
    change(living, started=1)
    assert [c.action for c in clean()] == ["removed"]


def test_the_run_is_not_over_while_its_maker_lives() -> None:
    like, path = declared(ObjectKind.QUEUE, "private"), new_run()
    notes = os.open(path, os.O_WRONLY | os.O_APPEND)
    manifest.note_intent(notes, 0, intents.intend(like, like.mode, None))
    os.close(notes)
    change(path, started=1)
    assert clean() == []
    assert path.exists()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", [0, 0o600, 0o400, 0o777])
def test_a_private_object_gets_its_own_rights(kind: ObjectKind, mode: int) -> None:
    path = new_run()
    notes = os.open(path, os.O_WRONLY | os.O_APPEND)
    made = creating.Maker(notes, 0, os.getppid()).create(declared(kind, "private"), mode)
    assert objects.STAT[kind](made.id)["mode"] & 0o777 == mode
    assert manifest.read(path).open == {}
    os.close(notes)
    objects.remove(kind, made.id)
    manifest.finish(path)


# --- whole runs ---

LOOPS = """
scenario: loops
semaphores: {set: {a: 0}}
queues: {mail: {message: {n: int}, bytes: 100}}
segments: {memory: {count: long}, other: {count: long, key: 0x5eed}}
processes:
  first: {steps: [forever: [create: set, remove: set]]}
  second: {steps: [forever: [create: mail, remove: mail]]}
  third: {steps: [forever: [create: memory, remove: memory]]}
  fourth: {steps: [forever: [create: other, remove: other]]}
KILLER
run: {timeout: TIME, starvation: off, livelock: off}
"""


def loops(time: str, killer: str = "") -> str:
    return LOOPS.replace("TIME", time).replace("KILLER", killer)


def test_a_run_that_is_stopped_while_it_creates_leaves_nothing() -> None:
    before = sysv_objects()
    for _ in range(8):
        run_text(loops("100ms"))
        assert sysv_objects() == before
        assert manifest.all_manifests() == []


def test_a_process_that_the_scenario_kills_while_it_creates() -> None:
    scenario = loops("1s", "  killer: {steps: [pause: 50ms, signal: {to: third, name: SIGKILL}]}")
    before = sysv_objects()
    for _ in range(3):
        outcome = run_text(scenario)
        told = [f.message for f in outcome.findings] + outcome.extra["remarks"]
        assert any("third was killed by SIGKILL" in text for text in told)
        assert sysv_objects() == before


def test_workers_that_somebody_kills_while_they_create(tmp_path: Path) -> None:
    before, moments = sysv_objects(), random.Random(11)
    for _ in range(4):
        supervisor = Supervisor(loops("1s"), tmp_path)
        workers = supervisor.wait_for_processes(5)[1:]
        time.sleep(moments.uniform(0.1, 0.3))
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        supervisor.finish()
        assert sysv_objects() == before


def test_the_whole_tree_killed_at_once_while_it_creates(tmp_path: Path) -> None:
    before, moments, left = sysv_objects(), random.Random(12), 0
    for tried in range(40):
        if left and tried >= 8:
            break
        supervisor = Supervisor(loops("20s"), tmp_path)
        everybody = [*supervisor.wait_for_processes(5), supervisor.popen.pid]
        time.sleep(moments.uniform(0.1, 0.3))
        for pid in moments.sample(everybody, len(everybody)):
            os.kill(pid, signal.SIGKILL)
        supervisor.finish()
        wait_until(lambda supervisor=supervisor: not supervisor.processes())
        left += sysv_objects() != before
        clean()
        assert sysv_objects() == before
        assert manifest.all_manifests() == []
    assert left, "every kill came at a moment without objects"


def test_who_is_inside_is_waited_for_and_nobody_gets_in() -> None:
    """The lock by which a kill waits for a create, between two real processes."""
    rings = Rings(2)
    locks = rings.fd
    entered, leave = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        with creating.inside(locks, 1):
            os.write(entered[1], b"x")
            os.read(leave[0], 1)
        os.read(leave[0], 1)
        with creating.inside(locks, 1):
            os._exit(0)
    os.read(entered[0], 1)
    with creating.kept_out(locks, [0, 1], 0.05) as alone:
        assert not alone
    with creating.kept_out(locks, [0], 0.05) as alone:
        assert alone
    os.write(leave[1], b"x")
    with creating.kept_out(locks, [0, 1], 5) as alone:
        assert alone
        os.write(leave[1], b"y")
        time.sleep(0.05)
        assert os.waitpid(child, os.WNOHANG) == (0, 0)
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL


# --- who is stopped while it creates ---


def test_who_is_stopped_while_it_creates_ends_with_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """In that moment its parent's death does not kill it; it goes on, notes what it made, and ends."""
    like, path, before = declared(ObjectKind.SEGMENT, "private"), new_run(), sysv_objects()
    create = objects.create

    def stopped(*arguments: Any) -> objects.Created:
        os.kill(os.getpid(), signal.SIGSTOP)
        return create(*arguments)

    monkeypatch.setattr(objects, "create", stopped)
    parent = os.fork()
    if parent == 0:
        try:
            if (maker := os.fork()) == 0:
                notes = os.open(path, os.O_WRONLY | os.O_APPEND)
                creating.Maker(notes, 0, os.getppid()).create(like, like.mode)
                os._exit(1)
            os.waitpid(maker, os.WUNTRACED)
        finally:
            os._exit(0)
    os.waitpid(parent, 0)
    (intent, *others) = intents_in(path)
    assert not others
    wait_until(lambda: liveness.start_time(intent) is None, 5)
    change(path, started=1)
    assert [c.action for c in clean()] == ["removed"]
    assert sysv_objects() == before


def intents_in(path: Path) -> list[int]:
    """The pids of those who have ever noted an intent."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [line["about"]["pid"] for line in lines if line.get("about")]


STOPPER = """
scenario: stopper
segments: {memory: {count: long}}
processes:
  boss: {steps: [signal: {to: maker, name: SIGSTOP}]}
  maker: {steps: [forever: [create: memory, remove: memory]]}
"""


@pytest.mark.parametrize("moment", ["creating", "beginning"])
def test_nobody_is_stopped_where_it_would_outlive_the_run(moment: str) -> None:
    """SIGSTOP waits until its process does not create, and until it ends with its launcher."""
    made, rings, said = program(STOPPER), Rings(2), os.pipe()
    step = made.families[0].code[0]
    assert isinstance(step, Signal)
    child = os.fork()
    if child == 0:
        try:
            with creating.inside(rings.fd, 1) if moment == "creating" else nullcontext():
                os.write(said[1], b"in")
                time.sleep(0.2)
                os.write(said[1], b"out")
                rings.control[WORDS + BORN] = BEGUN
            time.sleep(60)
        finally:
            os._exit(0)
    try:
        assert os.read(said[0], 2) == b"in"
        rings.control[WORDS + PID] = child
        rings.control[WORDS + BORN] = BEGUN if moment == "creating" else 1
        options = Options(1, False, manifest=-1, launcher=os.getpid())
        control.plain(Worker(made, 0, Handles(made, {}, Owned(2)), rings, options), 0, step)()
        assert os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1])
        os.set_blocking(said[0], False)
        assert os.read(said[0], 3) == b"out"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
