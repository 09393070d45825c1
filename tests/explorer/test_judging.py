"""What is wrong in a state: looked at in every state, the first one too, and for everybody."""

from __future__ import annotations

from typing import Any

import pytest

import ipcsim
from ipcsim.verdict import Verdict
from tests.explorer.scenarios import program

BOTH_STORE_FIRST = """
segments: {d: {x: int}}
processes: {w: {count: 2, steps: [set: {d.x: 1}]}}
"""
BROKEN_AT_ONCE = """
semaphores: {s: {a: 1}}
processes: {w: {steps: [P: a]}}
properties: {nothing to take: {never: a == 1}}
"""
BROKEN_WHATEVER_HAPPENS = """
semaphores: {s: {a: 1}}
processes: {w: {steps: [P: a]}}
properties: {it cannot hold: {never: true}}
"""
SPAWNED_INTO_A_RACE = """
semaphores: {s: {a: 0}}
segments: {d: {x: int}}
processes:
  parent: {steps: [P: a, spawn: child]}
  other: {steps: [V: a, set: {d.x: 1}]}
  child: {spawned: true, steps: [set: {d.x: 2}]}
"""
# Only while it sleeps the V is done, so it is handed over, and then both stand before their store.
HANDED_INTO_A_RACE = """
semaphores: {s: {a: 0, b: 0}}
segments: {d: {x: int}}
processes:
  giver:
    locals: {n: 0}
    steps:
      - P: b
      - while: n < 1
        steps: [get: {ncnt: a, into: n}]
      - V: a
  sleeper: {steps: [P: a, set: {d.x: 1}]}
  other: {steps: [V: b, set: {d.x: 1}]}
"""
NO_VALUE_AT_THE_END = """
semaphores: {s: {a: 0}}
segments: {d: {z: "int[3]"}}
processes: {w: {steps: [V: {a: 5}]}}
properties: {out of range: {at_end: "d.z[a] == 0"}}
"""
GUARDED = """
semaphores: {s: {a: 0}}
segments: {d: {z: "int[3]"}}
processes: {w: {steps: [V: {a: 5}]}}
properties:
  in range: {always: "a >= 3 or d.z[a] == 0"}
  and so: {never: "(a < 3 or a == 7) and (d.z[a] == 1 or a == 9)"}
"""
BROKEN_BEFORE_IT_HAS_NO_VALUE = """
semaphores: {s: {a: 0}}
segments: {d: {z: "int[3]"}}
processes: {w: {steps: [V: {a: 5}]}}
properties: {in range: {always: "a < 3 and d.z[a] == 0"}}
"""


@pytest.mark.parametrize("reduction", ["none", "stubborn", "symmetry", "all"])
@pytest.mark.parametrize("search", ["breadth", "depth"])
@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (BOTH_STORE_FIRST, Verdict.RACE),
        (BROKEN_AT_ONCE, Verdict.VIOLATION),
        (BROKEN_WHATEVER_HAPPENS, Verdict.VIOLATION),
        (SPAWNED_INTO_A_RACE, Verdict.RACE),
        (NO_VALUE_AT_THE_END, Verdict.ERROR),
        (GUARDED, Verdict.OK),
        (BROKEN_BEFORE_IT_HAS_NO_VALUE, Verdict.VIOLATION),
    ],
    ids=["race at once", "broken at once", "never true", "spawned", "no value", "guarded", "broken first"],
)
def test_is_found(text: str, verdict: Verdict, search: str, reduction: str) -> None:
    outcome = ipcsim.verify(program(text), reduction=reduction, search=search)
    assert outcome.verdict is verdict
    assert {f.verdict for f in outcome.findings} <= {verdict}
    assert (outcome.extra["counterexample"] is None) is (verdict is Verdict.OK)


@pytest.mark.parametrize("semaphores", ["weak", "kernel"])
def test_who_is_handed_something_may_race_too(semaphores: str) -> None:
    assert ipcsim.verify(program(HANDED_INTO_A_RACE), semaphores=semaphores).verdict is Verdict.RACE


@pytest.mark.parametrize(
    "text",
    [BOTH_STORE_FIRST, BROKEN_AT_ONCE, BROKEN_WHATEVER_HAPPENS, SPAWNED_INTO_A_RACE, NO_VALUE_AT_THE_END],
)
def test_a_replay_says_the_same(text: str) -> None:
    outcome: Any = ipcsim.verify(program(text), replay=True)
    assert outcome.extra["replay"]["same"], outcome.extra["remarks"]


def test_a_change_stands_at_the_step_that_made_it() -> None:
    """Not at the end of the process, which is joined to it."""
    outcome = ipcsim.verify(program(BOTH_STORE_FIRST.replace("d.x: 1", "d.x: d.x + 1")))
    for step in outcome.extra["steps"]:
        assert bool(step["changes"]) is step["text"].startswith("store")
