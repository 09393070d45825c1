"""Parameters, arguments, expected verdicts, run settings, and what `show` is told."""

from __future__ import annotations

import pytest

from ipcsim.errors import ScenarioError, UsageError
from ipcsim.language import describe, load_program
from ipcsim.program import Program, Scheduler, Source
from ipcsim.verdict import Verdict
from tests.language.helpers import load

PROBLEM = """
problem: locks
title: Locks
titre: Verrous
source: somebody, 1971
course: 4
description: Two locks.
parameters:
  n: {type: int, default: 3, min: 1, max: 9, description: how many}
  way: {type: choice, default: left, choices: [left, right]}
  flag: {type: bool, default: false}
  word: {type: text, default: x}
semaphores: {s: {a: n}}
processes: {p: {count: n, steps: [P: a]}}
run: {seed: 1, timeout: 5s}
expect:
  - {with: {way: left}, verdict: deadlock, run: {scheduler: pct, seed: 2}}
  - {with: {way: left, flag: true}, verdict: {run: ok, verify: deadlock}}
"""


def resolve(name: str) -> Source:
    if name != "locks":
        raise UsageError(f"unknown problem `{name}`; did you mean `locks`?")
    return Source("problems/locks.yaml", PROBLEM)


def scenario(text: str, arguments: dict[str, int | str | bool] | None = None) -> Program:
    return load_program(Source("scenarios/mine.yaml", text), arguments, resolve)


def failing(text: str, arguments: dict[str, int | str | bool] | None = None) -> str:
    with pytest.raises((ScenarioError, UsageError)) as caught:
        scenario(text, arguments)
    return str(caught.value)


def test_defaults_with_and_set() -> None:
    assert dict(load(PROBLEM).arguments) == {"n": 3, "way": "left", "flag": False, "word": "x"}
    program = scenario("problem: locks\nwith: {n: 4, flag: true, word: no}", {"n": "5"})
    assert dict(program.arguments) == {"n": 5, "way": "left", "flag": True, "word": "no"}
    assert program.families[0].size == 5
    assert program.name == "mine"
    assert program.title == "Locks"
    assert [s.file for s in program.sources] == ["scenarios/mine.yaml", "problems/locks.yaml"]


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("n", "7", 7), ("n", " 7 ", 7), ("n", 7, 7), ("way", "right", "right"), ("flag", "true", True),
        ("flag", "no", False), ("flag", True, True), ("word", "a b", "a b"), ("word", "", ""),
    ],
)  # fmt: skip
def test_set_is_converted(name: str, given: int | str | bool, value: object) -> None:
    assert dict(load(PROBLEM, {name: given}).arguments)[name] == value


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("n", "0", "a whole number from 1 to 9"), ("n", "10", "from 1 to 9"), ("n", "x", "from 1 to 9"),
        ("n", "1.5", "from 1 to 9"), ("n", True, "from 1 to 9"), ("n", "9" * 50, "from 1 to 9"),
        ("way", "up", "one of left, right"), ("flag", "maybe", "true or false"), ("flag", 1, "true or false"),
        ("m", "1", "there is `n`"), ("wey", "1", "did you mean `way`?"), ("word", 3, "a text"),
    ],
)  # fmt: skip
def test_set_that_does_not_fit(name: str, given: int | str | bool, words: str) -> None:
    with pytest.raises(UsageError, match=r"parameter|must be") as caught:
        load(PROBLEM, {name: given})
    assert words in str(caught.value)


def test_with_that_does_not_fit() -> None:
    said = failing("problem: locks\nwith: {n: 0, way: lefft, m: 1}")
    assert "mine.yaml:2:11: error: `n` must be a whole number from 1 to 9, not `0`" in said
    assert "did you mean `left`?" in said
    assert "mine.yaml:2:26: error: unknown parameter `m`" in said


def test_an_unknown_problem_is_told_where_it_is_named() -> None:
    said = failing("problem: lcks")
    assert said.startswith("scenarios/mine.yaml:1:10: error: unknown problem `lcks`; did you mean `locks`?")


def test_errors_of_the_problem_are_told_in_its_file() -> None:
    broken = Source("problems/broken.yaml", "processes: {p: {cuont: 1, steps: []}}")
    with pytest.raises(ScenarioError, match=r"problems/broken.yaml:1:17"):
        load_program(Source("mine.yaml", "problem: broken"), {}, lambda _: broken)


def test_a_scenario_is_no_problem() -> None:
    other = Source("other.yaml", "problem: locks")
    with pytest.raises(ScenarioError, match="declares no processes"):
        load_program(Source("mine.yaml", "problem: other"), {}, lambda _: other)


def test_a_problem_has_no_with() -> None:
    assert "`with:` belongs into a scenario" in failing(PROBLEM + "with: {n: 3}\n")


def test_a_scenario_expects_one_verdict() -> None:
    assert "expects one verdict" in failing("problem: locks\nexpect: [{verdict: ok}]")


@pytest.mark.parametrize(
    ("arguments", "run", "verify"),
    [
        ({}, "deadlock", "deadlock"),
        ({"flag": True}, "ok", "deadlock"),
        ({"way": "right"}, "ok", "ok"),
    ],
)
def test_the_most_specific_variant_counts(
    arguments: dict[str, int | str | bool], run: str, verify: str
) -> None:
    program = load(PROBLEM, arguments)
    assert (program.expect_run, program.expect_verify) == (Verdict(run), Verdict(verify))


def test_settings_of_problem_variant_and_scenario() -> None:
    assert load(PROBLEM, {"way": "right"}).settings.seed == 1
    variant = load(PROBLEM).settings
    assert (variant.seed, variant.scheduler, variant.timeout) == (2, Scheduler.PCT, 5.0)
    mine = scenario(
        "problem: locks\nrun: {seed: 7, livelock: off, starvation: 5, duration: 100ms}\nexpect: race"
    )
    assert (mine.settings.seed, mine.settings.scheduler, mine.settings.timeout) == (7, Scheduler.PCT, 5.0)
    assert (mine.settings.livelock, mine.settings.starvation, mine.settings.duration) == (None, 5, 0.1)
    assert (mine.expect_run, mine.expect_verify) == (Verdict.RACE, Verdict.RACE)


def test_names() -> None:
    assert load(PROBLEM).name == "locks"
    assert scenario("scenario: other\nproblem: locks").name == "other"
    assert load("processes: {p: {steps: []}}").name == "test"


def test_describe() -> None:
    told = describe(Source("problems/locks.yaml", PROBLEM))
    assert (told.name, told.title, told.titre, told.source, told.course) == (
        "locks", "Locks", "Verrous", "somebody, 1971", "4",
    )  # fmt: skip
    assert told.is_problem
    assert told.problem is None
    assert [(p.name, p.type, p.default, p.range) for p in told.parameters] == [
        ("n", "int", 3, "a whole number from 1 to 9"),
        ("way", "choice", "left", "one of left, right"),
        ("flag", "bool", False, "true or false"),
        ("word", "text", "x", "a text"),
    ]
    first, second = told.variants
    assert first.arguments == {"way": "left"}
    assert first.settings == {"scheduler": Scheduler.PCT, "seed": 2}
    assert (second.expect_run, second.expect_verify) == (Verdict.OK, Verdict.DEADLOCK)
    assert first.at.line == 17


def test_describe_a_scenario() -> None:
    told = describe(Source("scenarios/mine.yaml", "problem: locks\nwith: {n: 4}\ntitle: Mine"), resolve)
    assert (told.name, told.title, told.problem, told.is_problem) == ("mine", "Mine", "locks", False)
    assert told.arguments["n"] == 4
    assert told.expect_run is Verdict.DEADLOCK


def test_describe_does_not_look_into_processes() -> None:
    text = "processes: {p: {steps: [nonsense: 3]}}"
    assert describe(Source("t.yaml", text)).name == "t"
