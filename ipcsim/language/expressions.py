"""Text → typed expression: the side-effect-free part of Python's expressions, never executed as text.

`ast.parse` gives the tree; only the nodes listed here are accepted, every name must be known, every
type must fit. The result is the program's own Expr, with what is constant already computed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from ipcsim.language.expression_text import ExpressionText, NotAnExpression
from ipcsim.language.memory import once
from ipcsim.language.nodes import Problems, Scalar, suggest
from ipcsim.language.scope import Scope
from ipcsim.language.types import BOOL, BROKEN, INT, RANGE, TEXT, UNKNOWN, Typed, constant_of, list_of, merge
from ipcsim.program.expressions import (
    MAX_INT,
    MAX_ITEMS,
    Binary,
    BoolOp,
    Call,
    Const,
    Expr,
    Generator,
    IfElse,
    Index,
    ListOf,
    Unary,
    children,
    fold,
)

MAX_COST = 1_000_000  # element evaluations of nested generators
FUNCTIONS = ("min", "max", "abs", "len", "sum", "any", "all", "range")

_ARITHMETIC: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.FloorDiv: "//", ast.Mod: "%",
}  # fmt: skip
_COMPARISON: dict[type[ast.AST], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
_REFUSED_OPERATORS: dict[type[ast.AST], str] = {
    ast.Div: "`/` would give a fraction: write `//`",
    ast.Pow: "`**` is not available: multiply",
    ast.Is: "write `==`", ast.IsNot: "write `!=`",
}  # fmt: skip


class _Refused(Exception):
    """This expression has an error, already among the problems."""


def compile_expression(
    scalar: Scalar, scope: Scope, problems: Problems, *, start: int = 0, end: int | None = None
) -> Typed:
    """The typed, folded expression in characters `start` to `end` of `scalar`; BROKEN after an error."""
    return Compiler(scalar, scope, problems, start, end).compile()


class Compiler:
    def __init__(self, scalar: Scalar, scope: Scope, problems: Problems, start: int, end: int | None) -> None:
        self.text = ExpressionText(scalar, start, end)
        self.scope, self.problems = scope, problems
        self.names: list[dict[str, Typed]] = []  # variables of the generators around

    def compile(self) -> Typed:
        try:
            typed = self.visit(self.text.parse())
            folded = Typed(fold(typed.expr, {}), typed.type, typed.choices)
        except NotAnExpression as error:
            self.problems.add(error.mark, str(error), error.hint)
            return BROKEN
        except _Refused:
            return BROKEN
        value = folded.constant
        if isinstance(value, int) and not -MAX_INT - 1 <= value <= MAX_INT:
            self.problems.add(self.text.whole, f"{value} does not fit 64 bits")
            return BROKEN
        return folded

    def refuse(self, node: ast.AST, message: str, hint: str = "") -> _Refused:
        self.problems.add(self.text.mark(node), message, hint)
        return _Refused()

    # --- tree to typed expression ---

    def visit(self, node: ast.AST) -> Typed:
        method: Callable[[Any], Typed] | None = getattr(self, f"visit_{type(node).__name__}", None)
        if method is None:
            raise self.refuse(node, f"{_WORDS.get(type(node).__name__, 'this')} is not part of the language")
        return method(node)

    def visit_all(self, nodes: list[ast.expr]) -> list[Typed]:
        """Visits every node even where one has an error, so that all errors are told."""
        found: list[Typed] = []
        refused = False
        for node in nodes:
            try:
                found.append(self.visit(node))
            except _Refused:
                refused = True
        if refused:
            raise _Refused
        return found

    def visit_Constant(self, node: ast.Constant) -> Typed:
        value = node.value
        if isinstance(value, bool):
            return Typed(Const(value), BOOL)
        if isinstance(value, int):
            if value > MAX_INT + 1:
                raise self.refuse(node, f"{str(value)[:30]} does not fit 64 bits")
            return Typed(Const(value), INT)
        if isinstance(value, str):
            if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
                raise self.refuse(node, "a text cannot hold half of a surrogate pair")
            return Typed(Const(value), TEXT)
        if isinstance(value, float):
            raise self.refuse(node, "fractions are not part of the language: numbers are whole")
        raise self.refuse(node, "this constant is not part of the language")

    def visit_Name(self, node: ast.Name) -> Typed:
        for variables in reversed(self.names):
            if node.id in variables:
                return variables[node.id]
        found = self.scope.name(node.id)
        if found is not None:
            return found
        if node.id in ("true", "false"):
            return Typed(Const(node.id == "true"), BOOL)
        raise self.unknown_name(node)

    def unknown_name(self, node: ast.Name) -> _Refused:
        if reason := self.scope.explain(node.id):
            return self.refuse(node, reason)
        if node.id in FUNCTIONS:
            return self.refuse(node, f"`{node.id}` is a function: write `{node.id}(…)`")
        known = [*(n for v in self.names for n in v), *self.scope.names()]
        hint = suggest(node.id, known) or f"a text is written with quotes: '{node.id}'"
        if not self.text.scalar.plain and self.text.text == node.id:
            hint = f"for a text write quotes inside the quotes: \"'{node.id}'\""
        return self.refuse(node, f"unknown name `{node.id}`", hint)

    def visit_Attribute(self, node: ast.Attribute) -> Typed:
        if not isinstance(node.value, ast.Name):
            raise self.refuse(node, "only `name.field` may stand before and after a dot")
        return self.field(node, node.value.id, node.attr, None)

    def field(self, node: ast.expr, base: str, name: str, index: Typed | None) -> Typed:
        found = self.scope.field(base, name, index, self.text.written(node))
        if isinstance(found, Typed):
            return found
        message, hint = found
        raise self.refuse(node, message, hint)

    def visit_Subscript(self, node: ast.Subscript) -> Typed:
        if isinstance(node.slice, (ast.Slice, ast.Tuple)):
            raise self.refuse(node.slice, "an index is one number; slices are not part of the language")
        index = self.number(node.slice, "an index")
        if isinstance(node.value, ast.Attribute) and isinstance(node.value.value, ast.Name):
            base = node.value.value.id
            if self.scope.has_fields(base):
                return self.field(node, base, node.value.attr, index)
        if isinstance(node.value, ast.Name) and not any(node.value.id in v for v in self.names):
            special = self.scope.indexed(node.value.id, index)
            if isinstance(special, Typed):
                return special
            if special is not None:
                raise self.refuse(node, *special)
        sequence = self.visit(node.value)
        if sequence.type.is_unknown:
            return BROKEN
        if sequence.type.name != "list":
            raise self.refuse(node.value, f"only a list has elements; this is {sequence.type.a}")
        self.check_index(node, sequence, index)
        return Typed(Index(sequence.expr, index.expr), sequence.type.element or UNKNOWN)

    def check_index(self, node: ast.AST, sequence: Typed, index: Typed) -> None:
        items, which = constant_of(sequence.expr), constant_of(index.expr)
        if isinstance(items, tuple) and isinstance(which, int) and not 0 <= which < len(items):
            raise self.refuse(node, f"index {which} is outside 0 … {len(items) - 1}")

    def number(self, node: ast.expr, what: str) -> Typed:
        typed = self.visit(node)
        if not typed.type.is_number:
            raise self.refuse(node, f"{what} is a number; this is {typed.type.a}")
        return typed

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Typed:
        if isinstance(node.op, ast.Not):
            return Typed(Unary("not", self.number(node.operand, "a condition").expr), BOOL)
        if isinstance(node.op, ast.Invert):
            raise self.refuse(node, "`~` is not part of the language")
        op = "-" if isinstance(node.op, ast.USub) else "+"
        return Typed(Unary(op, self.number(node.operand, f"what stands after `{op}`").expr), INT)

    def visit_BinOp(self, node: ast.BinOp) -> Typed:
        op = _ARITHMETIC.get(type(node.op))
        if op is None:
            words = _REFUSED_OPERATORS.get(type(node.op), "bit operations are not part of the language")
            raise self.refuse(node, words)
        left, right = self.visit_all([node.left, node.right])
        for side, typed in ((node.left, left), (node.right, right)):
            if not typed.type.is_number:
                raise self.refuse(side, f"`{op}` is for numbers; this is {typed.type.a}")
        if op in ("//", "%") and fold(right.expr, {}) in (Const(0), Const(False)):
            raise self.refuse(node.right, "division by zero")
        return Typed(Binary(op, left.expr, right.expr), INT)

    def visit_BoolOp(self, node: ast.BoolOp) -> Typed:
        items = self.visit_all(node.values)
        op = "and" if isinstance(node.op, ast.And) else "or"
        for part, typed in zip(node.values, items, strict=True):
            if not typed.type.is_number:
                raise self.refuse(part, f"`{op}` joins conditions; this is {typed.type.a}")
        return Typed(BoolOp(op, tuple(i.expr for i in items)), BOOL)

    def visit_IfExp(self, node: ast.IfExp) -> Typed:
        condition = self.number(node.test, "a condition")
        then, otherwise = self.visit_all([node.body, node.orelse])
        type_ = merge(then.type, otherwise.type)
        if type_ is None:
            raise self.refuse(node, f"gives {then.type.a} or {otherwise.type.a}: both must be the same")
        return Typed(IfElse(condition.expr, then.expr, otherwise.expr), type_)

    def visit_Compare(self, node: ast.Compare) -> Typed:
        operands = [node.left, *node.comparators]
        typed = self.visit_all(operands)
        # what stands in the middle of `a < b < c` is compared twice, but read once
        exprs = [t.expr if i in (0, len(typed) - 1) else once(t.expr) for i, t in enumerate(typed)]
        parts: list[Expr] = []
        for i, op_node in enumerate(node.ops):
            op = _COMPARISON.get(type(op_node))
            if op is None:
                raise self.refuse(node, _REFUSED_OPERATORS.get(type(op_node), "this is not available"))
            self.check_comparison(op, operands[i], typed[i], operands[i + 1], typed[i + 1])
            parts.append(Binary(op, exprs[i], exprs[i + 1]))
        return Typed(parts[0] if len(parts) == 1 else BoolOp("and", tuple(parts)), BOOL)

    def check_comparison(self, op: str, a: ast.expr, left: Typed, b: ast.expr, right: Typed) -> None:
        if left.type.is_unknown or right.type.is_unknown:
            return
        self.check_choices(left, b, right)
        self.check_choices(right, a, left)
        if op in ("in", "not in"):
            inside = TEXT if right.type == TEXT else right.type.element
            if right.type.name not in ("list", "range", "text") or inside is None:
                raise self.refuse(b, f"`{op}` looks into a list or a text; this is {right.type.a}")
            if merge(left.type, inside) is None:
                raise self.refuse(a, f"{left.type.a} is never in {right.type.a}")
        elif op in ("==", "!="):
            if left.type == RANGE or right.type == RANGE or merge(left.type, right.type) is None:
                raise self.refuse(b, f"{left.type.a} is never equal to {right.type.a}")
        else:
            for side, typed in ((a, left), (b, right)):
                if not typed.type.is_number:
                    raise self.refuse(side, f"`{op}` compares numbers; this is {typed.type.a}")

    def check_choices(self, chosen: Typed, node: ast.expr, other: Typed) -> None:
        if not chosen.choices:
            return
        parts = node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node]
        for part in parts:
            word = part.value if isinstance(part, ast.Constant) else None
            if isinstance(word, str) and word not in chosen.choices:
                raise self.refuse(part, f"`{word}` is not one of the choices", suggest(word, chosen.choices))

    def visit_List(self, node: ast.List | ast.Tuple) -> Typed:
        items = self.visit_all(node.elts)
        element = UNKNOWN
        for part, typed in zip(node.elts, items, strict=True):
            joined = merge(element, typed.type)
            if joined is None or typed.type.name in ("range", "message"):
                raise self.refuse(part, "the elements of a list must all have the same type")
            element = joined
        return Typed(ListOf(tuple(i.expr for i in items)), list_of(element))

    visit_Tuple = visit_List

    # --- functions and generators ---

    def visit_Call(self, node: ast.Call) -> Typed:
        if not isinstance(node.func, ast.Name):
            raise self.refuse(node.func, "only functions can be called")
        if node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
            raise self.refuse(node, "a function takes plain arguments only")
        name = node.func.id
        special = self.scope.call(name, node, self)
        if special is not None:
            return special
        if name not in FUNCTIONS:
            known = [*FUNCTIONS, *self.scope.functions]
            raise self.refuse(node.func, f"unknown function `{name}`", suggest(name, known, many=20))
        if len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp):
            return self.generator(name, node, node.args[0])
        return self.function(name, node, self.visit_all(node.args))

    def function(self, name: str, node: ast.Call, arguments: list[Typed]) -> Typed:
        call = Call(name, tuple(a.expr for a in arguments))
        if any(a.type.is_unknown for a in arguments):
            return BROKEN
        types = [a.type for a in arguments]
        numbers = all(t.is_number for t in types)
        one = types[0] if len(types) == 1 else None
        many = one is not None and one.name in ("list", "range") and one.element is not None
        if (
            many
            and one is not None
            and one.element is not None
            and name != "len"
            and not one.element.is_number
        ):
            raise self.refuse(node.args[0], f"`{name}` is for numbers; this is {one.a}")
        fits = {
            "min": many or (numbers and len(types) > 1),
            "max": many or (numbers and len(types) > 1),
            "abs": numbers and len(types) == 1,
            "len": many or one == TEXT,
            "sum": many, "any": many, "all": many,
            "range": numbers and 1 <= len(types) <= 3,
        }  # fmt: skip
        if not fits[name]:
            raise self.refuse(node, f"`{name}` {_USES[name]}")
        result = BOOL if name in ("any", "all") else RANGE if name == "range" else INT
        return Typed(call, result)

    def generator(self, name: str, node: ast.Call, generator: ast.GeneratorExp) -> Typed:
        if name in ("abs", "range"):
            raise self.refuse(node, f"`{name}` {_USES[name]}")
        if len(generator.generators) > 1 and name not in ("any", "all", "sum"):
            raise self.refuse(generator, f"`{name}` takes one `for` only")
        result = BOOL if name in ("any", "all") else INT
        return Typed(self.loop(name, generator, 0), result)

    def loop(self, name: str, generator: ast.GeneratorExp, level: int) -> Expr:
        """`name(… for x in …)`; a second `for` becomes the same function inside."""
        clause = generator.generators[level]
        if not isinstance(clause.target, ast.Name):
            raise self.refuse(clause.target, "one name stands between `for` and `in`")
        iterable = self.visit(clause.iter)
        if not iterable.type.is_unknown and iterable.type.name not in ("list", "range"):
            raise self.refuse(clause.iter, f"`for` goes through a range or a list, not {iterable.type.a}")
        variable = clause.target.id
        slot = self.scope.new_slot(variable)
        element_type = iterable.type.element or UNKNOWN
        self.names.append({variable: Typed(self.scope.local(slot, variable), element_type)})
        try:
            tests = [self.number(t, "a condition").expr for t in clause.ifs]
            if level + 1 < len(generator.generators):
                element = self.loop(name, generator, level + 1)
            else:
                typed = self.visit(generator.elt)
                if name != "len" and not typed.type.is_number:
                    raise self.refuse(generator.elt, f"`{name}` is for numbers; this is {typed.type.a}")
                element = typed.expr
        finally:
            self.names.pop()
        condition = None if not tests else tests[0] if len(tests) == 1 else BoolOp("and", tuple(tests))
        made = Generator(element, slot, variable, fold(iterable.expr, {}), condition)
        if cost(made) > MAX_COST:
            raise self.refuse(generator, f"this may take more than {MAX_COST:,} steps to compute")
        return Call(name, (made,))


def cost(expr: Expr) -> int:
    """About how many elements evaluating `expr` goes through."""
    if not isinstance(expr, Generator):
        return 1 + sum(map(cost, children(expr)))
    size = 1000  # of a list that is not known yet
    if isinstance(expr.iterable, ListOf):
        size = len(expr.iterable.items)
    elif isinstance(expr.iterable, Const) and isinstance(expr.iterable.value, tuple):
        size = len(expr.iterable.value)
    elif isinstance(expr.iterable, Call) and all(isinstance(a, Const) for a in expr.iterable.arguments):
        bounds = [int(a.value) for a in expr.iterable.arguments if isinstance(a, Const)]  # type: ignore[arg-type]
        size = min(MAX_ITEMS, len(range(*bounds)[: MAX_ITEMS + 1])) if len(bounds) < 3 or bounds[2] else 1
    inner = cost(expr.element) + (cost(expr.condition) if expr.condition is not None else 0)
    return 1 + cost(expr.iterable) + size * inner


_USES = {
    "min": "takes two or more numbers, or a list", "max": "takes two or more numbers, or a list",
    "abs": "takes one number", "len": "takes a list, a text or a range", "sum": "takes a list",
    "any": "takes a list", "all": "takes a list", "range": "takes one to three numbers",
}  # fmt: skip
_WORDS = {
    "Lambda": "a lambda", "ListComp": "a list comprehension", "SetComp": "a set", "Set": "a set",
    "DictComp": "a dictionary", "Dict": "a dictionary", "JoinedStr": "an f-string", "NamedExpr": "`:=`",
    "Await": "`await`", "Yield": "`yield`", "YieldFrom": "`yield`", "Starred": "`*`",
    "GeneratorExp": "a generator outside of any, all, sum, min, max, len", "Slice": "a slice",
    "TemplateStr": "a t-string",
}  # fmt: skip
