"""The language of scenarios: YAML text → Program, every error with its place in the text.

Nothing in a text is ever executed, and no path in it is opened. YAML is imported only when a
text is read.

From the text inwards: `yaml_reader` makes nodes with positions (`nodes`). One language of schemas, `spec`
with the leaves in `leaves`, says which keys there are and what stands in them: `shape` for a document
(`document` reads one), `step_table` for steps, of which each is one entry in `steps_*`. `loader` puts a
Program together from `parameters`, `objects`, `families`, `properties` and `settings`. A family's steps
go through `compiler` and `steps_*` into `code`; expressions through `expression_text`, `expressions`
(names: `scope`, `process_scope`, `family_names`; types: `types`) and `loads`, which makes an
instruction of each read of shared memory. `phases` and `checks` look at the finished code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ipcsim.language.description import Description, ParameterInfo, Variant
from ipcsim.program import Program, Source

Text = Source  # a text and the name that it is shown by


def load_program(
    source: Source,
    arguments: Mapping[str, int | str | bool] | None = None,
    resolve: Callable[[str], Source] | None = None,
) -> Program:
    """The Program of a scenario or a problem.

    `resolve` finds the text of the problem that a scenario names; `arguments` (of `--set`) override
    its `with:`. Raises `ScenarioError` with every diagnostic found, `UsageError` for wrong arguments.
    """
    from ipcsim.language.loader import load_program as load

    return load(source, arguments, resolve)


def describe(source: Source, resolve: Callable[[str], Source] | None = None) -> Description:
    """What a text says of itself, cheaply: no process is compiled. Raises `ScenarioError`."""
    from ipcsim.language.describing import describe as read

    return read(source, resolve)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of scenario files, from which editors complete."""
    from ipcsim.language.schema import json_schema as make

    return make()


__all__ = [
    "Description",
    "ParameterInfo",
    "Program",
    "Source",
    "Text",
    "Variant",
    "describe",
    "json_schema",
    "load_program",
]
