"""Several names for one kernel object."""

from __future__ import annotations

import pytest

from ipcsim.program import names
from ipcsim.program.expressions import SemaphoreValue
from ipcsim.program.instructions import Load, ObjectCall, ObjectKind, ObjectRef, Semop, Store
from ipcsim.program.objects import Key
from tests.language.helpers import load, messages_of


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Key(5), Key(5), True),
        (Key(5), Key(6), False),
        (Key(-1), Key(0xFFFFFFFF), True),
        (Key(), Key(), False),
        (Key(path="a", project=3), Key(path="./a", project=3), True),
        (Key(path="a//b/./c", project=3), Key(path="a/b/c", project=3), True),
        (Key(path="a/../b", project=3), Key(path="b", project=3), False),  # `a` may be a link
        (Key(path="a", project=3), Key(path="a", project=4), False),
        (Key(path="a", project=3), Key(path="a", project=259), True),  # K-1: its low 8 bits count
    ],
)
def test_keys_that_find_the_same(one: Key, other: Key, same: bool) -> None:
    mine, its = names.identity(one), names.identity(other)
    assert (mine is not None and mine == its) is same


TEXT = """
semaphores:
  small: {a: 0, key: 9}
  large: {b: 0, c: 0, key: 9}
  alone: {d: 0}
queues:
  q: {key: 9}
segments:
  m: {x: int, key: 9}
  n: {y: int, z: int, key: 9}
processes:
  p:
    steps:
      - create: large
      - V: a
      - V: d
      - create: n
      - attach: m
      - set: {m.x: m.x + 1}
      - set: {n.z: 1}
properties:
  few: {always: small.a < 5}
"""


def test_everything_under_its_main_name() -> None:
    program = load(TEXT)
    code = names.unified(program).families[0].code
    assert [i.text for i in code] == [i.text for i in program.families[0].code]
    assert [i.set for i in code if isinstance(i, Semop)] == [1, 2]
    assert [i.object for i in code if isinstance(i, ObjectCall)] == [
        ObjectRef(ObjectKind.SEMAPHORES, 1),
        ObjectRef(ObjectKind.SEGMENT, 1),
        ObjectRef(ObjectKind.SEGMENT, 1),
    ]
    assert [(i.segment, i.field) for i in code if isinstance(i, Load | Store)] == [(1, 0), (1, 0), (1, 1)]
    condition = names.unified(program).properties[0].condition
    assert isinstance(condition.left, SemaphoreValue)  # type: ignore[union-attr]
    assert condition.left.set == 1  # type: ignore[union-attr]


def test_where_nothing_is_shared_nothing_changes() -> None:
    program = load(TEXT.replace("key: 9", "key: private"))
    assert names.unified(program) is program


def test_what_a_process_creates_the_run_creates_under_no_name() -> None:
    program = load(TEXT)
    assert [s.created_by_run for s in program.sets] == [False, False, True]
    assert [s.created_by_run for s in program.segments] == [False, False]
    assert [q.created_by_run for q in program.queues] == [True]  # of another kind: another object


def test_the_run_cannot_create_one_object_twice() -> None:
    [message] = messages_of(
        "semaphores: {s: {a: 0, key: 7}, t: {b: 0, key: 0x7}}\nprocesses: {p: {steps: [P: a]}}"
    )
    assert message == "`t` has the key of `s` (line 1), and the run cannot create one object twice"
