from __future__ import annotations

from dataclasses import replace

import pytest

from ipcsim.analysis.fairness import jain, percentile, waiting
from ipcsim.analysis.monitor import Monitor
from ipcsim.analysis.starvation import COUNTERS, WATCHED, Overtaking, Sleeping, starvation
from ipcsim.program import Program, Property, PropertyKind
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
    phase,
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


def overtaken(times: int, ends: bool = False, other: int = 1) -> Story:
    """x[0] wants `a`; x[1] (and as often `other`) gets it so often meanwhile."""
    story = Story().begin(0, 0)
    for _ in range(times):
        for process in {1, other}:
            story.call(process, 0, 1)
    return story.end(0, 0) if ends else story


@pytest.mark.parametrize("ends", [False, True])
def test_a_wait_overtaken_by_one_as_often_as_the_bound(ends):
    (finding,) = starvation(lockers(), overtaken(10, ends, other=2).events)
    assert finding.kind is Kind.STARVATION
    assert finding.processes == ("x[0]",)
    assert finding.objects == ("a",)
    assert str(finding.at) == "test.yaml:5"
    assert "while x[1] alone was served on it 10 times (the bound is 10)" in finding.message
    assert "served 19 times in all" in finding.details[0][1]  # x[2] has only had nine of its ten
    assert finding.details[1] == ("x[1]", "served 10 times in the meantime, more than any other", "")


def test_one_less_is_no_starvation():
    assert starvation(lockers(), overtaken(9, other=2).events) == ()


def test_many_who_overtake_once_each_are_no_starvation():
    prog = program(family("x", p(0, 5), v(0, 6), count=3000), sets=[semaphores(1)], starvation=2)
    story = Story().begin(0, 0)
    for process in range(1, 3000):
        story.call(process, 0, 1)
    assert starvation(prog, story.events) == ()
    (finding,) = starvation(prog, story.call(7, 0, 1).call(2999, 0, 1).events)
    assert "x[2999] alone was served on it 2 times" in finding.message


def test_of_very_many_competitors_the_busiest_is_found():
    prog = program(family("x", p(0, 5), v(0, 6), count=1000), sets=[semaphores(1)], starvation=50)
    story = Story().begin(0, 0)
    for i in range(60):
        story.call(999, 0, 1)
        for j in range(20):
            story.call(1 + (20 * i + j) % 998, 0, 1)
    (finding,) = starvation(prog, story.events)
    assert finding.details[1][0] == "x[999]"


def test_the_counters_stay_few():
    """Whoever sleeps has at most so many counters, and none when it has been served."""
    prog = program(family("x", p(0, 5), v(0, 6), count=2000), sets=[semaphores(1)], starvation=50)
    overtaking = Overtaking(prog, None)
    story = Story()
    for process in range(1000):
        story.begin(process, 0)
    for process in range(1000, 2000):
        story.call(process, 0, 1)
    for event in story.events:
        overtaking.feed(event)
    assert counters(overtaking) <= WATCHED * COUNTERS
    for event in [e for process in range(1000) for e in Story().end(process, 0).events]:
        overtaking.feed(event)
    assert counters(overtaking) == 0


def counters(overtaking: Overtaking) -> int:
    return sum(len(c) for wait in overtaking._open.values() for c in wait.counts.values())


def test_behind_the_longest_waiting_the_next_are_counted_for():
    prog = program(family("x", p(0, 5), v(0, 6), count=40), sets=[semaphores(1)], starvation=10)
    story = Story()
    for process in range(30):
        story.begin(process, 0)
    for process in range(29):
        story.end(process, 0)
    for _ in range(10):
        story.call(39, 0, 1)
    (finding,) = starvation(prog, story.events)
    assert finding.processes == ("x[29]",)


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
    for i in range(22):
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


# --- in a free run: whole windows of records, and the word of the kernel ---


class Free:
    """A free run as the runner feeds it: each call of `window` is one sweep over the rings."""

    def __init__(self, prog: Program) -> None:
        self.program = prog
        self.monitor = Monitor(prog)
        self.overtaking = self.monitor.overtaking

    def window(self, story: Story) -> None:
        (sweep,) = story.sweeps(self.program, size=len(story.events))
        self.monitor.feed_batch(sweep)

    def serve(self, process: int, times: int, *pcs: int) -> None:
        story = Story()
        for _ in range(times):
            story.call(process, *pcs)
        self.window(story)

    def suspect(self) -> Sleeping | None:
        """Whom the kernel is to be asked about."""
        found = self.overtaking.suspects(10)
        assert len(found) < 2
        return found[0] if found else None

    def confirmed(self, *values: int) -> Sleeping:
        """After the kernel has said that the suspect is asleep, with these values of its set."""
        wait = self.suspect()
        assert wait is not None
        self.overtaking.confirm(wait, values)
        return wait


def sleeping(bound: int = 40) -> Free:
    free = Free(lockers(bound))
    free.window(Story().begin(0, 0))
    return free


def test_without_the_word_of_the_kernel_a_free_run_finds_nothing():
    free = sleeping()
    free.serve(1, 500, 0, 1)
    assert not free.monitor.stop
    assert free.monitor.findings() == ()


def test_nobody_is_asked_about_who_was_hardly_overtaken():
    free = sleeping()
    free.serve(1, 4, 0, 1)
    assert not free.overtaking.has_suspects
    free.serve(2, 4, 0, 1)
    assert not free.overtaking.has_suspects
    free.serve(1, 1, 0, 1)
    assert free.suspect() is not None


def test_counting_begins_with_the_confirmation_and_without_what_was_under_way():
    free = sleeping()
    free.serve(1, 39, 0, 1)
    wait = free.confirmed(0)
    free.serve(1, 40, 0, 1)
    assert free.suspect() is None  # one of the forty may have been served before
    free.serve(1, 1, 0, 1)
    assert free.suspect() is wait
    evidence = free.overtaking.evidence(wait)
    assert evidence is not None
    assert (evidence.competitor, evidence.count, evidence.total) == (1, 40, 40)
    assert not free.monitor.stop
    free.overtaking.establish(evidence)
    (finding,) = free.monitor.findings()
    assert free.monitor.stop
    assert "x[0] has been waiting for `a`" in finding.message
    assert "x[1] alone was served on it 40 times (the bound is 40)" in finding.message
    assert "as the kernel confirmed" in finding.details[0][1]


def test_who_was_served_and_has_not_run_yet_is_not_overtaken():
    free = sleeping()
    free.serve(1, 500, 0, 1)
    wait = free.suspect()
    assert wait is not None
    free.overtaking.dismiss(wait)  # says the kernel: it is not asleep
    free.serve(1, 4, 0, 1)
    assert free.suspect() is None
    free.window(Story().end(0, 0))
    free.serve(1, 500, 0, 1)
    assert free.suspect() is None
    assert free.monitor.findings() == ()


def test_who_came_back_meanwhile_is_asked_about_no_more():
    free = sleeping()
    free.serve(1, 50, 0, 1)
    free.window(Story().at(10**6).end(0, 0).begin(0, 0))
    assert free.suspect() is None


@pytest.mark.parametrize(
    ("values", "others_get_it", "starves"),
    [
        ((0, 0), 0, False),  # `full` is lacking and nobody gets it: it is not `mutex` that it waits for
        ((0, 0), 30, False),  # not often enough to say so
        ((0, 0), 50, True),  # two neighbours by turns, as at the table of the philosophers
        ((1, 0), 0, True),  # it was there all the while
        ((1, 0), 1, False),  # it was there until somebody took it
    ],
)
def test_an_array_and_what_it_lacked_besides(values, others_get_it, starves):
    both = family("both", semop((0, -1), (1, -1)))
    prog = program(family("x", p(1), v(1), p(0), v(0), count=2), both, sets=[semaphores(1, 1)], starvation=40)
    free = Free(prog)
    free.window(Story().begin(2, 0))
    free.serve(0, 10, 0, 1)
    wait = free.confirmed(*values)
    if others_get_it:
        free.serve(1, others_get_it, 2, 3)
    free.serve(0, 60, 0, 1)
    assert free.suspect() is wait
    assert (free.overtaking.evidence(wait) is not None) is starves


def test_an_item_that_comes_now_and_then_is_what_a_consumer_waits_for():
    """[full, mutex]: the mutex is always busy, but that others take each item at once is why it waits."""
    producer, busy = family("producer", v(0)), family("busy", p(1), v(1))
    consumer = family("consumer", semop((0, -1), (1, -1), line=9), v(1), count=30)
    prog = program(producer, busy, consumer, sets=[semaphores(0, 1)], starvation=20)
    story = Story()
    for process in range(2, 32):
        story.begin(process, 0)
    for process in range(2, 32):
        for _ in range(100):
            story.call(1, 0, 1)
        story.call(0, 0).end(process, 0).call(process, 1)
    assert starvation(prog, story.events) == ()


def test_who_waits_for_two_starves_of_what_is_taken_once_the_other_is_there():
    both = family("both", semop((0, -1), (1, -1), line=9))
    prog = program(LOCKERS, family("giver", v(1)), both, sets=[semaphores(1, 0)], starvation=20)
    story = Story().begin(4, 0)
    for _ in range(30):
        story.call(0, 0, 1)
    assert starvation(prog, story.events) == ()
    story.call(3, 0)
    for _ in range(40):
        story.call(0, 0, 1)
    (finding,) = starvation(prog, story.events)
    assert finding.processes == ("both",)


# --- a turn at the whole set ---


def test_the_first_reader_keeps_the_lock_for_those_after_it():
    # readers take turns at `mutex`; the writer waits for `lock`, which the first of them took
    rounds = family("reader", p(0), p(1), v(0), p(0), v(1), v(0), count=2)
    prog = hungry(rounds, family("writer", p(1, 9), phase("writing")))
    story = Story().begin(2, 0)
    for _ in range(6):
        story.call(0, 0, 2)
    (finding,) = starvation(prog, story.events)
    assert "reader[0] alone was served by the same semaphore set 6 times" in finding.message


def test_who_never_takes_it_is_no_competitor_at_the_set():
    stranger = family("stranger", p(0), v(0), jump(0))
    holder = family("holder", p(1), v(1))
    prog = hungry(stranger, holder, family("writer", p(1, 9), phase("writing")))
    story = Story().call(1, 0).begin(2, 0)
    for _ in range(50):
        story.call(0, 0, 1)
    assert starvation(prog, story.events) == ()


def hungry(*families) -> Program:
    """A Program in which a property wants `writing` again and again."""
    made = program(*families, sets=[semaphores(1, 1)], starvation=6)
    wish = Property("every writer gets in", PropertyKind.ALWAYS_EVENTUALLY, at(1), phase="writing")
    return replace(made, properties=(wish,))


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
