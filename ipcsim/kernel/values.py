"""How much of an instruction is known before it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ipcsim.program.expressions import Const, Expr

Value = Callable[[Expr], Any]
"""The value that an expression always has, or None where it varies (or has none, which is an error)."""


def written(expr: Expr) -> int | None:
    """What stands in the text: all that is known of an expression without a process."""
    return expr.value if isinstance(expr, Const) and isinstance(expr.value, int) else None


def span(base: int, count: int | None, index: Expr | None, value: Value) -> range:
    """The places that element `index` of `count` from `base` on may be: one where it is known, none where
    it is outside (that is an error, and nothing is done), any of them where it varies."""
    if index is None:
        return range(base, base + 1)
    size, place = count or 1, value(index)
    if place is None:
        return range(base, base + size)
    return range(base + place, base + place + 1) if 0 <= place < size else range(0)
