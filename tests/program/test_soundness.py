"""A Program from a file is what the language could have made, or is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ipcsim import catalogue
from ipcsim.errors import TraceError
from ipcsim.program import Family, Program
from ipcsim.program.codec import encode
from ipcsim.program.expressions import Const, Local
from ipcsim.program.objects import Member
from ipcsim.program.soundness import problem, read_program
from tests.analysis import programs as make

GOOD = [str(e.path) for e in catalogue.entries()]
GOOD += [str(p) for p in sorted((Path(__file__).parents[1] / "language" / "good").glob("*.yaml"))]


@pytest.mark.parametrize("path", GOOD, ids=lambda p: Path(p).stem)
def test_what_the_language_makes_is_sound(path: str) -> None:
    made = catalogue.load(path)
    assert problem(made) == ""
    assert read_program(json.loads(json.dumps(encode(made)))) == made


def base() -> Program:
    return make.program(
        make.family("w", make.p(0), make.send(0), make.load(), make.phase("x")),
        sets=[make.semaphores(1, 1)],
        queues=[make.queue()],
        segments=[make.segment("a")],
    )


def with_family(**changes: Any) -> Program:
    made = base()
    return replace(made, families=(replace(made.families[0], **changes),))


def with_code(*code: Any) -> Program:
    return replace(base(), families=(make.family("w", *code),))


def with_member(member: Any) -> Program:
    made = base()
    return replace(made, sets=(replace(made.sets[0], members=(member,)),))


def with_field(**changes: Any) -> Program:
    made = base()
    struct = made.segments[0].struct
    field = replace(struct.fields[0], **changes)
    return replace(made, segments=(replace(made.segments[0], struct=replace(struct, fields=(field,))),))


WRONG = {
    "too many processes": with_family(count=2**70),
    "no process": with_family(count=0),
    "a count that is a word": with_family(count="5"),
    "true for a count": with_family(count=True),
    "locals of others": with_family(count=3),
    "no end": with_family(code=base().families[0].code[:-1]),
    "code that is none": with_family(code=(3,)),
    "another class": replace(base(), families=(base().sets[0],)),
    "no tuple": replace(base(), families=[base().families[0]]),
    "a place without a file": with_code(replace(make.p(0), at=None)),
    "a jump to nowhere": with_code(make.jump(17)),
    "a set that is not there": with_code(make.semop((0, -1), set=7)),
    "a semaphore that is not there": with_code(make.p(3)),
    "a queue that is not there": with_code(make.send(1)),
    "a field that is not there": with_code(make.load(field=9)),
    "a local that is not there": with_code(make.semop(make.op(0, Local(99, "x")))),
    "a number that is too large": with_code(make.semop(make.op(0, Const(2**80)))),
    "a set without end": with_member(Member("a", 0, 2**60, (1,))),
    "a hole in a set": with_member(Member("a", 5, None, (1,))),
    "values of others": with_member(Member("a", 0, 2, (1,))),
    "a field of no type": with_field(type="double"),
    "a field without end": with_field(count=2**60),
    "a field before its struct": with_field(offset=-8),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_is_refused(name: str) -> None:
    assert problem(base()) == ""
    assert problem(WRONG[name])
    if isinstance(WRONG[name].families, tuple):
        data = json.loads(json.dumps(encode(WRONG[name])))
        with pytest.raises(TraceError, match="does not describe a Program"):
            read_program(data)


def test_a_family_may_be_of_one() -> None:
    assert isinstance(base().families[0], Family)
    assert problem(with_family(count=None)) == ""
