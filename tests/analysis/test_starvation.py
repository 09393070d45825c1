from __future__ import annotations

import pytest

from ipcsim.analysis.fairness import jain, percentile, waiting
from ipcsim.analysis.monitor import Monitor
from ipcsim.analysis.starvation import Overtaking, starvation
from ipcsim.program.expressions import Const
from ipcsim.program.instructions import Assign
from ipcsim.verdict import Kind

from .events import Story
from .programs import (
    LEFT,
    at,
    family,
    forks,
    jump,
    op,
    p,
    program,
    queue,
    receive,
    semaphores,
    semop,
    send,
    v,
    z,
)

LOCKERS = family("x", p(0, 5), v(0, 6), jump(0), count=3)


def lockers(bound=10):
    return program(LOCKERS, sets=[semaphores(1)], starvation=bound)


def overtaken(times: int, ends: bool = False) -> Story:
    story = Story().begin(0, 0)
    for i in range(times):
        story.call(1 + i % 2, 0, 1)
    return story.end(0, 0) if ends else story


@pytest.mark.parametrize("ends", [False, True])
def test_a_wait_overtaken_as_often_as_the_bound(ends):
    (finding,) = starvation(lockers(), overtaken(10, ends).events)
    assert finding.kind is Kind.STARVATION
    assert finding.processes == ("x[0]",)
    assert finding.objects == ("a",)
    assert str(finding.at) == "test.yaml:5"
    assert "served on it 10 times (the bound is 10)" in finding.message
    assert finding.details[1] == ("x[1]", "served 5 times in the meantime, more than any other", "")


def test_one_less_is_no_starvation():
    assert starvation(lockers(), overtaken(9).events) == ()


def test_the_count_starts_again_with_each_wait():
    story = overtaken(9, ends=True)
    story.call(0, 1)
    later = overtaken(9)
    assert starvation(lockers(), story.events + later.events) == ()


def test_no_bound_means_not_judged():
    assert starvation(lockers(None), overtaken(5000).events) == ()
    assert not Overtaking(lockers(None), None).needed


def test_a_coordinator_waits_for_what_nobody_else_takes():
    coordinator = family("boss", p(1))
    prog = program(LOCKERS, coordinator, sets=[semaphores(1, 0)], starvation=10)
    story = Story().begin(3, 0)
    for i in range(50):
        story.call(i % 3, 0, 1)
    assert starvation(prog, story.events) == ()


def test_a_z_alone_competes_with_nobody():
    prog = program(LOCKERS, family("boss", z(0)), sets=[semaphores(1)], starvation=10)
    story = Story().begin(3, 0)
    for i in range(50):
        story.call(i % 3, 0, 1)
    assert starvation(prog, story.events) == ()


def test_a_writer_that_waits_for_no_readers_starves():
    # readers: V on entering, P on leaving; the writer: [readers 0, writers −1]
    reader = family("reader", v(0, 3), p(0, 4), jump(0), count=2)
    writer = family("writer", semop((0, 0), (1, -1), line=9))
    prog = program(reader, writer, sets=[semaphores(0, 1)], starvation=10)
    story = Story().call(0, 0).begin(2, 0)
    for i in range(12):
        story.call(1 - i % 2, 0).call(i % 2, 1)
    (finding,) = starvation(prog, story.events)
    assert finding.processes == ("writer",)
    assert "`a` to be zero" in finding.message


def test_an_array_that_lacks_what_nobody_gets_is_no_starvation():
    # [P full, P mutex]: `mutex` is taken over and over, but it is `full` that is missing
    taker = family("taker", semop((1, -1), (0, -1)))
    prog = program(LOCKERS, taker, sets=[semaphores(1, 0)], starvation=10)
    story = Story().begin(3, 0)
    for i in range(50):
        story.call(i % 3, 0, 1)
    assert starvation(prog, story.events) == ()
    filled = program(LOCKERS, taker, sets=[semaphores(1, 1)], starvation=10)
    assert len(starvation(filled, story.events)) == 1


@pytest.mark.parametrize(
    ("asked", "got", "starves"), [(1, 1, True), (0, 2, True), (-2, 1, True), (1, 2, False)]
)
def test_receives_compete_where_the_message_would_have_fitted(asked, got, starves):
    prog = program(family("x", receive(0, asked), count=2), queues=[queue()], starvation=5)
    story = Story().begin(0, 0, asked)
    for _ in range(6):
        story.receive(1, 0, got, got)
    assert bool(starvation(prog, story.events)) is starves


def test_sends_compete():
    prog = program(family("x", send(0), count=2), queues=[queue("box")], starvation=5)
    story = Story().begin(0, 0, 1, 4)
    for _ in range(6):
        story.send(1, 0, 1)
    assert "room in `box`" in starvation(prog, story.events)[0].message


def test_operations_that_vary_are_read_from_the_events():
    vary = Assign(at=at(1), text="", slot=1, value=Const(3))
    code = (vary, semop(op(0, -1, LEFT, 3)), semop(op(0, 1, LEFT, 3)), jump(1))
    prog = program(family("x", *code, count=2), sets=[forks(3)], starvation=5)
    story = Story().begin(0, 1, pairs=[(2, -1)])
    for _ in range(6):
        story.begin(1, 1, pairs=[(1, -1)]).end(1, 1)
    assert starvation(prog, story.events) == ()
    for _ in range(6):
        story.begin(1, 1, pairs=[(2, -1)]).end(1, 1)
    (finding,) = starvation(prog, story.events)
    assert finding.objects == ("fork[2]",)


def test_whole_windows_give_a_lower_bound():
    prog = lockers(10)
    monitor = Monitor(prog)
    for sweep in overtaken(40).sweeps(prog, size=8):
        monitor.feed_batch(sweep)
    (finding,) = [f for f in monitor.findings() if f.kind is Kind.STARVATION]
    assert monitor.stop
    assert "x[0] has been waiting for `a`" in finding.message
    few = Monitor(prog)
    for sweep in overtaken(9).sweeps(prog, size=8):
        few.feed_batch(sweep)
    assert few.findings() == ()


# --- fairness ---


def test_percentiles_and_jain():
    assert percentile([], 50) == 0
    assert percentile([5], 95) == 5
    assert percentile(list(range(1, 101)), 95) == 95
    assert jain([1, 1, 1, 1]) == 1
    assert jain([1, 0, 0, 0]) == 0.25
    assert jain([0, 0]) == 1


def test_waiting_times():
    story = Story().begin(0, 0).begin(1, 0).end(0, 0)
    first, second, third = waiting(lockers(), story.events)
    assert first.times == (2000,)
    assert not first.open
    assert second.times == (1000,)
    assert second.open
    assert third.percentiles() == (0, 0, 0)
