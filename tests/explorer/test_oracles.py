"""Numbers that are known from elsewhere, or can be counted by hand."""

from __future__ import annotations

from typing import Any

import pytest

import ipcsim
from ipcsim.program import Program
from ipcsim.verdict import Verdict
from tests.explorer.scenarios import program


def philosophers(seats: int, second: str = "fork[(me + 1) % seats]", first: str = "fork[me]") -> Program:
    """Nothing but the forks: two P, two V, for ever."""
    return program(
        f"""
semaphores: {{table: {{fork: {{count: {seats}, value: 1}}}}}}
constants: {{seats: {seats}}}
processes:
  philosopher:
    count: seats
    steps:
      - forever:
          - P: "{first}"
          - P: "{second}"
          - V: "{first}"
          - V: "{second}"
"""
    )


@pytest.mark.parametrize(("seats", "states"), [(2, 8), (3, 26), (5, 242), (8, 6_560), (10, 59_048)])
def test_left_first_has_three_to_the_n_minus_one_states(seats: int, states: int) -> None:
    """A fork is free or with one of two neighbours; only that all hold just their second one cannot be."""
    outcome = ipcsim.verify(philosophers(seats), reduction="none")
    assert outcome.extra["states"] == states == 3**seats - 1
    assert outcome.extra["deadlocks"] == 1
    assert outcome.verdict is Verdict.DEADLOCK
    assert outcome.complete


@pytest.mark.parametrize(
    ("seats", "states", "reduction"),
    [
        (5, 62, "stubborn"),
        (5, 62, "all"),
        (10, 272, "stubborn"),
        (20, 1_142, "all"),
        (50, 7_352, "stubborn"),
        (100, 29_702, "all"),
    ],
)
def test_stubborn_sets_make_it_quadratic(seats: int, states: int, reduction: str) -> None:
    assert states == 3 * seats**2 - 3 * seats + 2
    outcome = ipcsim.verify(philosophers(seats), reduction=reduction)
    assert outcome.extra["states"] <= states
    assert outcome.extra["deadlocks"] == 1
    assert outcome.complete


@pytest.mark.parametrize("reduction", ["none", "stubborn", "symmetry", "all"])
@pytest.mark.parametrize("seats", [2, 3, 5])
def test_shortest_way_to_the_deadlock(seats: int, reduction: str) -> None:
    """Each takes one fork, then each waits for another: two turns of everybody, no fewer."""
    outcome = ipcsim.verify(philosophers(seats), reduction=reduction)
    assert outcome.extra["counterexample"]["length"] == 2 * seats
    words = outcome.extra["counterexample"]["schedule"].split()
    assert sorted(words) == sorted([*map(str, range(seats))] * 2)


@pytest.mark.parametrize("reduction", ["none", "stubborn", "symmetry", "all"])
@pytest.mark.parametrize("seats", [3, 5])
def test_ordered_is_proved(seats: int, reduction: str) -> None:
    ordered = philosophers(seats, "fork[max(me, (me + 1) % seats)]", "fork[min(me, (me + 1) % seats)]")
    outcome = ipcsim.verify(ordered, reduction=reduction)
    assert outcome.verdict is Verdict.OK
    assert outcome.complete
    assert outcome.extra["deadlocks"] == 0
    assert outcome.extra["counterexample"] is None


def test_a_hundred_ordered_philosophers_are_proved() -> None:
    outcome = ipcsim.verify("dining-philosophers", strategy="ordered", seats=100, meals=200)
    assert outcome.verdict is Verdict.OK
    assert outcome.complete


def test_interchangeable_processes_are_counted_not_told_apart() -> None:
    """Each is at one of three places: how many are where, instead of who is."""
    text = """
semaphores: {{s: {{a: 0}}}}
processes:
  worker: {{count: {n}, steps: [phase: there]}}
"""
    for n in (2, 5, 9):
        told_apart = ipcsim.verify(program(text.format(n=n)), reduction="none")
        alike = ipcsim.verify(program(text.format(n=n)), reduction="symmetry")
        assert (told_apart.extra["states"], alike.extra["states"]) == (3**n, (n + 1) * (n + 2) // 2)
        assert told_apart.verdict is alike.verdict is Verdict.OK


def said(outcome: Any) -> dict[str, Any]:
    told = outcome.as_json()
    del told["duration_s"]
    return told


@pytest.mark.parametrize("reduction", ["none", "all"])
@pytest.mark.parametrize(
    "name",
    ["dining-philosophers", "lost-update", "rendezvous", "red-label", "polling", "producer-consumer-queue"],
)
def test_the_same_again(name: str, reduction: str) -> None:
    """Deterministic: the same input gives the same output, but for the time it took."""
    few: dict[str, Any] = {
        "dining-philosophers": {"seats": 4, "meals": 2},
        "rendezvous": {"variant": "single-gate", "workers": 2, "rounds": 2},
        "lost-update": {"clerks": 2, "payments": 2},
        "producer-consumer-queue": {
            "producers": 1,
            "consumers": 2,
            "items": 2,
            "slots": 2,
            "variant": "no-end",
        },
    }
    arguments = few.get(name, {})
    first, second = (ipcsim.verify(name, reduction=reduction, arguments=arguments) for _ in range(2))
    assert said(first) == said(second)
