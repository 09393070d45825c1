"""A process that is stopped and that nobody continues never goes on: run says of it what verify says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ipcsim.program import Scheduler
from ipcsim.runner.supervisor import run
from ipcsim.verdict import Kind, Outcome, Verdict
from ipcsim.verification import verify
from tests.runner.helpers import one, program

BOTH = pytest.mark.parametrize("scheduler", [Scheduler.FREE, Scheduler.RANDOM])


def judged(text: str, scheduler: Scheduler, seed: int = 1) -> Outcome:
    made = program(text)
    return run(made, settings=replace(made.settings, scheduler=scheduler, seed=seed, timeout=10.0))


def verified(text: str) -> Verdict:
    return verify(program(text)).verdict


ASLEEP = """
semaphores: {s: {gate: 0}}
processes:
  p: {steps: [{P: gate, on_error: {EINTR: []}}]}
  q: {steps: [{pause: 50ms}, {signal: {to: p, name: SIGSTOP}}, {V: gate}]}
"""
AWAKE = """
processes:
  p: {steps: [{forever: [{phase: here}, {pause: 1ms}]}]}
  q: {steps: [{pause: 50ms}, {signal: {to: p, name: SIGSTOP}}]}
"""
WHILE_OTHERS_GO_ON = f"""{AWAKE}
  r: {{steps: [{{forever: [{{phase: there}}, {{pause: 1ms}}]}}]}}
"""


@BOTH
@pytest.mark.parametrize("text", [ASLEEP, AWAKE, WHILE_OTHERS_GO_ON], ids=["asleep", "awake", "others"])
def test_whom_nobody_continues_is_deadlocked(text: str, scheduler: Scheduler) -> None:
    outcome = judged(text, scheduler)
    assert outcome.verdict is Verdict.DEADLOCK, outcome.findings
    finding = one(outcome, Kind.ORPHANED_WAIT)
    assert finding.processes == ("p",)
    assert "p is stopped for ever: nobody is left who could send it SIGCONT" in finding.message or (
        "p is stopped for ever: no process ever sends it SIGCONT" in finding.message
    )
    assert outcome.extra["detected_after_s"] < 5


@BOTH
def test_a_circle_through_a_stopped_process(scheduler: Scheduler) -> None:
    text = """
semaphores: {s: {go: 0, ready: 0}}
processes:
  p: {steps: [V: ready, phase: here, {pause: 1s}, V: go]}
  q: {steps: [P: ready, {signal: {to: p, name: SIGSTOP}}, P: go, {signal: {to: p, name: SIGCONT}}]}
"""
    outcomes = [judged(text, scheduler, seed) for seed in range(6)]
    found = [o for o in outcomes if o.verdict is Verdict.DEADLOCK]
    assert found, outcomes
    finding = one(found[0], Kind.CIRCULAR_WAIT)
    assert finding.cycle == ("p", "SIGCONT", "q", "go", "p")
    assert "waits for SIGCONT, which only q could send" in finding.message


@BOTH
@pytest.mark.parametrize("how", ["SIGCONT", "SIGKILL"])
def test_whom_somebody_still_continues_or_ends_is_not_stuck(how: str, scheduler: Scheduler) -> None:
    text = f"""
processes:
  p: {{steps: [{{repeat: 100, steps: [{{phase: here}}, {{pause: 2ms}}]}}]}}
  q:
    steps:
      - signal: {{to: p, name: SIGSTOP}}
        on_error: {{ESRCH: []}}
      - pause: 400ms
      - signal: {{to: p, name: {how}}}
        on_error: {{ESRCH: []}}
"""
    assert judged(text, scheduler).verdict is Verdict.OK


def test_verify_says_the_same() -> None:
    assert verified(ASLEEP) is Verdict.DEADLOCK
    assert verified(AWAKE) is Verdict.DEADLOCK
    assert verified(WHILE_OTHERS_GO_ON) is Verdict.DEADLOCK
