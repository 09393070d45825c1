"""What is wrong in a state: looked at in every state, the first one too, and for everybody."""

from __future__ import annotations

from typing import Any

import pytest

import ipcsim
from ipcsim.verdict import Kind, Verdict
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
    text = BOTH_STORE_FIRST.replace("d.x: 1", "d.x: d.x + 1") + "properties: {all: {at_end: d.x == 2}}"
    outcome = ipcsim.verify(program(text), finding=2)
    assert outcome.extra["shown"]["verdict"] == "violation"
    # the second store puts there what is there already
    assert [s["text"] for s in outcome.extra["steps"] if s["changes"]] == ["store d.x"]


# --- what has no value ---

DIVIDES = """
semaphores: {s: {m: 1, z: 0}}
processes: {p: {count: 2, steps: [P: m, phase: k, V: m]}}
properties: {p: {never: "%s"}}
"""
APART = "at(p[0], 'k') and at(p[1], 'k')"


@pytest.mark.parametrize("reduction", ["none", "stubborn", "symmetry", "all"])
@pytest.mark.parametrize(
    ("condition", "verdict"),
    [
        (f"{APART} and 1 // z == 1", Verdict.OK),  # never got so far: the two are never both inside
        ("at(p[0], 'k') and 1 // z == 1 and at(p[1], 'k')", Verdict.ERROR),
        (f"1 // z == 1 and {APART}", Verdict.ERROR),
        (f"{APART} or 1 // z == 1", Verdict.ERROR),
        ("z == 0 or 1 // z == 1", Verdict.VIOLATION),
        ("z == 1 or 1 // z == 1", Verdict.ERROR),
        ("m == 1 or 1 // z == 1", Verdict.ERROR),  # first broken, and then without a value
        ("any(at(p[i], 'k') and at(p[i + 1], 'k') for i in range(2))", Verdict.ERROR),
        ("any(at(p[i], 'k') and at(p[(i + 1) % 2], 'k') for i in range(2))", Verdict.OK),
        ("all(at(p[i], 'k') for i in range(2) if z == i)", Verdict.VIOLATION),
        ("all(at(p[i], 'k') for i in range(2) if z != i + 5)", Verdict.OK),
        ("not all(z == 0 for i in range(2) if m == i)", Verdict.OK),
        ("at(p[z], 'k') and at(p[z + 1], 'k')", Verdict.OK),
        ("at(p[z + 2], 'k')", Verdict.ERROR),
    ],
)
def test_short_circuit_is_that_of_the_whole_condition(
    condition: str, verdict: Verdict, reduction: str
) -> None:
    outcome = ipcsim.verify(program(DIVIDES % condition), reduction=reduction)
    assert outcome.verdict is verdict
    assert all(f.kind is Kind.EVALUATION for f in outcome.findings if f.verdict is Verdict.ERROR)


@pytest.mark.parametrize("search", ["breadth", "depth"])
@pytest.mark.parametrize("reduction", ["none", "all"])
@pytest.mark.parametrize(
    ("condition", "verdict"),
    [
        ("never: len(q) == 9", Verdict.OK),
        ("always: len(q) < 9", Verdict.OK),
        ("never: len(q) == 1", Verdict.VIOLATION),
        ("never: at(w, 'late') and len(q) == 9", Verdict.ERROR),  # it is never there when it is asked for
        ("never: len(other) == 9", Verdict.ERROR),
        ("at_end: len(q) == 0", Verdict.ERROR),
    ],
)
def test_what_comes_and_goes_is_judged_while_it_is_there(
    condition: str, verdict: Verdict, reduction: str, search: str
) -> None:
    text = f"""
queues: {{q: {{message: {{n: int}}}}, other: {{message: {{n: int}}}}}}
processes:
  w: {{steps: [create: q, send: {{queue: q, type: 1}}, phase: early, remove: q, phase: late]}}
  v: {{steps: [choose: [[], [{{if: "1 == 2", then: [create: other, remove: other]}}]]]}}
properties: {{"as it says": {{{condition.replace(": ", ': "', 1)}"}}}}
"""
    outcome = ipcsim.verify(program(text), reduction=reduction, search=search)
    assert outcome.verdict is verdict
    assert outcome.complete


# --- code behind loops that need not be counted ---

BEHIND = """
semaphores: {s: {a: 1}}
processes:
  p:
    count: 2
    locals: {n: 1}
    steps:
      - repeat: 3
        steps: [P: a, V: a]
      - %s
"""
BOTH_BEHIND = BEHIND + """properties: {p: {never: "at(p[0], 'z') and at(p[1], 'z')"}}"""


@pytest.mark.parametrize("reduction", ["none", "stubborn", "symmetry", "all"])
@pytest.mark.parametrize(
    ("step", "verdict"),
    [
        ("phase: z", Verdict.VIOLATION),
        ("{if: 5 // me > 0, then: [phase: x]}", Verdict.ERROR),
        ("{if: 5 // 2 > 0, then: [phase: x]}", Verdict.OK),
        ("{assert: me == 0}", Verdict.VIOLATION),
        ("{exit: 5 // me}", Verdict.ERROR),
        ("{P: a}", Verdict.DEADLOCK),
        ("{set: {n: 1 // (n - 1)}}", Verdict.ERROR),
    ],
)
def test_what_stands_behind_a_counted_loop_counts(step: str, verdict: Verdict, reduction: str) -> None:
    text = BOTH_BEHIND if step == "phase: z" else BEHIND
    assert ipcsim.verify(program(text % step), reduction=reduction).verdict is verdict


@pytest.mark.parametrize("reduction", ["none", "stubborn", "symmetry", "all"])
@pytest.mark.parametrize(
    "fails",
    [
        "assert: n == 5",
        "set: {n: 1 // n}",
        "set: {n: n + 2}}, {P: t[n]",
        "P: a, nowait: true",
        "V: {b: 32767}",
    ],
)
def test_who_fails_has_ended_and_a_property_may_notice(fails: str, reduction: str) -> None:
    """The failing one disturbs nobody else, and ends before the other or after it."""
    text = f"""
semaphores: {{s: {{a: 0, b: 1, c: 1}}, many: {{t: {{count: 2, value: 1}}}}}}
processes:
  w: {{steps: [P: c, V: c]}}
  x: {{locals: {{n: 0}}, steps: [{{{fails}}}]}}
properties: {{order: {{always: not ended(w) or ended(x)}}}}
"""
    found = ipcsim.verify(program(text), reduction=reduction, everything=True)
    assert {f.kind for f in found.findings} >= {Kind.VIOLATION}, found.findings


@pytest.mark.parametrize("reduction", ["none", "stubborn", "symmetry", "all"])
@pytest.mark.parametrize("call", ["P: t[i]", "V: t[i]", "semop: {t[i]: -1, b: 1}", "P: [b, t[i]]", "Z: t[i]"])
def test_an_index_out_of_range_is_an_error_of_the_step(call: str, reduction: str) -> None:
    text = f"""
semaphores: {{s: {{t: {{count: 3, value: 1}}, b: 1}}}}
processes:
  p: {{count: 2, locals: {{i: 0}}, steps: [set: {{i: i + 5}}, {{{call}}}]}}
  q: {{count: 2, steps: [V: b]}}
"""
    outcome = ipcsim.verify(program(text), reduction=reduction)
    assert outcome.verdict is Verdict.ERROR
    assert "index 5 is outside 0 … 2" in outcome.findings[0].message


# --- a step that nobody sees, and that fails ---

FAILS_IN_ITS_PHASE = """
semaphores: {s: {m: 0}}
processes:
  p: {count: 2, locals: {n: 0}, steps: [V: m, phase: k, set: {n: 1 // n}]}
properties: {apart: {never: "at(p[0], 'k') and at(p[1], 'k')"}}
"""
FAILS_WHILE_IT_HOLDS = """
semaphores: {s: {m: 1}}
processes:
  p: {locals: {n: 0}, steps: [{P: m, undo: true}, set: {n: 1 // n}]}
  q: {steps: [{P: m, nowait: true}, V: m]}
"""
GOES_ROUND_IN_ITS_PHASE = FAILS_IN_ITS_PHASE.replace(
    "set: {n: 1 // n}", "{while: n == 0, steps: [set: {n: 0}]}"
)


@pytest.mark.parametrize("reduction", ["none", "stubborn", "symmetry", "all"])
def test_what_a_process_was_before_it_failed_is_seen(reduction: str) -> None:
    outcome = ipcsim.verify(program(FAILS_IN_ITS_PHASE), reduction=reduction)
    assert {f.verdict for f in outcome.findings} == {Verdict.ERROR, Verdict.VIOLATION}
    outcome = ipcsim.verify(program(FAILS_WHILE_IT_HOLDS), reduction=reduction)
    assert {f.kind for f in outcome.findings} == {Kind.EVALUATION, Kind.ERRNO}


@pytest.mark.parametrize("text", [FAILS_IN_ITS_PHASE, FAILS_WHILE_IT_HOLDS])
@pytest.mark.parametrize("finding", [1, 2])
def test_a_replay_waits_with_the_failure_for_its_turn(text: str, finding: int) -> None:
    outcome: Any = ipcsim.verify(program(text), finding=finding, replay=True)
    assert outcome.extra["replay"]["same"], outcome.extra["remarks"]


@pytest.mark.parametrize("reduction", ["none", "stubborn", "all"])
def test_who_goes_round_unseen_for_ever_stays_in_its_phase(reduction: str) -> None:
    outcome = ipcsim.verify(program(GOES_ROUND_IN_ITS_PHASE), reduction=reduction)
    assert Verdict.VIOLATION in {f.verdict for f in outcome.findings}


# --- what is on its way to a process, and what it sends itself ---

KILLED_BEFORE_IT_STOPS = """
processes:
  w: {steps: [signal: {to: x, name: SIGKILL}]}
  x: {steps: [signal: {to: x, name: %s}]}
"""


@pytest.mark.parametrize("own", ["SIGSTOP", "SIGKILL", "SIGUSR1"])
@pytest.mark.parametrize("semaphores", ["weak", "kernel"])
def test_who_is_killed_does_not_stop_itself(own: str, semaphores: str) -> None:
    """SIGKILL is taken before any other signal (signal(7), get_signal in the kernel)."""
    outcome = ipcsim.verify(program(KILLED_BEFORE_IT_STOPS % own), semaphores=semaphores)
    # it may have ended before, by itself or by its own signal: then there is nobody to kill
    assert {f.kind for f in outcome.findings} <= {Kind.ERRNO}


# --- a deadlock that a failure brings about, and one that a death does ---

FAILED_OR_KILLED = """
queues: {q: {message: {n: int}}}
processes:
  w: {count: 2, locals: {n: 1}, steps: [assert: n == 0, send: {queue: q, type: 1, message: {n: n}}]}
  x: {steps: [receive: {queue: q}]}
"""


@pytest.mark.parametrize("semaphores", ["weak", "kernel"])
def test_who_was_killed_is_told_from_who_failed(semaphores: str) -> None:
    """Both wait-for-ever look alike, but only one of them is the consequence of the assertion."""
    outcome = ipcsim.verify(program(FAILED_OR_KILLED), semaphores=semaphores, crashes=2)
    assert outcome.verdict is Verdict.DEADLOCK
    assert ipcsim.verify(program(FAILED_OR_KILLED), semaphores=semaphores).verdict is Verdict.VIOLATION
