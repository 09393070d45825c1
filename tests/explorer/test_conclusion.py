"""Which verdict, which way, and what else is told: causes before consequences, merged before cut."""

from __future__ import annotations

from typing import Any

import pytest

import ipcsim
from ipcsim.errors import UsageError
from ipcsim.program import Discipline
from ipcsim.verdict import Finding, Kind, Outcome, Verdict, conclude, ranked
from tests.explorer.scenarios import program

REDUCTIONS = ["none", "stubborn", "symmetry", "all"]

CRITICAL = """
semaphores: {s: {mutex: 1}}
segments: {m: {x: {type: int, atomic: true}}}
processes:
  a: {steps: [P: mutex, set: {m.x: m.x + 1}, assert: m.x == 2, V: mutex]}
  b: {count: 2, steps: [P: mutex, V: mutex]}
"""
# c fails while it holds nothing and gives nothing any more: the circle of a and b is nobody's fault
UNRELATED = """
semaphores: {s: {one: 1, two: 1}}
processes:
  a: {steps: [P: one, P: two, V: [one, two]]}
  b: {steps: [P: two, P: one, V: [one, two]]}
  c: {locals: {n: 0}, steps: [assert: n == 1]}
"""
# c could have done the V that both wait for, had it not failed
NO_HOLDER = """
semaphores: {s: {start: 0}}
processes:
  a: {count: 2, steps: [P: start]}
  c: {locals: {n: 0}, steps: [assert: n == 1, V: {start: 2}]}
"""
# a waits for b, and b for c, which failed
BEHIND = """
semaphores: {s: {first: 0, second: 0}}
processes:
  a: {steps: [P: first]}
  b: {steps: [P: second, V: first]}
  c: {locals: {n: 0}, steps: [assert: n == 1, V: second]}
"""
# while d goes on for ever
GOES_ON = (
    CRITICAL
    + """
  d: {steps: [forever: [phase: round]]}
"""
)
# whether the failing one or somebody else is the end of it depends on chance
BOTH = """
semaphores: {s: {one: 1, two: 1, mutex: 1}}
processes:
  a: {steps: [P: one, P: two, V: [one, two]]}
  b: {steps: [P: two, P: one, V: [one, two]]}
  c: {locals: {n: 0}, steps: [P: mutex, assert: n == 1, V: mutex]}
  d: {steps: [P: mutex, V: mutex]}
"""
ORDERED_CRASH = """
semaphores: {s: {mutex: 1}}
processes:
  a: {steps: [P: mutex, crash: SIGKILL, V: mutex]}
  b: {steps: [P: mutex, V: mutex]}
"""


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("search", ["breadth", "depth"])
@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (CRITICAL, Verdict.VIOLATION),
        (NO_HOLDER, Verdict.VIOLATION),
        (BEHIND, Verdict.VIOLATION),
        (UNRELATED, Verdict.DEADLOCK),
        (BOTH, Verdict.DEADLOCK),
        (ORDERED_CRASH, Verdict.DEADLOCK),
    ],
    ids=["critical section", "no holder", "behind", "unrelated", "both", "ordered crash"],
)
def test_a_failure_that_ended_the_waker_is_the_verdict(
    text: str, verdict: Verdict, reduction: str, search: str
) -> None:
    outcome = ipcsim.verify(program(text), reduction=reduction, search=search)
    assert outcome.verdict is verdict
    first = outcome.findings[0]
    assert first.verdict is verdict
    assert not first.caused_by


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_also_while_others_go_on(reduction: str) -> None:
    outcome = ipcsim.verify(program(GOES_ON), reduction=reduction)
    assert outcome.verdict is Verdict.VIOLATION
    waits = next(f for f in outcome.findings if f.verdict is Verdict.DEADLOCK)
    assert waits.caused_by == ("a",)


@pytest.mark.parametrize(
    ("text", "verdict", "kinds"),
    [
        (CRITICAL, Verdict.VIOLATION, [Kind.ASSERTION, Kind.ORPHANED_WAIT]),
        (NO_HOLDER, Verdict.VIOLATION, [Kind.ASSERTION, Kind.ORPHANED_WAIT]),
        (UNRELATED, Verdict.DEADLOCK, [Kind.CIRCULAR_WAIT, Kind.ASSERTION]),
        (ORDERED_CRASH, Verdict.DEADLOCK, [Kind.ORPHANED_WAIT]),
    ],
    ids=["critical section", "no holder", "unrelated", "ordered crash"],
)
def test_a_run_says_the_same(text: str, verdict: Verdict, kinds: list[Kind]) -> None:
    """On the way on which all of it happens."""
    from ipcsim.explorer.verify import Options, verify

    ways = verify(program(text), Options()).ways
    schedule = max((w.path.schedule for w in ways), key=len)
    outcome = ipcsim.run(program(text), schedule=schedule)
    assert outcome.verdict is verdict
    assert [f.kind for f in outcome.findings if f.verdict is not None] == kinds


def test_no_advice_that_would_hide_the_cause() -> None:
    told = str(ipcsim.verify(program(CRITICAL)).as_json())
    assert "SEM_UNDO" not in told
    assert "SEM_UNDO" in str(ipcsim.verify(program(ORDERED_CRASH)).as_json())


def test_consequences_give_no_verdict() -> None:
    cause = Finding(Kind.ASSERTION, Verdict.VIOLATION, "", processes=("a",))
    waits = Finding(Kind.ORPHANED_WAIT, Verdict.DEADLOCK, "", processes=("b",), caused_by=("a",))
    remark = Finding(Kind.CRASH, None, "")
    race = Finding(Kind.RACE, Verdict.RACE, "")
    assert conclude((waits, cause)) is Verdict.VIOLATION
    assert conclude((waits, cause, race)) is Verdict.RACE
    assert conclude((waits,)) is Verdict.DEADLOCK  # whose cause is not there
    assert conclude((remark,)) is Verdict.OK
    assert ranked((remark, waits, cause, race)) == (race, cause, waits, remark)


# --- the ways ---


def test_the_way_shown_is_a_shortest_one_to_the_cause() -> None:
    outcome = ipcsim.verify(program(CRITICAL))
    assert outcome.extra["counterexample"]["schedule"] == "0*5"
    assert outcome.extra["steps"][-1]["changes"] == ["does not hold"]


RACING = """
semaphores: {s: {a: 0}}
segments: {m: {x: int}}
processes:
  w: {count: 2, steps: [set: {m.x: 5}, assert: m.x == 5, V: a]}
"""


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_a_way_to_a_race_stops_before_both_accesses(reduction: str) -> None:
    outcome = ipcsim.verify(program(RACING), reduction=reduction, replay=True)
    assert outcome.verdict is Verdict.RACE
    rows = outcome.extra["steps"]
    assert [r["text"] for r in rows] == ["store m.x", "store m.x"]
    assert all(r["changes"] == ["next, in any order"] for r in rows)
    assert outcome.extra["replay"]["same"], outcome.extra["remarks"]


def test_what_a_load_sees_does_not_depend_on_who_is_first() -> None:
    outcome = ipcsim.verify("lost-update", clerks=2, payments=1, replay=True)
    assert [r["text"].split()[0] for r in outcome.extra["steps"][-2:]] == ["load", "store"]
    assert outcome.extra["replay"]["same"], outcome.extra["remarks"]


def test_findings_are_merged_and_cut_by_verdict() -> None:
    """More errors than are told do not push out the broken property."""
    errors = "".join(f"\n        - [set: {{n: {i} // n}}]" for i in range(2, 40))
    text = f"""
semaphores: {{s: {{t: 1}}}}
processes:
  last: {{steps: [P: t, phase: inside, V: t]}}
  p:
    locals: {{n: 0}}
    steps:
      - choose:{errors}
properties: {{nobody is inside: {{never: "at(last, 'inside')"}}}}
"""
    outcome = ipcsim.verify(program(text), everything=True)
    assert outcome.verdict is Verdict.ERROR
    assert {f.verdict for f in outcome.findings} == {Verdict.ERROR, Verdict.VIOLATION}
    assert any("more cases of error" in r for r in outcome.extra["remarks"])


def test_the_same_of_another_process_of_the_family_is_told_once() -> None:
    outcome = ipcsim.verify(
        program(CRITICAL.replace("a: {steps", "a: {count: 3, steps")), everything=True, reduction="none"
    )
    assert [f.kind for f in outcome.findings].count(Kind.ASSERTION) == 1


# --- another finding ---


def ways(outcome: Outcome) -> list[dict[str, Any]]:
    return list(outcome.extra["others"])


def test_each_finding_has_its_number_and_its_way() -> None:
    outcome = ipcsim.verify(program(BOTH), everything=True)
    assert outcome.extra["shown"] == {"finding": 1, "verdict": "deadlock"}
    for other in ways(outcome):
        number = other["first"]
        chosen = ipcsim.verify(program(BOTH), everything=True, finding=number, replay=True)
        assert chosen.verdict is outcome.verdict
        assert set(chosen.findings) == set(outcome.findings)
        assert chosen.extra["shown"] == {"finding": number, "verdict": other["verdict"]}
        assert chosen.extra["counterexample"] == {k: other[k] for k in ("schedule", "length")}
        assert chosen.extra["replay"]["same"], chosen.extra["remarks"]
        assert other["schedule"] not in [o["schedule"] for o in ways(chosen)]
    assert ways(outcome)


def test_a_finding_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="there is no finding 9: there are"):
        ipcsim.verify(program(BOTH), finding=9)
    with pytest.raises(UsageError, match="nothing was found"):
        ipcsim.verify("dining-philosophers", strategy="ordered", seats=2, meals=1, finding=1)


# --- Linux ---

WEAK_ONLY = """
semaphores: {set: {s: 0}}
processes:
  father: {steps: [P: {s: 1}, get: {value: s, into: v}]}
  child: {steps: [V: s, remove: set]}
"""


def test_a_way_that_linux_can_go_comes_first() -> None:
    outcome = ipcsim.verify(program(WEAK_ONLY), replay=True)
    assert outcome.verdict is Verdict.ERROR
    assert outcome.extra["replay"]["same"], outcome.extra["remarks"]
    impossible = [w for w in ways(outcome) if not w["linux"]]
    assert impossible
    shown = ipcsim.verify(program(WEAK_ONLY), finding=impossible[0]["first"])
    assert any("Linux" in r and "cannot go this way" in r for r in shown.extra["remarks"])


# Under weak semaphores the sleeper may be overtaken by one who comes later; Linux hands over.
OVERTAKEN = """
semaphores: {s: {a: 0, seen: 0}}
processes:
  sleeper: {steps: [P: {a: 1}, V: seen]}
  giver:
    locals: {n: 0}
    steps:
      - while: n < 1
        steps: [get: {ncnt: a, into: n}]
      - V: a
      - P: a
        nowait: true
        on_error: {EAGAIN: [exit: 0]}
      - phase: took
properties: {the giver does not take it back: {never: "at(giver, 'took')"}}
"""


def test_impossible_on_linux_is_said_where_it_was_proved() -> None:
    weak = ipcsim.verify(program(OVERTAKEN))
    assert ipcsim.verify(program(OVERTAKEN), semaphores=Discipline.KERNEL).verdict is Verdict.OK
    assert weak.verdict in (Verdict.VIOLATION, Verdict.DEADLOCK)
    assert any(r.startswith(f"On Linux this {weak.verdict} cannot happen") for r in weak.extra["remarks"])


def test_not_where_the_search_in_its_order_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    from ipcsim.explorer import linux

    monkeypatch.setattr(linux, "CHECK_STATES", 3)
    weak = ipcsim.verify(program(OVERTAKEN))
    assert not any("cannot happen" in r for r in weak.extra["remarks"])


def test_what_else_happens_on_linux_does_not_hide_the_proof() -> None:
    """There something is left behind as well: the other verdict is still proved to be impossible."""
    leaking = OVERTAKEN.replace("processes:", "queues: {q: {message: {n: int}}}\nprocesses:").replace(
        "  sleeper:", "  maker: {steps: [create: q]}\n  sleeper:"
    )
    weak = ipcsim.verify(program(leaking))
    assert weak.verdict in (Verdict.VIOLATION, Verdict.DEADLOCK)
    assert any(r.startswith(f"On Linux this {weak.verdict} cannot happen") for r in weak.extra["remarks"])
