"""What `verify` says of random scenarios follows from looking at every interleaving by brute force.

With every reduction, fairness and search the same verdicts have to come out as in `reference`, and the way
that is shown has to lead there. `python -m tests.explorer.test_soundness FIRST COUNT [harsh]` tries as many
scenarios as wanted.
"""

from __future__ import annotations

import os
import random
import sys

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import ipcsim
from ipcsim.explorer.limits import Limits
from ipcsim.explorer.reduction import Reduction
from ipcsim.explorer.verify import Options, Verification
from ipcsim.explorer.verify import verify as explore
from ipcsim.program import Discipline, Fairness, Program
from ipcsim.schedule import Schedule
from ipcsim.verdict import Verdict
from tests.explorer import reference, taking
from tests.explorer.harsh import Harsh
from tests.explorer.reference import Reference, TooMany
from tests.explorer.scenarios import Dice, program

EVERYTHING = Limits(after=None)
ENDLESS = {Verdict.STARVATION, Verdict.LIVELOCK}


def verify(what: Program, **options: object) -> Verification:
    usual: dict[str, object] = {"limits": EVERYTHING, "compare": False}
    return explore(what, Options(**{**usual, **options}))  # type: ignore[arg-type]


def verdicts(found: Verification) -> set[Verdict]:
    return {f.verdict for f in found.outcome.findings if f.verdict is not None}


def agree(text: str, **options: object) -> Reference:
    """Verify with every reduction, and hold each against brute force. `TooMany` where that takes long."""
    what = program(text)
    right = reference.explore(what, **options)  # type: ignore[arg-type]
    said: set[Verdict] = set()
    for reduction in Reduction:
        found = verify(what, reduction=reduction, **_renamed(options))
        outcome = found.outcome
        place = f"reduction {reduction} ({outcome.extra['reduction']}) of\n{text}"
        assert outcome.complete, place
        said.add(outcome.verdict)
        assert outcome.verdict in right.possible, place
        assert verdicts(found) <= right.verdicts, place
        proved, still = ({Verdict(v) for v in outcome.extra[key]} for key in ("proved", "open"))
        assert not proved & right.verdicts, place
        # where something worse was found nobody looks for loops
        assert still <= (ENDLESS if right.verdicts - {Verdict.LEAK} else set()), place
        # where rounds are not counted only the deadlock is told
        if "not counted" not in outcome.extra["reduction"]:
            assert verdicts(found) == right.verdicts, place
        if found.path is not None and Discipline.KERNEL not in options.values():
            leads_there(right, found, place)
    assert len(said) == 1, f"{said} of\n{text}"
    return right


def _renamed(options: dict[str, object]) -> dict[str, object]:
    return {{"discipline": "semaphores"}.get(k, k): v for k, v in options.items() if k != "most"}


def leads_there(right: Reference, found: Verification, place: str) -> None:
    """The schedule that is shown is possible, and what is claimed of its end is so."""
    assert found.path is not None
    schedule = found.path.schedule
    shown = found.outcome.extra["counterexample"]
    assert shown == {"schedule": str(schedule), "length": len(schedule)}, place
    way = taking.states(right, Schedule.parse(str(schedule)))
    verdict = found.outcome.verdict
    if verdict is Verdict.DEADLOCK:
        stuck = {right.machine.processes[p].name for p, where in right.stuck.items() if way[-1] & where}
        told = {n for f in found.outcome.findings for n in f.processes if f.verdict is Verdict.DEADLOCK}
        assert stuck & told, place
    elif verdict in ENDLESS:
        start = found.path.loop
        assert start is not None, place
        turns = [s for a in found.path.actions[:start] for s in a.steps]
        before = sum(len(list(found.path._choices(s))) for s in turns)
        loop = schedule.choices[before:]
        assert loop, place
        # once more, because a phase that nobody asks for may be another one at first
        again = taking.states(right, Schedule(schedule.choices + loop))
        assert again[len(schedule)] & again[-1], place
    else:
        assert any(verdict in right.broken.get(s, ()) for here in way for s in here), place


def deep(text: str, right: Reference) -> None:
    """Depth first: the same, where it claims to be complete."""
    for reduction in Reduction:
        found = verify(program(text), reduction=reduction, depth_first=True)
        place = f"depth first, reduction {reduction} of\n{text}"
        # who never gets on while others do, and who polls, is not known depth first
        assert verdicts(found) - {Verdict.INCONCLUSIVE} <= right.verdicts, place
        if found.outcome.complete:
            assert found.outcome.verdict in right.possible, place
        if found.path is not None:
            leads_there(right, found, place)


QUICK = settings(
    deadline=None,
    max_examples=int(os.environ.get("IPCSIM_EXAMPLES", "70")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
CHANCE = st.randoms(use_true_random=False)


def drawn(chance: random.Random, dice: type[Dice] = Dice) -> str:
    text = dice(chance).text()
    assume(text is not None)
    assert text is not None
    return text


@QUICK
@given(chance=CHANCE)
def test_every_reduction_says_what_brute_force_says(chance: random.Random) -> None:
    text = drawn(chance)
    try:
        right = agree(text, most=400)
    except TooMany:
        assume(False)
    else:
        deep(text, right)


@QUICK
@given(chance=CHANCE)
def test_what_fails_is_found_with_every_reduction(chance: random.Random) -> None:
    """Properties without a value, code behind loops, assertions in critical sections, bad indices."""
    text = drawn(chance, Harsh)
    try:
        right = agree(text, most=400)
    except TooMany:
        assume(False)
    else:
        deep(text, right)


@QUICK
@given(
    chance=CHANCE,
    fairness=st.sampled_from([Fairness.NONE, Fairness.WEAK]),
    crashes=st.sampled_from([0, 0, 1]),
)
def test_other_fairness_and_crashes(chance: random.Random, fairness: Fairness, crashes: int) -> None:
    text = drawn(chance)
    try:
        agree(text, most=250, fairness=fairness, crashes=crashes)
    except TooMany:
        assume(False)


@settings(QUICK, max_examples=QUICK.max_examples // 2)
@given(chance=CHANCE)
def test_the_order_of_linux(chance: random.Random) -> None:
    text = drawn(chance)
    try:
        agree(text, most=250, discipline=Discipline.KERNEL)
    except TooMany:
        assume(False)


@settings(QUICK, max_examples=QUICK.max_examples // 10)
@given(chance=CHANCE)
def test_real_processes_take_the_same_way(chance: random.Random) -> None:
    """A counterexample ends on the kernel in the verdict that it is shown for."""
    text = drawn(chance)
    what = program(text)
    try:
        right = reference.explore(what, most=250)
    except TooMany:
        assume(False)
        return
    assume(right.verdict not in {Verdict.OK, *ENDLESS})
    followed(text)


def followed(text: str) -> None:
    """Real processes take the counterexample's steps and end as it says."""
    outcome = ipcsim.verify(program(text), replay=True)
    replay = outcome.extra["replay"]
    remarks = outcome.extra["remarks"]
    assert replay["same"] or remarks[0].startswith("The kernel does not follow"), f"{remarks}\n{text}"


# --- seeds that are always the same ---


@pytest.mark.parametrize("first", range(0, 150, 50))
def test_some_of_everything(first: int) -> None:
    for seed in range(first, first + 50):
        one(seed, most=250)


@pytest.mark.parametrize("first", range(0, 150, 50))
def test_some_of_what_fails(first: int) -> None:
    for seed in range(first, first + 50):
        one(seed, most=250, dice=Harsh)


def one(seed: int, most: int = 1500, dice: type[Dice] = Dice) -> str:
    text = dice(random.Random(seed)).text()
    if text is None:
        return "refused"
    try:
        right = agree(text, most=most)
    except TooMany:
        return "too many"
    deep(text, right)
    return str(right.verdict)


def main(first: int, count: int, dice: type[Dice]) -> None:
    tally: dict[str, int] = {}
    for seed in range(first, first + count):
        try:
            how = one(seed, dice=dice)
        except AssertionError as wrong:
            how = "WRONG"
            print(f"seed {seed}: {wrong}")
        tally[how] = tally.get(how, 0) + 1
    print(tally)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Harsh if "harsh" in sys.argv[3:] else Dice)
