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
from ipcsim.verdict import Outcome, Verdict
from tests.oracle.chance import FEATURES
from tests.oracle.compare import compare, disagreements, missing
from tests.oracle.explore import explore
from tests.oracle.judge import judge
from tests.oracle.machine import Machine
from tests.oracle.scenario import read
from tests.oracle.shrink import shrink

# of these `verify` is known not to say everything yet
OPEN: frozenset[str] = frozenset()
ALLOWED = frozenset(FEATURES) - OPEN
MOST = 500  # states of one scenario


@pytest.mark.parametrize("first", range(0, 40, 10))
def test_verify_says_what_brute_force_says(first: int) -> None:
    results = [compare(seed, ALLOWED, most=MOST) for seed in range(first, first + 10)]
    assert not [str(r) for r in results if r.how == "disagree"]
    assert sum(r.how == "agree" for r in results) >= 5


@pytest.mark.parametrize("feature", sorted(ALLOWED))
def test_every_feature_is_in_some_scenario(feature: str) -> None:
    for seed in range(20):
        result = compare(seed, ALLOWED, frozenset((feature,)), most=MOST // 2)
        assert result.how != "disagree", str(result)
        if result.how == "agree":
            assert feature in result.features
            return
    pytest.fail("no scenario with it is small enough")


ALL_RIGHT = Outcome(
    "verify", "x", Verdict.OK, Verdict.OK, complete=True, findings=(), seed=None, duration_s=0.0,
    extra={"reduction": "none"},
)  # fmt: skip

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
    assert len(wrong) == 8  # both orders of service, each reduction
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
    for name, counts in (("once", ["6"]), ("twice", ["2", "6"])):
        for count in counts:
            monkeypatch.setattr("sys.argv", ["oracle", *small, count, "--results", str(tmp_path / name)])
            assert oracle.main() == 0
    once, twice = (json.loads((tmp_path / name).read_text()) for name in ("once", "twice"))
    assert once["how"]["agree"] == 6
    assert {k: v for k, v in once.items() if k != "seconds"} == {
        k: v for k, v in twice.items() if k != "seconds"
    }


def test_a_result_adds_to_the_sums_of_the_long_command(monkeypatch: pytest.MonkeyPatch) -> None:
    results = [compare(seed, frozenset(("undo", "arrays")), most=300) for seed in range(6)]
    compared = [r for r in results if r.compared]
    assert compared
    for result in compared:
        assert result.counts["scenarios"] == 1
        assert result.counts["disagreements"] == 0 == len(result.disagreements)
        assert result.counts["states"] == result.states > 0
        assert result.counts[f"verdict {result.verdict}"] == 1
    monkeypatch.setattr("tests.oracle.compare.verified", lambda _p, asked: ALL_RIGHT)
    wrong = next(r for r in compared if r.verdict != "ok")
    again = compare(wrong.seed, frozenset(("undo", "arrays")), most=300)
    assert again.counts["disagreements"] == 1
    assert f"seed {wrong.seed}" in again.disagreements[0]
    assert "processes:" in again.disagreements[0]


def test_results_of_other_options_are_not_added_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.json"
    for count, options in enumerate((["--only", "undo"], ["--only", "nowait"])):
        command = ["oracle", *options, "--most", "100", "--count", "1", "--results", str(results)]
        monkeypatch.setattr("sys.argv", command)
        if count == 0:
            assert oracle.main() == 0
            continue
        with pytest.raises(SystemExit):
            oracle.main()
    assert "results of other options" in capsys.readouterr().err


def test_a_disagreement_says_how_to_see_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a verify that calls everything right."""
    monkeypatch.setattr("tests.oracle.compare.verified", lambda _p, asked: ALL_RIGHT)
    options = ["--seed", "1", "--count", "4", "--most", "300", "--only", "arrays,zero"]
    monkeypatch.setattr("sys.argv", ["oracle", *options])
    assert oracle.main() == 1
    told = capsys.readouterr().out
    assert "again: python -m benchmarks.oracle --seed" in told
    assert "--most 300 --only arrays,zero" in told
    assert "semaphores:" in told
