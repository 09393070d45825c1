"""Constant values: what has to be known when the text is loaded (counts, sizes, initial values)."""

from __future__ import annotations

from typing import Any

from ipcsim.errors import EvaluationError
from ipcsim.language.expressions import compile_expression
from ipcsim.language.nodes import Problems, Scalar, Seq, Value
from ipcsim.language.scope import Scope
from ipcsim.language.types import BROKEN, UNKNOWN, Typed, list_of, merge
from ipcsim.program.expressions import Const, ListOf, evaluate, fold


def compile_value(node: Value, scope: Scope, problems: Problems) -> Typed:
    """An expression, or a YAML list of them as a list."""
    if isinstance(node, Scalar):
        return compile_expression(node, scope, problems)
    items = [compile_value(n, scope, problems) for n in node if isinstance(n, (Scalar, Seq))]
    element = UNKNOWN
    for item, at in zip(items, node, strict=True):
        joined = merge(element, item.type)
        if joined is None or item.type.name in ("range", "message"):
            problems.add(at.mark, "the elements of a list must all have the same type")
            return BROKEN
        element = joined
    if any(i.type.is_unknown for i in items):
        return BROKEN
    return Typed(fold(ListOf(tuple(i.expr for i in items)), {}), list_of(element))


def constant(node: Value, scope: Scope, problems: Problems) -> Any:
    """The value of `node`, which must be known now; None after an error."""
    typed = compile_value(node, scope, problems)
    if typed.type.is_unknown:
        return None
    if typed.type.name == "range":
        problems.add(node.mark, "a range is not a value: write the list")
        return None
    if isinstance(typed.expr, Const):
        return typed.expr.value
    try:
        value = evaluate(typed.expr, [0] * (scope.slots + 1))
    except EvaluationError as error:
        problems.add(node.mark, f"this has no value: {error}")
        return None
    return value


def constant_int(node: Value, scope: Scope, problems: Problems, what: str, low: int, high: int) -> int | None:
    """A whole number from `low` to `high`; None after an error."""
    value = constant(node, scope, problems)
    if value is None:
        return None
    if not isinstance(value, int):
        problems.add(node.mark, f"{what} is a number; this is {_describe(value)}")
        return None
    if not low <= value <= high:
        problems.add(node.mark, f"{what} is {value:,}; it must be from {low:,} to {high:,}")
        return None
    return int(value)


def _describe(value: object) -> str:
    return f"the text '{value[:40]}'" if isinstance(value, str) else "a list"
