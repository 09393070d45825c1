"""Bounds: what is reached is inconclusive, with what was covered; and never said of more than that."""

from __future__ import annotations

import time
from typing import Any

import pytest

import ipcsim
from ipcsim.errors import UsageError
from ipcsim.explorer.search import Progress, resident_bytes
from ipcsim.verdict import Outcome, Verdict
from tests.explorer.scenarios import program

# About 3**10 states; nothing is wrong with it.
BIG = """
semaphores: {s: {a: {count: 10, value: 1}}}
processes:
  w: {count: 10, steps: [forever: [P: "a[me]", phase: here, V: "a[me]"]]}
"""
# Few states, but who starves takes long to find out.
HARD = {"processes": 3, "rounds": 0, "tickets": 3}


def big(**options: Any) -> Outcome:
    return ipcsim.verify(program(BIG), reduction="none", **options)


@pytest.mark.parametrize("search", ["breadth", "depth"])
@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ({"max_states": 50}, "the limit of 50 states"),
        ({"max_memory": 2**20}, "the limit of 1 MiB of memory"),
        ({"timeout": 0.02}, "the limit of 0.02 s"),
    ],
)
def test_a_limit(limit: dict[str, Any], told: str, search: str) -> None:
    outcome = big(search=search, **limit)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert not outcome.complete
    assert outcome.exit_code == 3
    assert outcome.extra["stopped"] == told
    assert told in outcome.findings[0].message
    assert outcome.extra["counterexample"] is None


def test_no_limit_no_word_of_one() -> None:
    outcome = ipcsim.verify(program(BIG))
    assert outcome.complete
    assert outcome.extra["stopped"] == ""


def test_memory_that_was_given_back_does_not_count() -> None:
    """One large search must not stop the small ones after it in the same process."""
    before = resident_bytes()
    block = bytearray(b"x") * (200 * 2**20)
    assert resident_bytes() > before + 150 * 2**20
    del block
    outcome = ipcsim.verify("transfer", max_memory=before + 150 * 2**20)
    assert outcome.complete


def test_the_time_is_that_of_everything() -> None:
    """Also of looking for fair loops, which may take longer than the search."""
    started = time.monotonic()
    outcome = ipcsim.verify("bakery", timeout=0.5, max_states=30_000, arguments=HARD)
    assert time.monotonic() - started < 10
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.extra["fairness"] is None


def test_what_was_found_by_then_counts() -> None:
    outcome = ipcsim.verify("transfer", max_states=60)
    assert outcome.verdict is Verdict.DEADLOCK
    assert not outcome.complete


def test_depth_first_does_not_know_what_goes_on_for_ever() -> None:
    outcome = ipcsim.verify("dining-philosophers", strategy="ordered", search="depth", seats=3, meals=1)
    assert outcome.verdict is Verdict.OK
    assert outcome.complete
    endless = ipcsim.verify(program(BIG.replace("10", "7")), reduction="none", search="depth")
    assert endless.verdict is Verdict.INCONCLUSIVE
    assert "`--search breadth`" in endless.findings[0].message


def test_depth_first_takes_all_states_too() -> None:
    breadth = ipcsim.verify("lost-update", variant="mutex", payments=3, reduction="none")
    depth = ipcsim.verify("lost-update", variant="mutex", payments=3, reduction="none", search="depth")
    assert breadth.extra["states"] == depth.extra["states"]


def test_progress_is_told() -> None:
    seen: list[Progress] = []
    outcome = big(max_states=30_000, progress=seen.append)
    assert len(seen) > 5
    states = [p.states for p in seen]
    assert states == sorted(states)
    assert states[-1] <= outcome.extra["states"]
    assert all(p.memory > 0 and p.depth >= 0 and p.queue >= 0 for p in seen)


@pytest.mark.parametrize(
    "wrong",
    [
        {"reduction": "some"},
        {"semaphores": "strong"},
        {"fairness": "unfair"},
        {"search": "width"},
        {"crashes": -1},
        {"crashes": 101},
        {"crashes": True},
    ],
    ids=str,
)
def test_what_is_no_option(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as told:
        ipcsim.verify(program(BIG), **wrong)
    assert next(iter(wrong)) in str(told.value)
