"""ProcessCompiler: the steps of one family → instructions. The steps themselves are in `steps_*`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ipcsim.errors import Location
from ipcsim.language.code import Budget, CodeBuilder
from ipcsim.language.expressions import compile_expression
from ipcsim.language.family_names import FamilyName
from ipcsim.language.leaves import seconds
from ipcsim.language.loads import CannotUnroll, Loads
from ipcsim.language.nodes import Map, Node, Problems, Scalar, Seq, shorten, show
from ipcsim.language.objects import Objects
from ipcsim.language.process_scope import ProcessScope
from ipcsim.language.shape import ProcedureShape
from ipcsim.language.step_table import Step, read_step
from ipcsim.language.types import BROKEN, Type, Typed
from ipcsim.language.values import compile_value
from ipcsim.language.yaml_reader import as_bool
from ipcsim.program.expressions import Expr
from ipcsim.program.instructions import Call

MAX_NESTING = 60  # of steps in steps, calls among them

Handler = Callable[["ProcessCompiler", Step], None]
HANDLERS: dict[str, Handler] = {}


def handles(*names: str) -> Callable[[Handler], Handler]:
    """Registers the function that compiles the steps of these names."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(names, handler))
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
                HANDLERS[step.kind.name](self, step)
            except CannotUnroll as error:
                self.problems.add(step.mark, f"this {error}")
        self.builder.mark = outer

    # --- what handlers need ---

    def at(self, step: Step) -> Location:
        return step.mark.location

    def text(self, step: Step) -> str:
        return shorten(f"{step.kind.name}: {show(step.value)}")

    def typed(self, node: Node) -> Typed:
        """The expression (or list of them) at `node`, its reads of memory still inside."""
        if not isinstance(node, (Scalar, Seq)):
            return BROKEN
        if isinstance(node, Seq):
            self.shared.budget.spend(node.mark, len(node))
        return compile_value(node, self.scope, self.problems)

    def read(self, typed: Typed, step: Step) -> Expr:
        """The expression with its reads taken out, as loads before the next instruction."""
        return self.loads.take_out(typed.expr, self.at(step))

    def number(self, node: Node, what: str) -> Typed:
        """The numeric expression at `node`."""
        typed = self.typed(node)
        return typed if self.is_number(node, typed, what) else BROKEN

    def is_number(self, node: Node, typed: Typed, what: str) -> bool:
        if not typed.type.is_number:
            self.problems.add(node.mark, f"{what} is a number; this is {typed.type.a}")
            return False
        return True

    def part(self, scalar: Scalar, start: int, end: int) -> Typed:
        """The numeric expression in a part of a scalar."""
        typed = compile_expression(scalar, self.scope, self.problems, start=start, end=end)
        return typed if self.is_number(scalar, typed, "an index") else BROKEN

    def flag(self, node: Node | None) -> bool:
        return isinstance(node, Scalar) and bool(as_bool(node))

    def into(self, node: Node | None, wanted: Type) -> int | None:
        """The slot of an `into:` variable, which was declared before (see `locals_reader`)."""
        if not isinstance(node, Scalar):
            return None
        variable = self.scope.variables.get(node.text)
        if variable is None or not hasattr(variable.expr, "slot"):
            return 0  # told where it was declared
        slot: int = variable.expr.slot
        return slot

    def kernel_call(self, step: Step, make: Callable[..., Call], **fields: Any) -> None:
        """Emits a call with the options of `step`, and the steps that handle its errors after it."""
        at, options = self.at(step), step.options
        timeout = options.get("timeout")
        handled = options.get("on_error")
        handlers = {n: self.builder.label() for n in handled} if isinstance(handled, Map) else {}
        if "nowait" in step.kind.options:
            fields["nowait"] = self.flag(options.get("nowait"))
            fields["timeout"] = seconds(timeout.text) if isinstance(timeout, Scalar) else None
        self.builder.emit(make(at=at, text=self.text(step), handlers=tuple(handlers.items()), **fields))
        if not isinstance(handled, Map):
            return
        end = self.builder.label()
        for name, label in handlers.items():
            self.builder.jump(at, "end of the call", end)
            self.builder.place(label)
            with self.builder.scratch():
                self.steps(handled[name])
        self.builder.place(end)
