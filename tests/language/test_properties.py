"""Properties: expressions over the whole system."""

from __future__ import annotations

import pytest

from ipcsim.program import Program, PropertyKind
from ipcsim.program.expressions import Observable, evaluate
from tests.language.helpers import load, messages_of

TEXT = """
semaphores: {table: {fork: {count: 3, value: 1}, mutex: 1}, other: {fork: 7}}
queues: {requests: {}}
segments: {buffer: {in: int, slot: int[3]}}
processes:
  philosopher: {count: 3, steps: [phase: thinking, phase: eating]}
  waiter: {steps: [call: work]}
procedures: {work: {steps: [phase: working]}}
properties:
"""


class Here(Observable):
    """A system in which philosopher[1] eats, the waiter has ended, and values are their numbers."""

    def at(self, family: int, index: int | None, phase: str) -> bool:
        return (family, index, phase) in ((0, 1, "eating"), (1, None, ""))

    def semaphore(self, set_: int, number: int) -> int:
        return 10 * set_ + number

    def queue_length(self, queue: int) -> int:
        return 5

    def segment(self, segment: int, field: int) -> object:
        return 3 if field == 0 else (4, 5, 6)


def check(program: Program) -> bool:
    condition = program.properties[0].condition
    assert condition is not None
    return bool(evaluate(condition, [0] * program.properties[0].slots, Here()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at(philosopher[1], 'eating') and not at(philosopher[0], 'eating')", True),
        (
            "any(at(philosopher[i], 'eating') and at(philosopher[(i + 1) % 3], 'eating') for i in range(3))",
            False,
        ),
        ("sum(at(philosopher[i], 'eating') for i in range(3)) == 1", True),
        ("ended(waiter) and not ended(philosopher[0])", True),
        ("mutex == 3 and table.fork[2] == 2 and other.fork == 10", True),
        ("len(requests) == 5", True),
        ("buffer.in == 3 and buffer.slot[1] == 5 and sum(buffer.slot) == 15 and len(buffer.slot) == 3", True),
        ("1 < buffer.in < 4", True),
    ],
)
def test_conditions(text: str, expected: bool) -> None:
    program = load(f"{TEXT}  it holds: {{always: {text}}}\n")
    assert program.properties[0].kind is PropertyKind.ALWAYS
    assert check(program) is expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("at(philosopher, 'eating')", "there are 3 of `philosopher`"),
        ("at(waiter[0], 'working')", "`waiter` is a single process"),
        ("at(philosopher[3], 'eating')", "there is no `philosopher[3]`"),
        ("at(philosophr[0], 'eating')", "unknown process `philosophr`"),
        ("at(philosopher[0], 'eatin')", "no step enters the phase `eatin`"),
        ("at(philosopher[0])", "write `at(process, 'phase')`"),
        ("ended(philosopher)", "there are 3"),
        ("fork[0] == 1", "more than one set"),
        ("fork == 1", "more than one set"),
        ("table.fork == 1", "an array"),
        ("table.fork[3] == 1", "there is no `fork[3]`"),
        ("table.spoon == 1", "has no semaphore `spoon`"),
        ("requests == 1", "ask `len(requests)`"),
        ("philosopher == 1", "ask `at(philosopher, 'phase')`"),
        ("me == 1", "there is no `me` here"),
        ("buffer == 1", "write `buffer.field`"),
        ("buffer.on == 1", "has no field `on`"),
        ("mutex[0] == 1", "no array"),
        ("'text'", "a property is a condition"),
    ],
)
def test_errors(text: str, words: str) -> None:
    assert any(words in m for m in messages_of(f'{TEXT}  it: {{never: "{text}"}}\n'))


def test_always_eventually() -> None:
    program = load(f"{TEXT}  they eat: {{always_eventually: eating}}\n")
    assert program.properties[0].phase == "eating"
    assert messages_of(f"{TEXT}  they eat: {{always_eventually: eat}}\n") == [
        "no step enters the phase `eat`"
    ]


def test_exactly_one_kind() -> None:
    assert "a property says one of" in messages_of(f"{TEXT}  it: {{always: 1, never: 0}}\n")[0]
    assert "a property says one of" in messages_of(f"{TEXT}  it: {{}}\n")[0]
