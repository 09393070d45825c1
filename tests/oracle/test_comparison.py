"""`ipcsim verify` against brute force that shares nothing with it, on random scenarios: the short part.

The long one is `python -m benchmarks.oracle --count 20000 --results FILE`, which may be interrupted.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from benchmarks import oracle
from ipcsim.language import load_program
from ipcsim.program import Program, Source
from tests.oracle.compare import compare, disagreements, missing
from tests.oracle.explore import explore
from tests.oracle.generator import FEATURES
from tests.oracle.judge import judge
from tests.oracle.machine import Machine
from tests.oracle.scenario import read
from tests.oracle.shrink import shrink

# of these `verify` is known not to say everything yet
OPEN = frozenset(("budget", "kill", "signals", "told", "rounds", "valueless", "lives", "timeout"))
ALLOWED = frozenset(FEATURES) - OPEN
MOST = 500  # states of one scenario


@pytest.mark.parametrize("first", range(0, 40, 10))
def test_verify_says_what_brute_force_says(first: int) -> None:
    results = [compare(seed, ALLOWED, most=MOST) for seed in range(first, first + 10)]
    assert not [str(r) for r in results if r.how == "disagree"]
    assert sum(r.how == "agree" for r in results) >= 5


@pytest.mark.parametrize("feature", sorted(ALLOWED))
def test_every_feature_is_in_some_scenario(feature: str) -> None:
    results = [compare(seed, ALLOWED, frozenset((feature,)), most=MOST // 2) for seed in range(4)]
    assert not [str(r) for r in results if r.how == "disagree"]
    assert any(r.how == "agree" and feature in r.features for r in results)


LOCKS = """
semaphores: {s: {a: 1, b: 1}}
processes:
  p: {steps: [P: a, P: b, V: b, V: a, {phase: A}]}
  q: {steps: [P: b, P: a, V: a, V: b]}
"""


def program(text: str) -> Program:
    return load_program(Source("locks.yaml", text))


def test_another_answer_is_a_disagreement() -> None:
    """Brute force reads a scenario with a deadlock, verify the same with the locks in order."""
    ordered = LOCKS.replace("P: b, P: a", "P: a, P: b")
    assert not list(disagreements(LOCKS, program(LOCKS), "strong", 0, MOST))
    wrong = list(disagreements(LOCKS, program(ordered), "strong", 0, MOST))
    assert len(wrong) == 4
    assert all("verify says ok [], brute force deadlock ['deadlock']" in line for line in wrong)


def test_what_the_smaller_search_finds_the_larger_has_to_find() -> None:
    assert missing(frozenset(("deadlock", "leak")), frozenset(("leak",))) == ["deadlock"]
    # loops are not looked for where something graver was found
    assert missing(frozenset(("starvation",)), frozenset(("deadlock",))) == []
    assert missing(frozenset(("starvation",)), frozenset(("leak",))) == ["starvation"]


def test_a_disagreement_is_made_smaller() -> None:
    def deadlocks(text: str) -> bool:
        return judge(explore(Machine(read(yaml.safe_load(text))), MOST)).verdict == "deadlock"

    small = yaml.safe_load(shrink(LOCKS, deadlocks))
    assert small["semaphores"] == {"s": {"a": 1}} or small["semaphores"] == {"s": {"b": 1}}
    steps = [step for family in small["processes"].values() for step in family["steps"]]
    assert [list(step) for step in steps] == [["P"], ["P"]]  # two who take and do not give


def test_results_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two calls that go on from each other have the results of one."""
    small = ["--only", "nowait,undo", "--most", "200", "--count"]
    for name, counts in (("once", ["8"]), ("twice", ["3", "8"])):
        for count in counts:
            monkeypatch.setattr("sys.argv", ["oracle", *small, count, "--results", str(tmp_path / name)])
            assert oracle.main() == 0
    once, twice = (json.loads((tmp_path / name).read_text()) for name in ("once", "twice"))
    assert once["tried"] == 8
    assert {k: v for k, v in once.items() if k != "seconds"} == {
        k: v for k, v in twice.items() if k != "seconds"
    }
