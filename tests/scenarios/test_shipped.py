"""What ships says the truth: every scenario, and every variant of every problem, gives its verdict.

Each runs once, on the real kernel (that no object is left is checked by the fixture in conftest).
"""

from __future__ import annotations

from typing import Any

import pytest

import ipcsim
from ipcsim import catalogue
from ipcsim.program import Scheduler
from ipcsim.runner.clean import clean
from ipcsim.verdict import Finding, Kind, Outcome, Verdict

SCENARIOS = [e for e in catalogue.entries() if e.kind == "scenario"]
PROBLEMS = [e for e in catalogue.entries() if e.kind == "problem"]
VARIANTS = [
    pytest.param(p, v, id="-".join([p.name, *map(str, v.arguments.values())]))
    for p in PROBLEMS
    for v in catalogue.describe(str(p.path)).variants
]
# What the issue names, at the least.
WANTED = {
    "producer-consumer", "mutex-first", "no-mutex", "producer-consumer-queue", "readers-writers",
    "writers-first", "writer-starves", "dining-philosophers", "rendezvous", "barrier",
    "barrier-with-one-gate", "red-label", "full-queues", "lock-holder-crashes",
    "lock-holder-crashes-undo", "transfer", "three-of-five", "polling", "lost-update",
    "lost-update-mutex", "removed-while-waiting", "removed-unhandled",
}  # fmt: skip


def run(name: str, **more: Any) -> Outcome:
    return ipcsim.run(name, **more)


def told(outcome: Outcome) -> str:
    """The findings, for the message of a failed assertion."""
    return "\n".join(f"{f.kind}: {f.message}" for f in outcome.findings)


def the(outcome: Outcome, kind: Kind) -> Finding:
    """The only finding of this kind."""
    found = [f for f in outcome.findings if f.kind is kind]
    assert len(found) == 1, told(outcome)
    return found[0]


# --- every text ---


def test_what_the_issue_names_is_there() -> None:
    assert {e.name for e in SCENARIOS} >= WANTED


@pytest.mark.parametrize("entry", [*SCENARIOS, *PROBLEMS], ids=lambda e: f"{e.kind}-{e.name}")
def test_says_what_it_is(entry: catalogue.Entry) -> None:
    what = catalogue.describe(str(entry.path))
    assert what.name == entry.name
    assert what.title
    assert what.description
    assert what.titre, "the French title, as the course has it"
    if entry.kind == "problem":
        assert what.source


@pytest.mark.parametrize("entry", PROBLEMS, ids=lambda e: e.name)
def test_every_choice_has_an_expected_verdict(entry: catalogue.Entry) -> None:
    what = catalogue.describe(str(entry.path))
    for parameter in what.parameters:
        expected = {v.arguments.get(parameter.name) for v in what.variants}
        assert set(parameter.choices) <= expected, parameter.name


@pytest.mark.parametrize("entry", SCENARIOS, ids=lambda e: e.name)
def test_scenario_gives_its_verdict(entry: catalogue.Entry) -> None:
    outcome = run(entry.name)
    clean()  # what is meant to outlive a run
    assert outcome.verdict == outcome.expect, told(outcome)


@pytest.mark.parametrize(("entry", "variant"), VARIANTS)
def test_variant_gives_its_verdict(entry: catalogue.Entry, variant: Any) -> None:
    outcome = run(str(entry.path), arguments=variant.arguments)
    assert outcome.expect == variant.expect_run
    assert outcome.verdict == outcome.expect, told(outcome)


# --- what they are meant to show ---


def test_mutex_first_blocks_inside_its_critical_section() -> None:
    """Whoever holds the mutex waits for `empty` or `full`, the others for the mutex."""
    outcome = run("mutex-first")
    assert {o for f in outcome.findings for o in f.objects} <= {"mutex", "empty", "full"}
    assert any("mutex" in f.objects for f in outcome.findings), told(outcome)


def test_no_mutex_names_the_field_of_the_ring() -> None:
    outcome = run("no-mutex")
    races = [f for f in outcome.findings if f.kind is Kind.RACE]
    assert any("ring.in" in f.message for f in races), told(outcome)


def test_consumers_whom_nobody_stops() -> None:
    found = the(run("nobody-says-stop"), Kind.ORPHANED_WAIT)
    assert set(found.processes) == {"consumer[0]", "consumer[1]"}
    assert found.objects == ("belt",)


def test_red_label_says_what_is_in_the_queue_instead() -> None:
    outcome = run("red-label")
    found = the(outcome, Kind.ORPHANED_WAIT)
    assert found.processes == ("reader",)
    assert found.objects == ("box",)
    assert "`box` holds three messages" in found.message
    assert "none of type 1" in found.message
    assert {p for f in outcome.findings for p in f.processes} <= {"reader", "writer"}


@pytest.mark.parametrize("name", ["red-label-comes-last", "full-queues"])
def test_two_wait_in_a_circle(name: str) -> None:
    found = the(run(name), Kind.CIRCULAR_WAIT)
    assert len(found.processes) == 2


def test_crashed_holder_is_named_with_its_line() -> None:
    program = ipcsim.load("lock-holder-crashes")
    line = program.families[0].code[0].at.line
    outcome = run("lock-holder-crashes")
    found = the(outcome, Kind.ORPHANED_WAIT)
    assert set(found.processes) <= {"worker[0]", "worker[1]"}  # one may not have got there yet
    assert "owner took it" in found.message
    assert f":{line} and " in found.message
    # its death may be booked a moment after everybody else was found to wait for ever
    crashes = [f for f in outcome.findings if f.kind is Kind.CRASH]
    assert all(f.verdict is None for f in crashes)
    if crashes:
        assert "died holding it" in found.message
        assert any("SEM_UNDO" in text for _, text, _ in found.details)


def test_undo_gives_the_lock_back() -> None:
    outcome = run("lock-holder-crashes-undo")
    assert the(outcome, Kind.CRASH).processes == ("owner",)


def test_transfer_is_a_circle_of_two() -> None:
    found = the(run("transfer"), Kind.CIRCULAR_WAIT)
    assert set(found.processes) == {"teller[0]", "teller[1]"}
    assert set(found.objects) == {"lock[0]", "lock[1]"}


def test_exactly_three_of_five() -> None:
    outcome = run("three-of-five")
    named = {p for f in outcome.findings for p in f.processes}
    assert named == {"climber[0]", "climber[1]", "climber[2]"}, told(outcome)
    assert len(the(outcome, Kind.CIRCULAR_WAIT).cycle) == 7  # three processes, three ropes, closed


def test_locked_twice_is_a_self_wait() -> None:
    found = the(run("locked-twice"), Kind.SELF_WAIT)
    assert found.processes == ("worker",)
    assert found.objects == ("mutex",)


def test_polling_names_both() -> None:
    found = the(run("polling"), Kind.LIVELOCK)
    assert set(found.processes) == {"worker[0]", "worker[1]"}


def test_the_writer_starves() -> None:
    found = the(run("writer-starves"), Kind.STARVATION)
    assert found.processes == ("writer[0]",)


def test_one_gate_lets_somebody_through_twice() -> None:
    found = the(run("barrier-with-one-gate"), Kind.VIOLATION)
    assert "nobody checks before all have built" in found.message


def test_lost_update_names_the_balance() -> None:
    races = [f for f in run("lost-update").findings if f.kind is Kind.RACE]
    assert races
    assert all("account.balance" in f.message for f in races)


def test_removed_set_is_an_uncaught_errno() -> None:
    outcome = run("removed-unhandled")
    errors = [f for f in outcome.findings if f.kind is Kind.ERRNO]
    assert {p for f in errors for p in f.processes} == {"visitor[0]", "visitor[1]"}
    assert all("EIDRM" in f.message for f in errors)


def test_forgotten_queue_is_named() -> None:
    assert the(run("forgotten-queue"), Kind.LEAK).objects == ("requests",)


# --- what they invite to try ---


def test_one_order_of_the_locks_is_no_deadlock() -> None:
    """The same philosophers, the same seed, the forks in one order."""
    for strategy in ("ordered", "footman", "both-at-once"):
        outcome = run("dining-philosophers", strategy=strategy, meals=5)
        assert outcome.verdict is Verdict.OK, told(outcome)


def test_who_waits_depends_on_the_strategy() -> None:
    """Under the same schedule the writer starves with readers-first only."""
    for strategy, verdict in (
        ("readers-first", Verdict.STARVATION), ("writers-first", Verdict.OK), ("fair", Verdict.OK),
    ):  # fmt: skip
        outcome = run("writer-starves", strategy=strategy, rounds=60)
        assert outcome.verdict is verdict, told(outcome)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("producer-consumer", {"producers": 1, "consumers": 1, "slots": 1}),
        ("producer-consumer", {"producers": 3, "consumers": 2, "items": 5, "slots": 2}),
        ("producer-consumer-queue", {"producers": 1, "consumers": 3, "items": 4, "slots": 1}),
        ("readers-writers", {"readers": 1, "writers": 3}),
        ("barrier", {"workers": 2}),
        ("barrier", {"workers": 6, "rounds": 2}),
    ],
)
@pytest.mark.parametrize("scheduler", [Scheduler.RANDOM, Scheduler.PCT])
def test_right_variants_are_right_in_other_sizes_and_orders(
    name: str, arguments: dict[str, int], scheduler: Scheduler
) -> None:
    smaller = {"items": 4} if name.startswith("producer") else {"rounds": 4}
    for seed in range(2):
        outcome = run(name, scheduler=scheduler, seed=seed, arguments=smaller | arguments)
        assert outcome.verdict is Verdict.OK, told(outcome)
