"""/proc/sysvipc as rows, on the real kernel and on texts that are none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ipcsim.sysv import queues, segments, semaphores, tables

HEADS = {
    "msg": "key msqid perms cbytes qnum lspid lrpid uid gid cuid cgid stime rtime ctime",
    "sem": "key semid perms nsems uid gid cuid cgid otime ctime",
    "shm": "key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime",
}


def test_objects_of_all_kinds() -> None:
    queue, set_ = queues.create(0x1234, 0o1640), semaphores.create(0, 7, 0o200)
    segment = segments.create(0, 5000, 0o600)
    try:
        found = tables.read()
        row = next(r for r in found.queues if r.id == queue)
        assert (row.key, row.permissions, row.qnum, row.cuid) == (0x1234, 0o640, 0, os.geteuid())
        assert next(r for r in found.sets if r.id == set_).nsems == 7
        assert next(r for r in found.segments if r.id == segment).cpid == os.getpid()
    finally:
        queues.remove(queue)
        semaphores.remove(set_)
        attached = segments.attach(segment)
        segments.remove(segment)
        row_ = next(r for r in tables.read().segments if r.id == segment)
        attached.detach()
    assert row_.dest
    assert (row_.key, row_.nattch, row_.size) == (0, 1, 5000)
    assert all(r.id != segment for r in tables.read().segments)


def test_a_key_above_2_to_the_31_is_negative_there(tmp_path: Path) -> None:
    line = "-1412567279 4 666 0 0 0 0 1 1 1 1 0 0 5"
    text = f"{HEADS['msg']}\n{line}\n"
    (row,) = tables.parse(text, "msqid", tables.QueueRow)
    assert (row["key"], row["mode"]) == (-1412567279, 0o666)


@pytest.mark.parametrize(
    "text", ["", "nonsense\n", HEADS["sem"] + "\n1 2 3\n", HEADS["sem"] + "\n" + "x " * 10]
)
def test_texts_that_are_no_table(text: str) -> None:
    with pytest.raises(ValueError, match="the table has"):
        list(tables.parse(text, "semid", tables.SetRow))


def test_more_columns_do_no_harm() -> None:
    text = f"new {HEADS['sem']}\n9 1 2 600 3 0 0 0 0 0 5\n"
    (row,) = tables.parse(text, "semid", tables.SetRow)
    assert (row["key"], row["id"], row["nsems"]) == (1, 2, 3)
