"""Parameters: their declarations, and the arguments given by `with:` and `--set`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ipcsim.errors import UsageError
from ipcsim.language.description import Argument, ParameterInfo
from ipcsim.language.document import ScenarioText
from ipcsim.language.nodes import Map, Problems, Scalar, suggest
from ipcsim.language.objects import check_name
from ipcsim.language.shape import Parameter
from ipcsim.language.types import Typed, type_of_value
from ipcsim.language.yaml_reader import as_bool, as_int
from ipcsim.program.expressions import Const


def from_scalar(info: ParameterInfo, scalar: Scalar) -> Argument | None:
    """The value that a scalar of the text stands for; None where it does not fit."""
    value: Argument | None = scalar.text
    if info.type == "int":
        value = as_int(scalar)
    elif info.type == "bool":
        value = as_bool(scalar)
    return value if value is not None and info.accepts(value) else None


def read_parameters(text: ScenarioText, problems: Problems) -> dict[str, ParameterInfo]:
    """The parameters that the text declares. One with an error is left out (and in `text.cut`)."""
    found: dict[str, ParameterInfo] = {}
    for name, shape in (text.shape.parameters or {}).items():
        mark = text.mark("parameters", name)
        if not check_name(name, mark, problems):
            continue
        info = _read(name, shape, text, problems)
        if info is not None:
            found[name] = info
        else:
            text.cut.add(("parameters", name))
    return found


def _read(name: str, shape: Parameter, text: ScenarioText, problems: Problems) -> ParameterInfo | None:
    type_ = shape.type.text
    mark = text.mark("parameters", name)
    choices = tuple(c.text for c in shape.choices or [])
    if type_ == "choice" and not choices:
        if not text.was_cut("parameters", name):
            problems.add(mark, f"`{name}` is a choice: it needs `choices: […]`")
        return None
    for key in ("choices", "min", "max"):
        fits = type_ == ("choice" if key == "choices" else "int")
        if key in shape.given and not fits:
            problems.add(shape.node.key_mark(key), f"`{key}` is not for a parameter of type {type_}")
    info = ParameterInfo(name, type_, 0, choices, shape.min, shape.max, shape.description or "")
    default = from_scalar(info, shape.default)
    if default is None:
        _refuse(info, shape.default, problems, "the default of ")
        return None
    return replace(info, default=default)


def _refuse(info: ParameterInfo, scalar: Scalar, problems: Problems, what: str = "") -> None:
    hint = suggest(scalar.text, info.choices) if info.type == "choice" else ""
    problems.add(scalar.mark, f"{what}`{info.name}` must be {info.range}, not `{scalar.text[:40]}`", hint)


def read_with(
    given: Map[Scalar] | None,
    parameters: Mapping[str, ParameterInfo],
    definition: ScenarioText,
    problems: Problems,
) -> dict[str, Argument]:
    """The arguments of a `with:`, for the parameters of `definition`."""
    found: dict[str, Argument] = {}
    if given is None:
        return found
    for name, scalar in given.items():
        info = parameters.get(name)
        if info is None:
            if not definition.was_cut("parameters", name):
                hint = suggest(name, parameters) or "it has no parameters"
                problems.add(given.key_mark(name), f"unknown parameter `{name[:40]}`", hint)
            continue
        value = from_scalar(info, scalar)
        if value is None:
            _refuse(info, scalar, problems)
        else:
            found[name] = value
    return found


def read_arguments(
    given: Mapping[str, Argument], parameters: Mapping[str, ParameterInfo]
) -> dict[str, Argument]:
    """The arguments of `--set`; `UsageError` for what is no parameter or does not fit."""
    found: dict[str, Argument] = {}
    for name, value in given.items():
        info = parameters.get(name)
        if info is None:
            hint = suggest(name, parameters, many=20) or "it has no parameters"
            raise UsageError(f"unknown parameter `{name[:40]}`: {hint}")
        converted = info.from_user(value)
        if converted is None:
            raise UsageError(f"`{name}` must be {info.range} (type {info.type}), not `{str(value)[:40]}`")
        found[name] = converted
    return found


def as_constants(
    arguments: Mapping[str, Argument], parameters: Mapping[str, ParameterInfo]
) -> dict[str, Typed]:
    return {n: Typed(Const(v), type_of_value(v), parameters[n].choices) for n, v in arguments.items()}
