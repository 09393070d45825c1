"""Which names an expression may use, and what they mean there.

`Scope` knows the constants only (counts, sizes, initial values); the scopes of process code and of
properties, which see more, derive from it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ipcsim.language.types import BROKEN, Typed
from ipcsim.program.expressions import Local

if TYPE_CHECKING:
    from ipcsim.language.expressions import Compiler
    from ipcsim.language.objects import Objects

Refusal = tuple[str, str]  # a message and a hint


class Scope:
    """Parameters and constants."""

    functions: tuple[str, ...] = ()

    def __init__(self, constants: dict[str, Typed], objects: Objects | None = None) -> None:
        self.constants = constants
        self.objects = objects
        self.slots = 1

    def name(self, name: str) -> Typed | None:
        """What a bare name means; None where it means nothing here."""
        return self.constants.get(name)

    def names(self) -> Iterable[str]:
        """The bare names to suggest."""
        return self.constants

    def explain(self, name: str) -> str | None:
        """Why a name that exists cannot stand here."""
        if name == "me":
            return "`me` has a value only inside a process"
        return None if self.objects is None else self.objects.explain(name)

    def is_segment(self, name: str) -> bool:
        return self.objects is not None and self.objects.is_segment(name)

    def has_fields(self, name: str) -> bool:
        """Whether `name.field[index]` is one thing, not an element of `name.field`."""
        return self.is_segment(name)

    def field(self, base: str, field: str, index: Typed | None, text: str) -> Typed | Refusal:
        """`base.field` or, of a segment, `base.field[index]`; `text` is how it was written."""
        if self.is_segment(base):
            return f"`{base}.{field}` has a value only while processes run", ""
        if base in self.constants:
            return f"`{base}` has no fields", ""
        return f"unknown name `{base}`", ""

    def indexed(self, base: str, index: Typed) -> Typed | Refusal | None:
        """`base[index]` where that is more than an element of a list; None where it is not."""
        return None

    def call(self, name: str, node: ast.Call, compiler: Compiler) -> Typed | None:
        """A function that only this scope has; None where it has none of that name."""
        return None

    def new_slot(self, variable: str) -> int:
        """A slot for the variable of a generator."""
        self.slots += 1
        return self.slots - 1

    def local(self, slot: int, name: str) -> Local:
        return Local(slot, name)


def broken_or(refusal: Refusal, is_broken: bool) -> Typed | Refusal:
    """Nothing more is said of what was already wrong where it was declared."""
    return BROKEN if is_broken else refusal
