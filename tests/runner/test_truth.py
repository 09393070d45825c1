"""Where a run could easily say something untrue: each of these once did."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ipcsim.program import Scheduler
from ipcsim.runner.supervisor import run
from ipcsim.verdict import Kind, Verdict
from tests.runner.helpers import one, program, run_text

OVER_VALUES = """
semaphores: {s: {a: 1}}
processes: {p: {steps: [V: a, P: a]}}
properties: {a is never two: {always: a < 2}}
"""


@pytest.mark.parametrize("scheduler", [Scheduler.FREE, Scheduler.RANDOM])
def test_a_silent_loop_ends_with_the_timeout_and_says_where(scheduler: Scheduler) -> None:
    made = program("processes: {p: {locals: {x: 1}, steps: [{while: x == 1, steps: [set: {x: 1}]}]}}\n")
    outcome = run(made, settings=replace(made.settings, scheduler=scheduler, timeout=0.3))
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.duration_s < 5
    assert one(outcome, Kind.TIMEOUT).details[0][0] == "p"


def test_the_timeout_strikes_also_where_a_duration_is_longer() -> None:
    made = program("processes: {p: {steps: [forever: [phase: x, pause: 10ms]]}}\n")
    outcome = run(made, settings=replace(made.settings, timeout=0.1, duration=30.0))
    assert outcome.verdict is Verdict.INCONCLUSIVE, outcome.findings
    assert outcome.duration_s < 20


def test_opening_a_private_object_by_its_key_makes_nothing() -> None:
    outcome = run_text("""
queues: {q: {}}
processes:
  maker: {steps: [create: q, remove: q]}
  user: {steps: [open: q]}
""")
    assert outcome.verdict is Verdict.ERROR
    assert "finds nothing" in one(outcome, Kind.EVALUATION).message


def test_a_free_run_says_which_property_it_could_not_follow() -> None:
    outcome = run_text(OVER_VALUES)
    assert outcome.verdict is Verdict.OK
    assert any("a is never two" in r and "--scheduler random" in r for r in outcome.extra["remarks"])


def test_a_controlled_run_follows_values_at_every_step() -> None:
    made = program(OVER_VALUES)
    outcome = run(made, settings=replace(made.settings, scheduler=Scheduler.RANDOM, seed=1))
    assert outcome.verdict is Verdict.VIOLATION
    assert outcome.extra["remarks"] == []


def test_a_process_that_was_never_spawned_does_not_excuse_the_end() -> None:
    outcome = run_text("""
processes:
  p: {locals: {x: 0}, steps: [{if: x == 1, then: [spawn: child]}]}
  child: {spawned: true, steps: [phase: x]}
properties: {impossible: {at_end: 1 == 2}}
""")
    assert outcome.verdict is Verdict.VIOLATION


@pytest.mark.parametrize("seed", range(12))
def test_a_child_born_while_another_ends_gets_its_turn(seed: int) -> None:
    made = program("""
segments: {m: {n: {type: int, atomic: true}}}
processes:
  parent: {locals: {n: 0}, steps: [{spawn: child}, {while: n == 0, steps: [set: {n: m.n}]}]}
  child: {spawned: true, steps: [{set: {m.n: 1}}]}
  stranger: {steps: [phase: here]}
run: {livelock: off}
""")
    outcome = run(made, settings=replace(made.settings, scheduler=Scheduler.RANDOM, seed=seed, timeout=5.0))
    assert outcome.verdict is Verdict.OK, outcome.findings
