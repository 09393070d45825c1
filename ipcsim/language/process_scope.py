"""What the expressions of a process see: constants, `me`, its locals, messages, segment fields."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ipcsim.language.code import CodeBuilder
from ipcsim.language.memory import Read
from ipcsim.language.nodes import suggest
from ipcsim.language.objects import Objects
from ipcsim.language.scope import Refusal, Scope, broken_or
from ipcsim.language.types import BOOL, INT, TEXT, Type, Typed, type_of_field
from ipcsim.program.expressions import Const, Index, Local
from ipcsim.program.objects import Struct


def message_type(struct: Struct) -> Type:
    return Type("message", struct=struct)


def empty_message(struct: Struct) -> tuple[Any, ...]:
    """What a message variable holds before anything was received."""
    return (*struct.unpack(b""), 0, 0)


class ProcessScope(Scope):
    """`variables` are `me`, the locals and the arguments: each a Local, or what stands for it."""

    def __init__(
        self, constants: dict[str, Typed], objects: Objects, variables: dict[str, Typed], builder: CodeBuilder
    ) -> None:
        super().__init__(constants, objects)
        self.known_objects = objects
        self.variables = variables
        self.builder = builder
        self.outer: frozenset[str] = frozenset()  # what the caller of a procedure sees, and it does not

    def name(self, name: str) -> Typed | None:
        return self.variables.get(name) or self.constants.get(name)

    def names(self) -> Iterable[str]:
        segments = [f"{s.name}.{f.name}" for s in self.known_objects.segments for f in s.struct.fields]
        return [*self.variables, *self.constants, *segments]

    def explain(self, name: str) -> str | None:
        if name in self.outer:
            return f"a procedure sees only its arguments: pass `{name}` to it"
        return self.known_objects.explain(name)

    def field(self, base: str, field: str, index: Typed | None, text: str) -> Typed | Refusal:
        variable = self.name(base)
        if variable is not None:
            return self.message_field(base, variable, field)
        if self.is_segment(base):
            return self.segment_field(base, field, index, text)
        known = [*self.variables, *(s.name for s in self.known_objects.segments)]
        if base in self.known_objects.broken:
            return broken_or(("", ""), True)
        if base in self.known_objects.members or self.known_objects.kind(base):
            return f"`{base}` is no segment: it has no fields to read", ""
        return f"unknown name `{base}`", suggest(base, known)

    def message_field(self, name: str, variable: Typed, field: str) -> Typed | Refusal:
        struct = variable.type.struct
        if struct is None:
            return broken_or((f"`{name}` is no message: it has no fields", ""), variable.type.is_unknown)
        if field in ("type", "length"):
            place = len(struct.fields) + (field == "length")
            return Typed(Index(variable.expr, Const(place)), INT)
        for place, known in enumerate(struct.fields):
            if known.name == field:
                return Typed(Index(variable.expr, Const(place)), type_of_field(known))
        hint = suggest(field, [*(f.name for f in struct.fields), "type", "length"])
        return f"the message `{name}` has no field `{field}`", hint

    def segment_field(self, base: str, field: str, index: Typed | None, text: str) -> Typed | Refusal:
        number, segment = self.known_objects.segment(base)
        for place, known in enumerate(segment.struct.fields):
            if known.name != field:
                continue
            type_ = type_of_field(known)
            if index is not None:
                if type_.name != "list":
                    return f"`{base}.{field}` is no array", ""
                type_ = INT
            expr = None if index is None else index.expr
            return Typed(Read(number, place, expr, text), type_)
        refusal = (
            f"the segment `{base}` has no field `{field}`",
            suggest(field, [f.name for f in segment.struct.fields]),
        )
        return broken_or(refusal, base in self.known_objects.broken)

    def new_slot(self, variable: str) -> int:
        return self.builder.hidden_slot()

    def local(self, slot: int, name: str) -> Local:
        return Local(slot, name)


def zero_of(type_: Type) -> Any:
    """The value that a local of this type starts with where nothing else is said."""
    if type_ == TEXT:
        return ""
    if type_ == BOOL:
        return False
    if type_.struct is not None:
        return empty_message(type_.struct)
    return () if type_.name == "list" else 0
