"""One instant of a run as a table."""

from __future__ import annotations

import io
import re
import threading
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from ipcsim.report import cycle, gauges, live
from ipcsim.snapshot import QueueState, ReceiveWait, SemaphoreWait, SendWait, Snapshot, Status, Wait
from ipcsim.verdict import Finding, Kind, Verdict
from tests.analysis import programs as make
from tests.report import outcomes
from tests.report.promoted import compare


def lines(*arguments: Any, **options: Any) -> list[str]:
    return [line.plain for line in gauges.object_lines(*arguments, **options)]


def drawn(picture: object, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(picture)
    file = console.file
    assert isinstance(file, io.StringIO)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def test_seated_philosophers() -> None:
    program = make.philosophers(5)
    compare(drawn(live.frame(program, make.seated(5), "0.41 s   12 events")), "live-100")
    compare(drawn(live.frame(program, make.seated(5), "0.41 s   12 events", 50), 50), "live-50")


@pytest.mark.parametrize("height", [5, 10, 24])
def test_it_fits_the_height(height: int) -> None:
    shown = drawn(live.frame(make.philosophers(500), make.seated(500), "head", height=height))
    assert len(shown.splitlines()) <= max(height, live.LEAST_ROWS + 4)
    assert " more: " in shown
    assert "blocked" in shown


def test_ended_and_dead_processes_have_no_place() -> None:
    program = make.philosophers(2)
    states = [make.ended(0, 5), make.ended(1, 3, Status.DEAD)]
    shown = drawn(live.frame(program, make.snapshot(*states, values=[(1, 1)]), "head"))
    assert "ended" in shown
    assert "dead" in shown
    assert "P: fork" not in shown


def test_objects_that_are_not_there() -> None:
    program = make.program(make.family("w", make.p(0)), sets=[make.semaphores(1)], queues=[make.queue()])
    shown = make.snapshot(make.running(0), values=[None], queues=[None])
    assert lines(program, shown) == ["set  not there", "q    not there"]
    there = Snapshot(0, shown.processes, ((3,),), (QueueState(2, 8, 64),))
    assert lines(program, there) == [
        "a  ████████████████  3",
        "q  ██░░░░░░░░░░░░░░  2 messages, 8 of 64 bytes",
    ]
    assert lines(program, there, plain=True)[1] == "q  ##..............  2 messages, 8 of 64 bytes"
    typed = Snapshot(0, shown.processes, ((0,),), (QueueState(20, 0, 64, tuple(range(20))),))
    assert lines(program, typed, width=40)[0] == "a  ░░░░░░  0"
    assert lines(program, typed)[1].endswith("types 0 1 2 3 4 5 6 7 8 9 10 11 …")


def test_gauges_of_arrays() -> None:
    program = make.philosophers(5)
    some = make.snapshot(make.running(0), values=[(1, 0, 1, 1, 0)])
    assert lines(program, some) == ["fork  ● ○ ● ● ○  3 of 5"]
    assert lines(program, some, plain=True) == ["fork  o _ o o _  3 of 5"]
    more = make.snapshot(make.running(0), values=[(1, 0, 3, 1, 0)])
    assert lines(program, more) == ["fork  1 0 3 1 0"]


@pytest.mark.parametrize(("value", "cells"), [(0, 0), (1, 1), (500, 8), (999, 15), (1000, 16), (5000, 16)])
def test_a_gauge_is_empty_or_full_only_where_that_is_true(value: int, cells: int) -> None:
    assert gauges._bar(value, 1000, 100, plain=True).count("#") == cells


def test_who_has_what_is_waited_for_and_since_when() -> None:
    shown = drawn(live.frame(make.philosophers(5), make.seated(5), "head"))
    assert re.search(r"philosopher\[0\] +blocked .*P fork\[1\] ← philosopher\[1\]", shown)
    seen = replace(make.seated(5), time=1_500_000_000)
    states = tuple(replace(s, since=1_000_000_000) for s in seen.processes)
    shown = drawn(live.frame(make.philosophers(5), replace(seen, processes=states), "head"))
    assert shown.count("500 ms") == 5


def test_the_circle_when_it_closes() -> None:
    compare(cycle.render(outcomes.deadlock(), 80), "circle")
    compare(cycle.render(outcomes.deadlock(), 80, plain=True), "circle-plain")
    many = outcomes.outcome(Verdict.DEADLOCK, outcomes.circle(500))
    shown = cycle.render(many)
    assert "… 492 more processes …" in shown
    assert "philosopher[499]" in shown
    assert len(shown.splitlines()) < 30


def test_a_thing_that_nobody_gives() -> None:
    orphan = Finding(
        Kind.ORPHANED_WAIT,
        Verdict.DEADLOCK,
        "x",
        processes=("reader",),
        objects=("belt",),
        details=(("reader", "holds a, waits for a message in belt", "x.yaml:3"),),
    )
    assert "reader ──▶ a message in belt ──▶ nobody" in cycle.render(
        outcomes.outcome(Verdict.DEADLOCK, orphan)
    )
    assert cycle.render(outcomes.outcome()) == ""


def test_hostile_names_steer_nothing() -> None:
    names = (outcomes.HOSTILE, "a" * 10_000, outcomes.HOSTILE)
    finding = Finding(Kind.SELF_WAIT, Verdict.DEADLOCK, "x", processes=names[:1], cycle=names)
    shown = cycle.render(outcomes.outcome(Verdict.DEADLOCK, finding))
    assert [c for c in shown if not c.isprintable() and c != "\n"] == []
    assert max(map(len, shown.splitlines())) < 200


@pytest.mark.parametrize(
    ("wait", "said"),
    [
        (SemaphoreWait(0, ((0, -1),)), "P a"),
        (SemaphoreWait(0, ((0, -2), (1, 0), (2, 1))), "P a: 2, Z b, V c"),
        (SendWait(0, 3, 1), "room for 1 byte in q"),
        (ReceiveWait(0, 0), "a message in q"),
        (ReceiveWait(0, 7), "a message of type 7 in q"),
        (ReceiveWait(0, -7), "a message of a type up to 7 in q"),
        (ReceiveWait(0, 7, exclude=True), "a message of any type but 7 in q"),
    ],
)
def test_waits_in_the_kernels_words(wait: Wait, said: str) -> None:
    program = make.program(make.family("w"), sets=[make.semaphores(1, 1, 1)], queues=[make.queue()])
    assert live.wait_text(program, wait) == said


def test_drawing_starts_no_thread() -> None:
    before = threading.active_count()
    drawn(live.frame(make.philosophers(5), make.seated(5), "head"))
    assert threading.active_count() == before
