"""The static types of the language: int, bool, text, list, message, range."""

from __future__ import annotations

from dataclasses import dataclass

from ipcsim.program.expressions import Const, Expr, Local, fold
from ipcsim.program.objects import Field, Struct


@dataclass(frozen=True, slots=True)
class Type:
    """`element` is that of a list, `struct` the fields of a message (`type` and `length` come after)."""

    name: str
    element: Type | None = None
    struct: Struct | None = None

    def __str__(self) -> str:
        return f"list of {self.element}" if self.element is not None else self.name

    @property
    def a(self) -> str:
        """With its article, for messages."""
        return f"an {self}" if self.name == "int" else f"a {self}"

    @property
    def is_number(self) -> bool:
        """A bool counts as 0 or 1, and a number as a condition."""
        return self.name in ("int", "bool", "unknown")

    @property
    def is_unknown(self) -> bool:
        return self.name == "unknown"

    @property
    def is_list(self) -> bool:
        return self.name in ("list", "unknown")


INT = Type("int")
BOOL = Type("bool")
TEXT = Type("text")
RANGE = Type("range", INT)
UNKNOWN = Type("unknown")  # follows from an error already told: goes with everything


def list_of(element: Type) -> Type:
    return Type("list", element)


def type_of_field(field: Field) -> Type:
    if field.is_text:
        return TEXT
    return INT if field.count is None else list_of(INT)


def merge(a: Type, b: Type) -> Type | None:
    """The type that holds values of both; None where there is none."""
    if a.is_unknown or b.is_unknown:
        return a if b.is_unknown else b
    if a == b:
        return a
    if a.is_number and b.is_number:
        return INT
    if a.name == b.name == "list" and a.element is not None and b.element is not None:
        element = merge(a.element, b.element)
        return None if element is None else list_of(element)
    return None


@dataclass(frozen=True, slots=True)
class Typed:
    """An expression and its type; `choices` are the words that a choice parameter may be."""

    expr: Expr
    type: Type
    choices: tuple[str, ...] = ()

    @property
    def constant(self) -> int | str | bool | tuple[object, ...] | None:
        return self.expr.value if isinstance(self.expr, Const) else None


def constant_of(expr: Expr) -> object:
    """The value of an expression that is known now; None where it is not."""
    folded = fold(expr, {})
    return folded.value if isinstance(folded, Const) else None


# Stands where an expression had an error: is never folded and goes with every type.
BROKEN = Typed(Local(0, "?"), UNKNOWN)


def type_of_value(value: object) -> Type:
    """The type of a constant."""
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return INT
    if isinstance(value, str):
        return TEXT
    if isinstance(value, tuple):
        element = UNKNOWN
        for item in value:
            element = merge(element, type_of_value(item)) or UNKNOWN
        return list_of(element)
    return UNKNOWN
