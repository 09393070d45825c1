"""The solvers find the least fixpoint of whatever graph and values; branches are decided where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from itertools import product
from operator import or_
from typing import NamedTuple, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipcsim.program.flow import Branches, Flow, ahead, backward, cycles, forward, walk
from ipcsim.program.instructions import Branch
from tests.language.helpers import load

T = TypeVar("T")
PATIENT = settings(deadline=None)  # the machine may be busy
Values = tuple[int, ...]  # by pc: a set of up to three things, as bits


class Rule(NamedTuple):
    """A monotone function on sets; not distributive: some things come of two together only."""

    gen: int
    keep: int
    both: int
    more: int

    def __call__(self, value: int) -> int:
        return self.gen | value & self.keep | (self.more if value & self.both == self.both else 0)


class System(NamedTuple):
    done: list[tuple[int, ...]]
    failed: list[tuple[int, ...]]
    rules: list[Rule]

    @property
    def flow(self) -> Flow:
        flow = Flow(())
        flow.done, flow.failed = self.done, self.failed
        return flow


@st.composite
def systems(draw: st.DrawFn, most: int, bits: int) -> System:
    size = draw(st.integers(1, most))
    pcs = st.lists(st.integers(0, size - 1), max_size=3).map(tuple)
    sets = st.integers(0, (1 << bits) - 1)
    rows = [draw(st.tuples(pcs, pcs, st.builds(Rule, sets, sets, sets, sets))) for _ in range(size)]
    done, failed, rules = (list(column) for column in zip(*rows, strict=True))
    return System(done, failed, rules)  # type: ignore[arg-type]


def backward_once(system: System, values: Values) -> Values:
    """Both sides of the equations, for all pcs at once."""

    def joined(targets: Sequence[int]) -> int:
        return reduce(or_, (values[t] for t in targets), 0)

    return tuple(
        rule(joined(done)) | joined(failed)
        for done, failed, rule in zip(system.done, system.failed, system.rules, strict=True)
    )


def forward_once(system: System, values: tuple[int | None, ...]) -> tuple[int | None, ...]:
    found: list[int | None] = [None] * len(values)
    found[0] = 1
    for pc, value in enumerate(values):
        if value is not None:
            after = [(t, system.rules[pc](value)) for t in system.done[pc]]
            for target, told in [*after, *((t, value) for t in system.failed[pc])]:
                found[target] = told | (found[target] or 0)
    return tuple(found)


def iterated(once: Callable[[T], T], start: T) -> T:
    while (new := once(start)) != start:
        start = new
    return start


def solved(system: System) -> tuple[int | None, ...]:
    before = forward(system.flow, 1, or_, lambda pc, value: system.rules[pc](value))
    return tuple(before.get(pc) for pc in range(len(system.rules)))


def solved_backward(system: System) -> Values:
    return tuple(backward(system.flow, 0, or_, lambda pc, value: system.rules[pc](value)))


@PATIENT
@given(systems(most=3, bits=2))
def test_backward_is_below_every_solution(system: System) -> None:
    """The least fixpoint is the meet of all that satisfy the inequations (A. Tarski, 1955)."""
    satisfying = [
        values
        for values in product(range(4), repeat=len(system.rules))
        if all(new | old == old for new, old in zip(backward_once(system, values), values, strict=True))
    ]
    least = tuple(reduce(int.__and__, column) for column in zip(*satisfying, strict=True))
    assert solved_backward(system) == least


@PATIENT
@given(systems(most=3, bits=2))
def test_forward_is_below_every_solution(system: System) -> None:
    def within(new: int | None, old: int | None) -> bool:
        return new is None or (old is not None and new | old == old)

    satisfying = [
        values
        for values in product((None, 0, 1, 2, 3), repeat=len(system.rules))
        if all(map(within, forward_once(system, values), values))
    ]
    least = tuple(
        None if None in column else reduce(int.__and__, column)  # type: ignore[arg-type]
        for column in zip(*satisfying, strict=True)
    )
    assert solved(system) == least


@PATIENT
@given(systems(most=12, bits=3))
def test_larger_graphs(system: System) -> None:
    """The same, step by step from nothing (S. Kleene)."""
    nothing = (0,) * len(system.rules)
    assert solved_backward(system) == iterated(lambda v: backward_once(system, v), nothing)
    unseen: tuple[int | None, ...] = (None,) * len(system.rules)
    assert solved(system) == iterated(lambda v: forward_once(system, v), unseen)


@PATIENT
@given(systems(most=10, bits=3))
def test_what_is_met_ahead(system: System) -> None:
    """Each bit by itself: a way to an instruction that has it, past none that loses it by being done."""
    own, lost = [r.gen for r in system.rules], [r.more for r in system.rules]

    def onward(pc: int, bit: int) -> Iterator[int]:
        yield from () if lost[pc] & bit else system.done[pc]
        yield from system.failed[pc]

    for pc, found in enumerate(ahead(system.flow, own, lost)):
        for bit in (1, 2, 4):
            met = any(own[at] & bit for at in walk([pc], lambda at, bit=bit: onward(at, bit)))  # type: ignore[misc]
            assert bool(found & bit) is met


@PATIENT
@given(systems(most=9, bits=1))
def test_cycles(system: System) -> None:
    """Two pcs are in one cycle where each can be come to from the other."""
    follow = system.flow.next
    behind = [{at for t in follow[pc] for at in walk([t], follow.__getitem__)} for pc in range(len(follow))]
    expected = {
        frozenset(q for q in behind[pc] if pc in behind[q]) for pc in range(len(follow)) if pc in behind[pc]
    }
    found = cycles(follow)
    assert {frozenset(c) for c in found} == expected
    assert sum(map(len, found)) == sum(map(len, expected))


# --- branches ---


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("me == 0", ["then", "else", "else"]),
        ("n > 0", ["both", "both", "both"]),
        ("me == 0 and n > 0", ["both", "else", "else"]),  # decided by a part of it
        ("me < 2 or n > 0", ["then", "then", "both"]),
        ("(n > 0 if me == 1 else me == 2)", ["else", "both", "then"]),
        ("6 // me > 3", ["end", "then", "else"]),  # it has no value in one of them, which ends there
        ("any(i == me for i in range(2))", ["then", "then", "else"]),
    ],
)
def test_branches_are_decided_for_each_process(condition: str, expected: list[str]) -> None:
    program = load(f"""
semaphores: {{s: {{a: 1}}}}
processes:
  one:
    count: 3
    locals: {{n: 0}}
    steps:
      - set: {{n: n + 1}}
      - if: {condition}
        then: [P: a]
        else: [V: a]
""")
    (family,) = program.families
    branch = next(pc for pc, i in enumerate(family.code) if isinstance(i, Branch))
    then, otherwise = Flow(family.code).next[branch]
    ways = {"then": (then,), "else": (otherwise,), "end": (), "both": (then, otherwise)}
    branches = Branches(family)
    found = [Flow(family.code).decided(branches.decided(row)).next[branch] for row in family.initial]
    assert found == [ways[name] for name in expected]
