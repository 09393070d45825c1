"""`run:`, `verify:` and `expect:`: how to run and to verify, and which verdict to expect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ipcsim.language.description import Argument, ParameterInfo, TestSettings
from ipcsim.language.document import ScenarioText
from ipcsim.language.leaves import seconds, size
from ipcsim.language.nodes import Problems, Scalar
from ipcsim.language.parameters import read_with
from ipcsim.language.shape import DocumentShape, RunShape, VariantShape, VerdictShape, VerifyShape
from ipcsim.language.yaml_reader import as_bool, as_int
from ipcsim.program.program import Discipline, Fairness, Scheduler
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
    if shape.trace_limit is not None:
        found["trace_limit"] = size(shape.trace_limit.text)
    if shape.scheduler is not None:
        found["scheduler"] = Scheduler(shape.scheduler.text)
    return found


def read_verify(shape: VerifyShape | None) -> Overrides:
    """The settings that a `verify:` gives, by the names of VerifySettings."""
    found: Overrides = {}
    if shape is None:
        return found
    if shape.semaphores is not None:
        found["semaphores"] = Discipline(shape.semaphores.text)
    if shape.fairness is not None:
        found["fairness"] = Fairness(shape.fairness.text)
    if shape.crashes is not None:
        found["crashes"] = as_int(shape.crashes)
    return found


def read_test(shape: DocumentShape) -> TestSettings | None:
    """What `test:` says; None where nothing or `false` stands there."""
    said = shape.test
    if said is None or isinstance(said, Scalar):
        return TestSettings() if said is not None and as_bool(said) else None
    seeds: int | tuple[int, ...] = 1
    if isinstance(said.seeds, Scalar):
        seeds = as_int(said.seeds) or 1
    elif said.seeds is not None:
        seeds = tuple(dict.fromkeys(as_int(s) or 0 for s in said.seeds))
    return TestSettings(seeds, said.verify is not None and bool(as_bool(said.verify)))


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
    verifying: Overrides
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
        run, verifying = read_run(shape.run), read_verify(shape.verify)
        found.append(VariantEntry(given, read_expected(shape.verdict), run, verifying, place))
    return found


def matching(variants: list[VariantEntry], arguments: Mapping[str, Argument]) -> VariantEntry | None:
    """The most specific entry whose arguments are those in effect (of equals, the first)."""
    fitting = [v for v in variants if all(arguments.get(k) == value for k, value in v.arguments.items())]
    return max(fitting, key=lambda v: len(v.arguments), default=None)
