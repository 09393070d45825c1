"""Values of expressions: Python's own syntax, taken apart by hand.

A field of shared memory is loaded one element at a time. Whoever evaluates gives the values that were
loaded so far; where one more is needed, `NeedsLoad` says which, and the evaluation begins anew with it.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from tests.oracle.scenario import Scenario

LETTER = ("n", "type", "length")  # what a received message is kept as
NOTHING = (0, 0, 0)


class NoValue(Exception):
    """The expression has no value: the process ends with an `error`."""


class NeedsLoad(Exception):
    """The element with this number has to be loaded first."""

    def __init__(self, element: int) -> None:
        super().__init__(element)
        self.element = element


_BINARY: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


@lru_cache(maxsize=10_000)
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


class Evaluator:
    """Evaluates with these names; `load` is asked for an element of shared memory, `at` and `ended` and
    `length` (of a queue) only by properties."""

    def __init__(self, scenario: Scenario, names: Mapping[str, Any], load: Callable[[int], int]) -> None:
        self._scenario, self._names, self._load = scenario, dict(names), load

    def value(self, written: Any) -> Any:
        """The value of what stands in the document."""
        if not isinstance(written, str):
            return written
        return self._of(_parsed(written.strip()))

    def element(self, segment_field: str, index: int) -> int:
        """The number of an element."""
        declared = self._scenario.fields[segment_field]
        if not 0 <= index < declared.count:
            raise NoValue(f"index {index} of {segment_field}")
        return declared.first + index

    def at(self, process: int, phase: str) -> bool:
        raise NotImplementedError

    def ended(self, process: int) -> bool:
        raise NotImplementedError

    def semaphore(self, name: str, index: int) -> int:
        raise NotImplementedError

    def length(self, queue: str) -> int:
        raise NotImplementedError

    def _of(self, node: ast.expr) -> Any:
        return getattr(self, "_" + type(node).__name__.lower())(node)

    def _constant(self, node: ast.Constant) -> Any:
        return node.value

    def _name(self, node: ast.Name) -> Any:
        if node.id in self._names:
            return self._names[node.id]
        if node.id in ("true", "false"):
            return node.id == "true"
        return self.semaphore(node.id, 0)

    def _attribute(self, node: ast.Attribute) -> Any:
        assert isinstance(node.value, ast.Name)
        if node.value.id in self._names:
            return self._names[node.value.id][LETTER.index(node.attr)]
        if node.value.id in self._scenario.set_names:
            return self.semaphore(node.attr, 0)
        return self._load(self.element(f"{node.value.id}.{node.attr}", 0))

    def _subscript(self, node: ast.Subscript) -> Any:
        index = self._of(node.slice)
        if isinstance(node.value, ast.Attribute):
            assert isinstance(node.value.value, ast.Name)
            return self._load(self.element(f"{node.value.value.id}.{node.value.attr}", index))
        assert isinstance(node.value, ast.Name)
        return self.semaphore(node.value.id, index)

    def _binop(self, node: ast.BinOp) -> int:
        left, right = self._of(node.left), self._of(node.right)
        try:
            return int(_BINARY[type(node.op)](left, right))
        except ZeroDivisionError:
            raise NoValue("division by zero") from None

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        value = self._of(node.operand)
        return (not value) if isinstance(node.op, ast.Not) else -value

    def _boolop(self, node: ast.BoolOp) -> bool:
        wanted = isinstance(node.op, ast.Or)
        return wanted if any(bool(self._of(v)) is wanted for v in node.values) else not wanted

    def _compare(self, node: ast.Compare) -> bool:
        left = self._of(node.left)
        for operation, item in zip(node.ops, node.comparators, strict=True):
            right = self._of(item)
            if not _COMPARE[type(operation)](left, right):
                return False
            left = right
        return True

    def _ifexp(self, node: ast.IfExp) -> Any:
        return self._of(node.body if self._of(node.test) else node.orelse)

    def _call(self, node: ast.Call) -> Any:
        assert isinstance(node.func, ast.Name)
        match node.func.id:
            case "at":
                phase = node.args[1]
                assert isinstance(phase, ast.Constant)
                return self.at(self._process(node.args[0]), str(phase.value))
            case "ended":
                return self.ended(self._process(node.args[0]))
            case "len":
                assert isinstance(node.args[0], ast.Name)
                return self.length(node.args[0].id)
            case "any" | "all" as how:
                return self._quantified(node.args[0], how == "any")
        raise NotImplementedError(node.func.id)

    def _quantified(self, each: ast.expr, wanted: bool) -> bool:
        assert isinstance(each, ast.GeneratorExp)
        over = each.generators[0]
        assert isinstance(over.target, ast.Name)
        assert isinstance(over.iter, ast.Call)
        outer = self._names
        try:
            for number in range(self._of(over.iter.args[0])):
                self._names = {**outer, over.target.id: number}
                if bool(self._of(each.elt)) is wanted:
                    return wanted
        finally:
            self._names = outer
        return not wanted

    def _process(self, node: ast.expr) -> int:
        """The number of the process that `w` or `w[i]` names."""
        if isinstance(node, ast.Subscript):
            assert isinstance(node.value, ast.Name)
            name, index = node.value.id, self._of(node.slice)
        else:
            assert isinstance(node, ast.Name)
            name, index = node.id, 0
        family = next(f for f in self._scenario.families if f.name == name)
        if not 0 <= index < family.count:
            raise NoValue(f"no process {name}[{index}]")
        return family.first + int(index)
