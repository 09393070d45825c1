"""What can stand at the leaves of a document: one pydantic annotation a kind of scalar."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Discriminator, Tag
from pydantic_core import PydanticCustomError, core_schema

from ipcsim.language.nodes import Map, Scalar, Seq, kind_of
from ipcsim.language.yaml_reader import as_bool, as_int
from ipcsim.program.program import LONGEST_RUN, Discipline, Fairness, Scheduler
from ipcsim.verdict import Verdict

DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(ns|us|ms|s|min)")
SIZE = re.compile(r"(\d{1,9})\s*(kB|MB|GB)")
SIZES = {"kB": 10**3, "MB": 10**6, "GB": 10**9}
UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0}
MODE = re.compile(r"0?o?[0-7]{3,4}")

Json = dict[str, Any]


def seconds(text: str) -> float | None:
    """`10ms` → 0.01; None where the text is no duration."""
    match = DURATION.fullmatch(text.strip())
    return None if match is None else float(match[1]) * UNITS[match[2]]


def size(text: str) -> int | None:
    """`10MB` → 10,000,000 bytes; None where the text is no size."""
    match = SIZE.fullmatch(text.strip())
    return None if match is None else int(match[1]) * SIZES[match[2]]


@dataclass(frozen=True, eq=False)
class Leaf:
    """Accepts the nodes that `fits` accepts, as they are; `what` completes "expected …"."""

    what: str
    fits: Callable[[Any], bool]
    json: Json

    def check(self, value: Any) -> Any:
        if self.fits(value):
            return value
        context = {"what": self.what, "kind": kind_of(value)}
        raise PydanticCustomError("shape", "expected {what}, not {kind}", context)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Json:
        return dict(self.json)


def _scalar(what: str, json: Json, fits: Callable[[Scalar], bool] = lambda s: True) -> Leaf:
    return Leaf(what, lambda v: isinstance(v, Scalar) and not v.is_null and fits(v), json)


def _is_off_or_positive(scalar: Scalar) -> bool:
    return scalar.text == "off" or (as_int(scalar) or 0) > 0


def _is_natural(scalar: Scalar) -> bool:
    return 0 <= (-1 if (number := as_int(scalar)) is None else number) < 2**63


def _is_value(node: Any) -> bool:
    if isinstance(node, Seq):
        return all(map(_is_value, node))
    return isinstance(node, Scalar) and not node.is_null


EXPRESSION_JSON: Json = {"type": ["string", "integer", "boolean"]}
VALUE_JSON: Json = {"anyOf": [EXPRESSION_JSON, {"type": "array", "items": EXPRESSION_JSON}]}
DURATION_JSON: Json = {
    "type": "string",
    "pattern": r"^\d+(\.\d+)?\s*(ns|us|ms|s|min)$",
    "examples": ["10ms", "2s"],
}
MODE_JSON: Json = {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^0?o?[0-7]{3,4}$"}]}
TYPE_JSON: Json = {
    "type": "string",
    "pattern": r"^(int|long|short|char|uint)(\s*\[.+\])?$",
    "examples": ["int", "long", "int[8]", "char[30]"],
}
MOST_SEEDS = 10_000  # of a test: each is one
VERDICTS = [str(v) for v in Verdict]
SCHEDULERS = [str(s) for s in Scheduler if s is not Scheduler.REPLAY]
PARAMETER_TYPES = ["int", "choice", "bool", "text"]


def _one_of(what: str, words: list[str]) -> Leaf:
    return _scalar(f"{what}: {', '.join(words)}", {"enum": words}, lambda s: s.text in words)


Text = Annotated[Scalar, _scalar("a text", {"type": ["string", "integer"]})]
Word = Annotated[Scalar, _scalar("a word", EXPRESSION_JSON, lambda s: bool(s.text) and "\n" not in s.text)]
Int = Annotated[Scalar, _scalar("a whole number", {"type": "integer"}, lambda s: as_int(s) is not None)]
Natural = Annotated[
    Scalar, _scalar("a whole number, 0 or more", {"type": "integer", "minimum": 0}, _is_natural)
]
Positive = Annotated[
    Scalar,
    _scalar(
        f"a whole number from 1 to {MOST_SEEDS:,}",
        {"type": "integer", "minimum": 1},
        lambda s: 1 <= (as_int(s) or 0) <= MOST_SEEDS,
    ),
]
Bool = Annotated[Scalar, _scalar("`true` or `false`", {"type": "boolean"}, lambda s: as_bool(s) is not None)]
Expression = Annotated[Scalar, _scalar("an expression such as `seats - 1`", EXPRESSION_JSON)]
Duration = Annotated[
    Scalar,
    _scalar("a duration such as `10ms`, `2s`, `1min`", DURATION_JSON, lambda s: seconds(s.text) is not None),
]
SIZE_JSON: Json = {"type": "string", "pattern": r"^\d+\s*(kB|MB|GB)$", "examples": ["100MB", "2GB"]}
Size = Annotated[
    Scalar, _scalar("a size such as `100MB`, `2GB`", SIZE_JSON, lambda s: size(s.text) is not None)
]
RunTime = Annotated[
    Scalar,
    _scalar(
        "a duration such as `2s`, `1min`, of at most a week",
        DURATION_JSON,
        lambda s: (value := seconds(s.text)) is not None and value <= LONGEST_RUN,
    ),
]
Mode = Annotated[
    Scalar,
    _scalar("permissions in octal such as `0600`", MODE_JSON, lambda s: bool(MODE.fullmatch(s.text))),
]
OffOrPositive = Annotated[
    Scalar,
    _scalar(
        "a whole number greater than 0, or `off`",
        {"anyOf": [{"type": "integer", "minimum": 1}, {"const": "off"}]},
        _is_off_or_positive,
    ),
]
VerdictWord = Annotated[Scalar, _one_of("a verdict", VERDICTS)]
ParameterType = Annotated[Scalar, _one_of("a type", PARAMETER_TYPES)]
SchedulerWord = Annotated[Scalar, _one_of("a scheduler", SCHEDULERS)]
DisciplineWord = Annotated[Scalar, _one_of("an order of waking", [str(d) for d in Discipline])]
FairnessWord = Annotated[Scalar, _one_of("a fairness", [str(f) for f in Fairness])]
FieldType = Annotated[Scalar, _scalar("a type such as `int`, `long`, `int[8]` or `char[30]`", TYPE_JSON)]
KeyWord = Annotated[
    Scalar,
    _scalar(
        "`private`, a number, or {path: …, id: …}",
        {"anyOf": [{"const": "private"}, {"type": "integer"}]},
        lambda s: s.text == "private" or as_int(s) is not None,
    ),
]
Value = Annotated[Scalar | Seq, Leaf("a value or a list of values", _is_value, VALUE_JSON)]
Steps = Annotated[
    Seq,
    Leaf(
        "a list of steps (each on a line of its own that starts with `- `)",
        lambda v: isinstance(v, Seq),
        {"x-steps": True},
    ),
]


def by_kind(value: Any) -> str:
    """Which alternative of a union a node can only mean; such tags never show in messages."""
    return "<mapping>" if isinstance(value, Map) else "<list>" if isinstance(value, Seq) else "<word>"


def by_mapping(value: Any) -> str:
    return "<mapping>" if isinstance(value, Map) else "<word>"


BY_KIND, BY_MAPPING = Discriminator(by_kind), Discriminator(by_mapping)
MAPPING, LIST, WORD = Tag("<mapping>"), Tag("<list>"), Tag("<word>")


@dataclass(frozen=True, eq=False)
class Shorthand:
    """What `expand` makes of a node may also be written as `json` says."""

    expand: Callable[[Any], Any]
    json: Json

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self.expand, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Json:
        return {"anyOf": [dict(self.json), handler(schema)]}


def shorthand(key: str, json: Json, *kinds: type) -> Shorthand:
    """A value of one of `kinds` alone stands for `{key: value}`."""
    return Shorthand(lambda value: {key: value} if isinstance(value, kinds) else value, json)
