"""Keys, ids, rights and namespaces: K-1 to K-7."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ipcsim.facts.sysctls import LIMITS as KNOWN
from ipcsim.sysv import capabilities, keys, libc, queues, segments, semaphores
from tests.conformance import needs
from tests.conformance.calls import DONE, attempt, limit, ncnt, semop, table
from tests.conformance.child import MakeQueue, MakeSegment, MakeSet, NewChild

CREATE = libc.IPC_CREAT | libc.IPC_EXCL | 0o600


def formula(path: Path, project: int) -> int:
    """The key as ftok makes it, signed."""
    found = path.stat()
    key = (project & 0xFF) << 24 | (found.st_dev & 0xFF) << 16 | found.st_ino & 0xFFFF
    return key - 2**32 if key >= 2**31 else key


def new_file(path: Path) -> Path:
    path.write_text("")
    return path


# --- ftok ---


@pytest.mark.parametrize("project", [0, 1, ord("A"), 0x7F, 0x80, 0xFF, 0x141, -1])
def test_a_key_is_made_of_project_device_and_inode(project: int, tmp_path: Path) -> None:
    """K-1: 8 bits, 8 bits, 16 bits, as a signed number; project 0 is accepted."""
    path = new_file(tmp_path / "here")
    assert keys.ftok(str(path), project) == formula(path, project)
    assert keys.ftok(str(tmp_path), project) == formula(tmp_path, project)


def test_links_and_renaming_keep_the_key(tmp_path: Path) -> None:
    """K-1: the key is the inode's, by whatever name."""
    path = new_file(tmp_path / "one")
    key = keys.ftok(str(path), 1)
    (tmp_path / "hard").hardlink_to(path)
    (tmp_path / "symbolic").symlink_to(path)
    assert keys.ftok(str(tmp_path / "hard"), 1) == keys.ftok(str(tmp_path / "symbolic"), 1) == key
    assert keys.ftok(str(path.rename(tmp_path / "other")), 1) == key


def test_no_file_is_no_key(tmp_path: Path) -> None:
    """K-1: ENOENT."""
    assert attempt(keys.ftok, str(tmp_path / "none"), 1) == "ENOENT"


def test_a_file_made_again_has_another_key(tmp_path: Path) -> None:
    """K-2: where it has another inode, so another file is made in between."""
    path = new_file(tmp_path / "one")
    inode, key = path.stat().st_ino, keys.ftok(str(path), 1)
    path.unlink()
    new_file(tmp_path / "between")
    new_file(path)
    assert path.stat().st_ino != inode
    assert keys.ftok(str(path), 1) == formula(path, 1) != key


def test_a_file_made_again_at_once_may_have_the_same_key(tmp_path: Path) -> None:
    """K-2: that of its inode, which the file system may use again."""
    path = new_file(tmp_path / "one")
    inode, key = path.stat().st_ino, keys.ftok(str(path), 1)
    path.unlink()
    new_file(path)
    assert keys.ftok(str(path), 1) == formula(path, 1)
    assert (keys.ftok(str(path), 1) == key) is (path.stat().st_ino & 0xFFFF == inode & 0xFFFF)


# --- ids ---


def test_the_private_key_always_makes_a_new_object(
    make_set: MakeSet, make_queue: MakeQueue, make_segment: MakeSegment
) -> None:
    """K-3: key 0 is IPC_PRIVATE; two calls make two objects, whose key is 0."""
    for first, second, look in (
        (make_set(0), make_set(0), semaphores.stat),
        (make_queue(), make_queue(), queues.stat),
        (make_segment(1), make_segment(1), segments.stat),
    ):
        assert first != second
        assert look(first)["key"] == look(second)["key"] == 0


def test_an_id_is_not_used_again_at_once(make_set: MakeSet, key: int) -> None:
    """K-3: index and sequence: making and removing never gives the same id twice in a row."""
    seen = []
    for _ in range(20):
        made = make_set(0, key=key)
        assert semaphores.create(key, 0, 0) == made
        seen.append(made)
        semaphores.remove(made)
    assert len(set(seen)) == len(seen)


def test_the_first_id_of_a_namespace_is_0(new_child: NewChild) -> None:
    """K-3: 0 is an id like any other."""
    child = needs.in_namespace(new_child())
    assert child.does(semaphores.create, keys.IPC_PRIVATE, 1, 0o600) == 0
    assert child.does(queues.create, keys.IPC_PRIVATE, 0o600) == 0
    assert child.does(segments.create, keys.IPC_PRIVATE, 1, 0o600) == 0
    assert child.does(semop, 0, (0, +1)) == DONE
    assert child.does(semaphores.get, 0, 0, libc.GETVAL) == 1
    assert child.does(segments.remove, 0) is None


# --- rights ---


def _may(set_id: int) -> str:
    """What the one who asks may do: r, w."""
    read = attempt(semaphores.get, set_id, 0, libc.GETVAL) != "EACCES"
    write = attempt(semaphores.set_value, set_id, 0, 0) != "EACCES"
    return ("r" if read else "") + ("w" if write else "")


@pytest.mark.parametrize(
    ("uid", "gid", "groups", "may"),
    [
        (needs.SOMEBODY, needs.GROUP, (), "w"),
        (needs.SOMEBODY, 4242, (), "w"),
        (needs.ANOTHER, needs.GROUP, (), ""),
        (needs.ANOTHER, 4242, (needs.GROUP,), ""),
        (needs.ANOTHER, 0, (), ""),
        (needs.ANOTHER, 4242, (), "r"),
    ],
)
def test_one_class_of_rights_counts(
    uid: int, gid: int, groups: tuple[int, ...], may: str, make_set: MakeSet, new_child: NewChild
) -> None:
    """K-4: owner, else group (supplementary ones and the creator's too), else other; no falling through."""
    made = make_set(0)
    if attempt(semaphores.set_owner, made, needs.SOMEBODY, needs.GROUP) is None:
        semaphores.set_mode(made, 0o204)
    assert needs.as_user(new_child(), uid, gid, groups).does(_may, made) == may


def test_a_group_member_does_not_fall_through_to_other(make_set: MakeSet, new_child: NewChild) -> None:
    """K-4: 0604: everybody may read but the group."""
    made = make_set(0, mode=0o604)
    member, other = needs.as_user(new_child()), needs.as_user(new_child(), needs.SOMEBODY, 4242)
    semaphores.set_owner(made, os.geteuid(), needs.GROUP)
    assert member.does(_may, made) == ""
    assert other.does(_may, made) == "r"


def test_a_creator_keeps_the_rights_of_the_owner(make_set: MakeSet, new_child: NewChild) -> None:
    """K-4: also after it has given the set away."""
    creator, owner, other = (
        needs.as_user(new_child(), uid, gid)
        for uid, gid in ((needs.SOMEBODY, needs.GROUP), (needs.ANOTHER, 4242), (65000, 4243))
    )
    made = creator.does(semaphores.create, keys.IPC_PRIVATE, 1, 0o600)
    assert creator.does(semaphores.set_owner, made, needs.ANOTHER, 4242) is None
    assert [child.does(_may, made) for child in (creator, owner, other)] == ["rw", "rw", ""]
    found = owner.does(semaphores.stat, made)
    assert (found["uid"], found["cuid"]) == (needs.ANOTHER, needs.SOMEBODY)
    assert owner.does(semaphores.remove, made) is None


def test_another_user_has_no_bypass(make_set: MakeSet, new_child: NewChild) -> None:
    """K-5: the first way to EACCES: setgroups, setgid, setuid after the fork."""
    made = make_set(0)
    assert needs.as_user(new_child()).does(_may, made) == ""


@pytest.mark.skipif(not capabilities.has(capabilities.CAP_IPC_OWNER), reason="CAP_IPC_OWNER is missing here")
def test_the_bypass_is_a_capability(make_set: MakeSet, new_child: NewChild) -> None:
    """K-5: uid 0 passes by the rights because of CAP_IPC_OWNER; dropping it is the second way."""
    made, child = make_set(0, mode=0), new_child()
    assert child.does(_may, made) == "rw"
    assert needs.without_bypass(child).does(_may, made) == ""
    assert child.does(os.geteuid) == os.geteuid()


@pytest.mark.parametrize("mode", [0o000, 0o200, 0o400, 0o600])
def test_without_the_capability_the_rights_count(mode: int, make_set: MakeSet, new_child: NewChild) -> None:
    """K-5: also for the owner."""
    may = "r" * bool(mode & stat.S_IRUSR) + "w" * bool(mode & stat.S_IWUSR)
    assert needs.without_bypass(new_child()).does(_may, make_set(0, mode=mode)) == may


# --- what others see ---


def _line(name: str, column: str, object_id: int) -> dict[str, str] | None:
    return next((line for line in table(name) if line[column] == str(object_id)), None)


def test_the_tables_are_for_everybody(
    make_set: MakeSet, make_queue: MakeQueue, make_segment: MakeSegment, new_child: NewChild
) -> None:
    """K-6: /proc/sysvipc lists what one may not even look at."""
    reader = needs.as_user(new_child())
    ids = {"sem": make_set(0, 0), "msg": make_queue(), "shm": make_segment(10)}
    columns = {"sem": "semid", "msg": "msqid", "shm": "shmid"}
    lines = {name: reader.does(_line, name, columns[name], made) for name, made in ids.items()}
    assert [line["perms"] for line in lines.values()] == ["600", "600", "600"]
    assert lines["sem"]["nsems"] == "2"
    assert lines["shm"]["size"] == "10"
    assert reader.does(semaphores.stat, ids["sem"]) == "EACCES"


def test_the_tables_list_ones_own_namespace(make_set: MakeSet, new_child: NewChild) -> None:
    """K-6: nothing of ours in another one, and nothing of its in ours."""
    made = make_set(0)
    child = needs.in_namespace(new_child())
    assert child.does(table, "sem") == []
    theirs = child.does(semaphores.create, keys.IPC_PRIVATE, 3, 0o600)
    assert [line["semid"] for line in child.does(table, "sem")] == [str(theirs)]
    assert _line("sem", "semid", made) is not None
    assert all(line["nsems"] != "3" for line in table("sem"))


def test_the_counts_need_the_right_to_read(make_set: MakeSet, new_child: NewChild) -> None:
    """K-6: GETNCNT and the others, unlike the tables."""
    made, child = make_set(0, mode=0o200), needs.without_bypass(new_child())
    for command in (libc.GETNCNT, libc.GETZCNT, libc.GETPID, libc.GETVAL):
        assert child.does(semaphores.get, made, 0, command) == "EACCES"
    assert child.does(_line, "sem", "semid", made) is not None


# --- namespaces ---


def test_an_id_or_key_means_nothing_in_another_namespace(
    make_set: MakeSet, new_child: NewChild, key: int
) -> None:
    """K-7: a set that is here is not there."""
    make_set(0, key=key)
    child = needs.in_namespace(new_child())
    assert child.does(semaphores.create, key, 1, 0o600) == "ENOENT"
    assert isinstance(child.does(semaphores.create, key, 5, CREATE), int)
    assert semaphores.stat(semaphores.create(key, 0, 0))["nsems"] == 1


LIMITS = {
    "sem": "11 12 13 14", "msgmni": "15", "msgmnb": "16", "msgmax": "17",
    "shmmni": "18", "shmmax": "19000", "shmall": "20",
}  # fmt: skip


def test_limits_are_those_of_a_namespace(new_child: NewChild) -> None:
    """K-7: what is set in one is not seen in another."""
    before = {name: limit(name) for name in LIMITS}
    child = needs.in_namespace(new_child(), **LIMITS)
    for name, text in LIMITS.items():
        assert child.does(limit, name) == [int(word) for word in text.split()]
    assert {name: limit(name) for name in LIMITS} == before


def test_a_new_namespace_has_the_limits_that_are_written_down(new_child: NewChild) -> None:
    """K-7: what `facts` says of sysctls is what Linux begins with."""
    child = needs.in_namespace(new_child())
    known: dict[str, list[int]] = {}
    for one in sorted((x for x in KNOWN if x.sysctl), key=lambda x: x.place):
        known.setdefault(one.sysctl.removeprefix("kernel."), []).append(one.value)
    assert known.keys() == LIMITS.keys()
    assert {name: child.does(limit, name) for name in known} == known


@pytest.mark.parametrize(
    ("limits", "call", "args", "answer"),
    [
        ({"sem": "250 1000 2 10"}, semop, ((0, +1), (0, +1), (0, +1)), "E2BIG"),
        ({"sem": "2 1000 2 10"}, semaphores.create, (3, 0o600), "EINVAL"),
    ],
)
def test_limits_hold_in_their_namespace(
    limits: dict[str, str], call: Any, args: tuple[Any, ...], answer: str, new_child: NewChild
) -> None:
    """K-7: ENOSPC and E2BIG can be had without touching the host (S-27, Q-14, H-2 have the others)."""
    child = needs.in_namespace(new_child(), **limits)
    first = child.does(semaphores.create, keys.IPC_PRIVATE, 1, 0o600) if call is semop else keys.IPC_PRIVATE
    assert child.does(call, first, *args) == answer


def test_the_same_id_in_another_namespace_is_another_set(new_child: NewChild) -> None:
    """K-7: set 0 here and set 0 there: what is done to the one does not wake who waits for the other."""
    sleeper, stranger = (needs.in_namespace(new_child()) for _ in range(2))
    for child in (sleeper, stranger):
        assert child.does(semaphores.create, keys.IPC_PRIVATE, 1, 0o600) == 0
    sleeper.sleeps_in(semop, 0, (0, -1))
    assert stranger.does(ncnt, 0) == (0,)
    assert stranger.does(semop, 0, (0, +1)) == DONE
    assert sleeper.asleep()
