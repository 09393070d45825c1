"""One instant of a run as a table."""

from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from ipcsim.report import live
from ipcsim.snapshot import QueueState, ReceiveWait, SemaphoreWait, SendWait, Snapshot, Status, Wait
from tests.analysis import programs as make
from tests.report.promoted import compare


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
    assert live.object_lines(program, shown) == ["semaphores set   not there", "queue q   not there"]
    there = Snapshot(0, shown.processes, ((3,),), (QueueState(2, 8, 64),))
    assert live.object_lines(program, there) == [
        "semaphores set   a = 3",
        "queue q   2 messages, 8 of 64 bytes",
    ]


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
