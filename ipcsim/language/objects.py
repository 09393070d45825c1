"""The declared IPC objects, and the names by which steps and expressions reach them."""

from __future__ import annotations

import keyword
import re
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Any

from ipcsim.errors import EvaluationError
from ipcsim.facts.limits import SEMMSL, SEMVMX
from ipcsim.language.document import ScenarioText
from ipcsim.language.nodes import Mark, Problems, Scalar
from ipcsim.language.scope import Scope
from ipcsim.language.shape import FieldShape, FtokKey, MemberShape, ObjectShape, SegmentShape, SetShape
from ipcsim.language.values import constant, constant_int
from ipcsim.language.yaml_reader import as_int
from ipcsim.program import names
from ipcsim.program.instructions import ObjectKind, ObjectRef
from ipcsim.program.objects import (
    SCALARS,
    Field,
    IpcObject,
    Key,
    Member,
    Queue,
    Segment,
    SemaphoreSet,
    Struct,
    Value,
    layout,
)

MAX_SEGMENT = 64 << 20
MAX_FIELDS = 1_000
MAX_ELEMENTS = 1_000_000  # of arrays of numbers in a struct
MAX_QUEUE_BYTES = 2**31 - 1
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
RESERVED = {
    "me", "true", "false", "True", "False", "None", "at", "ended",
    "min", "max", "abs", "len", "sum", "any", "all", "range",
}  # fmt: skip
OPTION_KEYS = {"key", "mode", "persist", "created_by"}
STEP_KEYS = {"nowait", "undo", "values"}  # would be taken for an option where semaphores are keys
_FIELD_TYPE = re.compile(r"\s*(\w+)\s*(?:\[(.*)\])?\s*", re.DOTALL)


@dataclass(slots=True)
class MemberRef:
    """Where a semaphore's name leads."""

    set: int
    member: Member


@dataclass
class Objects:
    """Every declared object. A `broken` name exists, but its declaration has an error."""

    sets: list[SemaphoreSet] = field(default_factory=list)
    queues: list[Queue] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    marks: dict[str, Mark] = field(default_factory=dict)
    by_name: dict[str, tuple[ObjectRef, IpcObject]] = field(default_factory=dict)
    members: dict[str, list[MemberRef]] = field(default_factory=dict)

    def add(self, made: IpcObject) -> None:
        match made:
            case SemaphoreSet():
                ref = ObjectRef(ObjectKind.SEMAPHORES, len(self.sets))
                self.sets.append(made)
            case Queue():
                ref = ObjectRef(ObjectKind.QUEUE, len(self.queues))
                self.queues.append(made)
            case Segment():
                ref = ObjectRef(ObjectKind.SEGMENT, len(self.segments))
                self.segments.append(made)
        self.by_name[made.name] = ref, made

    def replace(self, made: IpcObject) -> None:
        """Another declaration in place of the one with this name."""
        ref, _ = self.by_name[made.name]
        match made:
            case SemaphoreSet():
                self.sets[ref.number] = made
            case Queue():
                self.queues[ref.number] = made
            case Segment():
                self.segments[ref.number] = made
        self.by_name[made.name] = ref, made

    def ref(self, name: str) -> tuple[ObjectRef, IpcObject] | None:
        return self.by_name.get(name)

    def kind(self, name: str) -> str | None:
        match self.by_name.get(name):
            case (_, SemaphoreSet()):
                return "semaphore set"
            case (_, Queue()):
                return "queue"
            case (_, Segment()):
                return "segment"
        return None

    def is_segment(self, name: str) -> bool:
        return self.kind(name) == "segment"

    def segment(self, name: str) -> tuple[int, Segment]:
        """The number and the declaration of a segment that there is."""
        ref, found = self.by_name[name]
        assert isinstance(found, Segment)
        return ref.number, found

    def queue(self, name: str) -> tuple[int, Queue] | None:
        ref, found = self.by_name.get(name, (None, None))
        return (ref.number, found) if ref is not None and isinstance(found, Queue) else None

    def set(self, name: str) -> tuple[int, SemaphoreSet] | None:
        ref, found = self.by_name.get(name, (None, None))
        return (ref.number, found) if ref is not None and isinstance(found, SemaphoreSet) else None

    def names(self) -> list[str]:
        return list(self.by_name)

    def semaphore_names(self) -> list[str]:
        return [*self.members, *(f"{s.name}.{m.name}" for s in self.sets for m in s.members)]

    def explain(self, name: str) -> str | None:
        """Why the name of an object is no expression."""
        if name in self.members:
            return f"`{name}` is a semaphore: ask for its value with `get: {{value: {name}, into: x}}`"
        kind = self.kind(name)
        if kind == "segment":
            return f"`{name}` is a segment: write `{name}.field`"
        return None if kind is None else f"`{name}` is a {kind}; it has no value"


def check_name(name: str, mark: Mark, problems: Problems, *, may_be_keyword: bool = False) -> bool:
    """Whether `name` can be used in expressions; tells why not."""
    if not NAME.fullmatch(name) or len(name) > 64:
        problems.add(mark, f"`{name[:40]}` is not a name: letters, digits and `_`, not a digit first")
    elif name in RESERVED or (keyword.iskeyword(name) and not may_be_keyword):
        problems.add(mark, f"`{name}` is a word of the language; choose another name")
    else:
        return True
    return False


class ObjectReader:
    """Turns the declarations into Objects."""

    def __init__(self, text: ScenarioText, scope: Scope, problems: Problems, created: set[str]) -> None:
        self.text, self.scope, self.problems, self.created = text, scope, problems, created
        self.objects = Objects()

    def read(self) -> Objects:
        shape = self.text.shape
        for name, set_shape in (shape.semaphores or {}).items():
            if self.declare("semaphores", name):
                self.read_set(name, set_shape)
        for name, queue_shape in (shape.queues or {}).items():
            if self.declare("queues", name):
                path = ("queues", name, "message")
                struct = self.struct(path, {f: (t, False) for f, t in (queue_shape.message or {}).items()})
                size = None
                if queue_shape.bytes is not None:
                    most = MAX_QUEUE_BYTES
                    size = constant_int(queue_shape.bytes, self.scope, self.problems, "`bytes`", 0, most)
                common = self.common("queues", name, queue_shape)
                self.objects.add(Queue(name=name, message=struct, bytes=size, **common))
        for name, segment_shape in (shape.segments or {}).items():
            if self.declare("segments", name):
                self.read_segment(name, segment_shape)
        self.one_object()
        for section in ("semaphores", "queues", "segments"):
            self.objects.broken.update(self.text.cut_in(section))
        return self.objects

    def one_object(self) -> None:
        """Names with one key are one object: what a process makes under one of them, the run makes under
        none. Else the run would make it twice, which the kernel refuses."""
        made_by_process = {k for k, o in self._shared() if not o.created_by_run}
        first: dict[Hashable, IpcObject] = {}
        for key, declared in self._shared():
            if key in made_by_process:
                self.objects.replace(replace(declared, created_by_run=False))
                continue
            other = first.setdefault(key, declared)
            if other is not declared and not declared.persist:
                self.problems.add(
                    self.objects.marks[declared.name],
                    f"`{declared.name}` has the key of `{other.name}` (line {other.at.line}), and the run "
                    "cannot create one object twice",
                    "where a process has a `create:` for one of the names, the run creates none of them",
                )

    def _shared(self) -> list[tuple[Hashable, IpcObject]]:
        """Every object with a key that finds it, with its kind and this key."""
        every: list[IpcObject] = [*self.objects.sets, *self.objects.queues, *self.objects.segments]
        known = [(type(o), names.identity(o.key), o) for o in every]
        return [((kind, key), o) for kind, key, o in known if key is not None]

    def declare(self, section: str, name: str) -> bool:
        mark = self.text.mark(section, name)
        if not check_name(name, mark, self.problems):
            self.objects.broken.add(name)
            return False
        taken = self.objects.marks.get(name)
        if taken is not None or name in self.scope.constants:
            where = f"already in line {taken.line}" if taken else "a parameter or a constant already"
            self.problems.add(mark, f"`{name}` is {where}: choose another name")
            return False
        self.objects.marks[name] = mark
        return True

    def common(self, section: str, name: str, shape: ObjectShape) -> dict[str, Any]:
        return {
            "key": read_key(shape.key, self.problems),
            "mode": 0o600 if shape.mode is None else shape.mode,
            "at": self.text.mark(section, name).location,
            "created_by_run": name not in self.created,
            "persist": shape.persist,
        }

    # --- semaphores ---

    def read_set(self, name: str, shape: SetShape) -> None:
        members: list[Member] = []
        base = 0
        number = len(self.objects.sets)
        for member_name, member_shape in shape.members.items():
            mark = self.text.mark("semaphores", name, member_name)
            if member_name in OPTION_KEYS | STEP_KEYS:
                self.problems.add(
                    mark, f"a semaphore cannot be named `{member_name}`: it is an option's name"
                )
                continue
            if not check_name(member_name, mark, self.problems):
                continue
            member = self.member(member_name, base, member_shape, mark)
            if member is None:
                self.objects.broken.add(member_name)
                continue
            members.append(member)
            base += member.size
            self.objects.members.setdefault(member_name, []).append(MemberRef(number, member))
            if member_name in self.scope.constants:
                self.problems.add(
                    mark, f"`{member_name}` is a parameter or a constant already: choose another name"
                )
        self.objects.broken.update(self.text.cut_in("semaphores", name))
        mark = self.text.mark("semaphores", name)
        if not shape.members and not self.text.was_cut("semaphores", name):
            self.problems.add(mark, f"the set `{name}` has no semaphores")
        if base > SEMMSL:
            self.problems.add(mark, f"a set has at most {SEMMSL:,} semaphores")
        made = SemaphoreSet(name=name, members=tuple(members), **self.common("semaphores", name, shape))
        self.objects.add(made)

    def member(self, name: str, base: int, shape: MemberShape, mark: Mark) -> Member | None:
        count = None
        if shape.count is not None:
            count = constant_int(shape.count, self.scope, self.problems, "`count`", 1, SEMMSL)
            if count is None:
                return None
        size = 1 if count is None else count
        if shape.value is None:
            return Member(name, base, count, (0,) * size)
        value = constant(shape.value, self.scope, self.problems)
        if value is None:
            return None
        values = value if isinstance(value, tuple) else (value,) * size
        if len(values) != size:
            self.problems.add(shape.value.mark, f"{len(values)} values for {size} semaphores")
            return None
        for v in values:
            if not isinstance(v, int) or not 0 <= v <= SEMVMX:
                self.problems.add(
                    shape.value.mark, f"a semaphore's value is a number from 0 to {SEMVMX}; this is {v!r}"
                )
                return None
        return Member(name, base, count, tuple(int(v) for v in values))

    # --- structs ---

    def struct(self, path: tuple[str, ...], fields: dict[str, tuple[Scalar, bool]]) -> Struct:
        rows: list[tuple[str, str, int | None, bool]] = []
        if len(fields) > MAX_FIELDS:
            self.problems.add(self.text.mark(*path), f"more than {MAX_FIELDS:,} fields")
            return layout([])
        for name, (type_, atomic) in fields.items():
            mark = self.text.mark(*path, name)
            if name in OPTION_KEYS and path[0] == "segments":
                self.problems.add(mark, f"a field cannot be named `{name}`: it is an option's name")
            elif name in ("type", "length") and path[0] == "queues":
                self.problems.add(mark, f"every message has its own `{name}`: choose another name")
            elif check_name(name, mark, self.problems, may_be_keyword=True):
                row = self.field_type(type_)
                if row is not None:
                    rows.append((name, *row, atomic))
        if sum(count or 1 for _, type_name, count, _ in rows if type_name != "char") > MAX_ELEMENTS:
            self.problems.add(self.text.mark(*path), f"more than {MAX_ELEMENTS:,} elements in its arrays")
            return layout([])
        return layout(rows)

    def field_type(self, scalar: Scalar) -> tuple[str, int | None] | None:
        match = _FIELD_TYPE.fullmatch(scalar.text)
        if match is None or match[1] not in SCALARS:
            known = ", ".join(f"`{t}`" for t in SCALARS)
            self.problems.add(
                scalar.mark,
                f"`{scalar.text[:40]}` is not a type",
                f"there is {known}, and `int[8]`, `char[30]`",
            )
            return None
        if match[2] is None:
            return match[1], None
        first = scalar.part(match.start(2), 1)
        inside = Scalar(match[2], False, scalar.part(match.start(2), len(match[2])), first, scalar.exact)
        count = constant_int(inside, self.scope, self.problems, "the size of an array", 1, MAX_SEGMENT)
        return None if count is None else (match[1], count)

    def read_segment(self, name: str, shape: SegmentShape) -> None:
        fields = shape.fields
        rows = {f: (s.type, s.atomic) for f, s in fields.items()}
        struct = self.struct(("segments", name), rows)
        if len(struct.fields) < len(fields) or self.text.was_cut("segments", name):
            self.objects.broken.add(name)
        elif not fields:
            self.problems.add(self.text.mark("segments", name), f"the segment `{name}` has no fields")
        if struct.size > MAX_SEGMENT:
            mark = self.text.mark("segments", name)
            self.problems.add(mark, f"the segment is {struct.size:,} bytes; at most 64 MiB are allowed")
            self.objects.broken.add(name)
            struct = layout([])
        initial = tuple(self.initial(f, fields[f.name]) for f in struct.fields)
        segment = Segment(name=name, struct=struct, initial=initial, **self.common("segments", name, shape))
        self.objects.add(segment)

    def initial(self, place: Field, shape: FieldShape) -> Value:
        zero: Value = "" if place.is_text else 0 if place.count is None else (0,) * place.count
        if shape.value is None:
            return zero
        value = constant(shape.value, self.scope, self.problems)
        if value is None:
            return zero
        if not place.is_text and place.count is not None and isinstance(value, int):
            value = (value,) * place.count
        wrong = misfit(place, value)
        if wrong:
            self.problems.add(shape.value.mark, wrong)
            return zero
        return value if not isinstance(value, bool) else int(value)


def misfit(place: Field, value: object) -> str | None:
    """Why a constant cannot stand in a field; None where it can."""
    wanted = (
        "a text"
        if place.is_text
        else "a number"
        if place.count is None
        else f"a list of {place.count} numbers"
    )
    try:
        if place.is_text:
            if not isinstance(value, str):
                return f"`{place.name}` is {wanted}"
            place.encode_text(value)
        elif place.count is None:
            if not isinstance(value, int):
                return f"`{place.name}` is {wanted}"
            place.check(value)
        else:
            if not isinstance(value, tuple) or not all(isinstance(v, int) for v in value):
                return f"`{place.name}` is {wanted}"
            if len(value) != place.count:
                return f"`{place.name}` is {wanted}; these are {len(value)}"
            for v in value:
                place.check(v)
    except EvaluationError as error:
        return str(error)
    return None


def read_key(key: FtokKey | Scalar | None, problems: Problems) -> Key:
    if isinstance(key, FtokKey):
        if not 1 <= key.id <= 255:
            problems.add(key.node["id"].mark, "ftok's id is from 1 to 255: only its low 8 bits count")
        return Key(path=key.path.text, project=key.id)
    if key is None or key.text == "private":
        return Key()
    number = as_int(key) or 0
    if not -(2**31) <= number < 2**32 or number == 0:
        problems.add(key.mark, "a key is a number of 32 bits, not 0 (0 is IPC_PRIVATE: write `private`)")
    return Key(number=number)
