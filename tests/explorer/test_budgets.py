"""Nobody is obliged to die, and who is free in the order is free to do as Linux does: two inclusions."""

from __future__ import annotations

import random

import pytest
from hypothesis import given

import ipcsim
from ipcsim.program import Discipline
from ipcsim.verdict import Verdict
from tests.explorer import reference
from tests.explorer.reference import TooMany
from tests.explorer.scenarios import program
from tests.explorer.test_soundness import CHANCE, ENDLESS, QUICK, drawn, verdicts, verify

ALONE_AND_ASLEEP = """
semaphores: {s: {a: 0}}
processes: {one: {steps: [P: a]}}
"""
CROSSWISE_WITH_UNDO = """
semaphores: {locks: {a: 1, b: 1}}
processes:
  one: {steps: [{P: a, undo: true}, {P: b, undo: true}]}
  other: {steps: [{P: b, undo: true}, {P: a, undo: true}]}
"""
GOES_ON_BESIDE_A_SLEEPER = """
semaphores: {s: {a: 0, b: 1}}
processes:
  sleeper: {steps: [P: a]}
  busy: {steps: [forever: [P: b, V: b]]}
"""
STARVES_BESIDE_A_MORTAL = """
semaphores: {s: {m: 1, n: 1}}
processes:
  w: {count: 2, steps: [forever: [semop: {m: -1, n: -1}, phase: in, V: [m, n]]]}
  big: {steps: [forever: [{P: m, timeout: 1ms, on_error: {EAGAIN: []}}, V: m]]}
properties: {all get in: {always_eventually: in}}
"""


@pytest.mark.parametrize("crashes", [0, 1, 2])
@pytest.mark.parametrize("reduction", ["none", "stubborn", "symmetry", "all"])
@pytest.mark.parametrize("text", [ALONE_AND_ASLEEP, CROSSWISE_WITH_UNDO, GOES_ON_BESIDE_A_SLEEPER])
def test_a_deadlock_stays_one_where_somebody_might_die(text: str, reduction: str, crashes: int) -> None:
    found = verify(program(text), crashes=crashes, reduction=reduction)
    assert found.outcome.verdict is Verdict.DEADLOCK
    assert found.path is not None
    assert "x" not in str(found.path.schedule)  # the shortest way needs no death


@pytest.mark.parametrize("search", ["breadth", "depth"])
@pytest.mark.parametrize("crashes", [1, 2, 3])
def test_a_lock_whose_holder_dies_is_lost_with_any_budget(crashes: int, search: str) -> None:
    outcome = ipcsim.verify("lost-update", variant="mutex", crashes=crashes, search=search)
    assert outcome.verdict is Verdict.DEADLOCK


def test_a_fair_loop_needs_no_death() -> None:
    without = verdicts(verify(program(STARVES_BESIDE_A_MORTAL), crashes=0))
    assert verdicts(verify(program(STARVES_BESIDE_A_MORTAL), crashes=1)) >= without


@QUICK
@given(CHANCE)
def test_more_deaths_find_no_less(chance: random.Random) -> None:
    """Each kind of finding with a budget of one is there with a budget of two, and without any."""
    what = program(drawn(chance))
    try:
        few, more, most = (reference.explore(what, crashes=n, most=2500).verdicts for n in (0, 1, 2))
    except TooMany:
        return
    # what goes on for ever is looked for where nothing worse was found
    assert few - ENDLESS <= more
    assert more - ENDLESS <= most
    assert verdicts(verify(what, crashes=1)) - ENDLESS == more - ENDLESS


@QUICK
@given(CHANCE)
def test_weak_finds_what_linux_does(chance: random.Random) -> None:
    """`weak` is any order of service, Linux's included."""
    what = program(drawn(chance))
    try:
        reference.explore(what, most=1500)
        linux = verify(what, semaphores=Discipline.KERNEL)
    except TooMany:
        return
    weak = verify(what, semaphores=Discipline.WEAK)
    assert verdicts(linux) - ENDLESS <= verdicts(weak)
