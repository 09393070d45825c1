"""ProcessCompiler: the steps of one family → instructions. The steps themselves are in `steps_*`, which
`step` puts into the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ipcsim.errors import Location
from ipcsim.language.code import Budget, CodeBuilder
from ipcsim.language.expressions import compile_expression
from ipcsim.language.family_names import FamilyName
from ipcsim.language.loads import CannotUnroll, Loads
from ipcsim.language.locals_reader import Writes
from ipcsim.language.nodes import Node, Problems, Scalar, Seq, Value, shorten, show
from ipcsim.language.objects import Objects
from ipcsim.language.process_scope import ProcessScope
from ipcsim.language.shape import ProcedureShape
from ipcsim.language.spec import Spec
from ipcsim.language.step_table import Blocking, Failing, Options, Step, StepKind, Target, enter, read_step
from ipcsim.language.types import BROKEN, Typed
from ipcsim.language.values import compile_value
from ipcsim.program.expressions import Expr, Local
from ipcsim.program.instructions import Call

AnyStep = Step[Any, Options]
MAX_NESTING = 60  # of steps in steps, calls among them

V = TypeVar("V")
W = TypeVar("W", bound=Options)
Handler = Callable[["ProcessCompiler", Step[V, W]], None]


def step(
    name: str, doc: str, value: Spec[V], options: type[W], *, cases: bool = False, creates: bool = False
) -> Callable[[Handler[V, W]], Handler[V, W]]:
    """The entry of a step in the table (`StepKind`), made of the function that compiles it."""

    def register(handler: Handler[V, W]) -> Handler[V, W]:
        enter(StepKind(name, doc, value, options, handler, cases, creates))
        return handler

    return register


@dataclass
class Shared:
    """What the compilers of all families have in common."""

    constants: dict[str, Typed]
    objects: Objects
    procedures: Mapping[str, ProcedureShape]
    broken_procedures: set[str]
    problems: Problems
    budget: Budget = field(default_factory=Budget)
    called: set[str] = field(default_factory=set)
    writes: dict[str, Writes] = field(default_factory=dict)  # of the procedures
    families: dict[str, FamilyName] = field(default_factory=dict)


class ProcessCompiler:
    """Compiles into `builder`; `constant_slots` are the locals that no step ever changes."""

    def __init__(self, shared: Shared, scope: ProcessScope, constant_slots: frozenset[int]) -> None:
        self.shared, self.scope = shared, scope
        self.problems, self.objects = shared.problems, shared.objects
        self.builder: CodeBuilder = scope.builder
        self.loads = Loads(self.builder, self.objects.segments)
        self.constant_slots = constant_slots
        self.phases: list[str] = []
        self.calls: list[str] = []
        self.spawns: set[int] = set()  # the families that steps start, those that are only checked as well
        self.nesting = 0

    # --- steps ---

    def steps(self, node: Node) -> None:
        if not isinstance(node, Seq):
            return
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            self.problems.add(node.mark, f"steps nest more than {MAX_NESTING} deep")
        else:
            for item in node:
                self.step(item)
        self.nesting -= 1

    def step(self, node: Node) -> None:
        step = read_step(node, self.problems)
        if step is None:
            return
        outer, self.builder.mark = self.builder.mark, step.mark
        self.shared.budget.spend(step.mark)
        with self.builder.scratch():
            try:
                step.kind.compile(self, step)
            except CannotUnroll as error:
                self.problems.add(step.mark, f"this {error}")
        self.builder.mark = outer

    # --- what handlers need ---

    def at(self, step: AnyStep) -> Location:
        return step.mark.location

    def text(self, step: AnyStep) -> str:
        return shorten(f"{step.kind.name}: {show(step.node[step.kind.name])}")

    def typed(self, node: Value) -> Typed:
        """The expression (or list of them) at `node`, its reads of memory still inside."""
        if isinstance(node, Seq):
            self.shared.budget.spend(node.mark, len(node))
        return compile_value(node, self.scope, self.problems)

    def read(self, typed: Typed, step: AnyStep) -> Expr:
        """The expression with its reads taken out, as loads before the next instruction."""
        return self.loads.take_out(typed.expr, self.at(step))

    def number(self, node: Value, what: str) -> Typed:
        """The numeric expression at `node`."""
        typed = self.typed(node)
        return typed if self.is_number(node, typed, what) else BROKEN

    def is_number(self, node: Value, typed: Typed, what: str) -> bool:
        if not typed.type.is_number:
            self.problems.add(node.mark, f"{what} is a number; this is {typed.type.a}")
            return False
        return True

    def part(self, scalar: Scalar, start: int, end: int) -> Typed:
        """The numeric expression in a part of a scalar."""
        typed = compile_expression(scalar, self.scope, self.problems, start=start, end=end)
        return typed if self.is_number(scalar, typed, "an index") else BROKEN

    def maybe(self, node: Scalar | None, what: str, step: AnyStep) -> Expr | None:
        """The numeric expression of an option, read; None where it is not given."""
        return None if node is None else self.read(self.number(node, what), step)

    def into(self, target: Target | None) -> int | None:
        """The slot of the local that the step writes, which `locals_reader` has seen to."""
        if target is None:
            return None
        typed = self.scope.variables[target.text]
        assert isinstance(typed.expr, Local)
        slot = typed.expr.slot
        assert typed is BROKEN or slot not in self.constant_slots, (
            f"no entry says that `{target.text}` is written"
        )
        return slot

    def kernel_call(self, step: Step[Any, Failing], make: Callable[..., Call], **fields: Any) -> None:
        """Emits a call with the options of `step`, and the steps that handle its errors after it."""
        at, options = self.at(step), step.options
        handled = options.on_error
        handlers = {} if handled is None else {name: self.builder.label() for name in handled}
        if isinstance(options, Blocking):
            fields |= {"nowait": options.nowait, "timeout": options.timeout}
        self.builder.emit(make(at=at, text=self.text(step), handlers=tuple(handlers.items()), **fields))
        if handled is None:
            return
        end = self.builder.label()
        for name, label in handlers.items():
            self.builder.jump(at, "end of the call", end)
            self.builder.place(label)
            with self.builder.scratch():
                self.steps(handled[name])
        self.builder.place(end)
