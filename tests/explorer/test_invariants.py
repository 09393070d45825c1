"""What is proved from the text alone, by counting units; and where nothing may be claimed."""

from __future__ import annotations

import pytest

import ipcsim
from ipcsim.explorer.accesses import Accesses
from ipcsim.explorer.checks import Checks
from ipcsim.explorer.invariants import Invariants
from ipcsim.explorer.reduction import Reduction, prepare
from ipcsim.model.machine import Machine
from ipcsim.program import Discipline
from ipcsim.verdict import Verdict
from tests.explorer.scenarios import program

EXCLUSIVE = """
semaphores: {{s: {{mutex: {value}, other: 1}}}}
segments: {{d: {{n: int}}}}
processes:
  worker:
    count: 2
    steps:
      - P: mutex
        {flags}
      - phase: inside
      - set: {{d.n: d.n + 1}}
      - V: mutex
        {flags}
  guest: {{steps: [{more}]}}
properties:
  one at a time: {{never: "at(worker[0], 'inside') and at(worker[1], 'inside')"}}
"""


def checks(value: int = 1, flags: str = "", more: str = "P: other, V: other") -> Checks:
    return _checks(Machine(program(text(value, flags, more))))


def text(value: int = 1, flags: str = "", more: str = "P: other, V: other") -> str:
    return EXCLUSIVE.format(value=value, flags=flags, more=more)


def _checks(machine: Machine) -> Checks:
    invariants = Invariants(machine)
    accesses = [Accesses(machine, p, invariants.overflowing) for p in machine.processes]
    return Checks(machine, invariants, accesses)


def test_mutual_exclusion_is_proved_without_exploring() -> None:
    found = checks()
    assert found.parts == []
    assert found.racing == {}


@pytest.mark.parametrize(
    ("value", "flags", "more"),
    [
        (2, "", "P: other, V: other"),  # room for two
        (1, "undo: true", "P: other, V: other"),
        (1, "", "set_value: {mutex: 1}"),
        (1, "", "V: mutex"),  # gives what it never took
        (1, "", "V: mutex, P: mutex"),
        (1, "", "{P: mutex, nowait: true, on_error: {EAGAIN: []}}, V: mutex"),  # gives though it failed
        (1, "", "{semop: {mutex: 1, other: -1}}"),
    ],
)
def test_nothing_is_claimed(value: int, flags: str, more: str) -> None:
    found = checks(value, flags, more)
    assert len(found.parts) == 1
    assert set(found.racing.values()) == {"d.n"}


@pytest.mark.parametrize("reduction", ["none", "all"])
@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ("P: other, V: other", Verdict.OK),
        ("set_value: {mutex: 1}", Verdict.RACE),
        ("V: mutex", Verdict.RACE),
        ("V: mutex, P: mutex", Verdict.RACE),
        ("{P: mutex, nowait: true, on_error: {EAGAIN: []}}, V: mutex", Verdict.RACE),
        ("{P: mutex, nowait: true, on_error: {EAGAIN: [exit: 0]}}, V: mutex", Verdict.OK),
    ],
)
def test_the_search_agrees(more: str, verdict: Verdict, reduction: str) -> None:
    outcome = ipcsim.verify(program(text(more=more)), reduction=reduction)
    assert outcome.verdict is verdict
    if verdict is Verdict.RACE:
        assert Verdict.VIOLATION in {f.verdict for f in outcome.findings}


def test_a_semaphore_of_two_lets_two_in_but_not_three() -> None:
    what = """
semaphores: {s: {seats: 2}}
processes:
  guest: {count: 3, steps: [P: seats, phase: inside, V: seats]}
properties:
  not three: {never: "all(at(guest[i], 'inside') for i in range(3))"}
"""
    assert ipcsim.verify(program(what)).verdict is Verdict.OK
    three = "all(at(guest[i], 'inside') for i in range(3))"
    two = what.replace(three, "at(guest[0], 'inside') and at(guest[1], 'inside')")
    assert ipcsim.verify(program(two)).verdict is Verdict.VIOLATION


def test_a_v_that_leaves_the_range() -> None:
    """One ERANGE after 32767, found although nothing else would tell the rounds apart."""
    what = """
semaphores: {s: {a: 32766}}
processes:
  giver: {count: 2, steps: [V: a]}
"""
    for reduction in ("none", "stubborn", "symmetry", "all"):
        outcome = ipcsim.verify(program(what), reduction=reduction)
        assert outcome.verdict is Verdict.ERROR
        assert "ERANGE" in outcome.findings[0].message


# --- symmetry ---


def families(what: str) -> list[int]:
    alike = prepare(program(what), Discipline.WEAK, 0, Reduction.SYMMETRY, {}).symmetry
    return alike.families if alike else []


ALIKE = """
semaphores: {s: {a: 1, b: 1}}
processes:
  one: {count: 3, steps: [P: a, phase: here, V: a, V: b]}
  two: {count: 2, locals: {n: 0}, steps: [P: a, set: {n: n + 1}, V: a]}
"""


def test_families_that_nobody_tells_apart() -> None:
    assert families(ALIKE) == [0, 1]


@pytest.mark.parametrize(
    ("old", "new", "left"),
    [
        ("{n: n + 1}", "{n: me}", [0]),  # asks who it is
        ("locals: {n: 0}", "locals: {n: me}", [0]),  # begins differently
        ("count: 2, ", "", [0]),  # alone
        ("V: b]", "V: b, {get: {pid: a, into: p}}]", []),  # somebody asks who it was
        ("V: b]", "V: b, {get: {ncnt: a, into: p}}]", []),  # who sleeps is kept by number
        ("P: a, phase", "{P: a, undo: true}, phase", []),  # and so is who undoes what
    ],
)
def test_families_that_somebody_tells_apart(old: str, new: str, left: list[int]) -> None:
    assert old in ALIKE
    assert families(ALIKE.replace(old, new)) == left


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ("at(one[0], 'here') and at(one[1], 'here')", [1]),  # these two, not the third
        ("any(at(one[i], 'here') for i in range(3)) and b == 7", [0, 1]),
        ("at(one[1], 'here') and b == 7", [1]),
        ("ended(two[0]) and b == 7", [0]),
        ("any(not ended(two[i]) for i in range(2)) and b == 7", [0, 1]),
    ],
)
def test_properties_that_name_somebody(condition: str, left: list[int]) -> None:
    shared = ALIKE.replace("a: 1, b: 1", "a: 2, b: 1")
    assert families(shared + f'properties: {{p: {{never: "{condition}"}}}}\n') == left


def test_what_one_of_many_does_is_found_whoever_it_is() -> None:
    """Sorting must not hide who is in a phase."""
    what = """
semaphores: {s: {a: 1, b: 0}}
processes:
  w:
    count: 3
    steps:
      - P: a
        nowait: true
        on_error: {EAGAIN: [P: b, phase: bad, phase: good]}
      - phase: fine
      - V: b
properties: {never bad: {never: "any(at(w[i], 'bad') for i in range(3))"}}
"""
    for reduction in ("none", "stubborn", "symmetry", "all"):
        assert ipcsim.verify(program(what), reduction=reduction).verdict is Verdict.VIOLATION


# --- accesses ---


def test_what_an_instruction_may_touch() -> None:
    machine = Machine(
        program(
            """
semaphores: {s: {a: 1, b: 0, r: {count: 2, value: 1}}}
queues: {q: {message: {n: int}}}
segments: {d: {x: int, z: "int[3]"}}
processes:
  w:
    count: 2
    locals: {n: 0}
    steps:
      - P: a
      - V: b
      - Z: a
      - P: "r[me]"
      - P: "r[n]"
      - P: a
        nowait: true
        on_error: {EAGAIN: []}
      - send: {queue: q, type: 1}
      - receive: {queue: q, type: -2}
      - receive: {queue: q, type: 2}
      - set: {"d.z[1]": 4}
      - set: {n: "d.z[n]"}
"""
        )
    )
    a, b, r0, r1 = machine.sem[0]
    q = machine.queue[0]
    (x,), z = machine.element[0][0]
    one = Accesses(machine, machine.processes[1], frozenset())
    told = [[(k.name, s) for k, s in now] for now in one.now if now]
    assert told == [
        [("TAKE", a)],
        [("GIVE", b)],
        [("ZERO", a)],
        [("TAKE", r1)],
        [("TAKE", r0), ("TAKE", r1)],
        [("WRITE", a)],
        [("SEND", q)],
        [("LOWEST", q)],
        [("RECEIVE", q)],
        [("WRITE", z[1])],
        [("READ", s) for s in z],
    ]
    assert x not in {s for now in one.now for _, s in now}
    assert not machine.processes[1].endless
