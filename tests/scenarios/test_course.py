"""The scenarios replay the course: each bullet of it, and each of its questions, has one that shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

import ipcsim
from ipcsim import api, catalogue
from ipcsim.program.instructions import Phase
from ipcsim.trace import EventKind, read_trace
from ipcsim.verdict import Finding, Kind, Outcome, Verdict
from tests.conftest import sysv_objects

# What is taught → the scenarios that show it.
KEYS = {
    "two agree on a path and an id": ["ftok-meeting"],
    "private, by inheritance": ["private-by-inheritance"],
    "private, the id sent through a queue": ["private-id-in-a-message"],
    "private, the id told in a segment": ["private-id-in-a-segment"],
}
FINDING = {
    "IPC_CREAT, IPC_EXCL, EEXIST, ENOENT": ["create-or-find"],
    "existing with smaller or larger size": ["create-or-find"],
    "asking for reading only": ["create-or-find", "rights"],
    "rights, another user, EACCES, EPERM": ["rights"],
}
PERSISTENCE = {
    "outlives its processes": ["forgotten-queue"],
    "outlives the run, found by its key": ["persists-writer", "persists-reader"],
    "an explicit remove": ["persists-reader"],
    "removal wakes the sleepers with EIDRM": ["removed-while-waiting", "removed-unhandled"],
    "removed but attached": ["removed-segment-lives-on"],
}
QUEUES = {
    "types > 0, = 0, < 0": ["labels"],
    "structures without pointers": ["no-pointers"],
    "zero length": ["zero-length"],
    "too long, MSG_NOERROR": ["too-long"],
    "MSG_EXCEPT": ["everything-but"],
    "a label of zero or less": ["label-zero"],
    "IPC_NOWAIT": ["labels", "impatient-receiver", "polling"],
    "full by bytes": ["full-queues"],
    "full by count": ["full-by-count"],
    "full although a receiver waits": ["full-though-awaited"],
    "IPC_STAT and IPC_SET": ["stat-and-set"],
    "a pid as label": ["pid-as-label"],
    "a label that never comes": ["red-label", "wrong-label"],
}
MEMORY = {
    "page rounding, beyond the size": ["last-page"],
    "read-only and SIGSEGV": ["read-only"],
    "several attachments, detach by address": ["two-attachments"],
    "nattch after fork and exit, spawn": ["nattch"],
    "nobody synchronises": ["lost-update", "lost-update-mutex"],
}
SEMAPHORES = {
    "P_n, V_n": ["set-and-get"],
    "Z": ["rendezvous", "barrier"],
    "arrays of operations in their order": ["several-at-once"],
    "counted at the first that blocks": ["first-blocker"],
    "SEM_UNDO": ["lock-holder-crashes-undo", "undo-corners"],
    "SETVAL SETALL GETVAL GETALL GETNCNT GETZCNT GETPID": ["set-and-get"],
    "semtimedop": ["timeout"],
    "ERANGE": ["out-of-range"],
    "the initialisation race": ["initialisation-race"],
    "the otime idiom": ["initialised-by-otime"],
}
SIGNALS = {
    "a caught signal, EINTR": ["interrupted"],
    "stopped and continued": ["stopped-and-continued"],
    "killed": ["killed-holder"],
}
QUESTIONS = {
    "why must a message not hold pointers": ["no-pointers"],
    "why is a label of zero or less an error": ["label-zero"],
    "all end, the queue is not empty: what remains": ["forgotten-queue", "persists-writer"],
    "when does a non-blocking receive do harm": ["impatient-receiver"],
    "why does shmdt take an address": ["two-attachments"],
    "may one use the rest of the last page": ["last-page"],
    "who synchronises shared memory, and how": ["lost-update", "lost-update-mutex", "producer-consumer"],
}
TABLE = [
    pytest.param(shown_by, id=what)
    for part in (KEYS, FINDING, PERSISTENCE, QUEUES, MEMORY, SEMAPHORES, SIGNALS, QUESTIONS)
    for what, shown_by in part.items()
]
CHAPTERS = (
    "1. Why",
    "2. Names",
    "3. Message queues",
    "4. Shared memory",
    "5. Semaphore sets",
    "6. To remember",
)
# What came with the course (the others are run by test_shipped too), and how it ends.
NEW = {
    "ftok-meeting": Verdict.OK, "private-by-inheritance": Verdict.OK,
    "private-id-in-a-message": Verdict.OK, "private-id-in-a-segment": Verdict.OK,
    "create-or-find": Verdict.OK, "rights": Verdict.OK,
    "persists-writer": Verdict.OK, "persists-reader": Verdict.OK, "removed-segment-lives-on": Verdict.OK,
    "labels": Verdict.OK, "no-pointers": Verdict.OK, "zero-length": Verdict.OK, "too-long": Verdict.OK,
    "everything-but": Verdict.OK, "label-zero": Verdict.OK, "full-by-count": Verdict.OK,
    "full-though-awaited": Verdict.OK, "stat-and-set": Verdict.OK, "pid-as-label": Verdict.OK,
    "impatient-receiver": Verdict.VIOLATION,
    "last-page": Verdict.OK, "read-only": Verdict.ERROR, "two-attachments": Verdict.OK, "nattch": Verdict.OK,
    "several-at-once": Verdict.OK, "first-blocker": Verdict.OK, "undo-corners": Verdict.OK,
    "set-and-get": Verdict.OK, "out-of-range": Verdict.OK, "timeout": Verdict.OK,
    "initialisation-race": Verdict.VIOLATION, "initialised-by-otime": Verdict.OK,
    "interrupted": Verdict.OK, "stopped-and-continued": Verdict.OK, "killed-holder": Verdict.DEADLOCK,
}  # fmt: skip


def told(outcome: Outcome) -> str:
    return "\n".join(f"{f.kind}: {f.message}" for f in outcome.findings)


def found(name: str, kind: Kind) -> Finding:
    """The only finding of this kind in a run of `name`."""
    outcome = ipcsim.run(name)
    of_kind = [f for f in outcome.findings if f.kind is kind]
    assert len(of_kind) == 1, told(outcome)
    return of_kind[0]


def phases(name: str, folder: Path) -> list[str]:
    """The phases that the processes of a run of `name`, which comes out as expected, went through."""
    outcome = ipcsim.run(name, trace_dir=folder)
    assert outcome.verdict == outcome.expect, told(outcome)
    trace = read_trace(Path(outcome.extra["trace"]))
    steps = [trace.program.instruction(e.process, e.pc) for e in trace.events if e.kind is EventKind.STEP]
    return [step.name for step in steps if isinstance(step, Phase)]


@pytest.mark.parametrize("shown_by", TABLE)
def test_each_bullet_has_its_scenario(shown_by: list[str]) -> None:
    for name in shown_by:
        what = catalogue.describe(name)
        assert what.course.startswith(CHAPTERS), name
        assert what.description, name


def test_the_list_goes_as_the_course_does() -> None:
    chapters = [item.course for item in api.listing() if item.kind == "scenario"]
    assert all(c.startswith(CHAPTERS) for c in chapters)
    assert chapters == sorted(chapters)


@pytest.mark.parametrize("name", NEW)
def test_scenario_gives_its_verdict(name: str) -> None:
    """Each alone; nothing is left of it (conftest)."""
    outcome = ipcsim.run(name)
    assert outcome.verdict is NEW[name], told(outcome)
    assert outcome.expect is NEW[name]


# --- what persists ---


def test_what_one_run_leaves_another_finds(tmp_path: Path) -> None:
    before = sysv_objects()
    writer = ipcsim.run("persists-writer")
    assert writer.verdict is Verdict.OK, told(writer)
    assert len(sysv_objects()["msg"]) == len(before["msg"]) + 1
    assert phases("persists-reader", tmp_path) == ["reading what the dead have written"]
    assert sysv_objects() == before, "the reader removes the queue"
    assert phases("persists-reader", tmp_path) == ["nothing was left"]


def test_who_writes_again_starts_afresh(tmp_path: Path) -> None:
    for _ in range(2):
        assert ipcsim.run("persists-writer").verdict is Verdict.OK
    assert phases("persists-reader", tmp_path) == ["reading what the dead have written"]


# --- what they are meant to show ---


def test_the_store_into_read_only_memory_is_named_with_its_line() -> None:
    crash = found("read-only", Kind.CRASH)
    assert "SIGSEGV" in crash.message
    assert "read-only" in crash.message
    assert crash.at is not None
    assert "notice.number: 8" in lines("read-only")[crash.at.line - 1]


def test_the_killed_holder_is_named_with_its_line() -> None:
    orphaned = found("killed-holder", Kind.ORPHANED_WAIT)
    assert orphaned.processes == ("worker",)
    assert "holder took it" in orphaned.message
    assert "died" in orphaned.message


def test_two_who_initialise_are_both_inside() -> None:
    assert "one at a time" in found("initialisation-race", Kind.VIOLATION).message


def test_the_answer_that_nobody_reads() -> None:
    assert "every answer is read" in found("impatient-receiver", Kind.VIOLATION).message


def lines(name: str) -> list[str]:
    return catalogue.find(name).text.splitlines()
