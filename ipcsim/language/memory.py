"""Mentions of shared memory inside an expression, before `loads` takes them out."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from ipcsim.program.expressions import Const, Expr, Index, ListOf, Local, SegmentValue, children, fold

TOKENS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Read(SegmentValue):
    """One mention of a segment field in process code, with its text."""

    text: str


@dataclass(frozen=True, slots=True)
class Once(Index):
    """What `a < x.f < b` mentions once and compares twice: the same `token` in both places.

    It is written as the only element of a list, `[operand][0]`, so that folding knows what to do.
    """

    token: int

    @property
    def operand(self) -> Expr:
        assert isinstance(self.sequence, ListOf)
        return self.sequence.items[0]


def once(expr: Expr) -> Expr:
    """`expr` such that it is read only once, however often it is used."""
    folded = fold(expr, {})
    return Once(ListOf((folded,)), Const(0), next(TOKENS)) if reads_memory(folded) else folded


def reads_memory(expr: Expr) -> bool:
    return isinstance(expr, Read) or any(map(reads_memory, children(expr)))


def with_children(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """`expr` with `change` of each direct subexpression in its place, left to right."""
    changes: dict[str, Any] = {}
    for f in fields(expr):
        value = getattr(expr, f.name)
        if isinstance(value, tuple) and value and isinstance(value[0], Expr):
            changes[f.name] = tuple(map(change, value))
        elif isinstance(value, Expr):
            changes[f.name] = change(value)
    changed: Expr = replace(expr, **changes)
    return changed


def with_fresh_tokens(expr: Expr, tokens: dict[int, int]) -> Expr:
    """The same with mentions of its own: each round of a loop reads again. `tokens`: old → new."""
    fresh = with_children(expr, lambda e: with_fresh_tokens(e, tokens))
    if isinstance(fresh, Once):
        return replace(fresh, token=tokens.setdefault(fresh.token, next(TOKENS)))
    if isinstance(fresh, Read) and isinstance(fresh.index, Const):
        # shown as `slot[3]`, not as the `slot[i]` written
        return replace(fresh, text=f"{fresh.text.split('[')[0]}[{fresh.index.value}]")
    return fresh


def substituted(expr: Expr, slot: int, value: Expr) -> Expr:
    """`expr` with `value` for the local in `slot`."""
    if isinstance(value, Const):
        return fold(expr, {slot: value.value})
    if isinstance(expr, Local):
        return value if expr.slot == slot else expr
    return with_children(expr, lambda e: substituted(e, slot, value))
