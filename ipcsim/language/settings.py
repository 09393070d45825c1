"""`run:`, `verify:` and `expect:`: how to run and to verify, and which verdict to expect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ipcsim.errors import Location
from ipcsim.language.description import Argument, ParameterInfo, TestSettings
from ipcsim.language.document import ScenarioText
from ipcsim.language.leaves import OFF
from ipcsim.language.nodes import Problems
from ipcsim.language.parameters import read_with
from ipcsim.language.shape import DocumentShape, RunShape, TestShape, VerdictShape, VerifyShape
from ipcsim.verdict import Verdict

Overrides = dict[str, Any]
_OFF = ("starvation", "livelock")  # None says that it is not judged


def read_run(shape: RunShape | None) -> Overrides:
    """The settings that a `run:` gives, by the names of RunSettings."""
    given = {} if shape is None else shape.given
    return {key: None if value == OFF and key in _OFF else value for key, value in given.items()}


def read_verify(shape: VerifyShape | None) -> Overrides:
    """The settings that a `verify:` gives, by the names of VerifySettings."""
    return {} if shape is None else dict(shape.given)


def read_test(shape: DocumentShape) -> TestSettings | None:
    """What `test:` says; None where nothing or `false` stands there."""
    said = shape.test
    if not isinstance(said, TestShape):
        return TestSettings() if said else None
    seeds = said.seeds
    if isinstance(seeds, list):
        return TestSettings(tuple(dict.fromkeys(seeds)), said.verify)
    return TestSettings(1 if seeds is None else seeds, said.verify)


@dataclass(frozen=True, slots=True)
class Expected:
    """The verdicts to expect of a run and of a verification."""

    run: Verdict = Verdict.OK
    verify: Verdict = Verdict.OK


def read_expected(shape: VerdictShape | Verdict) -> Expected:
    return Expected(shape, shape) if isinstance(shape, Verdict) else Expected(**shape.given)


@dataclass(frozen=True, slots=True)
class VariantEntry:
    """One entry of a problem's `expect:`."""

    arguments: dict[str, Argument]
    expected: Expected
    settings: Overrides
    verifying: Overrides
    at: Location


def read_variants(
    text: ScenarioText, parameters: Mapping[str, ParameterInfo], problems: Problems
) -> list[VariantEntry]:
    """The entries of `expect:` where it is a list."""
    shapes = text.shape.expect
    found: list[VariantEntry] = []
    for shape in shapes if isinstance(shapes, list) else []:
        given = read_with(shape.with_, parameters, text, problems)
        run, verifying = read_run(shape.run), read_verify(shape.verify)
        at = shape.node.mark.location
        found.append(VariantEntry(given, read_expected(shape.verdict), run, verifying, at))
    return found


def matching(variants: list[VariantEntry], arguments: Mapping[str, Argument]) -> VariantEntry | None:
    """The most specific entry whose arguments are those in effect (of equals, the first)."""
    fitting = [v for v in variants if all(arguments.get(k) == value for k, value in v.arguments.items())]
    return max(fitting, key=lambda v: len(v.arguments), default=None)
