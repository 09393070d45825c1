"""A scenario document, as YAML reads it, with names looked up and blocks of steps numbered."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

MSGMNB = 16384  # msg_qbytes where nothing is said
INT = 4  # bytes
_NAMED = re.compile(r"([A-Za-z_]\w*)(?:\[(.*)\])?$")

Doc = dict[str, Any]
Block = list[Any]


@dataclass(frozen=True)
class Family:
    """Processes of one name. `names` are those of the variables, in the order in which a state has them."""

    name: str
    first: int  # number of its first process
    count: int
    indexed: bool
    spawned: bool
    names: tuple[str, ...]
    locals: Doc
    block: int


@dataclass(frozen=True)
class Queue:
    capacity: int
    length: int  # bytes of a whole message: an int, or nothing


@dataclass(frozen=True)
class Field:
    """A field of a segment. `first`: the place of its first element among all elements of all segments."""

    first: int
    count: int
    atomic: bool


@dataclass
class Scenario:
    """Everything about a document that does not change."""

    doc: Doc
    blocks: list[Block] = field(default_factory=list)
    block_of: dict[int, int] = field(default_factory=dict)  # by the identity of a list in the document
    families: list[Family] = field(default_factory=list)
    family_of: list[int] = field(default_factory=list)  # by process
    sets: list[tuple[int, ...]] = field(default_factory=list)  # first values
    set_names: list[str] = field(default_factory=list)
    members: dict[str, tuple[int, int, int]] = field(default_factory=dict)  # name → (set, base, count)
    queues: list[Queue] = field(default_factory=list)
    queue_names: list[str] = field(default_factory=list)
    fields: dict[str, Field] = field(default_factory=dict)  # "segment.field"
    values: list[int] = field(default_factory=list)  # first values of all elements
    atomic: list[bool] = field(default_factory=list)
    made: frozenset[str] = frozenset()  # objects that some process creates
    words: frozenset[str] = frozenset()  # every key that some step has
    watched: frozenset[str] = frozenset()  # phases that properties ask for
    progress: frozenset[str] = frozenset()

    @property
    def processes(self) -> int:
        return len(self.family_of)

    def instance(self, process: int) -> int:
        """The process's `me`."""
        return process - self.families[self.family_of[process]].first

    def process_named(self, text: str) -> tuple[Family, str | None]:
        """The family of `w` or `w[…]`, and the text of the index."""
        name, index = split(text)
        return next(f for f in self.families if f.name == name), index


def split(text: str) -> tuple[str, str | None]:
    """`fork[i]` as ("fork", "i"); `mutex` as ("mutex", None)."""
    found = _NAMED.match(str(text).strip())
    if found is None:
        raise NotImplementedError(f"a name like {text!r}")
    return found[1], found[2]


def read(doc: Doc) -> Scenario:
    """The scenario that a document means."""
    it = Scenario(doc)
    for name, members in doc.get("semaphores", {}).items():
        _read_set(it, name, members)
    for name, declared in doc.get("queues", {}).items():
        declared = declared or {}
        length = INT * len(declared.get("message", {}))
        it.queues.append(Queue(declared.get("bytes", MSGMNB), length))
        it.queue_names.append(name)
    for name, fields in doc.get("segments", {}).items():
        _read_segment(it, name, fields)
    for name, declared in doc["processes"].items():
        _read_family(it, name, declared)
    steps = [s for block in it.blocks for s in block]
    it.words = frozenset(k for s in steps for k in s) | frozenset(
        k for s in steps if isinstance(s.get("get"), dict) for k in s["get"]
    )
    it.made = frozenset(object_of(s["create"]) for s in steps if "create" in s)
    it.progress = frozenset(s["phase"] for s in steps if "phase" in s and s.get("progress"))
    asked = repr(doc.get("properties", {}))
    it.watched = frozenset(s["phase"] for s in steps if "phase" in s and s["phase"] in asked)
    return it


def object_of(value: Any) -> str:
    """`box` of `create: box` and of `create: {object: box}`."""
    return str(value["object"] if isinstance(value, dict) else value)


def _read_set(it: Scenario, name: str, members: Doc) -> None:
    first: list[int] = []
    for member, declared in members.items():
        if member in ("key", "persist", "mode"):
            continue
        many = isinstance(declared, dict)
        count = declared.get("count", 1) if many else 1
        value = declared.get("value", 0) if many else declared
        it.members[member] = (len(it.sets), len(first), count)
        first += [value] * count
    it.sets.append(tuple(first))
    it.set_names.append(name)


def _read_segment(it: Scenario, name: str, fields: Doc) -> None:
    for text, declared in fields.items():
        many = isinstance(declared, dict)
        kind = declared["type"] if many else declared
        count = int(kind[4:-1]) if kind.startswith("int[") else 1
        atomic = many and bool(declared.get("atomic"))
        it.fields[f"{name}.{text}"] = Field(len(it.values), count, atomic)
        it.values += [declared.get("value", 0) if many else 0] * count
        it.atomic += [atomic] * count


def _read_family(it: Scenario, name: str, declared: Doc) -> None:
    block = declared["steps"]
    _number(it, block)
    names = dict.fromkeys(declared.get("locals", {}))
    names |= dict.fromkeys(_intos(it, block))
    count = declared.get("count", 1)
    family = Family(
        name,
        it.processes,
        count,
        "count" in declared,
        bool(declared.get("spawned")),
        tuple(names),
        declared.get("locals", {}),
        it.block_of[id(block)],
    )
    it.family_of += [len(it.families)] * count
    it.families.append(family)


def inner(step: Doc) -> list[Block]:
    """The blocks inside a step."""
    found = [step[k] for k in ("steps", "then", "else", "forever") if isinstance(step.get(k), list)]
    found += step.get("choose", [])
    return found + list(step.get("on_error", {}).values())


def _number(it: Scenario, block: Block) -> None:
    if id(block) in it.block_of:
        return
    it.block_of[id(block)] = len(it.blocks)
    it.blocks.append(block)
    for step in block:
        for child in inner(step):
            _number(it, child)


def _intos(it: Scenario, block: Block) -> list[str]:
    found = []
    for step in block:
        for value in step.values():
            if isinstance(value, dict) and "into" in value:
                found.append(value["into"])
        for child in inner(step):
            found += _intos(it, child)
    return found
