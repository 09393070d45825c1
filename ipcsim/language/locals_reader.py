"""The locals of a family: declared ones with their first values, and those that `into:` makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ipcsim.errors import EvaluationError
from ipcsim.language.code import CodeBuilder
from ipcsim.language.expressions import cost
from ipcsim.language.nodes import Map, Mark, Node, Problems, Scalar
from ipcsim.language.objects import Objects, check_name
from ipcsim.language.step_table import Assigned, Into, Received, steps_in
from ipcsim.language.types import BROKEN, Type, Typed, merge
from ipcsim.program.expressions import Expr, Local, bounded, compile_expression

MAX_STEPS = 10_000_000  # to compute the first values of the locals of a family


@dataclass(slots=True)
class Writes:
    """What steps write: the variables of `into:` with what they receive, and every name that changes."""

    into: list[tuple[Scalar, Received]]
    names: set[str]


def writes_of(steps: Node, objects: Objects) -> Writes:
    found = Writes([], set())
    for kind, node in steps_in(steps):
        for spec, part in kind.parts(node):
            if isinstance(spec, Into) and isinstance(part, Scalar):
                found.into.append((part, spec.receives(node[kind.name], objects)))
                found.names.add(part.text)
            elif isinstance(spec, Assigned) and isinstance(part, Map):
                found.names |= {k.split(".")[0].split("[")[0].strip() for k in part}
    return found


def created_objects(steps: Node) -> set[str]:
    """The objects that the process creates itself."""
    found: set[str] = set()
    for kind, node in steps_in(steps):
        if kind.creates:
            value = node[kind.name]
            name = value.get("object") if isinstance(value, Map) else value
            if isinstance(name, Scalar):
                found.add(name.text)
    return found


@dataclass
class Names:
    """The variables of a scope being filled; `prefix` hides those of a procedure from the user's own."""

    variables: dict[str, Typed]
    builder: CodeBuilder
    prefix: str = ""


def check_local(
    name: str, mark: Mark, objects: Objects, constants: dict[str, Typed], problems: Problems
) -> bool:
    if not check_name(name, mark, problems):
        return False
    taken = "a parameter or a constant" if name in constants else objects.kind(name)
    if taken:
        article = "" if taken.startswith("a ") else "a "
        problems.add(mark, f"`{name}` is {article}{taken} already: choose another name")
    return not taken


def declare_into(
    writes: Writes, names: Names, objects: Objects, problems: Problems, constants: dict[str, Typed]
) -> None:
    """Makes a local of every `into:` variable that is not one yet."""
    for into, (wanted, initial) in writes.into:
        known = names.variables.get(into.text)
        if into.text == "me":
            problems.add(into.mark, "`me` never changes")
        elif known is not None:
            if merge(known.type, wanted) is None:
                message = f"`{into.text}` holds {_words(known.type)}, not {_words(wanted)}"
                problems.add(into.mark, message, "choose another name")
        elif check_local(into.text, into.mark, objects, constants, problems):
            slot = names.builder.new_slot(names.prefix + into.text, initial)
            names.variables[into.text] = Typed(Local(slot, into.text), wanted)
        else:
            names.variables[into.text] = BROKEN


def _words(type_: Type) -> str:
    if type_.struct is not None:
        return "a message with " + (", ".join(f.name for f in type_.struct.fields) or "no fields")
    return type_.a


def initial_values(
    count: int,
    expressions: list[tuple[Mark, Expr]],
    slots: int,
    process: Callable[[int], str],
    problems: Problems,
) -> list[list[Any]]:
    """For each instance, `me` and the declared locals in order: each sees those before it.

    `slots` counts all that the expressions use; the variables of generators lie behind the locals.
    """
    steps = 0
    for mark, expr in expressions:
        steps += cost(expr) * count
        if steps > MAX_STEPS:
            problems.add(
                mark, f"this may take more than {MAX_STEPS:,} steps to compute for {count} processes"
            )
            return []
    compiled = [(mark, compile_expression(expr)) for mark, expr in expressions]
    found: list[list[Any]] = []
    for instance in range(count):
        env: list[Any] = [instance, *([0] * (slots - 1))]
        for slot, (mark, evaluate) in enumerate(compiled, 1):
            try:
                value = evaluate(env)
                env[slot] = bounded(value) if isinstance(value, int) else value
            except EvaluationError as error:
                problems.add(mark, f"this has no value for {process(instance)}: {error}")
                return []
        found.append(env[: 1 + len(compiled)])
    return found
