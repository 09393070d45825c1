from __future__ import annotations

from ipcsim.analysis.monitor import Monitor
from ipcsim.program.instructions import Repeat
from ipcsim.verdict import Kind, Verdict

from .events import Story
from .programs import at, choose, family, jump, load, p, pause, phase, program, segment, semaphores, store, v

EAGAIN = 11
POLLER = family("poller", p(0, 7, nowait=True, handlers=(("EAGAIN", 0),)), v(0), jump(0), count=2)


def polls(story, *processes, times=1):
    for _ in range(times):
        for process in processes:
            story.begin(process, 0).end(process, 0, errno=EAGAIN)
    return story


def judge(prog, story, size=None, exact=False):
    monitor = Monitor(prog, exact)
    if size is None:
        for event in story.events:
            monitor.feed(event)
    else:
        for sweep in story.sweeps(prog, size):
            monitor.feed_batch(sweep)
    return [f for f in monitor.findings() if f.kind is Kind.LIVELOCK]


def polling(bound=100, *more, value=0):
    return program(POLLER, *more, sets=[semaphores(value, 0)], livelock=bound)


def test_steps_without_progress():
    polite = family("polite", p(0, 3), v(0, 4), jump(0), phase("working", 6, progress=True), count=2)
    prog = program(polite, sets=[semaphores(1)], livelock=100)
    story = Story()
    for i in range(100):
        story.call(i % 2, 0, 1)
    (finding,) = judge(prog, story)
    assert finding.verdict is Verdict.LIVELOCK
    assert finding.processes == ("polite[0]", "polite[1]")
    assert (
        "nobody gets to `working` (100 steps of polite[0] without progress, the bound is 100)"
        in finding.message
    )
    assert "P: s0" in finding.details[0][1]
    assert "line 3" in finding.details[0][1]
    assert judge(prog, story, size=10)
    assert Monitor(prog).stop is False


def test_progress_starts_the_count_again():
    polite = family("polite", p(0), v(0), jump(0), phase("working", progress=True), count=2)
    prog = program(polite, sets=[semaphores(1)], livelock=100)
    story = Story()
    for i in range(60):
        story.call(i % 2, 0, 1)
        if i % 20 == 0:
            story.step(1, 3)
    assert judge(prog, story) == []
    assert judge(prog, story, size=16) == []


def test_everybody_polls_and_nothing_changes():
    story = polls(Story(), 0, 1, times=120)
    (finding,) = judge(polling(), story)
    assert finding.processes == ("poller[0]", "poller[1]")
    assert "poll without waiting, and nothing changes any more" in finding.message
    assert str(finding.at) == "test.yaml:7"
    assert judge(polling(), story, size=10)


def test_a_change_starts_the_count_again():
    story = Story()
    for _ in range(20):
        polls(story, 0, 1, times=40)
        story.call(1, 0)
    assert judge(polling(), story) == []


def test_no_alarm_while_somebody_else_may_still_act():
    prog = polling(100, family("worker", pause(), v(0)))
    assert judge(prog, polls(Story(), 0, 1, times=500)) == []


def test_no_alarm_where_one_stopped_polling_and_is_about_to_act():
    story = polls(Story(), 0, 1, times=10)
    assert judge(polling(), polls(story, 0, times=500)) == []


def test_somebody_asleep_for_long_cannot_help():
    prog = polling(100, family("sleeper", p(1)))
    story = Story().begin(2, 0)
    polls(story, 0, 1, times=150)
    assert judge(prog, story) == []  # it has not been there for a second yet
    assert judge(prog, story, exact=True)
    story.at(2_000_000_000)
    assert judge(prog, polls(story, 0, 1, times=150))


def test_somebody_with_a_timeout_may_wake():
    prog = polling(100, family("sleeper", p(1, timeout=9.0)))
    story = Story().begin(2, 0).at(2_000_000_000)
    assert judge(prog, polls(story, 0, 1, times=500), exact=True) == []


def test_the_ended_do_not_count():
    prog = polling(100, family("done", phase("x")))
    story = Story().step(2, 0).died(2)
    assert judge(prog, polls(story, 0, 1, times=200))


def test_spinning_on_a_field_is_polling_and_a_store_is_not():
    spin = family("spin", load(), choose(0, 3), jump(0), store(), count=1)
    prog = program(spin, segments=[segment("flag")], livelock=100)
    story = Story()
    for _ in range(150):
        story.step(0, 0).step(0, 1, a=0)
    assert judge(prog, story)
    for _ in range(150):
        story.step(0, 0, 1, 3)
    story.events = story.events[-300:]
    assert judge(prog, story) == []


def test_a_counted_loop_will_end():
    reader = family("reader", load(), Repeat(at=at(1), text="", slot=2, target=0))
    prog = program(reader, segments=[segment("flag")], livelock=100)
    assert judge(prog, Story().step(0, *[0] * 1000)) == []


def test_not_judged_without_a_bound():
    assert judge(polling(None), polls(Story(), 0, 1, times=5000)) == []
