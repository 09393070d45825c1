"""What can stand at the leaves of a text: one Spec for each kind of scalar, with its words and JSON Schema.

A leaf whose value is known at once gives that (`FLAG` a bool, `DURATION` seconds); one that is looked at
again, because it is a name or an expression, gives the Scalar with its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TypeVar

from ipcsim.language.nodes import Node, Scalar, Seq
from ipcsim.language.spec import Json, Key, Leaf, Listed, Spec, Steps
from ipcsim.language.yaml_reader import as_bool, as_int
from ipcsim.program.program import LONGEST_RUN, Discipline, Fairness, Scheduler
from ipcsim.verdict import Verdict

_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(ns|us|ms|s|min)")
_SIZE = re.compile(r"(\d{1,9})\s*(kB|MB|GB)")
_MODE = re.compile(r"0?o?[0-7]{3,4}")
_PAUSE = re.compile(r"\s*(\S+?)\s*(?:\.\.\s*(\S+)\s*)?")
_SIZES = {"kB": 10**3, "MB": 10**6, "GB": 10**9}
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}
MOST_SEEDS = 10_000  # of a test: each is one
OFF = 0  # what `off` is read as where else a number greater than 0 stands
PARAMETER_TYPES = ("int", "choice", "bool", "text")
E = TypeVar("E", bound=StrEnum)


def seconds(text: str) -> float | None:
    """`10ms` → 0.01; None where the text is no duration."""
    match = _DURATION.fullmatch(text.strip())
    return None if match is None else float(match[1]) * _UNITS[match[2]]


def pause_bounds(text: str) -> tuple[float, float] | None:
    """`10ms` → (0.01, 0.01), `0ms..2ms` → (0, 0.002); None where it is neither."""
    match = _PAUSE.fullmatch(text)
    if match is None:
        return None
    least, most = seconds(match[1]), seconds(match[2] or match[1])
    return None if least is None or most is None or most < least else (least, most)


def size(text: str) -> int | None:
    """`10MB` → 10,000,000 bytes; None where the text is no size."""
    match = _SIZE.fullmatch(text.strip())
    return None if match is None else int(match[1]) * _SIZES[match[2]]


def _run_time(scalar: Scalar) -> float | None:
    value = seconds(scalar.text)
    return value if value is not None and value <= LONGEST_RUN else None


def _mode(scalar: Scalar) -> int | None:
    return int(scalar.text.lower().removeprefix("0o"), 8) if _MODE.fullmatch(scalar.text) else None


def _within(low: int, high: int) -> Callable[[Scalar], int | None]:
    def convert(scalar: Scalar) -> int | None:
        number = as_int(scalar)
        return number if number is not None and low <= number <= high else None

    return convert


def _off_or_positive(scalar: Scalar) -> int | None:
    return OFF if scalar.text == "off" else _within(1, 10**40)(scalar)


def _is_value(node: Node) -> bool:
    if isinstance(node, Seq):
        return all(map(_is_value, node))
    return isinstance(node, Scalar) and not node.is_null


def _some(scalar: Scalar) -> bool:
    return bool(scalar.text.strip())


def scalar(
    what: str, json: Json, fits: Callable[[Scalar], bool] = _some, *, null: bool = False
) -> Spec[Scalar]:
    """A scalar that fits, as it is."""
    return Leaf(what, json, lambda s: s if fits(s) else None, null=null)


def word(what: str, words: Iterable[str], *, null: bool = False) -> Spec[Scalar]:
    """One of these words; or nothing, where `null` says so."""
    known = [*words]
    json: Json = {"enum": [*known, None] if null else known}
    return scalar(f"{what}: {', '.join(known)}", json, lambda s: s.text in known or s.is_null, null=null)


def member(what: str, members: Iterable[E]) -> Spec[E]:
    """One of these members of an enumeration, by its name."""
    by_name = {str(m): m for m in members}
    return Leaf(f"{what}: {', '.join(by_name)}", {"enum": [*by_name]}, lambda s: by_name.get(s.text))


EXPRESSION_JSON: Json = {"type": ["string", "integer", "boolean"]}
_DURATION_JSON: Json = {
    "type": "string", "pattern": r"^\d+(\.\d+)?\s*(ns|us|ms|s|min)$", "examples": ["10ms", "2s"],
}  # fmt: skip
_MODE_JSON: Json = {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^0?o?[0-7]{3,4}$"}]}
_SIZE_JSON: Json = {"type": "string", "pattern": r"^\d+\s*(kB|MB|GB)$", "examples": ["100MB", "2GB"]}
_TYPE_JSON: Json = {
    "type": "string",
    "pattern": r"^(int|long|short|char|uint)(\s*\[.+\])?$",
    "examples": ["int", "long", "int[8]", "char[30]"],
}
_PAUSE_JSON: Json = {"type": "string", "examples": ["10ms", "0ms..2ms"]}
_POSITIVE_JSON: Json = {"type": "integer", "minimum": 1}

TEXT: Spec[str] = Leaf("a text", {"type": ["string", "integer"]}, lambda s: s.text.strip())
WORD = scalar("a word", EXPRESSION_JSON, lambda s: bool(s.text) and "\n" not in s.text)
NAME = scalar("a name", {"type": "string"})
INT: Spec[int] = Leaf("a whole number", {"type": "integer"}, as_int)
NATURAL: Spec[int] = Leaf(
    "a whole number, 0 or more", {"type": "integer", "minimum": 0}, _within(0, 2**63 - 1)
)
SEEDS: Spec[int] = Leaf(f"a whole number from 1 to {MOST_SEEDS:,}", _POSITIVE_JSON, _within(1, MOST_SEEDS))
OFF_OR_POSITIVE: Spec[int] = Leaf(
    "a whole number greater than 0, or `off`", {"anyOf": [_POSITIVE_JSON, {"const": "off"}]}, _off_or_positive
)
FLAG: Spec[bool] = Leaf("`true` or `false`", {"type": "boolean"}, as_bool)
SIZE: Spec[int] = Leaf("a size such as `100MB`, `2GB`", _SIZE_JSON, lambda s: size(s.text))
MODE: Spec[int] = Leaf("permissions in octal such as `0600`", _MODE_JSON, _mode)
FIELD_TYPE = scalar("a type such as `int`, `long`, `int[8]` or `char[30]`", _TYPE_JSON, lambda s: True)
PARAMETER_TYPE = word("a type", PARAMETER_TYPES)
OBJECT_KEY = scalar(
    "`private`, a number, or {path: …, id: …}",
    {"anyOf": [{"const": "private"}, {"type": "integer"}]},
    lambda s: s.text == "private" or as_int(s) is not None,
)
VERDICT = member("a verdict", Verdict)
SCHEDULER = member("a scheduler", [s for s in Scheduler if s is not Scheduler.REPLAY])
DISCIPLINE = member("an order of waking", Discipline)
FAIRNESS = member("a fairness", Fairness)

DURATION: Spec[float] = Leaf("a duration such as `10ms`", _DURATION_JSON, lambda s: seconds(s.text))
RUN_TIME: Spec[float] = Leaf("a duration such as `2s`, `1min`, of at most a week", _DURATION_JSON, _run_time)
PAUSE: Spec[tuple[float, float]] = Leaf(
    "a duration such as `10ms` or `0ms..2ms`", _PAUSE_JSON, lambda s: pause_bounds(s.text)
)

# in a document, where a value is known when the text is loaded
CONSTANT = scalar("an expression such as `seats - 1`", EXPRESSION_JSON, lambda s: True)
CONSTANTS: Spec[Scalar | Seq[Node]] = Leaf(
    "a value or a list of values",
    {"anyOf": [EXPRESSION_JSON, {"type": "array", "items": EXPRESSION_JSON}]},
    lambda node: node if _is_value(node) else None,
    takes=(Scalar, Seq),
)
# in a step
EXPRESSION = scalar("an expression", EXPRESSION_JSON)
VALUE = scalar("an expression or a list of them", EXPRESSION_JSON) | Listed(EXPRESSION)
STEPS = Steps()


def flag(doc: str, name: str = "") -> Key[bool]:
    """A key that may be given: true or false, which it is unless told."""
    return Key(FLAG, doc, name, default=False)
