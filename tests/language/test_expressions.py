"""What expressions mean, and that none of them can do harm."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipcsim.language.expressions import compile_expression
from ipcsim.language.nodes import Document, Mark, Problems, Scalar
from ipcsim.language.scope import Scope
from ipcsim.language.types import Typed, type_of_value
from ipcsim.program import Source
from ipcsim.program.expressions import Const, evaluate
from tests.language.helpers import problems_of

CONSTANTS = {"n": 3, "t": "hello", "b": True, "list": (1, 2, 3), "words": ("a", "b")}


def compiled(text: str) -> tuple[Typed, Problems]:
    document = Document(Source("t", text))
    scalar = Scalar(text, False, Mark(document, 1, 1), Mark(document, 1, 1), True)
    problems = Problems()
    scope = Scope({k: Typed(Const(v), type_of_value(v)) for k, v in CONSTANTS.items()})
    return compile_expression(scalar, scope, problems), problems


def value(text: str) -> Any:
    typed, problems = compiled(text)
    problems.stop_if_any()
    return evaluate(typed.expr, [0] * 9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * n", 7),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("+n - -n", 6),
        ("n == 3 and t == 'hello'", True),
        ("n and b", True),
        ("0 or n", True),
        ("not n", False),
        ("1 < n <= 3 != 4", True),
        ("10 if n > 5 else 20", 20),
        ("list[n - 1]", 3),
        ("[1, 2] == [1, 2]", True),
        ("(4, 5)[1]", 5),
        ("n in list", True),
        ("'b' in words and 'z' not in words", True),
        ("'ell' in t", True),
        ("2 in range(3)", True),
        ("min(3, 1, 2) + max(list)", 4),
        ("abs(-3) + len(t) + len(list) + len(range(4))", 15),
        ("sum(i * i for i in range(4))", 14),
        ("sum(i * j for i in range(3) for j in range(3) if i != j)", 4),
        ("any(i == n for i in list)", True),
        ("all(x != 'c' for x in words)", True),
        ("len(i for i in range(10) if i % 2)", 5),
        ("max(list[i] for i in range(3))", 3),
        ("true and not false and True", True),
        ("0x10 + 1_000", 1016),
    ],
)
def test_values(text: str, expected: object) -> None:
    assert value(text) == expected


def test_constant_expressions_are_computed() -> None:
    assert compiled("sum(i for i in range(n + 1))")[0].expr == Const(6)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "().__class__",
        "open('/etc/passwd')",
        "[].append(1)",
        "t.__len__",
        "f'{n}'",
        "(x := 3)",
        "lambda: 3",
        "[x for x in list]",
        "{1: 2}",
        "{1, 2}",
        "n if",
        "1 +",
        "n;n",
        "import os",
        "list[0:1]",
        "list[-1]",
        "list[7]",
        "n ** n",
        "n << 3",
        "n & 1",
        "~n",
        "n is 3",
        "1.0",
        "1j",
        "b'x'",
        "...",
        "None",
        "t * 3",
        "t + t",
        "list + list",
        "list * 1000",
        "min()",
        "abs(1, 2)",
        "len(3)",
        "range(3)[0] + t",
        "range(1, 2, 3, 4)",
        "sum(words)",
        "sum(t for i in list)",
        "any(i for i, j in list)",
        "any(*list)",
        "max(list, key=n)",
        "unknown",
        "n.field",
        "n[0]",
        "1 // 0",
        "n % (3 - n)",
        "9223372036854775808",
        "9223372036854775807 + 1",
        "1 if n else 'a'",
        "[1, 'a']",
        "t == 3",
        "t < 'a'",
        "not t",
        "",
        "   ",
        "1" * 3000,
        "(" * 500 + "1" + ")" * 500,
        "-" * 1500 + "1",
        "not " * 400 + "1",
        "[" * 70 + "]" * 70,
        "1 if 1 else " * 150 + "1",
        "min(" * 190 + "1" + ")" * 190,
        "\x00",
        "n # comment\n+ 1)",
    ],
)
def test_refused(text: str) -> None:
    typed, problems = compiled(text)
    assert problems.diagnostics, typed


@pytest.mark.parametrize(
    "text",
    [
        "sum(i for i in range(10000) for j in range(10000))",
        "sum(sum(sum(i * j * k for k in range(9999)) for j in range(9999)) for i in range(9999))",
        "any(any(any(i + j + k < 0 for i in range(999)) for j in range(999)) for k in range(999))",
        "sum(range(10 ** 9))",
        "len(range(1000000000000))",
        "999999999999 * 999999999999 * 999999999999",
    ],
)
def test_no_expression_takes_long(text: str) -> None:
    compiled(text)  # else pytest's timeout strikes


def test_an_error_points_at_its_place() -> None:
    text = 'processes:\n  p:\n    locals: {é: 1}\n    steps:\n      - assert: "me == 1 and lft > 2"\n'
    (_, diagnostic) = problems_of(text)
    assert (diagnostic.at.line, diagnostic.at.column, diagnostic.length) == (5, 30, 3)
    assert diagnostic.source_line[29:32] == "lft"


def test_all_unknown_names_of_an_expression_are_told() -> None:
    _, problems = compiled("one + two * n == three")
    assert [d.message for d in problems.diagnostics] == [
        f"unknown name `{n}`" for n in ("one", "two", "three")
    ]


@settings(deadline=None)
@given(st.text(alphabet="n tlist()[]+-*/%<>=!.,'\"0123456789andorifelse:{}#\\\n\té", max_size=60))
def test_any_text_is_an_expression_or_an_error(text: str) -> None:
    typed, problems = compiled(text)
    assert problems.diagnostics or typed.type.name
