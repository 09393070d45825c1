"""From a source text to a Program: the order in which everything is read, checked and put together."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePath

from ipcsim.errors import UsageError
from ipcsim.language.checks import check_code
from ipcsim.language.compiler import Shared
from ipcsim.language.description import Argument, ParameterInfo
from ipcsim.language.document import ScenarioText, shape_of
from ipcsim.language.families import FamilyReader
from ipcsim.language.locals_reader import created_objects
from ipcsim.language.nodes import Document, Mark, Problems, Scalar
from ipcsim.language.objects import ObjectReader, check_name
from ipcsim.language.parameters import (
    as_constants,
    read_arguments,
    read_parameters,
    read_with,
)
from ipcsim.language.properties import read_properties
from ipcsim.language.scope import Scope
from ipcsim.language.settings import (
    Expected,
    Overrides,
    matching,
    read_expected,
    read_run,
    read_variants,
    read_verify,
)
from ipcsim.language.shape import DEFINING, ProcedureShape, VerdictShape
from ipcsim.language.types import BROKEN, Typed, type_of_value
from ipcsim.language.values import constant
from ipcsim.language.yaml_reader import read_yaml
from ipcsim.program import Program, RunSettings, Source, VerifySettings
from ipcsim.program.expressions import Const
from ipcsim.verdict import Verdict

Resolve = Callable[[str], Source]


NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")  # of a scenario: runs are kept in a folder named so


class Texts:
    """The scenario's text and the one that defines the processes: the same, or the problem's."""

    def __init__(self, source: Source, resolve: Resolve | None, problems: Problems) -> None:
        self.problems = problems
        self.scenario = self.read(source)
        shape = self.scenario.shape
        self.is_problem = shape.problem is not None and shape.defines
        self.is_reference = shape.problem is not None and not shape.defines
        self.definition = self.scenario
        if self.is_reference and shape.problem is not None:
            self.definition = self.problem(shape.problem, resolve)
        elif not shape.defines and not any(self.scenario.was_cut(k) for k in DEFINING):
            problems.add(
                Mark(self.document_of(self.scenario), 1, 1), "there are no processes here, and no `problem:`"
            )
        if shape.with_ is not None and self.is_problem:
            key = next(k for k in DEFINING if k in shape.given)
            problems.add(
                self.scenario.mark("with"),
                f"`with:` belongs into a scenario; `{key}:` makes this text the problem itself",
                "give defaults in `parameters:`",
            )
        for key, name in (("scenario", shape.scenario), ("problem", shape.problem)):
            if name is not None and not (
                NAME.fullmatch(name.text) or (key == "problem" and self.is_reference)
            ):
                problems.add(
                    name.mark, f"`{name.text[:40]}` is not a name: letters, digits, `-`, `_` and `.`"
                )

    def document_of(self, text: ScenarioText) -> Document:
        return text.root.mark.document

    def read(self, source: Source) -> ScenarioText:
        root = read_yaml(source, self.problems)
        if root is None:
            self.problems.stop_if_any()
        assert root is not None
        return shape_of(root, self.problems)

    def problem(self, name: Scalar, resolve: Resolve | None) -> ScenarioText:
        """The text of the problem that the scenario names."""
        try:
            if resolve is None:
                raise UsageError(f"unknown problem `{name.text}`")
            source = resolve(name.text)
        except (UsageError, LookupError) as error:
            words = str(error) if isinstance(error, UsageError) else f"unknown problem `{name.text}`"
            self.problems.add(name.mark, words)
            self.problems.stop_if_any()
            raise
        found = self.read(source)
        if not found.shape.defines:
            self.problems.stop_if_any()
            self.problems.add(name.mark, f"`{name.text}` is no problem: its text declares no processes")
            self.problems.stop_if_any()
        return found

    @property
    def name(self) -> str:
        """The name of the scenario: what it says, or the problem's, or the file's."""
        shape = self.scenario.shape
        if shape.scenario is not None:
            return shape.scenario.text
        if self.is_problem and shape.problem is not None:
            return shape.problem.text
        stem = PurePath(self.scenario.root.mark.document.source.file).stem
        return re.sub(r"[^A-Za-z0-9_.-]", "-", stem).lstrip(".-") or "scenario"


def load_program(
    source: Source, arguments: Mapping[str, Argument] | None = None, resolve: Resolve | None = None
) -> Program:
    """See `ipcsim.language.load_program`."""
    problems = Problems()
    texts = Texts(source, resolve, problems)
    definition = texts.definition
    parameters = read_parameters(definition, problems)
    own = read_values(texts, parameters, problems)
    given = {k: v for k, v in (arguments or {}).items() if not definition.was_cut("parameters", k)}
    values = own | read_arguments(given, parameters)
    constants = as_constants(values, parameters)
    for name in definition.cut_in("parameters"):
        constants.setdefault(name, BROKEN)
    _read_constants(definition, constants, problems)
    shape = definition.shape
    created: set[str] = set()
    for runs in (shape.processes, shape.procedures):
        created = created.union(*(created_objects(p.steps) for p in (runs or {}).values()))
    reader = ObjectReader(definition, Scope(constants), problems, created)
    objects = reader.read()
    shared = Shared(
        constants, objects, _procedures(definition, problems), _broken_procedures(definition), problems
    )
    families = FamilyReader(definition, shared)
    if not shape.processes and not definition.was_cut("processes") and shape.defines:
        problems.add(definition.root.mark, "there are no processes: `processes:` is missing")
    families.read()
    properties = read_properties(definition, constants, objects, families.names, problems)
    settings, verifying, expected = read_settings(texts, parameters, values, values == own, problems)
    for compiled in families.compiled:
        check_code(compiled, objects, families.names.values(), problems)
    problems.stop_if_any()
    sources = [texts.scenario, definition] if texts.is_reference else [definition]
    return Program(
        name=texts.name,
        title=words(texts, "title"),
        description=words(texts, "description"),
        arguments=tuple(values.items()),
        sets=tuple(objects.sets),
        queues=tuple(objects.queues),
        segments=tuple(objects.segments),
        families=tuple(c.family for c in families.compiled),
        properties=properties,
        settings=replace(RunSettings(), **settings),
        verify=replace(VerifySettings(), **verifying),
        expect_run=expected.run,
        expect_verify=expected.verify,
        sources=tuple(t.root.mark.document.source for t in sources),
    )


def words(texts: Texts, key: str) -> str:
    """A text of the scenario, or else of its problem."""
    for text in (texts.scenario, texts.definition):
        if key in text.shape.given:
            return str(text.shape.given[key])
    return ""


def read_values(
    texts: Texts,
    parameters: Mapping[str, ParameterInfo],
    problems: Problems,
) -> dict[str, Argument]:
    """The value that the text gives every parameter: its default, unless `with:` says otherwise."""
    values = {name: info.default for name, info in parameters.items()}
    shape = texts.scenario.shape
    if not texts.is_problem:
        values |= read_with(shape.with_, parameters, texts.definition, problems)
    return values


def read_settings(
    texts: Texts,
    parameters: Mapping[str, ParameterInfo],
    values: Mapping[str, Argument],
    is_own: bool,
    problems: Problems,
) -> tuple[Overrides, Overrides, Expected]:
    """The problem's settings for run and verify, under those of the variant, under those of the scenario.

    What the scenario expects counts for its `own` values only: with others it is another experiment,
    of which the problem's variants may know more.
    """
    definition, scenario = texts.definition.shape, texts.scenario.shape
    variant = matching(read_variants(texts.definition, parameters, problems), values)
    settings, verifying = read_run(definition.run), read_verify(definition.verify)
    expected = Expected()
    if isinstance(definition.expect, (VerdictShape, Verdict)):
        expected = read_expected(definition.expect)
    if variant is not None:
        settings |= variant.settings
        verifying |= variant.verifying
        expected = variant.expected
    if texts.is_reference:
        settings |= read_run(scenario.run)
        verifying |= read_verify(scenario.verify)
        if isinstance(scenario.expect, list):
            problems.add(
                texts.scenario.mark("expect"),
                "a scenario is one experiment: it expects one verdict, not a list",
            )
        elif scenario.expect is not None and is_own:
            expected = read_expected(scenario.expect)
    return settings, verifying, expected


def _read_constants(text: ScenarioText, constants: dict[str, Typed], problems: Problems) -> None:
    """Adds `constants:`; each may use those before it."""
    for name, node in (text.shape.constants or {}).items():
        mark = text.mark("constants", name)
        if not check_name(name, mark, problems):
            continue
        if name in constants:
            problems.add(mark, f"`{name}` is a parameter or a constant already: choose another name")
            continue
        value = constant(node, Scope(constants), problems)
        constants[name] = BROKEN if value is None else Typed(Const(value), type_of_value(value))
    for name in text.cut_in("constants"):
        constants.setdefault(name, BROKEN)


def _procedures(text: ScenarioText, problems: Problems) -> dict[str, ProcedureShape]:
    found: dict[str, ProcedureShape] = {}
    for name, shape in (text.shape.procedures or {}).items():
        if not check_name(name, text.mark("procedures", name), problems):
            continue
        names: set[str] = set()
        for argument in shape.arguments or []:
            if argument.text in names:
                problems.add(argument.mark, f"`{name}` has two arguments named `{argument.text}`")
            names.add(argument.text)
            check_name(argument.text, argument.mark, problems)
        for local in shape.locals or {}:
            mark = text.mark("procedures", name, "locals", local)
            if local in names:
                problems.add(mark, f"`{local}` is an argument already")
            check_name(local, mark, problems)
        found[name] = shape
    return found


def _broken_procedures(text: ScenarioText) -> set[str]:
    return set(text.cut_in("procedures"))
