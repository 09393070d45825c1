"""The locals of a family: declared ones with their first values, and those that `into:` makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ipcsim.errors import EvaluationError
from ipcsim.language.code import CodeBuilder
from ipcsim.language.expressions import cost
from ipcsim.language.nodes import Map, Mark, Node, Problems, Scalar, Seq
from ipcsim.language.objects import Objects, check_name
from ipcsim.language.process_scope import message_type, zero_of
from ipcsim.language.types import BROKEN, INT, UNKNOWN, Type, Typed, list_of, merge
from ipcsim.program.expressions import Expr, Local, bounded, compile_expression

MAX_STEPS = 10_000_000  # to compute the first values of the locals of a family
_WITH_INTO = ("receive", "get", "create", "open", "attach", "stat")


def maps_in(node: Node) -> Iterator[Map]:
    """Every mapping at or under `node`."""
    if isinstance(node, Map):
        yield node
    for inner in node.values() if isinstance(node, Map) else node if isinstance(node, Seq) else ():
        yield from maps_in(inner)


def names_changed(steps: Node) -> set[str]:
    """The names that `set:` and `into:` change somewhere in `steps`."""
    found: set[str] = set()
    for node in maps_in(steps):
        target = node.get("set")
        if isinstance(target, Map):
            found |= {k.split(".")[0].split("[")[0].strip() for k in target}
        found |= {into.text for _, into in _intos(node)}
    return found


def _intos(node: Map) -> Iterator[tuple[str, Scalar]]:
    for key in _WITH_INTO:
        value = node.get(key)
        into = value.get("into") if isinstance(value, Map) else None
        if isinstance(into, Scalar):
            yield key, into


def created_objects(roots: list[Node]) -> set[str]:
    """The objects that some process creates itself."""
    found: set[str] = set()
    for root in roots:
        for node in maps_in(root):
            value = node.get("create")
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
    steps: Node, names: Names, objects: Objects, problems: Problems, constants: dict[str, Typed]
) -> None:
    """Makes a local of every `into:` variable in `steps` that is not one yet."""
    for node in maps_in(steps):
        for key, into in _intos(node):
            wanted, initial = _received(node, key, objects)
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


def _received(node: Map, key: str, objects: Objects) -> tuple[Type, Any]:
    """The type of what an `into:` receives, and its value before that."""
    value = node[key]
    if not isinstance(value, Map):
        return INT, 0
    if key == "receive":
        queue = value.get("queue")
        found = objects.queue(queue.text) if isinstance(queue, Scalar) else None
        if found is None or found[1].name in objects.broken:
            return UNKNOWN, 0
        type_ = message_type(found[1].message)
        return type_, zero_of(type_)
    if key == "get" and "all" in value:
        name = value["all"]
        set_ = objects.set(name.text) if isinstance(name, Scalar) else None
        return list_of(INT), (0,) * (0 if set_ is None else set_[1].size)
    return INT, 0


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
