"""What an expression of a family is worth in one instance, where that never changes.

Folding the code of each process would answer the same, but for ten thousand processes that is too much to
build, so here each expression is compiled once for its family and evaluated on the
instance's first locals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ipcsim.errors import EvaluationError
from ipcsim.kernel.values import Value
from ipcsim.program import Family
from ipcsim.program.constants import constant_locals
from ipcsim.program.expressions import Const, Expr, compile_expression, generator_slots, slots_of

Locals = Sequence[Any]
Known = Callable[[Locals], Any]  # the value in the instance with these initial locals; None: it varies


def varies(_: Locals) -> None:
    """The `Known` of an expression that has no fixed value."""
    return


class Constants:
    """The expressions of one family, as functions of an instance's initial locals."""

    def __init__(self, family: Family) -> None:
        self._fixed = frozenset(constant_locals(family, 0)) if family.initial else frozenset()
        self._known: dict[int, Known] = {}  # by the id of the expression

    def known(self, expr: Expr) -> Known:
        """A function that gives the fixed value of `expr`, or None where it varies or has none."""
        found = self._known.get(id(expr))
        if found is None:  # the code that `expr` stands in outlives this
            found = self._known[id(expr)] = self._compiled(expr)
        return found

    def of(self, initial: Locals) -> Value:
        """What expressions are worth in the instance with these first locals."""
        known = self.known

        def value(expr: Expr) -> Any:
            return expr.value if isinstance(expr, Const) else known(expr)(initial)

        return value

    def _compiled(self, expr: Expr) -> Known:
        if isinstance(expr, Const):
            value = expr.value
            return lambda _: value
        bound = generator_slots(expr)
        if not slots_of(expr) - bound <= self._fixed:
            return varies
        evaluate = compile_expression(expr)
        return _guarded(evaluate, bool(bound))


def _guarded(evaluate: Callable[[list[Any]], Any], writes: bool) -> Known:
    def known(initial: Locals) -> Any:
        # a generator assigns its variable: never let it write into the Program
        env: Any = list(initial) if writes else initial
        try:
            return evaluate(env)
        except EvaluationError:
            return None

    return known
