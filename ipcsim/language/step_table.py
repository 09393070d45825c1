"""The table of steps. Each is one entry, made by `compiler.step` where the step is compiled (`steps_*`): its
name, what it does in words, what stands in it, and the function that compiles it.

Whatever must be known of a step is read from its entry: the shape of the text, the JSON Schema for editors,
where in it other steps stand, which locals it writes, which objects it creates. The table is whole once
`ipcsim.language.steps` is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, NewType, TypeVar

from ipcsim.facts import errnos, signals
from ipcsim.language.leaves import DURATION, STEPS, VALUE, flag
from ipcsim.language.nodes import Map, Mark, Node, Problems, Scalar, Seq, kind_of, suggest
from ipcsim.language.objects import Objects
from ipcsim.language.spec import (
    Json,
    Leaf,
    Named,
    Place,
    Reading,
    Shape,
    Spec,
    Steps,
    Unfit,
    may,
    must,
)
from ipcsim.language.types import INT, Type

SENT_SIGNALS = (*signals.ENDING, "SIGSTOP", "SIGCONT")  # nobody could continue a process that stops itself

V = TypeVar("V", covariant=True)
W = TypeVar("W", bound=Shape, covariant=True)

# --- what steps are made of ---

Target = NewType("Target", Scalar)  # the name of a local that a step writes
Received = tuple[Type, Any]  # the type of what a step writes into a local, and its value before that


class Into(Leaf[Target]):
    """The name of a local that the step writes, and makes where there is none. `receives` says, of the
    value of the step, what it will hold."""

    def __init__(
        self, receives: Callable[[Node, Objects], Received] = lambda value, objects: (INT, 0)
    ) -> None:
        super().__init__("a name", {"type": "string"}, lambda s: Target(s) if s.text.strip() else None)
        self.receives = receives


class Assigned(Named[Scalar | Seq[Scalar]]):
    """A mapping whose keys say what the step overwrites: `{x: 1, s.field[i]: 2}`."""

    def __init__(self) -> None:
        super().__init__(VALUE, "{name: value, …}")


class Fields(Shape):
    """A step's own value, where that is a mapping with keys of its own."""

    is_inline = True

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "into" in cls.keys and not isinstance(cls.keys["into"].spec, Into):
            raise TypeError(f"{cls.__name__} has an `into:` that no local is made for")


class Options(Fields):
    """The keys beside the step itself: none. Steps that have some derive from this."""


class Failing(Options):
    """Of a call to the kernel that may fail."""

    on_error = may(
        Named(
            STEPS, "{EAGAIN: [steps], …}", {name: f"steps after {name}" for name in errnos.OF_CALLS.values()}
        ),
        "steps for each errno; then goes on after the call",
    )


class Blocking(Failing):
    """Of a call that may have to wait."""

    nowait = flag("IPC_NOWAIT: fail instead of waiting")
    timeout = may(DURATION, "how long to wait; then EAGAIN")


class Body(Options):
    """Of a loop."""

    steps = must(STEPS, "what to repeat")


INTO = may(Into(), "the local variable that receives it")


# --- the table ---


@dataclass(frozen=True)
class StepKind(Generic[V, W]):
    """An entry of the table. `cases`: its other keys are cases, each a list of steps. `creates`: what its
    value names is created by the process. `compile` takes a ProcessCompiler, which is made upon this, and
    the Step: `compiler.step` sees to their types."""

    name: str
    doc: str
    value: Spec[V]
    options: type[W]
    compile: Callable[..., None]
    cases: bool = False
    creates: bool = False

    def parts(self, node: Map[Node]) -> Iterator[tuple[Spec[Any], Node]]:
        """Every Spec in the step, beside its node, of a text that may be wrong; not those of steps in it."""
        for key, inner in node.items():
            if key == self.name:
                yield from self.value.parts(inner)
            elif key in self.options.keys:
                yield from self.options.keys[key].spec.parts(inner)
            elif self.cases:
                yield STEPS, inner

    def schema(self, defs: Json) -> Json:
        found = self.options.schema(defs)
        value = self.value.schema(defs) | {"description": self.doc}
        found["properties"] = {self.name: value} | found["properties"]
        found["required"] = [self.name, *found.get("required", ())]
        if self.cases:
            found["additionalProperties"] = STEPS.schema(defs)
        return {"description": self.doc} | found


STEP_KINDS: dict[str, StepKind[Any, Any]] = {}


def enter(kind: StepKind[Any, Any]) -> None:
    """Puts an entry into the table; TypeError for one that is not whole."""
    if kind.name in STEP_KINDS or not kind.doc:
        raise TypeError(f"the step `{kind.name}` stands in the table already, or says nothing of itself")
    STEP_KINDS[kind.name] = kind


# --- a step in a text ---


@dataclass(slots=True)
class Step(Generic[V, W]):
    """A step whose shape is right: its kind, its value, its options, its cases."""

    kind: StepKind[V, W]
    node: Map[Node]
    value: V
    options: W
    cases: Map[Seq[Node]]
    mark: Mark


def steps_in(steps: Node) -> Iterator[tuple[StepKind[Any, Any], Map[Node]]]:
    """Every step in a list of them, and in those, in the order of the text; in what is no step as well."""
    for node in steps if isinstance(steps, Seq) else ():
        if not isinstance(node, Map):
            continue
        kinds = _kinds(node)
        for kind in kinds:
            yield kind, node
            for spec, part in kind.parts(node):
                if isinstance(spec, Steps):
                    yield from steps_in(part)
        for part in node.values() if not kinds else ():
            yield from steps_in(part)


def read_step(node: Node, problems: Problems) -> Step[Any, Any] | None:
    """The step that `node` is; None, with the reason told, where it is none."""
    if not isinstance(node, Map):
        hint = f"write `- {node.text}:`" if isinstance(node, Scalar) and node.text in STEP_KINDS else ""
        problems.add(node.mark, f"expected a step such as `P: mutex`, not {kind_of(node)}", hint)
        return None
    kind = _kind(node, problems)
    if kind is None:
        return None
    mark = node.key_mark(kind.name)
    reading = Reading(problems)
    step: Step[Any, Any] = Step(kind, node, None, kind.options(node), Map(node.mark), mark)
    step.cases.keys_at = node.keys_at
    for name, inner in node.items():
        place = Place(reading, inner, (), node.key_mark(name))
        if name == kind.name:
            with suppress(Unfit):
                step.value = kind.value.read(place)
        elif name in kind.options.keys:
            step.options.take(name, place)
        elif kind.cases:
            with suppress(Unfit):
                step.cases[name] = STEPS.read(place)
        else:
            hint = suggest(name, kind.options.keys)
            problems.add(node.key_mark(name), f"`{kind.name}` has no option `{name[:40]}`", hint)
    lacks = step.options.lacks(node)
    for name in lacks:
        problems.add(mark, f"`{kind.name}` lacks `{name}:`")
    return None if lacks or reading.cut else step


def _kinds(node: Map[Node]) -> list[StepKind[Any, Any]]:
    """What `node` would be: one step, where it is right. A case may have the name of a step."""
    found = [STEP_KINDS[name] for name in node if name in STEP_KINDS]
    return [kind for kind in found if kind.cases] or found


def _kind(node: Map[Node], problems: Problems) -> StepKind[Any, Any] | None:
    found = _kinds(node)
    if len(found) == 1:
        return found[0]
    if found:
        both = " and ".join(f"`{kind.name}`" for kind in found[:3])
        mark = node.key_mark(found[1].name)
        problems.add(mark, f"one step does one thing; this has {both}", "start it with `- `")
        return None
    first = next(iter(node), None)
    if first is None:
        problems.add(node.mark, "an empty step")
    else:
        hint = suggest(first, STEP_KINDS)
        if any(first in kind.options.keys for kind in STEP_KINDS.values()):
            hint = f"`{first}:` belongs to the step before it: write it without `- `"
        problems.add(node.key_mark(first), f"unknown step `{first[:40]}`", hint)
    return None
