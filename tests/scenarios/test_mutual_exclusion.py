"""Dekker, Peterson and the bakery: right is proved right, and with two lines exchanged it is not.

Also readers and writers who come back for ever: who starves, and who does not.
"""

from __future__ import annotations

import re

import pytest

import ipcsim
from ipcsim import catalogue
from ipcsim.program import Scheduler
from ipcsim.verdict import Finding, Kind, Outcome, Verdict

ALGORITHMS = ["peterson", "dekker", "bakery"]


def problem(name: str) -> str:
    """The path of a problem; its name alone may mean the scenario of that name."""
    return next(str(e.path) for e in catalogue.entries() if (e.kind, e.name) == ("problem", name))


def lines(name: str) -> list[str]:
    """A problem's text without comments, line by line."""
    text = catalogue.find(problem(name)).text
    return [re.sub(r"#.*", "", line).strip() for line in text.splitlines()]


def told(outcome: Outcome) -> list[str]:
    return [f"{f.kind}: {f.message}" for f in outcome.findings]


def of_kind(outcome: Outcome, kind: Kind) -> list[Finding]:
    return [f for f in outcome.findings if f.kind is kind]


@pytest.mark.parametrize("name", ALGORITHMS)
def test_two_lines_are_exchanged_and_nothing_else(name: str) -> None:
    text = lines(name)
    start = text.index("exchanged:")
    right = text[text.index("right:") + 1 : start]
    assert len(right) == 2
    assert text[start + 1 : start + 3] == right[::-1]


# --- one schedule ---


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("seed", [0, 41, 12, 71])
def test_right_lets_one_in_at_a_time(name: str, seed: int) -> None:
    """Also with the seeds that break the others."""
    outcome = ipcsim.run(problem(name), scheduler=Scheduler.RANDOM, seed=seed)
    assert outcome.verdict is Verdict.OK, told(outcome)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_exchanged_lets_both_in(name: str) -> None:
    (broken,) = of_kind(ipcsim.run(f"{name}-exchanged"), Kind.VIOLATION)
    assert set(broken.processes) == {"process[0]", "process[1]"}
    assert "one at a time" in broken.message


def test_three_in_the_bakery() -> None:
    """The roll ends at 2, so that somebody has to ask again."""
    outcome = ipcsim.run(problem("bakery"), scheduler=Scheduler.RANDOM, seed=2, processes=3, tickets=2)
    assert outcome.verdict is Verdict.OK, told(outcome)


# --- every interleaving ---


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("rounds", [0, 2])
def test_right_is_proved(name: str, rounds: int) -> None:
    outcome = ipcsim.verify(problem(name), rounds=rounds)
    assert outcome.verdict is Verdict.OK, told(outcome)
    assert outcome.complete


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("rounds", [0, 2])
def test_exchanged_is_refuted(name: str, rounds: int) -> None:
    outcome = ipcsim.verify(problem(name), variant="exchanged", rounds=rounds)
    assert outcome.verdict is Verdict.RACE, told(outcome)
    assert any("account.visits" in f.message for f in of_kind(outcome, Kind.RACE))
    assert any("one at a time" in f.message for f in of_kind(outcome, Kind.VIOLATION))


def test_an_update_is_lost_in_the_end() -> None:
    outcome = ipcsim.verify(problem("peterson"), variant="exchanged")
    assert any("no visit is lost" in f.message for f in of_kind(outcome, Kind.VIOLATION)), told(outcome)


@pytest.mark.parametrize("tickets", [2, 3, 5])
def test_a_roll_of_any_length_is_enough_for_two(tickets: int) -> None:
    outcome = ipcsim.verify(problem("bakery"), rounds=0, tickets=tickets)
    assert outcome.verdict is Verdict.OK, told(outcome)


def test_two_can_use_up_the_roll_while_the_third_asks() -> None:
    outcome = ipcsim.verify("bakery-of-three")
    assert outcome.verdict is Verdict.STARVATION, told(outcome)
    assert not of_kind(outcome, Kind.VIOLATION)
    assert not of_kind(outcome, Kind.RACE)


# --- readers and writers for ever ---


def test_the_writer_starves_for_ever() -> None:
    outcome = ipcsim.verify("writer-starves")
    assert outcome.verdict is Verdict.STARVATION, told(outcome)
    assert {p for f in of_kind(outcome, Kind.STARVATION) for p in f.processes} == {"writer[0]"}


def test_behind_one_turnstile_nobody_starves() -> None:
    outcome = ipcsim.verify("readers-writers-for-ever")
    assert outcome.verdict is Verdict.OK, told(outcome)
    assert outcome.complete
