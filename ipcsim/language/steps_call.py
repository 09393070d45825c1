"""call: the steps of a procedure in place, with its arguments as locals of their own."""

from __future__ import annotations

from ipcsim.language.compiler import ProcessCompiler, step
from ipcsim.language.leaves import VALUE, scalar
from ipcsim.language.locals_reader import Names, declare_into, writes_of
from ipcsim.language.memory import reads_memory
from ipcsim.language.nodes import Map, Mark, Scalar, Seq, suggest
from ipcsim.language.process_scope import ProcessScope, zero_of
from ipcsim.language.shape import ProcedureShape
from ipcsim.language.spec import Named, may
from ipcsim.language.step_table import Options, Step
from ipcsim.language.types import BROKEN, Typed
from ipcsim.language.values import compile_value
from ipcsim.program.expressions import Const, Expr, Generator, Local, children, slots_of

Given = Map[Scalar | Seq[Scalar]]
_GIVEN = Named(VALUE, "{argument: value, …}")
_NOTHING = scalar("{argument: value, …}", {"type": "null"}, lambda s: s.is_null, null=True)
_CALLED = scalar("a procedure's name, or {name: {argument: value}}", {"type": "string"})


class With(Options):
    arguments = may(_GIVEN, "its arguments", "with")


@step("call", "does the steps of a procedure", _CALLED | Named(_NOTHING | _GIVEN), With)
def call(c: ProcessCompiler, step: Step[Scalar | Map[Scalar | Given], With]) -> None:
    node, mark = step.value, step.value.mark
    given: Scalar | Given | None = step.options.arguments
    if isinstance(node, Scalar):
        name = node.text
    else:
        if len(node) != 1 or given is not None:
            c.problems.add(step.mark, "`call` calls one procedure: `call: {name: {argument: value}}`")
            return
        name, given = next(iter(node.items()))
        mark = node.key_mark(name)
    procedure = c.shared.procedures.get(name)
    if procedure is None:
        if name not in c.objects.broken and name not in c.shared.broken_procedures:
            hint = suggest(name, c.shared.procedures)
            c.problems.add(mark, f"unknown procedure `{name[:40]}`", hint)
        return
    c.shared.called.add(name)
    if name in c.calls:
        chain = " → ".join([*c.calls[c.calls.index(name) :], name])
        c.problems.add(mark, f"a procedure cannot call itself ({chain})", "write a loop")
        return
    arguments = given if isinstance(given, Map) else Map(mark)
    inline(c, step.mark, name, procedure, _match(c, mark, name, procedure, arguments))


def _match(
    c: ProcessCompiler, mark: Mark, name: str, procedure: ProcedureShape, given: Given
) -> dict[str, Typed]:
    """The value of each argument; BROKEN where one is missing."""
    wanted = [a.text for a in procedure.arguments or []]
    for key in given:
        if key not in wanted:
            c.problems.add(
                given.key_mark(key), f"`{name}` has no argument `{key[:40]}`", suggest(key, wanted)
            )
    if missing := [w for w in wanted if w not in given]:
        words = ", ".join(f"`{m}`" for m in missing)
        c.problems.add(mark, f"`{name}` lacks {words}", f"write `with: {{{missing[0]}: …}}`")
    return {w: c.typed(given[w]) if w in given else BROKEN for w in wanted}


def inline(
    c: ProcessCompiler, mark: Mark, name: str, procedure: ProcedureShape, arguments: dict[str, Typed]
) -> None:
    """Emits the steps of a procedure; what never changes stands for its argument itself."""
    at, b = mark.location, c.builder
    writes = c.shared.writes.get(name)
    if writes is None:
        writes = c.shared.writes[name] = writes_of(procedure.steps, c.objects)
    variables = {"me": c.scope.variables["me"]}
    for argument, typed in arguments.items():
        if typed.type.name == "range":
            c.problems.add(mark, f"`{argument}` is a range, which is not a value: write the list")
        if argument not in writes.names and _stays(c, typed.expr):
            variables[argument] = typed
            continue
        slot = b.new_slot(f".{name}.{argument}", zero_of(typed.type))
        variables[argument] = Typed(Local(slot, argument), typed.type)
        with b.scratch():
            b.assign(at, f"{name}: {argument}", slot, c.loads.take_out(typed.expr, at))
    outer, outer_calls = c.scope, c.calls
    c.scope = ProcessScope(c.scope.constants, c.objects, variables, b)
    c.scope.outer = frozenset(outer.variables)
    c.calls = [*outer_calls, name]
    try:
        for local, node in (procedure.locals or {}).items():
            typed = compile_value(node, c.scope, c.problems)
            slot = b.new_slot(f".{name}.{local}", zero_of(typed.type))
            with b.scratch():
                b.assign(at, f"{name}: {local}", slot, c.loads.take_out(typed.expr, at))
            variables[local] = Typed(Local(slot, local), typed.type)
        names = Names(variables, b, f".{name}.")
        declare_into(writes, names, c.objects, c.problems, c.scope.constants)
        c.steps(procedure.steps)
    finally:
        c.scope, c.calls = outer, outer_calls


def _stays(c: ProcessCompiler, expr: Expr) -> bool:
    """Whether the expression has the same value whenever it is evaluated in this process."""
    if isinstance(expr, Const):
        return True
    if expr is BROKEN.expr:
        return True
    return not _has_generator(expr) and not reads_memory(expr) and slots_of(expr) <= c.constant_slots


def _has_generator(expr: Expr) -> bool:
    return isinstance(expr, Generator) or any(map(_has_generator, children(expr)))
