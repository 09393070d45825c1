"""Starvation and livelock: which endless executions count."""

from __future__ import annotations

from typing import Any

import pytest

import ipcsim
from ipcsim.verdict import Outcome, Verdict
from tests.explorer.scenarios import program

# Two processes take one mutex over and over.
MUTEX = """
semaphores: {s: {mutex: 1}}
processes:
  worker: {count: 2, steps: [forever: [P: mutex, phase: inside, V: mutex]]}
properties: {everyone gets in: {always_eventually: inside}}
"""
# One goes on alone for ever, and the other could do so at any time.
ALONE = """
semaphores: {s: {a: 1, b: 1}}
processes:
  one: {steps: [forever: [P: a, V: a]]}
  other: {steps: [forever: [P: b, phase: here, V: b]]}
properties: {the other gets there: {always_eventually: here}}
"""
# It may choose to pass by for ever.
CHOICE = """
semaphores: {s: {a: 1}}
processes:
  one: {steps: [forever: [P: a, {choose: [[phase: here], []]}, V: a]]}
properties: {it gets there: {always_eventually: here}}
"""


def verified(text: str, **options: Any) -> Outcome:
    return ipcsim.verify(program(text), **options)


@pytest.mark.parametrize(
    ("text", "none", "weak", "strong"),
    [(MUTEX, False, False, True), (ALONE, False, True, True), (CHOICE, False, False, True)],
    ids=["mutex", "alone", "choice"],
)
@pytest.mark.parametrize("reduction", ["none", "all"])
def test_each_fairness_excludes_more(text: str, none: bool, weak: bool, strong: bool, reduction: str) -> None:
    for fairness, proved in (("none", none), ("weak", weak), ("strong", strong)):
        outcome = verified(text, fairness=fairness, reduction=reduction)
        assert outcome.verdict is (Verdict.OK if proved else Verdict.STARVATION), fairness
        assert outcome.extra["fairness"] == fairness
        assert outcome.complete


@pytest.mark.parametrize("fairness", ["none", "weak"])
def test_the_result_names_the_fairness(fairness: str) -> None:
    outcome = verified(MUTEX, fairness=fairness)
    assert any(f"{fairness} fairness" in f.message for f in outcome.findings)


def test_strong_fairness_is_what_is_meant_unless_told() -> None:
    assert verified(MUTEX).extra["fairness"] == "strong"


def test_no_fairness_is_named_where_nothing_goes_on_for_ever() -> None:
    outcome = verified("semaphores: {s: {a: 1}}\nprocesses: {one: {steps: [P: a, V: a]}}\n")
    assert outcome.verdict is Verdict.OK
    assert outcome.extra["fairness"] is None


def test_the_lasso_is_a_way_and_a_loop() -> None:
    outcome = verified(MUTEX, fairness="weak")
    steps = outcome.extra["steps"]
    marks = [s["loop"] for s in steps]
    assert True in marks
    assert marks == sorted(marks)  # the way, then the loop to its end
    starving = next(f for f in outcome.findings if f.verdict is Verdict.STARVATION).processes
    going = {s["process"] for s in steps if s["loop"]}
    assert going
    assert len(starving) == 1
    assert not any("inside" in s["text"] and s["process"] in starving for s in steps if s["loop"])


def test_the_kernel_hands_over_so_weak_fairness_is_enough() -> None:
    """Linux gives the mutex to the sleeper; a newcomer cannot be faster."""
    outcome = verified(MUTEX, fairness="weak", semaphores="kernel")
    assert outcome.verdict is Verdict.OK
    weak = verified(MUTEX, fairness="weak")
    assert any("On Linux this starvation cannot happen" in r for r in weak.extra["remarks"])


READERS = {"readers": 2, "writers": 1, "rounds": 0}


@pytest.mark.parametrize("reduction", ["none", "stubborn", "symmetry", "all"])
def test_readers_first_starves_the_writer(reduction: str) -> None:
    outcome = ipcsim.verify(
        "readers-writers", strategy="readers-first", reduction=reduction, arguments=READERS
    )
    assert outcome.verdict is Verdict.STARVATION
    found = next(f for f in outcome.findings if f.verdict is Verdict.STARVATION)
    assert found.processes == ("writer[0]",)
    going = {s["process"] for s in outcome.extra["steps"] if s["loop"]}
    assert going == {"reader[0]", "reader[1]"}


@pytest.mark.parametrize("reduction", ["none", "stubborn", "symmetry", "all"])
def test_the_fair_strategy_is_proved(reduction: str) -> None:
    outcome = ipcsim.verify("readers-writers", strategy="fair", reduction=reduction, arguments=READERS)
    assert outcome.verdict is Verdict.OK
    assert outcome.complete
    assert outcome.extra["fairness"] == "strong"


# --- livelock ---

POLITE = """
segments: {s: {wants: {type: "int[2]", atomic: true}}}
processes:
  guest:
    count: 2
    steps:
      - forever:
          - set: {"s.wants[me]": 1}
          - while: "s.wants[1 - me] == 1"
            steps: [set: {"s.wants[me]": 0}, set: {"s.wants[me]": 1}]
          - phase: eating
            progress: true
          - set: {"s.wants[me]": 0}
"""


@pytest.mark.parametrize("reduction", ["none", "stubborn", "symmetry", "all"])
def test_after_you_no_after_you(reduction: str) -> None:
    """Both step back and come again: everybody moves, and nobody gets anywhere."""
    outcome = verified(POLITE, reduction=reduction)
    assert outcome.verdict is Verdict.LIVELOCK
    found = next(f for f in outcome.findings if f.verdict is Verdict.LIVELOCK)
    assert set(found.processes) == {"guest[0]", "guest[1]"}
    assert "`eating`" in found.message


@pytest.mark.parametrize("reduction", ["none", "stubborn", "symmetry", "all"])
def test_polling_for_what_never_comes(reduction: str) -> None:
    outcome = ipcsim.verify("polling", reduction=reduction)
    assert outcome.verdict is Verdict.LIVELOCK
    found = next(f for f in outcome.findings if f.verdict is Verdict.LIVELOCK)
    assert set(found.processes) == {"worker[0]", "worker[1]"}


@pytest.mark.parametrize("reduction", ["none", "stubborn", "symmetry", "all"])
def test_alike_and_polling_are_all_named(reduction: str) -> None:
    """Also where processes that nobody can tell apart are sorted."""
    text = """
segments: {s: {flag: {type: int, atomic: true}}}
processes:
  poller: {count: 3, steps: [{while: "s.flag == 0", steps: []}]}
"""
    outcome = verified(text, reduction=reduction)
    assert outcome.verdict is Verdict.LIVELOCK
    found = next(f for f in outcome.findings if f.verdict is Verdict.LIVELOCK)
    assert set(found.processes) == {"poller[0]", "poller[1]", "poller[2]"}
