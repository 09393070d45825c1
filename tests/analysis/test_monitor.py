from __future__ import annotations

import subprocess
import sys

import pytest

from ipcsim.analysis.monitor import Monitor, judge
from ipcsim.analysis.properties import FinalState
from ipcsim.program import Property, PropertyKind
from ipcsim.program.expressions import At, BoolOp, Const
from ipcsim.program.instructions import Assert, Assign
from ipcsim.snapshot import ReceiveWait, SemaphoreWait, SendWait, Status
from ipcsim.verdict import Kind

from .events import Story
from .programs import (
    LEFT,
    at,
    choose,
    crash,
    exit_,
    family,
    forks,
    jump,
    load,
    op,
    p,
    phase,
    philosophers,
    program,
    queue,
    receive,
    remove,
    segment,
    semaphores,
    semop,
    send,
    set_value,
    store,
    v,
)

EVENTS, SWEEPS = "events", "sweeps"


@pytest.fixture(params=[EVENTS, SWEEPS, "single"])
def watch(request):
    """Feeds a story in one of the three ways, which must come to the same."""

    def feed(prog, story, exact=False):
        monitor = Monitor(prog, exact)
        if request.param == EVENTS:
            for event in story.events:
                monitor.feed(event)
        else:
            for sweep in story.sweeps(prog, 1 if request.param == "single" else 7):
                monitor.feed_batch(sweep)
        return monitor

    return feed


def holdings(monitor, process):
    state = monitor.process_state(process, Status.RUNNING)
    return [(h.set, h.number, h.units, h.since.line) for h in state.holds]


def test_what_a_philosopher_holds_and_waits_for(watch):
    story = Story().step(0, 0).call(0, 1).step(1, 0).call(1, 1).begin(0, 2)
    monitor = watch(philosophers(2), story)
    state = monitor.process_state(0, Status.BLOCKED)
    assert state.wait == SemaphoreWait(0, ((1, -1),))
    assert state.pc == 2
    assert state.phase == "hungry"
    assert state.since == story.now
    assert not state.timed
    assert holdings(monitor, 0) == [(0, 0, 1, 3)]
    assert monitor.in_call(0)
    assert not monitor.in_call(1)
    assert monitor.process_state(1, Status.RUNNING).pc == 2


def test_what_is_given_back_is_no_longer_held(watch):
    story = Story()
    for _ in range(9):
        story.step(0, 0).call(0, 1, 2).step(0, 3).call(0, 4)
    monitor = watch(philosophers(2), story)
    assert holdings(monitor, 0) == []
    story.step(0, 0).call(0, 1)
    assert holdings(watch(philosophers(2), story), 0) == [(0, 0, 1, 3)]


def test_only_locks_are_held(watch):
    prog = program(family("x", p(0), v(1)), family("y", v(0), p(1)), sets=[semaphores(3, 0)])
    assert holdings(watch(prog, Story().call(0, 0)), 0) == []
    signal = program(family("x", p(0), v(0)), sets=[semaphores(0)])
    assert holdings(watch(signal, Story().call(0, 0)), 0) == []


def test_a_failed_call_takes_nothing(watch):
    prog = program(family("x", p(0, handlers=(("EINTR", 0),)), v(0)), sets=[semaphores(1)])
    monitor = watch(prog, Story().begin(0, 0).end(0, 0, errno=4))
    assert holdings(monitor, 0) == []
    assert monitor.process_state(0, Status.RUNNING).pc == 0


@pytest.mark.parametrize("pc", [0, 1])
def test_setting_or_removing_voids_what_is_held(pc):
    # the order between processes within one sweep is not looked at: two sweeps
    prog = program(
        family("x", p(0), v(0), count=2), family("y", set_value(0, 1), remove()), sets=[semaphores(1)]
    )
    monitor = Monitor(prog)
    monitor.feed_batch(Story().call(0, 0).sweeps(prog)[0])
    assert holdings(monitor, 0)
    monitor.feed_batch(Story().call(2, pc).sweeps(prog)[0])
    assert holdings(monitor, 0) == []


def test_death_undoes(watch):
    prog = program(family("x", p(0, undo=True), p(1), v(0, undo=True), v(1)), sets=[semaphores(1, 1)])
    monitor = watch(prog, Story().call(0, 0, 1).died(0, -9))
    assert holdings(monitor, 0) == [(0, 1, 1, 1)]


def test_operations_that_vary(watch):
    vary = Assign(at=at(1), text="", slot=1, value=Const(3))
    prog = program(
        family("x", vary, semop(op(0, -1, LEFT, 3), line=4), semop(op(0, 1, LEFT, 3)), jump(1)),
        sets=[forks(3)],
    )
    story = Story().begin(0, 1, pairs=[(2, -1)]).end(0, 1).begin(0, 1, pairs=[(0, -1)])
    monitor = watch(prog, story)
    assert holdings(monitor, 0) == [(0, 2, 1, 4)]
    assert monitor.process_state(0, Status.BLOCKED).wait == SemaphoreWait(0, ((0, -1),))


def test_waits_on_queues(watch):
    prog = program(family("x", send(0), receive(0, 3, exclude=True, timeout=1.0)), queues=[queue()])
    state = watch(prog, Story().begin(0, 0, 5, 8)).process_state(0, Status.BLOCKED)
    assert state.wait == SendWait(0, 5, 8)
    state = watch(prog, Story().send(0, 0, 5).begin(0, 1, 3)).process_state(0, Status.BLOCKED)
    assert state.wait == ReceiveWait(0, 3, True)
    assert state.timed


def test_where_a_process_goes_on(watch):
    prog = program(
        family("x", choose(2, 3), p(0), p(0, handlers=(("EIDRM", 1),)), phase("a"), exit_()),
        sets=[semaphores(1)],
    )

    def pc(story):
        return watch(prog, story).process_state(0, Status.RUNNING).pc

    assert Monitor(prog).process_state(0, Status.RUNNING).pc == 0
    assert pc(Story().step(0, 0, a=1)) == 3
    assert pc(Story().begin(0, 2)) == 2
    assert pc(Story().call(0, 2)) == 3
    assert pc(Story().begin(0, 2).end(0, 2, errno=43)) == 1
    assert pc(Story().step(0, 3)) == 4
    assert pc(Story().step(0, 4)) == 4


def kinds(monitor):
    return [f.kind for f in monitor.finish(None)]


def test_ends(watch):
    prog = program(
        family("x", p(0, 3), Assert(at=at(4), text="", condition=Const(1)), crash(5)), sets=[semaphores(1)]
    )
    assert kinds(watch(prog, Story().call(0, 0).step(0, 1, a=1))) == []
    assert kinds(watch(prog, Story().begin(0, 0).end(0, 0, errno=43).died(0, 70))) == [Kind.ERRNO]
    assert kinds(watch(prog, Story().call(0, 0).step(0, 1, a=0).died(0, 71))) == [Kind.ASSERTION]
    assert kinds(watch(prog, Story().step(0, 1, errno=-1, data=b"division by zero"))) == [Kind.EVALUATION]
    asked = watch(prog, Story().step(0, 2).died(0, -9))
    assert [f.verdict for f in asked.finish(None)] == [None]
    assert not asked.ended_by_itself(0)
    (killed,) = watch(prog, Story().begin(0, 0).died(0, -9)).finish(None)
    assert "while in `P: s0` at test.yaml:3" in killed.message
    (odd,) = watch(prog, Story().call(0, 0).died(0, 1)).finish(None)
    assert "ended unexpectedly" in odd.message
    fine = watch(prog, Story().step(0, 3).died(0, 4))
    assert fine.ended_by_itself(0)
    assert fine.finish(None) == ()


def test_the_words_of_an_evaluation_error(watch):
    prog = program(family("x", p(0)), sets=[semaphores(1)])
    (finding,) = watch(prog, Story().step(0, 0, errno=-1, data=b"index 9 is outside 0 ... 2")).finish(None)
    assert "index 9 is outside 0 ... 2." in finding.message


def overlapping(**settings):
    rule = Property(
        "rule", PropertyKind.NEVER, at(9), BoolOp("and", (At(0, Const(0), "in"), At(0, Const(1), "in")))
    )
    code = (p(0), phase("in"), semop((0, 1), ends_phase=True), jump(0))
    return program(family("x", *code, count=2), sets=[semaphores(1)], properties=[rule], **settings)


def test_a_violation_stops_the_run(watch):
    monitor = watch(overlapping(), Story().call(0, 0).step(0, 1).call(1, 0).step(1, 1).call(1, 2).call(0, 2))
    assert kinds(monitor) == [Kind.VIOLATION]
    assert monitor.stop


def test_no_violation_however_the_rings_are_drained():
    """One process at a time is inside; sweeps see the later process's records before the earlier one's."""
    prog = overlapping()
    story = Story()
    for i in range(60):
        story.call(i % 2, 0).step(i % 2, 1).call(i % 2, 2)
    for late in range(4):
        monitor = Monitor(prog)
        streams = {p: [e for e in story.events if e.process == p] for p in (0, 1)}
        for start in range(0, len(streams[0]) + 8, 4):
            # process 1 is always drained a little further than process 0
            some = [*streams[0][max(0, start - late) : start + 4 - late], *streams[1][start : start + 4]]
            part = Story()
            part.events = some
            for sweep in part.sweeps(prog, 100):
                monitor.feed_batch(sweep)
        if late < 2:
            assert monitor.finish(None) == ()


def test_no_race_however_the_rings_are_drained():
    prog = program(
        family("x", p(0), load(), store(), v(0), jump(0), count=2),
        sets=[semaphores(1)],
        segments=[segment("n")],
    )
    story = Story()
    for i in range(40):
        story.call(i % 2, 0).step(i % 2, 1, 2).call(i % 2, 3)
    for size in (1, 2, 3, 5, 11, 1000):
        monitor = Monitor(prog)
        for sweep in story.sweeps(prog, size):
            monitor.feed_batch(sweep)
        assert monitor.finish(None) == ()


def test_records_seen_a_sweep_late_are_put_in_order():
    # process 0 writes its V after its ring was drained, process 1 its END before its own was
    prog = program(family("x", p(0), store(), v(0), count=2), sets=[semaphores(1)], segments=[segment("n")])
    early = Story().call(0, 0).step(0, 1).begin(1, 0)
    late = Story().at(early.now).begin(0, 2).end(0, 2)
    later = Story().at(late.now).end(1, 0).step(1, 1)
    monitor = Monitor(prog)
    for part in (early, later, late):
        monitor.feed_batch(part.sweeps(prog, 100)[0])
    monitor.feed_batch(Story().at(later.now).step(1, 3).sweeps(prog)[0])
    assert monitor.finish(None) == ()


def test_data_at_the_end_of_a_batch_waits_for_its_event():
    vary = Assign(at=at(1), text="", slot=1, value=Const(3))
    prog = program(family("x", vary, semop(op(0, -1, LEFT, 3)), semop(op(0, 1, LEFT, 3))), sets=[forks(3)])
    ((_, raw),) = Story().begin(0, 1, pairs=[(1, -1), (2, -1)]).sweeps(prog)[0]
    monitor = Monitor(prog)
    for i in range(0, len(raw), 32):
        monitor.feed_batch([(0, raw[i : i + 32])])
    assert monitor.process_state(0, Status.BLOCKED).wait == SemaphoreWait(0, ((1, -1), (2, -1)))


def test_at_end_is_judged_only_when_all_ended_by_themselves():
    rule = Property("rule", PropertyKind.AT_END, at(9), Const(0))
    prog = program(family("x", p(0), crash(), count=2), sets=[semaphores(2)], properties=[rule])
    final = FinalState(((0,),), (), ())

    def finish(story, state):
        monitor = Monitor(prog)
        for event in story.events:
            monitor.feed(event)
        return [f.kind for f in monitor.finish(state)]

    ended = Story().step(0, 2).step(1, 2)
    assert finish(ended, final) == [Kind.VIOLATION]
    assert finish(ended, None) == []
    assert finish(Story().step(0, 2).step(1, 1).died(1, -9), final) == [Kind.CRASH]


def test_judging_a_whole_trace():
    story = Story().call(0, 0).step(0, 1).call(1, 0).step(1, 1)
    assert [f.kind for f in judge(overlapping(), story.events)] == [Kind.VIOLATION]


def test_a_controlled_run_stops_at_once():
    monitor = Monitor(overlapping(), exact=True)
    story = Story().call(0, 0).step(0, 1).call(1, 0).step(1, 1)
    for sweep in story.sweeps(overlapping(), 100):
        monitor.feed_batch(sweep)
    monitor.at_rest()
    assert monitor.stop


def test_importing_the_monitor_does_not_load_networkx():
    code = "import sys, ipcsim.analysis.monitor, ipcsim.analysis.graph; sys.exit('networkx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
