"""The JSON Schema accepts what the loader accepts, and knows every step and option."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ipcsim.language import json_schema
from ipcsim.language.nodes import Map, Node, Problems, Seq
from ipcsim.language.steps import STEP_KINDS
from ipcsim.language.yaml_reader import as_bool, as_int, read_yaml
from ipcsim.program import Source

ROOT = Path(__file__).parents[2]
FILES = [
    *ROOT.glob("problems/*.yaml"),
    *ROOT.glob("scenarios/*.yaml"),
    *Path(__file__).parent.glob("good/*.yaml"),
]
SCHEMA = json_schema()
KEYWORDS = {
    "$schema", "$defs", "$ref", "title", "description", "type", "properties", "required", "items", "enum",
    "const", "additionalProperties", "anyOf", "oneOf", "pattern", "minimum", "examples",
}  # fmt: skip


def plain(node: Node) -> Any:
    if isinstance(node, Map):
        return {k: plain(v) for k, v in node.items()}
    if isinstance(node, Seq):
        return [plain(n) for n in node]
    if node.is_null:
        return None
    truth, number = as_bool(node), as_int(node)
    return truth if truth is not None else node.text if number is None else number


def read(text: str) -> Any:
    problems = Problems()
    root = read_yaml(Source("t", text), problems)
    problems.stop_if_any()
    assert root is not None
    return plain(root)


TYPES: dict[str, Any] = {"object": dict, "array": list, "string": str, "null": type(None), "boolean": bool}


def is_type(value: Any, name: str) -> bool:
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def fits(value: Any, schema: Any) -> bool:
    """Whether `value` is valid; the part of JSON Schema that ours uses."""
    if "$ref" in schema and not fits(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")]):
        return False
    names = schema.get("type", [])
    checks = [
        not names or any(is_type(value, n) for n in ([names] if isinstance(names, str) else names)),
        "enum" not in schema or value in schema["enum"],
        "const" not in schema or value == schema["const"],
        "anyOf" not in schema or any(fits(value, s) for s in schema["anyOf"]),
        "oneOf" not in schema or sum(fits(value, s) for s in schema["oneOf"]) == 1,
        not (isinstance(value, str) and "pattern" in schema) or bool(re.search(schema["pattern"], value)),
        not (isinstance(value, int) and "minimum" in schema) or value >= schema["minimum"],
        not (isinstance(value, list) and "items" in schema) or all(fits(v, schema["items"]) for v in value),
        not isinstance(value, dict) or fits_object(value, schema),
    ]
    return all(checks)


def fits_object(value: dict[str, Any], schema: Any) -> bool:
    known = schema.get("properties", {})
    more = schema.get("additionalProperties", True)
    return all(k in value for k in schema.get("required", [])) and all(
        fits(v, known[k]) if k in known else more is not False and (more is True or fits(v, more))
        for k, v in value.items()
    )


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_what_ships_is_valid(path: Path) -> None:
    assert fits(read(path.read_text()), SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        "titel: x",
        "processes: {p: {cuont: 3, steps: []}}",
        "processes: {p: {count: 3}}",
        "processes: {p: {steps: [p: mutex]}}",
        "processes: {p: {steps: [{P: mutex, nowiat: true}]}}",
        "processes: {p: {steps: [{P: mutex, V: mutex}]}}",
        "processes: {p: {steps: [{P: mutex, on_error: {EAGIAN: []}}]}}",
        "processes: {p: {steps: [{P: mutex, timeout: 10}]}}",
        "processes: {p: {steps: [repeat: 3]}}",
        "processes: {p: {steps: {P: mutex}}}",
        "processes: {p: {steps: [{forever: [{p: mutex}]}]}}",
        "processes: {p: {steps: [crash: SIGWHAT]}}",
        "processes: {p: {steps: [crash: SIGSTOP]}}",
        "processes: {p: {steps: [signal: {to: p, name: SIGWHAT}]}}",
        "processes: {p: {steps: [signal: {to: p}]}}",
        "processes: {p: {steps: [signal: {to: p, name: null}]}}",
        "processes: {p: {steps: [spawn: {p: 1}]}}",
        "processes: {p: {steps: [change: {bytes: 3}]}}",
        "processes: {p: {steps: [detach: {object: s, adress: 3}]}}",
        "processes: {p: {spawned: perhaps, steps: []}}",
        "processes: {p: {as: {gid: 3}, steps: []}}",
        "processes: {p: {as: 3, steps: []}}",
        "segments: {s: {a: float}}",
        "semaphores: {s: {a: {cuont: 3}}}",
        "run: {scheduler: fre}",
        "run: {timeout: 3}",
        "expect: dedlock",
        "expect: [{with: {a: 1}}]",
        "parameters: {n: {type: int}}",
    ],
)
def test_what_is_wrong_is_invalid(text: str) -> None:
    assert not fits(read(text), SCHEMA)


def parts(schema: Any) -> list[Any]:
    found = [schema]
    for key in ("properties", "$defs"):
        found += [p for s in schema.get(key, {}).values() for p in parts(s)]
    for key in ("anyOf", "oneOf"):
        found += [p for s in schema.get(key, []) for p in parts(s)]
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            found += parts(schema[key])
    return found


def test_it_is_a_schema() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    json.dumps(SCHEMA)
    for part in parts(SCHEMA):
        assert set(part) <= KEYWORDS
        if "$ref" in part:
            assert part["$ref"].removeprefix("#/$defs/") in SCHEMA["$defs"]


def test_every_key_and_step_is_described() -> None:
    for part in parts(SCHEMA):
        for name, inner in part.get("properties", {}).items():
            assert inner.get("description"), name
    for kind in STEP_KINDS.values():
        step = SCHEMA["$defs"][f"step-{kind.name}"]
        assert {kind.name, *kind.options.keys} == set(step["properties"])
