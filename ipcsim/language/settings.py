"""`run:` and `expect:`: how to run, and which verdict to expect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ipcsim.language.description import Argument, ParameterInfo
from ipcsim.language.document import ScenarioText
from ipcsim.language.leaves import seconds
from ipcsim.language.nodes import Problems, Scalar
from ipcsim.language.parameters import read_with
from ipcsim.language.shape import RunShape, VariantShape, VerdictShape
from ipcsim.language.yaml_reader import as_int
from ipcsim.program.program import Scheduler
from ipcsim.verdict import Verdict

Overrides = dict[str, Any]


def read_run(shape: RunShape | None) -> Overrides:
    """The settings that a `run:` gives, by the names of RunSettings."""
    found: Overrides = {}
    if shape is None:
        return found
    for key in ("seed", "depth", "starvation", "livelock"):
        scalar: Scalar | None = getattr(shape, key)
        if scalar is not None:
            found[key] = as_int(scalar)  # None for `off`
    for key in ("timeout", "duration"):
        scalar = getattr(shape, key)
        if scalar is not None:
            found[key] = seconds(scalar.text)
    if shape.scheduler is not None:
        found["scheduler"] = Scheduler(shape.scheduler.text)
    return found


@dataclass(frozen=True, slots=True)
class Expected:
    """The verdicts to expect of a run and of a verification."""

    run: Verdict = Verdict.OK
    verify: Verdict = Verdict.OK


def read_expected(shape: VerdictShape | Scalar) -> Expected:
    if isinstance(shape, Scalar):
        return Expected(Verdict(shape.text), Verdict(shape.text))
    return Expected(
        Verdict.OK if shape.run is None else Verdict(shape.run.text),
        Verdict.OK if shape.verify is None else Verdict(shape.verify.text),
    )


@dataclass(frozen=True, slots=True)
class VariantEntry:
    """One entry of a problem's `expect:`."""

    arguments: dict[str, Argument]
    expected: Expected
    settings: Overrides
    place: int


def read_variants(
    text: ScenarioText, parameters: Mapping[str, ParameterInfo], problems: Problems
) -> list[VariantEntry]:
    """The entries of `expect:` where it is a list."""
    shapes = text.shape.expect
    found: list[VariantEntry] = []
    for place, shape in enumerate(shapes if isinstance(shapes, list) else []):
        assert isinstance(shape, VariantShape)
        path = ("expect", place, "with")
        given = read_with(shape.with_ or {}, parameters, text, path, text, problems)
        found.append(VariantEntry(given, read_expected(shape.verdict), read_run(shape.run), place))
    return found


def matching(variants: list[VariantEntry], arguments: Mapping[str, Argument]) -> VariantEntry | None:
    """The most specific entry whose arguments are those in effect (of equals, the first)."""
    fitting = [v for v in variants if all(arguments.get(k) == value for k, value in v.arguments.items())]
    return max(fitting, key=lambda v: len(v.arguments), default=None)
