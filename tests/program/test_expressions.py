"""Expressions: folding changes nothing, and nothing runs away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipcsim.errors import EvaluationError
from ipcsim.program.codec import decode, encode
from ipcsim.program.expressions import (
    Binary,
    BoolOp,
    Call,
    Const,
    Expr,
    Generator,
    IfElse,
    Index,
    ListOf,
    Local,
    Unary,
    compile_expression,
    evaluate,
    fold,
)

SLOTS = 4
leaves = st.one_of(
    st.integers(-50, 50).map(Const), st.integers(0, SLOTS - 1).map(lambda slot: Local(slot, f"v{slot}"))
)


def _grow(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    return st.one_of(
        st.builds(Unary, st.sampled_from(["-", "not"]), inner),
        st.builds(Binary, st.sampled_from(["+", "-", "*", "//", "%", "==", "<", ">="]), inner, inner),
        st.builds(BoolOp, st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(IfElse, inner, inner, inner),
        st.builds(
            lambda items, i: Index(ListOf(tuple(items)), i), st.lists(inner, min_size=1, max_size=3), inner
        ),
        st.builds(
            lambda e, n: Call("sum", (Generator(e, SLOTS, "i", Call("range", (Const(n),)), None),)),
            inner,
            st.integers(0, 4),
        ),
        st.builds(lambda a, b: Call("max", (a, b)), inner, inner),
    )


expressions = st.recursive(leaves, _grow, max_leaves=12)
environments = st.lists(st.integers(-9, 9), min_size=SLOTS, max_size=SLOTS)


def value(expr: Expr, env: list[int]) -> object:
    try:
        return evaluate(expr, [*env, 0])
    except EvaluationError:
        return "error"


@given(expressions, environments, st.sets(st.integers(0, SLOTS - 1)))
def test_folding_changes_no_value(expr: Expr, env: list[int], known: set[int]) -> None:
    folded = fold(expr, {slot: env[slot] for slot in known})
    assert value(folded, env) == value(expr, env)


@given(expressions)
def test_an_expression_survives_json(expr: Expr) -> None:
    assert decode(encode(expr)) == expr


@pytest.mark.parametrize(
    ("expr", "message"),
    [
        (Binary("//", Const(1), Local(0, "x")), "division by zero"),
        (Index(ListOf((Const(1),)), Const(-1)), "outside 0 … 0"),
        (Call("range", (Const(10**12),)), "at most"),
        (Call("max", (Generator(Const(1), 1, "i", Call("range", (Const(0),)), None),)), "max of nothing"),
        (Binary("*", Const(2**62), Const(2**62)), "64 bits"),
    ],
)
def test_what_has_no_value_is_an_evaluation_error(expr: Expr, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        compile_expression(expr)([0, 0])
