"""Whether a Program that came from outside (a trace) is one that the language could have made.

Everything else trusts a Program: it asks for element `count` of a tuple and makes as many processes as
it says. So what is read from a file is checked once, types first, then sizes and references.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from itertools import chain
from typing import Any, Union, get_args, get_origin, get_type_hints

from ipcsim.errors import TraceError
from ipcsim.facts.limits import SEMMSL
from ipcsim.program.codec import decode_program
from ipcsim.program.expressions import (
    At,
    Generator,
    Local,
    QueueLength,
    SegmentValue,
    SemaphoreValue,
)
from ipcsim.program.flow import ways
from ipcsim.program.instructions import (
    Exit,
    GetValue,
    Instruction,
    Load,
    ObjectRef,
    Receive,
    Semop,
    Send,
    SetValue,
    Signal,
    Spawn,
    Store,
)
from ipcsim.program.objects import SCALARS, Field, Member, SemaphoreSet, Struct
from ipcsim.program.program import Family, Program

# no less than the language allows
MOST_PROCESSES = 10_000
MOST_BYTES = 64 * 2**20
MOST_SLOTS = 100_000
INTEGERS = range(-(2**64), 2**64)
Check = Callable[[Any], bool]


def read_program(data: Any) -> Program:
    """The Program in `data`, which may come from anybody; `TraceError` where it cannot be one."""
    program = decode_program(data)
    if wrong := problem(program):
        raise TraceError(f"the data does not describe a Program: {wrong}")
    return program


def problem(program: Program) -> str:
    """The first thing that cannot be; empty where all is sound."""
    if not _dataclass_check(Program)(program):
        return "a value is not of the type that its place wants"
    return next(chain(_sizes(program), _references(program)), "")


# --- types ---


@cache
def _dataclass_check(kind: type[Any]) -> Check:
    """A check of every field of a dataclass against its annotation."""
    hints = get_type_hints(kind)
    names = [f.name for f in fields(kind)]
    checks: list[tuple[str, Check]] = []

    def check(value: Any) -> bool:
        if not checks:  # made late: a class may hold others of its own kind
            checks.extend((name, _check(hints[name])) for name in names)
        return all(fits(getattr(value, name)) for name, fits in checks)

    return check


def _check(hint: Any) -> Check:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return _plain
    if origin in (Union, types.UnionType):
        return _either(tuple(map(_check, arguments)))
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return _each(_check(arguments[0]))
        return _row(tuple(map(_check, arguments)))
    if hint in (None, type(None)):
        return lambda value: value is None
    if hint is int:
        return lambda value: type(value) is int and value in INTEGERS
    if hint is float:
        return lambda value: type(value) in (int, float) and abs(value) < 1e15
    if hint in (str, bool) or issubclass(hint, Enum):
        return lambda value: type(value) is hint
    return _one_of_class(hint)


def _either(checks: tuple[Check, ...]) -> Check:
    return lambda value: any(fits(value) for fits in checks)


def _each(check: Check) -> Check:
    return lambda value: type(value) is tuple and all(map(check, value))


def _row(checks: tuple[Check, ...]) -> Check:
    return lambda value: (
        type(value) is tuple
        and len(value) == len(checks)
        and all(fits(v) for fits, v in zip(checks, value, strict=True))
    )


def _one_of_class(kind: type[Any]) -> Check:
    """An instance of a dataclass or of one that derives from it, its fields checked as well."""

    def check(value: Any) -> bool:
        own: type[Any] = type(value)
        return issubclass(own, kind) and is_dataclass(own) and _dataclass_check(own)(value)

    return check


def _plain(value: Any) -> bool:
    """What a local may hold."""
    if type(value) is tuple:
        return all(map(_plain, value))
    return type(value) in (str, bool) or (type(value) is int and value in INTEGERS)


# --- sizes ---


def _sizes(program: Program) -> Iterator[str]:
    if not all(1 <= f.size <= MOST_PROCESSES for f in program.families):
        yield "a family has too many processes, or none"
    elif sum(f.size for f in program.families) > MOST_PROCESSES:
        yield "there are too many processes"
    for family in program.families:
        if len(family.initial) != family.size or any(
            len(row) > max(MOST_SLOTS, len(family.slots)) for row in family.initial
        ):
            yield f"the locals of `{family.name:.40}` are not those of its processes"
        if not family.code or not isinstance(family.code[-1], Exit):
            yield f"the code of `{family.name:.40}` has no end"
    for declared in program.sets:
        yield from _set(declared)
    structs = [q.message for q in program.queues] + [s.struct for s in program.segments]
    for struct in structs:
        yield from _struct(struct)
    for segment in program.segments:
        if len(segment.initial) != len(segment.struct.fields):
            yield f"`{segment.name:.40}` does not have one value a field"
    if any(q.bytes is not None and not 0 <= q.bytes <= 2**31 for q in program.queues):
        yield "a queue has an impossible size"
    if any(p.slots not in range(MOST_SLOTS) for p in program.properties):
        yield "a property has too many variables"


def _set(declared: SemaphoreSet) -> Iterator[str]:
    base = 0
    for member in declared.members:
        if not _sound_member(member, base):
            yield f"`{member.name:.40}` is no semaphore of its set"
            return
        base += member.size
    if not 1 <= base <= SEMMSL:
        yield f"`{declared.name:.40}` has too many semaphores, or none"


def _sound_member(member: Member, base: int) -> bool:
    size = member.size
    return member.base == base and 1 <= size <= SEMMSL and len(member.initial) == size


def _struct(struct: Struct) -> Iterator[str]:
    end = 0
    for field in struct.fields:
        if not _sound_field(field) or field.offset < end:
            yield f"`{field.name:.40}` is no field of its struct"
            return
        end = field.offset + field.size
    if not end <= struct.size <= MOST_BYTES:
        yield "a struct is too large"


def _sound_field(field: Field) -> bool:
    if field.type not in SCALARS or not 0 <= field.offset <= MOST_BYTES:
        return False
    return field.count is None or 1 <= field.count <= MOST_BYTES


# --- references ---


def _references(program: Program) -> Iterator[str]:
    for family in program.families:
        pcs = range(len(family.code))
        for pc, instruction in enumerate(family.code):
            if not all(target in pcs for targets in ways(pc, instruction) for target in targets):
                yield f"step {pc} of `{family.name:.40}` leads nowhere"
            if not _refers(program, family, instruction):
                yield f"step {pc} of `{family.name:.40}` is about something that is not there"
    for declared in program.properties:
        if declared.condition is not None and not all(
            _knows(program, declared.slots, part) for part in _parts(declared.condition)
        ):
            yield f"the property `{declared.name:.40}` is about something that is not there"


def _refers(program: Program, family: Family, instruction: Instruction) -> bool:
    """Whether the objects, fields and locals of an instruction are there."""
    slots = len(family.initial[0])
    match instruction:
        case Semop(set=number, operations=operations):
            members = [(o.base, o.count) for o in operations]
            there = number in range(len(program.sets)) and _members(program.sets[number], members)
        case GetValue(set=number, base=base, count=count):
            there = number in range(len(program.sets)) and _members(program.sets[number], [(base, count)])
        case SetValue(set=number, base=base, count=count, all=whole, values=values):
            there = number in range(len(program.sets)) and _members(program.sets[number], [(base, count)])
            there = there and len(values) == (program.sets[number].size if whole else 1)
        case Send(queue=number) | Receive(queue=number):
            there = number in range(len(program.queues))
        case Load(segment=number, field=field) | Store(segment=number, field=field):
            segments = program.segments
            there = number in range(len(segments)) and field in range(len(segments[number].struct.fields))
        case Signal(family=number) | Spawn(family=number):
            there = number in range(len(program.families))
        case _:
            there = True
    written = [getattr(instruction, name, None) for name in ("into", "slot")]
    if not there or not all(slot is None or slot in range(slots) for slot in written):
        return False
    return all(_knows(program, slots, part) for part in _parts(instruction))


def _members(declared: SemaphoreSet, members: list[tuple[int, int | None]]) -> bool:
    return all(base >= 0 and base + (count or 1) <= declared.size for base, count in members)


def _knows(program: Program, slots: int, part: Any) -> bool:
    """Whether what a part of an expression or instruction names is there."""
    match part:
        case Local(slot=slot) | Generator(slot=slot):
            return slot in range(slots)
        case ObjectRef(number=number):
            kinds = {"semaphores": program.sets, "queue": program.queues, "segment": program.segments}
            return number in range(len(kinds[part.kind]))
        case At(family=number):
            return number in range(len(program.families))
        case SemaphoreValue(set=number, base=base, count=count):
            return number in range(len(program.sets)) and _members(program.sets[number], [(base, count)])
        case QueueLength(queue=number):
            return number in range(len(program.queues))
        case SegmentValue(segment=number, field=field):
            segments = program.segments
            return number in range(len(segments)) and field in range(len(segments[number].struct.fields))
    return True


def _parts(value: Any) -> Iterator[Any]:
    """Every dataclass inside of `value`, itself included."""
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, tuple):
            pending += part
        elif is_dataclass(part) and not isinstance(part, type):
            yield part
            pending += [getattr(part, f.name) for f in fields(part)]
