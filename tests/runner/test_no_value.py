"""What has no value is an error with its line and its reason, under every scheduler; never a traceback."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ipcsim.program import Scheduler
from ipcsim.program.expressions import Const
from ipcsim.runner.supervisor import run
from ipcsim.verdict import Kind, Outcome, Verdict
from tests.analysis.programs import family, forks, op, semop
from tests.analysis.programs import program as by_hand
from tests.runner.helpers import one, program

SCHEDULERS = pytest.mark.parametrize("scheduler", [Scheduler.FREE, Scheduler.RANDOM, Scheduler.PCT])
CONDITIONS = {
    "1 // m.x == 1": "division by zero",
    "m.y[m.x + 7] == 1": "index 7 is outside 0 … 1",
    "c[m.x + 2] == 1": "index 2 is outside 0 … 1",
    "any(c[i + 1] == 1 for i in range(2))": "index 2 is outside 0 … 1",
    "min(i for i in range(m.x)) == 1": "min of nothing",
}


def judged(text: str, scheduler: Scheduler) -> Outcome:
    made = program(text)
    return run(made, settings=replace(made.settings, scheduler=scheduler, seed=1))


@SCHEDULERS
@pytest.mark.parametrize("kind", ["never", "always", "at_end"])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_property_without_a_value(condition: str, kind: str, scheduler: Scheduler) -> None:
    outcome = judged(
        f"""
semaphores: {{s: {{a: 1, c: {{count: 2}}}}}}
segments: {{m: {{x: int, y: "int[2]"}}}}
processes: {{p: {{steps: [P: a, phase: k, V: a]}}}}
properties: {{in doubt: {{{kind}: "{condition}"}}}}
""",
        scheduler,
    )
    assert outcome.verdict is Verdict.ERROR, outcome.findings
    finding = one(outcome, Kind.EVALUATION)
    assert finding.message == f"The property `in doubt` (line 5) cannot be judged: {CONDITIONS[condition]}."
    assert finding.at is not None
    assert finding.at.line == 5


@SCHEDULERS
def test_phases_of_a_process_that_is_not_there(scheduler: Scheduler) -> None:
    outcome = judged(
        """
semaphores: {s: {a: 1}}
processes: {p: {count: 2, steps: [P: a, phase: k, V: a]}}
properties: {alone: {never: any(at(p[i], 'k') and at(p[i + 1], 'k') for i in range(2))}}
""",
        scheduler,
    )
    assert "cannot be judged: index 2 is outside 0 … 1" in one(outcome, Kind.EVALUATION).message


@SCHEDULERS
def test_an_object_that_is_gone_at_the_end(scheduler: Scheduler) -> None:
    outcome = judged(
        """
queues: {q: {message: {n: int}}}
processes: {p: {steps: [create: q, remove: q]}}
properties: {empty: {at_end: len(q) == 0}}
""",
        scheduler,
    )
    assert "cannot be judged: there is no queue `q` then" in one(outcome, Kind.EVALUATION).message


def test_a_free_run_does_not_blame_a_property_for_an_object_that_was_removed_in_time() -> None:
    outcome = judged(
        """
queues: {q: {message: {n: int}}}
processes: {p: {steps: [create: q, remove: q]}}
properties: {few: {never: len(q) > 3}}
""",
        Scheduler.FREE,
    )
    assert outcome.verdict is Verdict.OK
    assert any("was not judged: there is no queue `q`" in r for r in outcome.extra["remarks"])


STEPS = {
    'P: "fork[i]"': "index 7 is outside 0 … 2",
    "V: {fork[0]: i * 10000}": "70000 does not fit sem_op",
    'set_value: {"fork[i]": 1}': "index 7 is outside 0 … 2",
    'get: {value: "fork[i]", into: v}': "index 7 is outside 0 … 2",
    'set: {"m.y[i]": 1}': "index 7 of `y` is outside 0 … 1",
    'set: {v: "m.y[i]"}': "index 7 of `y` is outside 0 … 1",
    "send: {queue: q, type: 1, message: {n: i * 10000}}": "70000 does not fit `n`",
    'receive: {queue: q, type: "1 // (i - 7)"}': "division by zero",
    'signal: {to: "p[i]", name: SIGUSR1}': "index 7 is outside 0 … 1",
    'exit: "1 // (i - 7)"': "division by zero",
}


@pytest.mark.parametrize("scheduler", [Scheduler.FREE, Scheduler.RANDOM])
@pytest.mark.parametrize("step", STEPS)
def test_a_step_without_a_value(step: str, scheduler: Scheduler, capfd: pytest.CaptureFixture[str]) -> None:
    outcome = judged(
        f"""
semaphores: {{s: {{fork: {{count: 3, value: 1}}}}}}
queues: {{q: {{message: {{n: short}}}}}}
segments: {{m: {{y: "int[2]"}}}}
processes:
  p:
    count: 2
    locals: {{i: 2, v: 0}}
    steps:
      - set: {{i: i + 5}}
      - {step}
""",
        scheduler,
    )
    assert outcome.verdict is Verdict.ERROR
    for finding in outcome.findings:
        assert finding.kind is Kind.EVALUATION
        assert "stopped at test.yaml:11" in finding.message
        assert STEPS[step] in finding.message
    assert len(outcome.findings) == 2
    assert capfd.readouterr().err == ""


def test_a_constant_that_no_language_has_checked(capfd: pytest.CaptureFixture[str]) -> None:
    """A Program made by hand, or read from a trace."""
    code = [semop(op(0, -1, index=Const(7), count=3), line=4), semop(op(0, 70000), line=5)]
    made = by_hand(family("p", code[0]), family("q", code[1]), sets=[forks(3)])
    outcome = run(made)
    assert outcome.verdict is Verdict.ERROR
    assert {str(f.at) for f in outcome.findings} == {"test.yaml:4", "test.yaml:5"}
    assert capfd.readouterr().err == ""
