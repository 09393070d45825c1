"""A text → Description: its shape, parameters and variants, without compiling processes."""

from __future__ import annotations

from collections.abc import Callable

from ipcsim.language.description import Description, Variant
from ipcsim.language.loader import Texts, read_settings, read_values, words
from ipcsim.language.nodes import Problems
from ipcsim.language.parameters import read_parameters
from ipcsim.language.settings import read_test, read_variants
from ipcsim.program import Source


def describe(source: Source, resolve: Callable[[str], Source] | None = None) -> Description:
    """See `ipcsim.language.describe`."""
    problems = Problems()
    texts = Texts(source, resolve, problems)
    definition = texts.definition
    parameters = read_parameters(definition, problems)
    values = read_values(texts, parameters, problems)
    variants = tuple(
        Variant(
            entry.arguments,
            entry.expected.run,
            entry.expected.verify,
            entry.settings,
            entry.at,
        )
        for entry in read_variants(definition, parameters, problems)
    )
    settings, _, expected = read_settings(texts, parameters, values, True, problems)
    problems.stop_if_any()
    problem = definition.shape.problem
    return Description(
        name=texts.name,
        title=words(texts, "title"),
        titre=words(texts, "titre"),
        source=words(texts, "source"),
        course=words(texts, "course"),
        description=words(texts, "description"),
        is_problem=texts.is_problem,
        problem=problem.text if problem is not None and not texts.is_problem else None,
        parameters=tuple(parameters.values()),
        variants=variants,
        arguments=values,
        expect_run=expected.run,
        expect_verify=expected.verify,
        at=texts.scenario.root.mark.location,
        settings=settings,
        test=read_test(texts.scenario.shape),
    )
