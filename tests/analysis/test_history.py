"""What happened in a trace: lanes, phases, who woke whom, values, steps; on hand-made and on real traces."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import ipcsim
from ipcsim.analysis.graph import analyse
from ipcsim.analysis.history import History, Lane, history, snapshot_at
from ipcsim.analysis.history_fairness import fairness
from ipcsim.analysis.may import MayAnalysis
from ipcsim.program import Program
from ipcsim.snapshot import SemaphoreWait, Status
from ipcsim.trace import Trace, read_trace
from tests.analysis import programs as make
from tests.analysis.events import Story


def past(program: Program, story: Story, outcome: dict[str, Any] | None = None, **header: Any) -> History:
    return history(Trace(program, header, tuple(story.events), outcome or {}))


def lanes(of: History, process: int) -> list[tuple[str, str]]:
    return [(str(s.lane), s.on) for s in of.spans[process]]


def really(tmp_path: Path, name: str, **arguments: Any) -> History:
    outcome = ipcsim.run(name, trace_dir=tmp_path, **arguments)
    return history(read_trace(Path(outcome.extra["trace"])))


LOCK = make.program(
    make.family("worker", make.p(0), make.phase("critical"), make.v(0), count=2),
    sets=[make.semaphores(1)],
)
"""Two workers: 0 P, 1 phase, 2 V, 3 end."""


# --- lanes ---


def test_a_sleep_lasts_from_the_call_to_its_end_and_names_what_it_waits_for() -> None:
    story = Story().call(0, 0).begin(1, 0).at(50_000).begin(0, 2).end(0, 2).end(1, 0)
    found = past(LOCK, story)
    assert lanes(found, 1)[:2] == [("running", ""), ("blocked", "a")]
    blocked = next(s for s in found.spans[1] if s.lane is Lane.BLOCKED)
    assert blocked.wait == SemaphoreWait(0, ((0, -1),))
    assert (blocked.start, blocked.end) == (3000, 53000)


def test_a_call_that_did_not_sleep_is_running() -> None:
    assert {s.lane for s in past(LOCK, Story().call(0, 0).step(0, 1).call(0, 2)).spans[0]} == {Lane.RUNNING}


def test_a_call_of_a_free_run_that_was_over_at_once_did_not_sleep() -> None:
    story = Story().begin(0, 0).step(1, 1).end(0, 0)
    assert {s.lane for s in past(LOCK, story).spans[0]} == {Lane.RUNNING}


def test_a_call_that_only_lost_the_processor_did_not_sleep() -> None:
    story = Story().begin(0, 0).at(500_000).step(1, 1).end(0, 0)
    assert {s.lane for s in past(LOCK, story).spans[0]} == {Lane.RUNNING}


def test_a_sleep_that_never_ends_lasts_to_the_end_of_the_run() -> None:
    story = Story().call(0, 0).begin(1, 0)
    found = past(LOCK, story, {"detected_after_s": 0.001, "complete": False})
    assert found.spans[1][-1].lane is Lane.BLOCKED
    assert found.spans[1][-1].end == found.end == 3000 + 1_000_000


def test_spans_follow_each_other_without_a_gap() -> None:
    story = Story().call(0, 0).begin(1, 0).at(90_000).call(0, 2).end(1, 0).step(0, 3).died(0).died(1, -9)
    found = past(LOCK, story)
    for spans in found.spans:
        assert (spans[0].start, spans[-1].end) == (found.start, found.end)
        assert all(a.end == b.start for a, b in pairwise(spans))
    assert [found.spans[p][-1].lane for p in (0, 1)] == [Lane.ENDED, Lane.DEAD]


def test_whoever_ends_last_has_ended() -> None:
    story = Story().call(0, 0).step(0, 3).died(0)
    assert past(LOCK, story, {"complete": True}).spans[0][-1].lane is Lane.ENDED


def test_an_errno_that_nothing_handles_is_the_end() -> None:
    story = Story().begin(0, 0).end(0, 0, -1, errno=43)
    found = past(LOCK, story)
    assert found.spans[0][-1].lane is Lane.DEAD
    assert found.steps[0].result == "EIDRM"


def test_nothing_at_all() -> None:
    found = past(LOCK, Story())
    assert [s.lane for spans in found.spans for s in spans] == [Lane.RUNNING, Lane.RUNNING]
    assert found.steps == ()


# --- who woke whom ---


def test_a_v_wakes_a_p() -> None:
    story = Story().call(0, 0).begin(1, 0).at(50_000).begin(0, 2).end(0, 2).end(1, 0)
    (wake,) = past(LOCK, story).wakes
    assert (wake.sort, wake.object, wake.waker, wake.waker_pc, wake.woken) == ("V→P", "a", 0, 2, 1)
    assert wake.waker_time <= wake.time


def test_a_v_whose_end_is_recorded_late_wakes_all_the_same() -> None:
    story = Story().call(0, 0).begin(1, 0).at(50_000).begin(0, 2).end(1, 0).end(0, 2)
    found = past(LOCK, story)
    assert [w.sort for w in found.wakes] == ["V→P"]
    assert min(v for _, v in found.series["a"] if isinstance(v, int)) == 0


def test_two_vs_wake_two() -> None:
    program = make.program(
        make.family("giver", make.v(0), make.v(0)), make.family("taker", make.p(0), count=2),
        sets=[make.semaphores(0)],
    )  # fmt: skip
    story = Story().begin(1, 0).begin(2, 0).at(50_000).call(0, 0, 1).end(1, 0).end(2, 0)
    assert [w.waker_pc for w in past(program, story).wakes] == [0, 1]


def test_a_p_to_zero_wakes_a_z() -> None:
    program = make.program(
        make.family("last", make.p(0)), make.family("waiter", make.z(0)), sets=[make.semaphores(1)]
    )
    story = Story().begin(1, 0).at(50_000).call(0, 0).end(1, 0)
    (wake,) = past(program, story).wakes
    assert (wake.sort, wake.woken) == ("P→Z", 1)
    assert lanes(past(program, story), 1)[0] == ("blocked", "a to be zero")


def test_a_send_wakes_a_receive_and_a_receive_a_send() -> None:
    program = make.program(
        make.family("sender", make.send(0, 3), make.send(0, 3)),
        make.family("receiver", make.receive(0, 3), make.receive(0, 3)),
        queues=[make.queue(bytes=4)],
    )
    story = Story().begin(1, 0, 3).at(50_000).send(0, 0, 3).end(1, 0, 4, 3)
    assert [(w.sort, w.waker) for w in past(program, story).wakes] == [("send→receive", 0)]
    full = Story().send(0, 0, 3).begin(0, 1, 3, 4).at(50_000).receive(1, 0, 3, 3).end(0, 1)
    found = past(program, full)
    assert [(w.sort, w.waker) for w in found.wakes] == [("receive→send", 1)]
    assert [v for _, v in found.series["len(q)"]] == [0, 1, 0, 1]


def test_a_message_received_before_its_send_ends_is_no_mystery() -> None:
    program = make.program(
        make.family("sender", make.send(0, 3)), make.family("receiver", make.receive(0, 3)),
        queues=[make.queue()],
    )  # fmt: skip
    story = Story().begin(1, 0, 3).at(50_000).begin(0, 0, 3, 4).end(1, 0, 4, 3).end(0, 0)
    found = past(program, story)
    assert [w.sort for w in found.wakes] == ["send→receive"]
    assert [v for _, v in found.series["len(q)"]] == [0, 1, 0]


def test_the_end_of_a_process_gives_back_what_it_took_with_undo() -> None:
    program = make.program(
        make.family("holder", make.p(0, undo=True)), make.family("heir", make.p(0)),
        sets=[make.semaphores(1)],
    )  # fmt: skip
    story = Story().call(0, 0).begin(1, 0).at(50_000).step(0, 1).end(1, 0).died(0)
    found = past(program, story)
    assert [w.sort for w in found.wakes] == ["exit→P"]
    assert [v for _, v in found.series["a"]] == [1, 0, 1, 0]


def test_a_removal_wakes_the_sleeper_with_an_errno() -> None:
    program = make.program(
        make.family("remover", make.remove()), make.family("sleeper", make.p(0)), sets=[make.semaphores(0)]
    )
    story = Story().begin(1, 0).at(50_000).begin(0, 0).end(0, 0).end(1, 0, -1, errno=43)
    found = past(program, story)
    assert [w.sort for w in found.wakes] == ["removal→P"]
    assert found.series["a"][-1][1] == "not there"


# --- values, phases, steps ---


def test_steps_say_what_they_changed() -> None:
    found = past(LOCK, Story().call(0, 0).step(0, 1).call(0, 2))
    assert [s.changes for s in found.steps] == [
        (("a", "0"),), (("worker[0]", "critical"),), (("a", "1"),),
    ]  # fmt: skip
    assert [h for s in found.steps for h in s.holds] == [(0, "a", 1), (0, "a", 0)]
    assert [s.then for s in found.steps] == [1, 2, 3]


def test_a_store_is_a_change_of_its_field() -> None:
    program = make.program(make.family("writer", make.store(value=7)), segments=[make.segment("x")])
    found = past(program, Story().step(0, 0, a=7))
    assert found.value_at("account.x", found.end) == 7


def test_a_phase_lasts_until_it_is_left() -> None:
    found = past(LOCK, Story().call(0, 0).step(0, 1).at(90_000).step(0, 3).died(0))
    (phase,) = found.phases[0]
    assert (phase.name, phase.start, phase.end) == ("critical", 3000, 91_000)


# --- the model's traces ---


def test_times_of_the_model_are_steps() -> None:
    story = Story()
    story.call(0, 0).begin(1, 0).begin(0, 2).end(0, 2).end(1, 0)
    events = [e._replace(time=t) for e, t in zip(story.events, (1, 1, 2, 3, 3, 3), strict=True)]
    program = replace(LOCK)
    trace = Trace(program, {"source": "model"}, tuple(events), {}, ({"note": "lasso", "from": 2},))
    found = history(trace)
    assert (found.start, found.end, found.by_steps, found.loop) == (0, 4, True, 2)
    assert [(w.sort, w.time) for w in found.wakes] == [("V→P", 3)]


def test_the_woken_call_of_a_step_comes_after_what_woke_it() -> None:
    story = Story().call(1, 0).begin(0, 0).begin(1, 2).end(1, 2).end(0, 0)
    times = (1, 1, 2, 3, 3, 3)
    events = [e._replace(time=t) for e, t in zip(story.events, times, strict=True)]
    merged = tuple(sorted(events, key=lambda e: (e.time, e.process)))  # as `read_trace` puts them
    found = history(Trace(LOCK, {"source": "model"}, merged))
    assert [w.sort for w in found.wakes] == ["V→P"]
    assert min(v for _, v in found.series["a"] if isinstance(v, int)) == 0


# --- instants ---


def test_a_snapshot_of_any_instant() -> None:
    story = Story().call(0, 0).begin(1, 0).at(50_000).begin(0, 2).end(0, 2).end(1, 0)
    found = past(LOCK, story)
    middle = snapshot_at(found, 20_000)
    assert [s.status for s in middle.processes] == [Status.RUNNING, Status.BLOCKED]
    assert middle.semaphores == ((0,),)
    assert middle.processes[0].holds[0].units == 1
    assert snapshot_at(found, 1000).processes[1].status is Status.RUNNING


def test_the_deadlock_of_a_real_run_is_in_the_last_snapshot(tmp_path: Path) -> None:
    found = really(tmp_path, "dining-philosophers", seats=3)
    report = analyse(found.program, snapshot_at(found, found.end), MayAnalysis(found.program))
    assert report.deadlocked == (0, 1, 2)
    assert not analyse(found.program, snapshot_at(found, found.start), MayAnalysis(found.program)).deadlocked


# --- real runs ---


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("producer-consumer", {"items": 20}),
        ("readers-writers", {}),
        ("rendezvous", {}),
        ("producer-consumer-queue", {}),
        ("lock-holder-crashes-undo", {}),
        ("set-and-get", {}),
        ("philosophers-both-at-once", {"meals": 20}),
    ],
)
def test_no_value_of_a_real_run_falls_below_zero_and_every_sleep_has_its_waker(
    tmp_path: Path, name: str, arguments: dict[str, Any]
) -> None:
    found = really(tmp_path, name, **arguments)
    for label, changes in found.series.items():
        if "." not in label:
            assert all(v >= 0 for _, v in changes if isinstance(v, int)), label
    sleeps = [s for spans in found.spans for s in spans if s.lane is Lane.BLOCKED and s.end < found.end]
    assert len([w for w in found.wakes if w.sort != "spawn→start"]) >= 0.9 * len(sleeps)


def test_the_shares_of_a_real_run(tmp_path: Path) -> None:
    found = really(tmp_path, "producer-consumer", items=20, producers=2, consumers=2)
    fair = fairness(found)
    assert len(fair.shares) == 4
    assert all(0 < index <= 1 for index in (*fair.served.values(), *fair.waited.values()))
    for share in fair.shares:
        assert share.median <= share.p95 <= share.longest <= share.waited or not share.sleeps
        assert share.most <= share.overtaken


def test_overtaking_ends_where_the_sleeper_was_served() -> None:
    """Two sleep: the first V is for the other, the second for it, whatever others get until it runs."""
    worker = make.family("worker", make.p(0), make.v(0), count=4)
    program = make.program(worker, sets=[make.semaphores(2)])
    story = Story().call(1, 0).call(2, 0).begin(3, 0).begin(0, 0)
    story.at(50_000).call(1, 1).end(3, 0).call(2, 1)
    for _ in range(5):
        story.call(3, 1, 0)
    served = fairness(past(program, story.end(0, 0), scheduler="free")).shares[0]
    assert (served.sleeps, served.overtaken, served.most) == (1, 1, 1)


def test_one_who_wants_two_units_is_overtaken_until_both_are_there() -> None:
    worker = make.family("worker", make.p(0), make.v(0), count=3)
    program = make.program(worker, make.family("big", make.semop((0, -2))), sets=[make.semaphores(3)])
    story = Story().call(0, 0).call(1, 0).call(2, 0).begin(3, 0)
    for process in (1, 2, 1):
        story.call(process, 1, 0)
    story.call(0, 1).call(1, 1).end(3, 0)
    big = fairness(past(program, story, scheduler="random")).shares[3]
    assert (big.sleeps, big.overtaken, big.most) == (1, 3, 2)


def test_receives_of_what_it_could_have_taken_overtake() -> None:
    takers = make.family("any", make.receive(0, 0)), make.family("one", make.receive(0, 7))
    others = make.family("other", make.receive(0, 7), make.receive(0, 2), make.send(0, 7))
    story = Story().begin(0, 0).begin(1, 0, 7)
    for kind, pc in ((7, 0), (7, 0), (2, 1)):
        story.receive(2, pc, kind, kind)
    story.send(2, 2, 7).end(1, 0, 4, 7).send(2, 2, 7).end(0, 0, 4, 7)
    found = fairness(past(make.program(*takers, others, queues=[make.queue()]), story, scheduler="random"))
    assert (found.shares[1].overtaken, found.shares[1].most) == (2, 2)
    assert found.shares[0].overtaken == 4
    assert found.shares[0].most == 3
