"""The JSON Schema of scenario files: the models' own, with the steps from the table."""

from __future__ import annotations

from typing import Any

from ipcsim.language.shape import DocumentShape
from ipcsim.language.step_table import STEP_KINDS, STEPS, Json, StepKind


def json_schema() -> dict[str, Any]:
    """See `ipcsim.language.json_schema`."""
    schema = DocumentShape.model_json_schema(by_alias=True)
    definitions = schema.pop("$defs", {})
    definitions["Steps"] = {
        "type": "array",
        "description": "what a process does, one step after the other",
        "items": {"$ref": "#/$defs/Step"},
    }
    definitions["Step"] = {
        "description": "one step: the key says which",
        "type": "object",
        "oneOf": [{"$ref": f"#/$defs/{_title(kind)}"} for kind in STEP_KINDS.values()],
    }
    definitions |= {_title(kind): _step(kind) for kind in STEP_KINDS.values()}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ipcsim scenario",
        "description": "A scenario (one experiment) or a problem (a scenario with parameters) of ipcsim.",
    }
    cleaned: dict[str, Any] = _clean(head | {k: v for k, v in schema.items() if k not in head})
    return cleaned | {"$defs": _clean(definitions)}


def _title(kind: StepKind) -> str:
    return f"step-{kind.name}"


def _step(kind: StepKind) -> Json:
    value = kind.value.schema()
    properties = {kind.name: value | {"description": kind.doc}}
    for name, option in kind.options.items():
        properties[name] = option.spec.schema() | {"description": option.doc}
    required = [kind.name, *(n for n, o in kind.options.items() if o.required)]
    return {
        "type": "object",
        "description": kind.doc,
        "properties": properties,
        "required": required,
        "additionalProperties": STEPS.schema() if kind.cases else False,
    }


def _clean(part: Any) -> Any:
    """Without pydantic's titles and `null` defaults, which only add noise to completions."""
    if isinstance(part, list):
        return [_clean(p) for p in part]
    if not isinstance(part, dict):
        return part
    if part.pop("x-steps", False):  # pydantic would look for the definition among its own
        part = STEPS.schema() | part
    cleaned = {
        k: _clean(v)
        for k, v in part.items()
        if not (k == "default" and v is None)
        and not (k == "title" and isinstance(v, str) and "type" not in k)
    }
    return _without_null(cleaned) if "default" in part else cleaned


def _without_null(part: Json) -> Json:
    """`X | None` says only that a key may be left out: the alternative null goes."""
    forms = part.get("anyOf")
    if not isinstance(forms, list) or {"type": "null"} not in forms:
        return part
    kept = [f for f in forms if f != {"type": "null"}]
    rest = {k: v for k, v in part.items() if k != "anyOf"}
    return rest | {"anyOf": kept} if len(kept) > 1 else {**kept[0], **rest}
