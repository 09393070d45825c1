"""Counterexamples on real processes: they end in the same verdict, at the same lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import ipcsim
from ipcsim import catalogue
from ipcsim.runner.clean import clean
from ipcsim.verdict import Outcome, Verdict
from tests.explorer.scenarios import program

SCENARIOS = [e.name for e in catalogue.entries() if e.kind == "scenario"]
ENDLESS = {Verdict.STARVATION, Verdict.LIVELOCK}


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    clean()


def wrong(name: str) -> bool:
    """Those that go on for ever take long to find, and no replay shows it: one of them is enough."""
    expected = ipcsim.load(name).expect_verify
    return expected is not Verdict.OK and (expected not in ENDLESS or name == "polling")


def remarks(outcome: Outcome) -> str:
    return "\n".join(outcome.extra["remarks"])


@pytest.mark.parametrize("name", [n for n in SCENARIOS if wrong(n)])
def test_real_processes_end_in_the_same_place(name: str) -> None:
    outcome = ipcsim.verify(name, replay=True)
    replay = outcome.extra["replay"]
    assert outcome.verdict == outcome.expect
    if outcome.verdict in ENDLESS:
        assert replay["verdict"] == "inconclusive", remarks(outcome)
        assert "the way there and the loop once" in remarks(outcome)
        return
    assert replay["verdict"] == str(outcome.verdict), remarks(outcome)
    assert replay["same"], remarks(outcome)
    assert "ended in the same" in remarks(outcome)


def lines(outcome: Outcome) -> set[str]:
    return {str(f.at) for f in outcome.findings if f.verdict is outcome.verdict}


@pytest.mark.parametrize(
    ("name", "arguments"), [("dining-philosophers", {"seats": 3}), ("lost-update", {"payments": 2})]
)
def test_twenty_times_out_of_twenty(name: str, arguments: dict[str, Any]) -> None:
    """What `verify` prints for `replay` steps real processes to the same finding at the same lines."""
    found = ipcsim.verify(name, arguments=arguments)
    schedule = found.extra["counterexample"]["schedule"]
    for _ in range(20):
        again = ipcsim.run(name, schedule=schedule, arguments=arguments)
        assert again.verdict is found.verdict
        assert lines(again) <= lines(found)
        assert lines(again)


def test_a_crash_anywhere_is_replayed() -> None:
    outcome = ipcsim.verify("lost-update", variant="mutex", payments=2, crashes=1, replay=True)
    assert outcome.verdict is Verdict.DEADLOCK
    assert "x" in outcome.extra["counterexample"]["schedule"]
    assert outcome.extra["replay"]["same"], remarks(outcome)


def test_undo_survives_a_crash_anywhere() -> None:
    text = """
semaphores: {s: {mutex: 1}}
processes:
  worker: {count: 2, steps: [{P: mutex, undo: true}, phase: inside, {V: mutex, undo: true}]}
"""
    assert ipcsim.verify(program(text), crashes=2).verdict is Verdict.OK
    assert ipcsim.verify(program(text.replace(", undo: true", "")), crashes=1).verdict is Verdict.DEADLOCK


def test_a_timeout_is_replayed() -> None:
    text = """
semaphores: {s: {a: 1}}
processes:
  holder: {steps: [P: a, V: a]}
  hasty: {steps: [{P: a, timeout: 5s, on_error: {EAGAIN: [{assert: false}]}}, V: a]}
expect: violation
"""
    outcome = ipcsim.verify(program(text), replay=True)
    assert outcome.verdict is Verdict.VIOLATION
    assert "!" in outcome.extra["counterexample"]["schedule"]
    assert outcome.extra["replay"]["same"], remarks(outcome)


def test_an_alternative_is_replayed() -> None:
    text = """
semaphores: {s: {a: 1}}
processes:
  one: {steps: [{choose: [[V: a], [P: a, P: a]]}]}
expect: deadlock
"""
    outcome = ipcsim.verify(program(text), replay=True)
    assert outcome.extra["counterexample"]["schedule"].startswith("0:1")
    assert outcome.extra["replay"]["same"], remarks(outcome)


def test_what_is_broken_at_once_is_replayed() -> None:
    """In the first state, before any step."""
    text = """
semaphores: {s: {a: 1}}
processes: {one: {steps: [P: a]}}
properties: {nothing to take: {never: a == 1}}
expect: violation
"""
    outcome = ipcsim.verify(program(text), replay=True)
    assert outcome.verdict is Verdict.VIOLATION
    assert outcome.extra["replay"]["same"], remarks(outcome)


def test_where_linux_hands_over_it_says_so() -> None:
    """SETVAL serves the sleeper on Linux; what only POSIX allows is marked, and the replay says where."""
    outcome = ipcsim.verify("set-and-get", semaphores="weak", replay=True)
    assert outcome.verdict not in (Verdict.OK, Verdict.INCONCLUSIVE)
    assert "On Linux this" in remarks(outcome)
    assert not outcome.extra["replay"]["same"]
    assert "The kernel does not follow" in remarks(outcome)
    assert "step " in remarks(outcome)


def test_nothing_is_said_of_linux_where_it_is_no_different() -> None:
    outcome = ipcsim.verify("dining-philosophers", seats=3, meals=1)
    assert "On Linux" not in remarks(outcome)


def test_a_proof_has_nothing_to_replay() -> None:
    outcome = ipcsim.verify("dining-philosophers", strategy="ordered", replay=True)
    assert outcome.verdict is Verdict.OK
    assert "replay" not in outcome.extra
