"""A Program (or any of the plain data around it) as JSON and back, with no code inside.

Each dataclass becomes `{"_": "ClassName", field: value…}`; only the classes listed here are ever
built, so a trace from a stranger can be opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from ipcsim import errors, verdict
from ipcsim.errors import TraceError
from ipcsim.program import expressions, instructions, objects, program


def _classes(modules: Iterable[Any]) -> dict[str, type[Any]]:
    found: dict[str, type[Any]] = {}
    for module in modules:
        for name, value in vars(module).items():
            if isinstance(value, type) and (is_dataclass(value) or issubclass(value, Enum)):
                found[name] = value
    return found


KNOWN = _classes((errors, verdict, expressions, instructions, objects, program))


def encode(value: Any) -> Any:
    """`value` as JSON-ready data."""
    if isinstance(value, Enum):
        return {"_": type(value).__name__, "value": value.value}
    if is_dataclass(value) and not isinstance(value, type):
        return {"_": type(value).__name__} | {f.name: encode(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, (tuple, list)):
        return [encode(v) for v in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise TypeError(f"not plain data: {value!r}")


def decode(data: Any) -> Any:
    """What `encode` was given; `TraceError` where the data does not describe it."""
    if isinstance(data, list):
        return tuple(decode(v) for v in data)
    if not isinstance(data, dict):
        return data
    name = data.get("_")
    make: Callable[..., Any] | None = KNOWN.get(name) if isinstance(name, str) else None
    if make is None:
        raise TraceError(f"unknown sort of data: {name!r}")
    try:
        return make(**{k: decode(v) for k, v in data.items() if k != "_"})
    except (TypeError, ValueError) as error:
        raise TraceError(f"not a valid {name}: {error}") from None


def decode_program(data: Any) -> program.Program:
    decoded = decode(data)
    if not isinstance(decoded, program.Program):
        raise TraceError("the data does not describe a Program")
    return decoded
