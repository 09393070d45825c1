"""Livelock on real processes: busy loops on every error are found, what counts towards an end is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ipcsim.program import Scheduler
from ipcsim.runner.supervisor import run
from ipcsim.verdict import Kind, Outcome, Verdict
from tests.runner.helpers import one, program

BOUND = 300
BOTH = pytest.mark.parametrize("scheduler", [Scheduler.FREE, Scheduler.RANDOM])


def judged(text: str, scheduler: Scheduler, timeout: float = 40.0, bound: int = BOUND) -> Outcome:
    made = program(f"{text}\nrun: {{livelock: {bound}, seed: 1}}\n")
    return run(made, settings=replace(made.settings, scheduler=scheduler, timeout=timeout))


OBJECTS = """
semaphores:
  s: {zero: 0, full: 32767}
  lock: {a: 0, key: 0x3e98}
queues: {q: {message: {data: char[40]}}}
segments: {m: {flag: int, next: "int[4]"}}
"""
TRIED_AGAIN = {
    "nowait": "[{P: zero, nowait: true, on_error: {EAGAIN: []}}]",
    "time-out": "[{P: zero, timeout: 100us, on_error: {EAGAIN: []}}]",
    "time-out of a queue": "[{receive: {queue: q}, timeout: 100us, on_error: {EAGAIN: []}}]",
    "no message": "[{receive: {queue: q}, nowait: true, on_error: {ENOMSG: []}}]",
    "range of a V": "[{V: full, on_error: {ERANGE: []}}]",
    "range of SETVAL": "[{set_value: {zero: big}, on_error: {ERANGE: []}}]",
    "no such process": "[{signal: {to: gone, name: SIGUSR1}, on_error: {ESRCH: []}}]",
    "no such object": "[{open: lock, on_error: {ENOENT: []}}]",
    "nothing attached": "[{detach: m, on_error: {EINVAL: []}}]",
    "looking at a field": "[{set: {x: m.flag}}]",
    "asking": "[{get: {value: zero, into: x}}]",
    "a zero that is there": "[{Z: zero}]",
}


BEFORE = {"nothing attached": "{attach: m}, {detach: m}, "}


@BOTH
@pytest.mark.parametrize("what", TRIED_AGAIN)
def test_tried_again_for_ever(what: str, scheduler: Scheduler) -> None:
    outcome = judged(
        f"""{OBJECTS}
processes:
  gone: {{steps: [phase: x]}}
  p: {{locals: {{x: 0, big: 40000}}, steps: [{BEFORE.get(what, "")}{{forever: {TRIED_AGAIN[what]}}}]}}
""",
        scheduler,
    )
    assert outcome.verdict is Verdict.LIVELOCK, outcome.findings
    assert f"the bound is {BOUND}" in one(outcome, Kind.LIVELOCK).message


@BOTH
def test_a_message_that_is_too_long_for_its_receiver(scheduler: Scheduler) -> None:
    outcome = judged(
        f"""{OBJECTS}
processes:
  sender: {{steps: [{{send: {{queue: q, type: 1, message: {{data: "'long'"}}}}}}]}}
  parser: {{steps: [{{forever: [{{receive: {{queue: q, size: 16}}, on_error: {{E2BIG: []}}}}]}}]}}
""",
        scheduler,
    )
    assert outcome.verdict is Verdict.LIVELOCK, outcome.findings
    assert one(outcome, Kind.LIVELOCK).processes == ("parser",)


@BOTH
def test_a_lock_file_whose_owner_has_died(scheduler: Scheduler) -> None:
    outcome = judged(
        f"""{OBJECTS}
processes:
  dead: {{steps: [{{create: {{object: lock, exclusive: true}}}}, {{V: zero}}, {{crash: SIGKILL}}]}}
  next:
    locals: {{got: 0}}
    steps:
      - P: zero
      - while: got == 0
        steps:
          - set: {{got: 1}}
          - {{create: {{object: lock, exclusive: true}}, on_error: {{EEXIST: [{{set: {{got: 0}}}}]}}}}
""",
        scheduler,
    )
    assert outcome.verdict is Verdict.LIVELOCK, outcome.findings
    assert one(outcome, Kind.LIVELOCK).processes == ("next",)


COUNTS = {
    "up": "{while: i < 3000, steps: [set: {x: m.flag}, set: {i: i + 1}]}",
    "down": "{set: {i: 3000}}, {while: i > 0, steps: [set: {x: m.flag}, set: {i: i - 1}]}",
    "tries": "{while: i < 3000, steps: [{P: zero, nowait: true, on_error: {EAGAIN: [set: {i: i + 1}]}}]}",
    "in two loops": "{while: i < 60, steps: [{set: {y: 0}}, "
    "{while: y < 50, steps: [set: {x: m.flag}, set: {y: y + 1}]}, {set: {i: i + 1}}]}",
    "a repeat in a while": "{while: i < 2, steps: [{repeat: 1500, steps: [set: {x: m.flag}]}, "
    "{set: {i: i + 1}}]}",
    "by another variable": "{while: i < 3000, steps: [set: {x: m.flag}, set: {y: i + 1}, set: {i: y}]}",
}


@BOTH
@pytest.mark.parametrize("how", COUNTS)
def test_what_counts_towards_an_end_is_no_livelock(how: str, scheduler: Scheduler) -> None:
    text = f"{OBJECTS}processes: {{p: {{locals: {{i: 0, x: 0, y: 0}}, steps: [{COUNTS[how]}]}}}}"
    assert judged(text, scheduler).verdict is Verdict.OK


RETURNS = {
    "a flag put back": "[{set: {i: 1}}, {set: {x: m.flag}}, {set: {i: 0}}]",
    "to and fro": "[{set: {x: m.flag}}, {set: {i: 1 - i}}, {if: i > 5, then: [V: zero]}]",
    "round and round": "[{set: {x: m.flag}}, {set: {i: (i + 1) % 7}}, {if: i > 9, then: [V: zero]}]",
    "a walk in a list": "[{set: {i: 'm.next[i]'}}, {if: i > 5, then: [V: zero]}]",
    "a statistic that nobody reads": "[{set: {x: m.flag}}, {set: {i: i + 1}}]",
}


@BOTH
@pytest.mark.parametrize("how", RETURNS)
def test_where_it_has_been_before_is_nothing_new(how: str, scheduler: Scheduler) -> None:
    text = f"{OBJECTS}processes: {{p: {{locals: {{i: 0, x: 0}}, steps: [{{forever: {RETURNS[how]}}}]}}}}"
    assert judged(text, scheduler).verdict is Verdict.LIVELOCK


@BOTH
def test_a_second_count_is_news_after_a_change(scheduler: Scheduler) -> None:
    """Each round is longer than the bound, and goes through the same numbers as the one before."""
    text = f"""{OBJECTS}
processes:
  p:
    locals: {{i: 0, k: 0, x: 0}}
    steps:
      - while: k < 5
        steps:
          - set: {{i: 0}}
          - while: i < 1000
            steps: [set: {{x: m.flag}}, set: {{i: i + 1}}]
          - V: zero
          - set: {{k: k + 1}}
"""
    assert judged(text, scheduler).verdict is Verdict.OK


def test_many_that_do_a_little_each_are_no_livelock() -> None:
    """Each of them makes fewer steps than the bound before the first gets to its progress."""
    text = """
semaphores: {s: {gate: 0}}
processes:
  p:
    count: 60
    steps:
      - repeat: 4
        steps: [{P: gate, nowait: true, on_error: {EAGAIN: []}}]
      - {phase: through, progress: true}
"""
    assert judged(text, Scheduler.FREE, bound=100).verdict is Verdict.OK
    assert judged(text, Scheduler.RANDOM, bound=100).verdict is Verdict.OK


@BOTH
def test_many_pollers_are_found_together(scheduler: Scheduler) -> None:
    text = """
semaphores: {s: {z: 0}}
processes: {p: {count: 8, steps: [{forever: [{P: z, nowait: true, on_error: {EAGAIN: []}}]}]}}
"""
    finding = one(judged(text, scheduler, bound=200), Kind.LIVELOCK)
    assert len(finding.processes) == 8


def test_no_livelock_while_somebody_rests_who_will_act() -> None:
    text = """
semaphores: {s: {go: 0}}
processes:
  poller:
    locals: {got: 0}
    steps:
      - while: got == 0
        steps: [{set: {got: 1}}, {P: go, nowait: true, on_error: {EAGAIN: [set: {got: 0}]}}]
  slow: {steps: [{pause: 300ms}, {V: go}]}
"""
    assert judged(text, Scheduler.FREE, bound=100).verdict is Verdict.OK


def test_a_busy_poller_beside_slow_progress_is_no_livelock() -> None:
    text = """
semaphores: {s: {stop: 0}}
processes:
  poller:
    locals: {got: 0}
    steps:
      - while: got == 0
        steps: [{set: {got: 1}}, {P: stop, nowait: true, on_error: {EAGAIN: [set: {got: 0}]}}]
  slow: {steps: [{repeat: 4, steps: [{pause: 100ms}, {phase: done, progress: true}]}, {V: stop}]}
"""
    assert judged(text, Scheduler.FREE, bound=100).verdict is Verdict.OK


@BOTH
def test_those_who_sleep_beside_a_poller_cannot_help(scheduler: Scheduler) -> None:
    """The poller might wake the sleeper by the text, and the sleeper the poller; neither gets to it."""
    text = """
semaphores: {s: {a: 0, b: 0}}
processes:
  poller:
    locals: {got: 0}
    steps:
      - while: got == 0
        steps: [{set: {got: 1}}, {P: a, nowait: true, on_error: {EAGAIN: [set: {got: 0}]}}]
      - V: b
  sleeper: {steps: [{P: b}, {V: a}]}
"""
    finding = one(judged(text, scheduler), Kind.LIVELOCK)
    assert finding.processes == ("poller",)


@BOTH
def test_changes_do_not_count_where_progress_is_marked(scheduler: Scheduler) -> None:
    text = """
semaphores: {s: {tool: {count: 2}}}
processes:
  p:
    count: 2
    locals: {both: 0}
    steps:
      - forever:
          - V: "tool[me]"
          - P: "tool[me]"
          - if: both == 1
            then: [{phase: working, progress: true}]
"""
    finding = one(judged(text, scheduler), Kind.LIVELOCK)
    assert "nobody gets to `working`" in finding.message
