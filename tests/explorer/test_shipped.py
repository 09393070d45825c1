"""Every shipped scenario, and every variant of every problem: its verdict, with every reduction, and how many
states that took.

    IPCSIM_PROMOTE=1 python -m pytest tests/explorer

writes the counts anew; review the difference before it is committed: it is a change of what the model does.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import ipcsim
from ipcsim import catalogue
from ipcsim.explorer.cases import progress_phases
from ipcsim.explorer.reduction import Reduction, prepare
from ipcsim.program import Program, PropertyKind
from ipcsim.verdict import Outcome, Verdict

EXPECTED = Path(__file__).parent / "expected" / "states.json"
PROMOTE = bool(os.environ.get("IPCSIM_PROMOTE"))
MOST = 200_000  # states to spend without a reduction
REDUCTIONS = ("none", "stubborn", "symmetry", "all")

SCENARIOS = [(e.name, {}) for e in catalogue.entries() if e.kind == "scenario"]
VARIANTS = [
    (e.name, dict(v.arguments))
    for e in catalogue.entries()
    if e.kind == "problem"
    for v in catalogue.describe(str(e.path)).variants
]
SHIPPED = {"-".join([name, *map(str, given.values())]): (name, given) for name, given in SCENARIOS} | {
    "-".join(["problem", name, *map(str, given.values())]): (name, given) for name, given in VARIANTS
}


_KNOWN: dict[object, Outcome] = {}


@cache
def loaded(name: str) -> Program:
    scenario, arguments = SHIPPED[name]
    target = str(path_of(name)) if name.startswith("problem-") else scenario
    return ipcsim.load(target, arguments=arguments)


@cache
def used(name: str, reduction: str) -> str:
    """Which reductions have anything to hold on to, in words."""
    what, chosen = loaded(name), Reduction(reduction)
    return prepare(what, what.verify.semaphores, what.verify.crashes, chosen, {}).used


def verified(name: str, reduction: str) -> Outcome:
    """Once only for a scenario and a variant that mean the same, and reductions that do the same."""
    one = loaded(name)
    means = (
        one.sets,
        one.queues,
        one.segments,
        one.families,
        one.properties,
        one.verify,
        used(name, reduction),
    )
    if means not in _KNOWN:
        _KNOWN[means] = ipcsim.verify(one, reduction=reduction, max_states=MOST)
    return _KNOWN[means]


def path_of(name: str) -> Path:
    scenario, _ = SHIPPED[name]
    return next(e.path for e in catalogue.entries() if (e.kind, e.name) == ("problem", scenario))


# Where a search without one of the reductions does not come to its end within `MOST` states, and why.
# To be kept small.
UNREDUCED: dict[str, str] = {
    "problem-dining-philosophers-ordered": "three rounds of five are counted",
    "problem-dining-philosophers-footman": "three rounds of five are counted",
    "problem-dining-philosophers-both-at-once": "three rounds of five are counted",
}


def told(outcome: Outcome) -> str:
    """The findings, for the message of a failed assertion."""
    return "\n".join(f"{f.kind}: {f.message}" for f in outcome.findings)


@pytest.mark.parametrize("name", SHIPPED)
def test_gives_its_verdict(name: str) -> None:
    outcome, expected = verified(name, "all"), loaded(name).expect_verify
    assert outcome.verdict is expected, told(outcome)
    if name.startswith("problem-"):
        _, given = SHIPPED[name]
        variants = catalogue.describe(str(path_of(name))).variants
        assert expected == next(v for v in variants if dict(v.arguments) == given).expect_verify


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("reduction", ["none", "stubborn", "symmetry"])
def test_the_same_verdict_with_every_reduction(name: str, reduction: str) -> None:
    outcome = verified(name, reduction)
    if outcome.verdict is Verdict.INCONCLUSIVE:
        assert reduction in ("none", "symmetry")
        assert name in UNREDUCED, f"{outcome.extra['states']:,} states: {told(outcome)}"
    else:
        assert outcome.verdict is verified(name, "all").verdict, told(outcome)


def test_who_is_excused_has_to_be() -> None:
    assert set(UNREDUCED) <= set(SHIPPED)
    for name in UNREDUCED:
        assert verified(name, "none").verdict is Verdict.INCONCLUSIVE, f"{name} comes to its end"


@pytest.mark.parametrize("name", SHIPPED)
def test_ok_is_proved_and_the_rest_is_shown(name: str) -> None:
    outcome = verified(name, "all")
    if outcome.verdict is Verdict.OK:
        assert outcome.complete
        assert outcome.extra["counterexample"] is None
        assert outcome.findings == ()
    else:
        shown: Any = outcome.extra["counterexample"]
        assert shown["length"] > 0
        assert outcome.extra["steps"]
        assert any(f.verdict is outcome.verdict for f in outcome.findings)


# --- how many states ---


def counts() -> dict[str, dict[str, int]]:
    """As many as they are; what stopped early has no number of its own."""
    found: dict[str, dict[str, int]] = {}
    for name in SHIPPED:
        outcomes = {r: verified(name, r) for r in ("none", "all")}
        found[name] = {r: o.extra["states"] for r, o in outcomes.items() if o.complete}
    return found


@pytest.mark.timeout(900)  # everything that ships, with every reduction
def test_as_many_states_as_before() -> None:
    now = counts()
    if PROMOTE:
        EXPECTED.write_text(json.dumps(now, indent=1) + "\n")
    before = json.loads(EXPECTED.read_text())
    assert now == before, "another number of states: if it should be, run with IPCSIM_PROMOTE=1"


# How many states there were with all reductions while an end, and the arrival of a signal, were no steps.
AT_ONCE = {
    "interrupted": 21,
    "killed-holder": 44,
    "lock-holder-crashes-undo": 38,
    "stopped-and-continued": 23,
    "undo-corners": 95,
}


def test_ends_that_take_time_cost_little() -> None:
    now = json.loads(EXPECTED.read_text())
    for name, before in AT_ONCE.items():
        assert now[name]["all"] <= 2 * before, name


def test_reductions_reduce() -> None:
    for name, numbers in json.loads(EXPECTED.read_text()).items():
        if len(numbers) == 2:
            # fair loops are looked for among all states, and both searches count
            what = loaded(name)
            eventual = any(p.kind is PropertyKind.ALWAYS_EVENTUALLY for p in what.properties)
            twice = eventual or bool(progress_phases(what))
            assert numbers["all"] <= numbers["none"] * (2 if twice else 1), name
