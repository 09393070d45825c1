"""`clean` removes exactly what dead runs left, also where ids, keys and namespaces were used again."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ipcsim.program.instructions import ObjectKind
from ipcsim.runner import manifest, objects
from ipcsim.runner.clean import clean
from ipcsim.runner.objects import Created
from ipcsim.sysv import libc, namespaces, queues, segments, semaphores
from tests.runner.helpers import program, run_text

PROGRAM = program("scenario: dead\nprocesses: {p: {steps: [exit: 0]}}\n")
MAKE: dict[ObjectKind, Callable[[int], int]] = {
    ObjectKind.SEMAPHORES: lambda key: semaphores.create(key, 2, libc.IPC_CREAT | 0o600),
    ObjectKind.QUEUE: lambda key: queues.create(key, libc.IPC_CREAT | 0o600),
    ObjectKind.SEGMENT: lambda key: segments.create(key, 100, libc.IPC_CREAT | 0o600),
}
NEXT_ID = {ObjectKind.SEMAPHORES: "sem", ObjectKind.QUEUE: "msg", ObjectKind.SEGMENT: "shm"}


@pytest.fixture
def made() -> Iterator[list[tuple[ObjectKind, int]]]:
    """Objects to be removed after the test."""
    found: list[tuple[ObjectKind, int]] = []
    yield found
    for kind, number in found:
        objects.remove(kind, number)


def dead_run(*created: Created, isolated: bool = False, **owner: Any) -> Path:
    """The manifest of a run with these objects whose supervisor is gone."""
    path = manifest.begin(PROGRAM, isolated)
    for one in created:
        manifest.append(path, one)
    change(path, started=1, **owner)
    return path


def change(path: Path, line: int = 0, **values: Any) -> None:
    """Give fields of a line other values; the time of the last sign of life stays."""
    before = path.stat()
    lines = path.read_text().split("\n")
    lines[line] = json.dumps(json.loads(lines[line]) | values)
    path.write_text("\n".join(lines))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("kind", list(ObjectKind))
def test_what_a_dead_run_left_is_removed(kind: ObjectKind) -> None:
    created = Created(kind, "thing", MAKE[kind](0), 0)
    path = dead_run(created)
    assert [c.action for c in clean(dry_run=True)] == ["would be removed"]
    assert objects.exists(kind, created.id)
    assert [c.action for c in clean()] == ["removed"]
    assert not objects.exists(kind, created.id)
    assert not path.exists()


@pytest.mark.parametrize("kind", list(ObjectKind))
def test_an_object_without_the_right_to_read_is_removed_too(kind: ObjectKind) -> None:
    made = {
        ObjectKind.SEMAPHORES: lambda: semaphores.create(0, 2, 0),
        ObjectKind.QUEUE: lambda: queues.create(0, 0),
        ObjectKind.SEGMENT: lambda: segments.create(0, 100, 0),
    }[kind]()
    dead_run(Created(kind, "thing", made, 0))
    assert [c.action for c in clean()] == ["removed"]


@pytest.mark.parametrize("kind", list(ObjectKind))
@pytest.mark.parametrize("key", [0, 0x5EED])
def test_an_id_that_was_really_used_again(
    kind: ObjectKind, key: int, private_namespace: bool, made: list[tuple[ObjectKind, int]]
) -> None:
    """The kernel gives the same id and key again (as CRIU has it do); the new object stays."""
    switch = Path(f"/proc/sys/kernel/{NEXT_ID[kind]}_next_id")
    if not private_namespace or not switch.exists():
        pytest.skip("needs a private IPC namespace and CONFIG_CHECKPOINT_RESTORE")
    old = MAKE[kind](key)
    path = dead_run(Created(kind, "thing", old, key))
    objects.remove(kind, old)
    earlier = time.time() - 60
    os.utime(path, (earlier, earlier))
    change(path, 1, birth={"ctime": int(earlier), "cuid": os.geteuid(), "cgid": os.getegid()})
    switch.write_text(str(old))
    again = MAKE[kind](key)
    made.append((kind, again))
    assert again == old
    (result,) = clean()
    assert (result.action, result.reason) == (
        "kept",
        "the id now belongs to an object that is younger than the run",
    )
    assert objects.exists(kind, again)
    assert not path.exists()


@pytest.mark.parametrize(
    ("kind", "birth", "reason"),
    [
        (ObjectKind.QUEUE, {"cuid": 12345}, "another creator"),
        (ObjectKind.QUEUE, {"cgid": 12345}, "another creator"),
        (ObjectKind.SEGMENT, {"size": 101}, "another size"),
        (ObjectKind.SEMAPHORES, {"size": 3}, "another size"),
        (ObjectKind.SEGMENT, {"cpid": 1}, "another process made"),
        (ObjectKind.SEMAPHORES, {"ctime": 2**40}, "older than the run's"),
    ],
)
def test_what_never_changes_must_agree(
    kind: ObjectKind, birth: dict[str, int], reason: str, made: list[tuple[ObjectKind, int]]
) -> None:
    created = Created(kind, "thing", MAKE[kind](0), 0)
    made.append((kind, created.id))
    path = dead_run(created)
    noted = json.loads(path.read_text().split("\n")[1])["birth"]
    change(path, 1, birth=noted | birth)
    (result,) = clean()
    assert result.action == "kept"
    assert reason in result.reason
    assert objects.exists(kind, created.id)


def test_another_key_is_another_object(made: list[tuple[ObjectKind, int]]) -> None:
    number = MAKE[ObjectKind.QUEUE](0x77)
    made.append((ObjectKind.QUEUE, number))
    dead_run(Created(ObjectKind.QUEUE, "thing", number, 0x78))
    dead_run(Created(ObjectKind.QUEUE, "thing", number, 0))
    assert [c.reason for c in clean()] == ["the id now belongs to an object with another key"] * 2


def test_what_a_run_only_found_stays(made: list[tuple[ObjectKind, int]]) -> None:
    number = MAKE[ObjectKind.QUEUE](0x77)
    made.append((ObjectKind.QUEUE, number))
    dead_run(Created(ObjectKind.QUEUE, "thing", number, 0x77, new=False))
    assert [c.action for c in clean()] == ["kept"]


def test_a_segment_that_is_removed_but_attached_is_gone_already() -> None:
    number = MAKE[ObjectKind.SEGMENT](0x99)
    dead_run(Created(ObjectKind.SEGMENT, "memory", number, 0x99))
    attached = segments.attach(number)
    segments.remove(number)
    (result,) = clean()
    attached.detach()
    assert (result.action, result.reason) == ("gone", "already removed; it lives until the last detach")


# --- namespaces ---


def test_the_number_of_a_namespace_can_be_used_again(made: list[tuple[ObjectKind, int]]) -> None:
    if namespaces.unique() is None:
        pytest.skip("needs Linux 6.18 (NS_GET_ID)")
    number = MAKE[ObjectKind.QUEUE](0)
    made.append((ObjectKind.QUEUE, number))
    path = dead_run(Created(ObjectKind.QUEUE, "thing", number, 0), namespace_id=1)
    assert clean() == []
    assert objects.exists(ObjectKind.QUEUE, number)
    assert not path.exists()


def test_an_isolated_run_has_left_nothing(made: list[tuple[ObjectKind, int]]) -> None:
    """Even where an object here looks like one of its own."""
    number = MAKE[ObjectKind.QUEUE](0)
    made.append((ObjectKind.QUEUE, number))
    created = Created(ObjectKind.QUEUE, "thing", number, 0)
    path = dead_run(created, isolated=True, namespace="ipc:[1]", namespace_id=1)
    assert clean(dry_run=True) == []
    assert path.exists()
    assert clean() == []
    assert objects.exists(ObjectKind.QUEUE, number)
    assert not path.exists()


def test_a_run_before_the_last_boot_has_left_nothing(made: list[tuple[ObjectKind, int]]) -> None:
    number = MAKE[ObjectKind.QUEUE](0)
    made.append((ObjectKind.QUEUE, number))
    path = dead_run(Created(ObjectKind.QUEUE, "thing", number, 0), boot="earlier")
    assert clean() == []
    assert not path.exists()


@pytest.mark.parametrize("isolated", [True, False])
def test_a_run_in_a_namespace_that_somebody_is_in_is_left_alone(
    isolated: bool, private_namespace: bool
) -> None:
    if not private_namespace:
        pytest.skip("needs root")
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeper, preexec_fn=namespaces.isolate) as process:
        name, number = namespaces.ipc(process.pid), namespaces.unique(process.pid)
        path = dead_run(isolated=isolated, namespace=name, namespace_id=number)
        earlier = dead_run(isolated=isolated, namespace=name, namespace_id=1)
        assert clean() == []
        assert path.exists()
        if isolated:  # what that process is in is a later namespace than that run's, where the kernel says so
            assert earlier.exists() == (number is None)
        process.kill()
    assert clean() == []
    if isolated:  # any other stays as long as not every process could be asked where it is
        assert not path.exists()


# --- persistence ---

PERSISTENT = """
scenario: first
queues: {mail: {message: {n: int}, key: 0x5151, persist: true}}
processes: {p: {steps: [send: {queue: mail, type: 1, message: {n: 1}}]}}
"""


def test_what_persists_is_removed_by_clean() -> None:
    run_text(PERSISTENT)
    run_text(PERSISTENT)
    number = queues.create(0x5151, 0)
    assert queues.stat(number)["qnum"] == 2
    (kept,) = clean(keep_persistent=True)
    assert (kept.action, kept.reason) == ("kept", "it was declared `persist: true`")
    assert [c.action for c in clean()] == ["removed"]
    assert clean() == []


# --- hostile manifests ---

HEAD = {"pid": 1, "started": 1, "namespace": "ipc:[1]", "boot": "x"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "[" * 200_000,
        "null\n",
        "[]\n",
        "{}\n",
        '{"pid": 1e999, "started": 1, "namespace": "", "boot": ""}\n',
        json.dumps(HEAD | {"pid": "1"}) + "\n",
        json.dumps(HEAD | {"pid": -1}) + "\n",
        json.dumps(HEAD | {"namespace": ["x"]}) + "\n",
        "\udcff\x00",
    ],
)
def test_files_that_are_no_manifests_are_passed_over(text: str) -> None:
    path = manifest.folder() / "1-1.jsonl"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert manifest.all_manifests() == []
    assert clean() == []
    assert path.exists()


def test_fifos_links_and_folders_are_passed_over(tmp_path: Path) -> None:
    folder = manifest.folder()
    os.mkfifo(folder / "a.jsonl")
    (folder / "b.jsonl").mkdir()
    (tmp_path / "real").write_text(json.dumps(HEAD) + "\n")
    (folder / "c.jsonl").symlink_to(tmp_path / "real")
    assert manifest.all_manifests() == []


def test_damaged_lines_are_left_out() -> None:
    created = Created(ObjectKind.QUEUE, "good", MAKE[ObjectKind.QUEUE](0), 0)
    path = dead_run(created)
    bad: list[Any] = [
        "x", 1, [], {}, {"kind": "queue"}, {"kind": [], "name": "n", "id": 1, "key": 0},
        {"kind": "queue", "name": "n", "id": -1, "key": 0},
        {"kind": "queue", "name": "n", "id": 2**70, "key": 0},
        {"kind": "queue", "name": ["n"], "id": 1, "key": 0},
        {"workers": {"x": 1, "-1": "y", "9" * 5000: "z"}}, {"workers": [1]},
    ]  # fmt: skip
    with path.open("a") as file:
        file.write("{\n" + "".join(json.dumps(b) + "\n" for b in bad) + '{"kind": "queue", "na')
    assert [o.name for o in manifest.read(path).objects] == ["good"]
    assert [c.action for c in clean()] == ["removed"]


def test_what_cannot_be_written_down_does_not_stay(tmp_path: Path) -> None:
    created = Created(ObjectKind.QUEUE, "thing", MAKE[ObjectKind.QUEUE](0), 0)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        manifest.append("/dev/full", created)
    assert not objects.exists(ObjectKind.QUEUE, created.id)
