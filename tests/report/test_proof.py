"""The text of a verification, against expected files: proofs, counterexamples, lassos, limits."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

import ipcsim
from ipcsim.language import load_program
from ipcsim.program import Source
from ipcsim.report import json as as_json
from ipcsim.report import proof, text
from ipcsim.verdict import Outcome
from tests.report.promoted import compare

WIDTHS = [20, 50, 80, 100, 200]

FORKS = """
scenario: three-forks
semaphores: {table: {fork: {count: 3, value: 1}}}
processes:
  philosopher:
    count: 3
    steps:
      - phase: hungry
      - P: "fork[me]"
      - P: "fork[(me + 1) % 3]"
      - phase: eating
      - V: ["fork[me]", "fork[(me + 1) % 3]"]
expect: deadlock
"""
CLERKS = """
scenario: clerks
semaphores: {locks: {mutex: 1}}
segments: {account: {balance: int}}
processes:
  clerk:
    count: 2
    steps: [{P: mutex}, {set: {account.balance: account.balance + 5}}, {V: mutex}]
properties: {nothing is lost: {at_end: account.balance == 10}}
"""
NO_LOCK = CLERKS.replace("{P: mutex}, ", "").replace(", {V: mutex}", "").replace("clerks", "no-lock")
UNDO = CLERKS.replace("mutex}", "mutex, undo: true}").replace("at_end", "never").replace("== 10", "== 11")
AGAIN = """
scenario: again
semaphores: {s: {mutex: 1}}
processes:
  worker: {count: 2, steps: [forever: [P: mutex, phase: inside, V: mutex]]}
properties: {everyone gets in: {always_eventually: inside}}
"""


def verified(what: str, **options: Any) -> Outcome:
    return replace(
        ipcsim.verify(load_program(Source("three.yaml", what), {}, None), **options), duration_s=0.25
    )


OUTCOMES: dict[str, Outcome] = {
    "proof": verified(CLERKS),
    "proof-crashes": verified(UNDO, crashes=1),
    "proof-fair": verified(AGAIN),
    "verify-deadlock": verified(FORKS),
    "verify-race": verified(NO_LOCK),
    "verify-lasso": verified(AGAIN, fairness="weak"),
    "verify-limit": verified(FORKS, max_states=3),
    "verify-crash": verified(CLERKS, crashes=1),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_wide(name: str) -> None:
    compare(text.render(OUTCOMES[name], 100), f"{name}-100")


@pytest.mark.parametrize("name", ["proof", "proof-fair", "verify-limit"])
def test_narrow(name: str) -> None:
    compare(text.render(OUTCOMES[name], 50), f"{name}-50")


def test_color() -> None:
    compare(text.render(OUTCOMES["verify-deadlock"], 100, color=True), "verify-deadlock-color")


@pytest.mark.parametrize("name", OUTCOMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_color_carries_nothing(name: str, width: int) -> None:
    colored = text.render(OUTCOMES[name], width, color=True)
    assert re.sub(r"\x1b\[[\d;]*m", "", colored) == text.render(OUTCOMES[name], width)


@pytest.mark.parametrize("name", OUTCOMES)
def test_no_blank_ends_and_one_blank_line_at_a_time(name: str) -> None:
    for width in (100, 200):
        shown = text.render(OUTCOMES[name], width)
        assert "\n\n\n" not in shown
        assert not shown.startswith("\n")
        assert shown.endswith("\n")
        assert not re.search(r" $", shown, re.MULTILINE)


@pytest.mark.parametrize("width", [60, 80])
def test_the_way_stays_a_table(width: int) -> None:
    """One line a step, also where a terminal is as narrow as they usually are."""
    outcome = OUTCOMES["verify-deadlock"]
    shown = text.render(outcome, width)
    for number, step in enumerate(outcome.extra["steps"], 1):
        assert re.search(rf"^ +{number} +{re.escape(step['process'])} ", shown, re.MULTILINE)
    assert not re.search(r" $", shown, re.MULTILINE)


@pytest.mark.parametrize("name", ["proof", "proof-crashes", "proof-fair"])
def test_a_proof_says_what_it_proves_and_under_what(name: str) -> None:
    shown = " ".join(text.render(OUTCOMES[name], 100).split())
    assert "Proved for every interleaving (weak semaphores" in shown
    assert "proves nothing" not in shown
    assert ("strong fairness" in shown) is (name == "proof-fair")
    assert ("up to 1 crash anywhere" in shown) is (name == "proof-crashes")


@pytest.mark.parametrize("name", [n for n in OUTCOMES if n.startswith("verify-")])
def test_nothing_else_says_proved(name: str) -> None:
    assert "Proved" not in text.render(OUTCOMES[name])


@pytest.mark.parametrize("name", ["verify-deadlock", "verify-race", "verify-lasso", "verify-crash"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_line_to_paste_is_whole(name: str, width: int) -> None:
    shown = text.render(OUTCOMES[name], width)
    line = proof.replay_line(OUTCOMES[name])
    assert line is not None
    assert re.fullmatch(r"ipcsim replay .*--schedule '?[\d :x!*]+'?", line)
    assert f"{line}\n" in shown


def test_every_step_of_the_way_stands_there_with_its_line() -> None:
    outcome = OUTCOMES["verify-deadlock"]
    shown = text.render(outcome, 120)
    for number, step in enumerate(outcome.extra["steps"], 1):
        first, text_, last = (re.escape(step[key]) for key in ("process", "text", "at"))
        assert re.search(rf"^ +{number} +{first} +{text_} .*{last}$", shown, re.MULTILINE)
    assert "fork[0]: 1 → 0" in shown
    assert "falls asleep, for ever" in shown


def test_the_loop_is_marked() -> None:
    shown = text.render(OUTCOMES["verify-lasso"], 100)
    assert "it repeats for ever" in shown
    assert "↻" in shown


def test_a_long_way_is_cut_in_the_middle() -> None:
    outcome = OUTCOMES["verify-deadlock"]
    step = outcome.extra["steps"][0]
    long = replace(outcome, extra={**outcome.extra, "steps": [step] * 500})
    shown = text.render(long, 100)
    assert "… 440 steps more (all with --json) …" in shown
    assert len(shown.splitlines()) < 100


def test_a_limit_says_how_far_it_got() -> None:
    shown = " ".join(text.render(OUTCOMES["verify-limit"], 100).split())
    assert "inconclusive" in shown
    assert "the limit of 3 states" in shown
    assert "nothing is known of the rest" in shown


@pytest.mark.parametrize("name", OUTCOMES)
def test_json_there_and_back(name: str) -> None:
    data = json.loads(json.dumps(as_json.render(OUTCOMES[name])))
    assert as_json.render(as_json.parse(data)) == data
