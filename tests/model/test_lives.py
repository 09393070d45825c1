"""The model agrees with the kernel where objects come and go: random lives, and corners.

`python -m benchmarks.differential --lives` does the same for as many steps as wanted.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from ipcsim.errors import NOWHERE
from ipcsim.model.living import Unsupported
from ipcsim.model.locals import LIVING
from ipcsim.program import Program
from ipcsim.program.expressions import Const
from ipcsim.program.instructions import (
    Instruction,
    Lifecycle,
    Load,
    ObjectCall,
    ObjectKind,
    ObjectRef,
    SemaphoreQuestion,
    Store,
)
from ipcsim.program.objects import Key, Queue, Segment, SemaphoreSet, layout
from tests.model import programs as make
from tests.model.children import Pool
from tests.model.lives import Lives, handled, keys
from tests.model.lockstep import Choice, Covered, Lockstep

PROGRAMS = 25
STEPS = 120  # of one program, at most
ALL_ERRNOS = {"EACCES", "EAGAIN", "EEXIST", "EFBIG", "EINVAL", "ENOENT", "ENOMSG", "EPERM"}


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool() as children:
        yield children


def test_random_lives(pool: Pool) -> None:
    """Some of everything, with seeds that are always the same."""
    covered = Covered()
    for seed in range(PROGRAMS):
        chance = random.Random(seed)
        try:
            with Lockstep(Lives(chance).program(), pool, covered) as both:
                both.run([chance.randrange(10**6) for _ in range(STEPS)])
        except Unsupported as problem:
            covered.unsupported[str(problem)] += 1
    assert covered.disagreements == 0
    assert covered.unsupported.total() < PROGRAMS / 5
    of_users = {"EACCES", "EPERM"} if os.geteuid() else set()
    assert covered.errnos.keys() >= ALL_ERRNOS - of_users
    for kind in ("semaphores", "queue", "segment"):
        assert {f"create {kind}", f"open {kind}", f"remove {kind}", f"change {kind}"} <= covered.calls.keys()
    assert {"attach segment", "detach segment", "load", "store"} <= covered.calls.keys()


# --- corners ---

SET, QUEUE, SEGMENT = (
    ObjectRef(kind, 0) for kind in (ObjectKind.SEMAPHORES, ObjectKind.QUEUE, ObjectKind.SEGMENT)
)
HERE: dict[str, Any] = {"at": NOWHERE, "text": ""}


def call(action: Lifecycle, ref: ObjectRef, **more: Any) -> ObjectCall:
    return ObjectCall(**HERE, action=action, object=ref, **more)


def create(ref: ObjectRef, **more: Any) -> ObjectCall:
    return call(Lifecycle.CREATE, ref, into=1, **more)


def open_(ref: ObjectRef, **more: Any) -> ObjectCall:
    return call(Lifecycle.OPEN, ref, into=1, **more)


def named(name: str, initial: Sequence[int], key: Key, **more: Any) -> SemaphoreSet:
    return replace(make.semaphores(name, initial), key=key, created_by_run=False, **more)


def segment(name: str, count: int, key: Key) -> Segment:
    struct = layout([("a", "int", None, False), ("big", "long", count, False)])
    return Segment(name, struct, struct.unpack(b""), key, 0o600, NOWHERE, created_by_run=False)


def alone(
    pool: Pool, code: Sequence[Instruction], *, sets: Sequence[SemaphoreSet] = (), **more: Any
) -> list[str | None]:
    """One process makes the calls on both sides; with what each ended (None: success), "gone" at its end."""
    made: Program = make.program(sets, more.pop("queues", ()), [], looks=False)
    families = (make.family("p0", handled(code)),)
    ended: list[str | None] = []
    with Lockstep(replace(made, families=families, **more), pool) as both:
        for _ in code:
            both.take(Choice(0))
            lives = both.machine.local(both.states[0], 0).mode in LIVING
            ended.append(both.last.steps[0].errno if lives else "gone")
        both.finish()
    return ended


@pytest.fixture
def key() -> Key:
    return Key(keys() + 7)


def test_without_a_size_the_declared_one_is_asked_for(pool: Pool, key: Key) -> None:
    """S-27, H-2: EINVAL where what is there is smaller."""
    small, large = named("small", (0,), key), named("large", (0, 0, 0), key)
    one, other = SET, ObjectRef(ObjectKind.SEMAPHORES, 1)
    code = [create(one), open_(other), create(other), open_(other, size=1), open_(one, size=2), open_(one)]
    wanted = [None, "EINVAL", "EINVAL", None, "EINVAL", None]
    assert alone(pool, code, sets=[small, large]) == wanted
    segments = (segment("m", 3, key),)
    code = [create(SEGMENT, size=16), create(SEGMENT), open_(SEGMENT, size=17), open_(SEGMENT, size=0)]
    assert alone(pool, code, segments=segments) == [None, "EINVAL", "EINVAL", None]


def test_more_than_semmsl_is_refused_whatever_there_is(pool: Pool, key: Key) -> None:
    """S-27."""
    code = [create(SET, size=32_001), create(SET), create(SET, size=32_001, exclusive=True)]
    code += [open_(SET, size=32_001), create(SET, exclusive=True, size=5), create(SET, size=0)]
    wanted = ["EINVAL", None, "EINVAL", "EINVAL", "EEXIST", None]
    assert alone(pool, code, sets=[named("s", (0, 0), key)]) == wanted


def test_a_smaller_set_ends_where_it_ends(pool: Pool, key: Key) -> None:
    """S-25: EFBIG even where an earlier operation would have to wait; EINVAL of semctl, which looks at a
    value first."""
    p, v = make.operation(0, -1), make.operation(1, 1)
    code = [
        create(SET, size=1), make.semop(0, p, v), make.semop(0, v), make.setval(0, 1, 3),
        make.setval(0, 1, -1), make.get(0, 1, SemaphoreQuestion.VALUE), make.setall(0, (4, 40_000)),
        make.setall(0, (40_000, 1)), make.get(0, 0, SemaphoreQuestion.ALL), call(Lifecycle.REMOVE, SET),
        make.setval(0, 0, -1), make.semop(0, v), create(SET, size=2), make.semop(0, v),
    ]  # fmt: skip
    wanted = [
        None, "EFBIG", "EFBIG", "EINVAL", "ERANGE", "EINVAL", None, "ERANGE", None, None, "ERANGE", "EINVAL",
        None, None,
    ]  # fmt: skip
    assert alone(pool, code, sets=[named("s", (0, 0), key)]) == wanted


def test_a_set_larger_than_declared_is_set_as_a_whole(pool: Pool, key: Key) -> None:
    """GETALL gives all that there are: they must have room. SETALL takes as many."""
    code = [create(SET, size=5000), make.setall(0, (3,)), make.get(0, 0, SemaphoreQuestion.ALL)]
    assert alone(pool, code, sets=[named("s", (0,), key)]) == [None] * 3


def test_an_id_below_0_is_no_id_whatever_the_value(pool: Pool, key: Key) -> None:
    """SETVAL of a value out of range: EINVAL for a set never opened, ERANGE for one that is gone (S-4)."""
    code = [make.setval(0, 0, -1), create(SET), make.setval(0, 0, -1)]
    assert alone(pool, code, sets=[named("s", (0,), key)]) == ["EINVAL", None, "ERANGE"]


def element(sort: type[Load] | type[Store], index: int) -> Instruction:
    where: dict[str, Any] = {**HERE, "segment": 0, "field": 1, "index": Const(index)}
    return Load(**where, into=1) if sort is Load else Store(**where, value=Const(index))


@pytest.mark.parametrize("sort", [Load, Store])
@pytest.mark.parametrize(
    ("size", "index", "faults"), [(1, 510, False), (1, 511, True), (4097, 511, False), (4097, 1023, True)]
)
def test_the_last_page_is_whole_and_nothing_is_behind_it(
    pool: Pool, key: Key, sort: type[Load] | type[Store], size: int, index: int, faults: bool
) -> None:
    """H-1: of an array the element counts; big[510] ends with byte 4096, as `a` and a gap stand before."""
    code = [create(SEGMENT, size=size), call(Lifecycle.ATTACH, SEGMENT, into=1), element(sort, index)]
    code += [] if faults else [call(Lifecycle.DETACH, SEGMENT)]
    ended = alone(pool, code, segments=(segment("m", 1500, key),))
    assert ended == [None, None, "gone"] if faults else ended == [None] * 4


def test_who_attached_and_detached_last(pool: Pool, key: Key) -> None:
    """H-4: lpid and the times are 0 before anybody did."""
    fields = [make.stat(SEGMENT, name) for name in ("lpid", "atime", "dtime", "nattch", "cpid")]
    attach, detach = call(Lifecycle.ATTACH, SEGMENT, into=1), call(Lifecycle.DETACH, SEGMENT)
    code = [create(SEGMENT), *fields, attach, *fields, attach, detach, *fields]
    assert set(alone(pool, code, segments=(segment("m", 1, key),))) == {None}


def test_what_is_marked_for_destruction_says_so(pool: Pool, key: Key) -> None:
    """H-6: SHM_DEST in the mode, no key; found by its id as long as it is attached, and by no key."""
    fields = [make.stat(SEGMENT, name) for name in ("mode", "key", "nattch")]
    remove = call(Lifecycle.REMOVE, SEGMENT)
    code = [create(SEGMENT), call(Lifecycle.ATTACH, SEGMENT, into=1), remove, *fields, open_(SEGMENT), remove]
    code += [call(Lifecycle.ATTACH, SEGMENT, into=1), create(SEGMENT), *fields]
    wanted = [*[None] * 6, "ENOENT", *[None] * 6]
    assert alone(pool, code, segments=(segment("m", 1, key),)) == wanted


def test_a_created_queue_has_its_bytes(pool: Pool, key: Key) -> None:
    """Whoever makes it under a name gives it the bytes of that name; who finds it changes nothing."""
    small = Queue("small", make.MESSAGE, 8, key, 0o200, NOWHERE, created_by_run=False)
    queues = (small, replace(small, name="large", bytes=100))
    other = ObjectRef(ObjectKind.QUEUE, 1)
    code = [create(QUEUE), create(other), make.stat(other, "qbytes"), make.send(1, 1, 1, 8)]
    code += [make.send(0, 1, 2, 1, nowait=True)]
    assert alone(pool, code, queues=queues) == [None, None, None, None, "EAGAIN"]


def test_keys_that_differ_only_in_how_they_are_written(pool: Pool) -> None:
    """A key has 32 bits: it is one with its negative number, and IPC_STAT tells that."""
    number = -(keys() + 9)
    sets = [named("a", (0,), Key(number)), named("b", (0,), Key(number + 2**32))]
    other = ObjectRef(ObjectKind.SEMAPHORES, 1)
    code = [create(SET), open_(other), make.stat(other, "key"), call(Lifecycle.REMOVE, other)]
    assert alone(pool, [*code, make.stat(SET, "nsems")], sets=sets) == [*[None] * 4, "EINVAL"]
