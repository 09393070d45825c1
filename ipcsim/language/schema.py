"""The JSON Schema of scenario files, of the same shapes that texts are read by."""

from __future__ import annotations

from ipcsim.language.shape import DocumentShape
from ipcsim.language.spec import Json
from ipcsim.language.steps import STEP_KINDS


def json_schema() -> Json:
    """See `ipcsim.language.json_schema`."""
    definitions: Json = {
        "Steps": {
            "type": "array",
            "description": "what a process does, one step after the other",
            "items": {"$ref": "#/$defs/Step"},
        },
        "Step": {
            "description": "one step: the key says which",
            "type": "object",
            "oneOf": [{"$ref": f"#/$defs/step-{name}"} for name in STEP_KINDS],
        },
    }
    document = DocumentShape.schema(definitions)
    definitions |= {f"step-{name}": kind.schema(definitions) for name, kind in STEP_KINDS.items()}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ipcsim scenario",
        "description": "A scenario (one experiment) or a problem (a scenario with parameters) of ipcsim.",
    }
    return head | document | {"$defs": definitions}
