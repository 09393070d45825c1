"""Bounds: what is reached is inconclusive, with what was covered; and never said of more than that."""

from __future__ import annotations

import time
from typing import Any

import pytest

import ipcsim
from ipcsim.errors import UsageError
from ipcsim.explorer.limits import Progress, resident_bytes
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


# --- one deadline, one count of states, and what is known then ---

# nothing is wrong in any state; whether somebody starves takes long to find out
STARVING = """
semaphores: {s: {a: {count: 7, value: 1}}}
processes:
  w: {count: 7, steps: [forever: [P: "a[me]", phase: here, V: "a[me]"]]}
properties: {everyone: {always_eventually: here}}
"""


@pytest.mark.parametrize("seconds", [0.3, 1.5])
def test_all_searches_have_one_clock(seconds: float) -> None:
    """Also where the first of them takes next to nothing, and the next would take for ever."""
    text = STARVING.replace("7", "12")
    started = time.monotonic()
    outcome = ipcsim.verify(program(text), timeout=seconds)
    # besides searching: compiling, and what the machine is busy with
    assert time.monotonic() - started < 3 * seconds + 3
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.extra["stopped"] == f"the limit of {seconds:g} s"


def test_few_states_that_take_long_do_not_stop_the_clock() -> None:
    """Each of them is expanded with a thousand processes."""
    text = """
semaphores: {s: {a: 1}}
processes: {w: {count: 1000, steps: [P: a, phase: x, V: a, phase: y, P: a, phase: z, V: a]}}
properties: {p: {never: "at(w[0], 'x') and at(w[1], 'z')"}}
"""
    started = time.monotonic()
    outcome = ipcsim.verify(program(text), timeout=1, reduction="none")
    assert outcome.extra["stopped"] == "the limit of 1 s"
    assert time.monotonic() - started < 20  # most of it is not the search


def test_states_are_counted_over_all_searches() -> None:
    whole = ipcsim.verify(program(STARVING))
    alone = ipcsim.verify(program(STARVING.partition("properties")[0]))
    assert whole.verdict is Verdict.OK
    first = alone.extra["states"]  # of the search for what is wrong in a state
    assert whole.extra["states"] > first + 100
    cut = ipcsim.verify(program(STARVING), max_states=first + 100)
    assert cut.extra["states"] <= first + 101
    assert cut.extra["stopped"] == f"the limit of {first + 100:,} states"


def test_what_is_proved_by_then_is_said() -> None:
    """All states were seen, the loops were not."""
    first = ipcsim.verify(program(STARVING.partition("properties")[0])).extra["states"]
    cut = ipcsim.verify(program(STARVING), max_states=first + 100)
    assert cut.verdict is Verdict.INCONCLUSIVE
    assert set(cut.extra["proved"]) == {"error", "deadlock", "race", "violation", "livelock", "leak"}
    assert cut.extra["open"] == ["starvation"]
    said = cut.findings[0].message
    assert "no deadlock, no race, no broken property" in said
    assert "still open: starvation" in said


def test_nothing_is_proved_of_what_was_not_seen() -> None:
    cut = ipcsim.verify(program(STARVING), max_states=5)
    assert cut.extra["proved"] == []
    assert {"deadlock", "starvation", "livelock", "error"} <= set(cut.extra["open"])
    assert "nothing is known of the rest" in cut.findings[0].message


def test_what_was_found_is_not_proved_to_be_absent() -> None:
    found = ipcsim.verify("transfer")
    assert "deadlock" not in found.extra["proved"] + found.extra["open"]
    assert "error" in found.extra["proved"]


# --- steps that nobody sees ---


def silent(rounds: int, last: int) -> str:
    return f"""
semaphores: {{s: {{a: 1}}}}
processes:
  p:
    locals: {{v: 0}}
    steps:
      - repeat: {rounds}
        steps: [set: {{v: "v + 1"}}]
      - assert: v == {last}
"""


def test_a_long_silence_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from ipcsim.model import locals as model

    monkeypatch.setattr(model, "MOST_SILENT", 2_000)
    assert ipcsim.verify(program(silent(500, 500))).verdict is Verdict.OK
    assert ipcsim.verify(program(silent(500, 501))).verdict is Verdict.VIOLATION
    late = ipcsim.verify(program(silent(5_000, 5_000)))
    assert late.verdict is Verdict.INCONCLUSIVE
    assert "more than 2,000 steps in a row that nobody else can see (chance.yaml:" in late.findings[0].message


@pytest.mark.parametrize("step", ["v + 1", "(v + 1) % 7", "v", "1 - v"])
def test_one_without_end_is_an_error_at_once(step: str) -> None:
    """The same place with the same variables: but a counter that grows is never the same."""
    text = f"""
semaphores: {{s: {{a: 1}}}}
processes:
  p:
    locals: {{v: 0, n: 0}}
    steps:
      - P: a
      - set: {{n: "3"}}
      - while: v < 1000
        steps: [set: {{v: "{step}"}}]
      - V: a
"""
    outcome = ipcsim.verify(program(text))
    if step == "v + 1":
        assert outcome.verdict is Verdict.OK
    else:
        assert outcome.verdict is Verdict.ERROR
        assert "goes round for ever" in outcome.findings[0].message
