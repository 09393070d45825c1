"""repeat, forever, while, if, switch, choose, call, exit, crash, assert, phase, pause."""

from __future__ import annotations

from ipcsim.language.compiler import ProcessCompiler, handles
from ipcsim.language.nodes import Map, Node, Scalar, Seq, shorten, suggest
from ipcsim.language.step_table import Step, pause_bounds
from ipcsim.language.types import Typed
from ipcsim.language.yaml_reader import as_bool, as_int
from ipcsim.program.expressions import Binary, Const, Expr, Local, fold
from ipcsim.program.instructions import Assert, Choose, Crash, Exit, Pause, Phase, Repeat


@handles("repeat")
def repeat(c: ProcessCompiler, step: Step) -> None:
    """Counts a hidden local down; a constant count needs no test at the start."""
    at, text, b = c.at(step), c.text(step), c.builder
    typed = c.number(step.value, "how often to repeat")
    times = typed.constant
    if isinstance(times, int) and times < 1:
        with b.discard():
            c.steps(step.options["steps"])
        return
    slot, end = b.hidden_slot(), b.label()
    with b.scratch():
        b.assign(at, text, slot, c.read(typed, step))
    if times is None:
        b.branch(at, text, Binary(">", Local(slot, b.slots[slot]), Const(0)), end)
    start = b.here()
    c.steps(step.options["steps"])
    b.emit(Repeat(at=at, text=text, slot=slot, target=start))
    b.place(end)


@handles("forever")
def forever(c: ProcessCompiler, step: Step) -> None:
    start = c.builder.here()
    c.steps(step.value)
    c.builder.jump(c.at(step), "forever", start)


@handles("while")
def while_(c: ProcessCompiler, step: Step) -> None:
    """The condition, and what it reads, is evaluated again before each round."""
    at, text, b = c.at(step), c.text(step), c.builder
    typed = c.number(step.value, "a condition")
    if isinstance(typed.expr, Const) and not typed.expr.value:
        with b.discard():
            c.steps(step.options["steps"])
        return
    start, end = b.here(), b.label()
    with b.scratch():
        c.loads.branch(typed.expr, at, text, end)
    c.steps(step.options["steps"])
    b.jump(at, text, start)
    b.place(end)


@handles("if")
def if_(c: ProcessCompiler, step: Step) -> None:
    """A constant condition leaves only the steps that it selects."""
    at, text, b = c.at(step), c.text(step), c.builder
    typed = c.number(step.value, "a condition")
    then, otherwise = step.options["then"], step.options.get("else")
    if isinstance(typed.expr, Const):
        chosen, other = (then, otherwise) if typed.expr.value else (otherwise, then)
        if other is not None:
            with b.discard():
                c.steps(other)
        if chosen is not None:
            c.steps(chosen)
        return
    past, end = b.label(), b.label()
    with b.scratch():
        c.loads.branch(typed.expr, at, text, past)
    c.steps(then)
    if otherwise is not None:
        b.jump(at, "end of then", end)
    b.place(past)
    if otherwise is not None:
        c.steps(otherwise)
    b.place(end)


# --- switch ---


@handles("switch")
def switch(c: ProcessCompiler, step: Step) -> None:
    typed = c.typed(step.value)
    c.shared.budget.spend(step.mark, len(step.cases))
    cases = {name: _case_value(c, step, name, typed) for name in step.cases}
    default = step.options.get("default")
    if isinstance(typed.expr, Const):
        _constant_switch(c, step, typed.expr, cases, default)
        return
    at, b = c.at(step), c.builder
    subject, end = c.read(typed, step), b.label()
    for name, value in cases.items():
        after = b.label()
        b.branch(at, shorten(f"switch: {name}"), fold(Binary("==", subject, Const(value)), {}), after)
        c.steps(step.cases[name])
        b.jump(at, "end of the case", end)
        b.place(after)
    if default is not None:
        c.steps(default)
    b.place(end)


def _constant_switch(
    c: ProcessCompiler, step: Step, subject: Const, cases: dict[str, int | str | bool], default: Node | None
) -> None:
    """Compiles the one case that is equal; the others are only checked."""
    chosen = next((n for n, v in cases.items() if v == subject.value), None)
    for name, steps in step.cases.items():
        if name == chosen:
            c.steps(steps)
        else:
            with c.builder.discard():
                c.steps(steps)
    if default is not None and chosen is None:
        c.steps(default)
    elif default is not None:
        with c.builder.discard():
            c.steps(default)


def _case_value(c: ProcessCompiler, step: Step, name: str, subject: Typed) -> int | str | bool:
    """What the key of a case stands for: a word or a number, as the subject is."""
    key = step.node.keys_at[name]
    if subject.type.is_unknown:
        return name
    if subject.type.name == "text":
        if subject.choices and name not in subject.choices:
            c.problems.add(key.mark, f"`{name}` is not one of the choices", suggest(name, subject.choices))
        return name
    truth, number = as_bool(key), as_int(key)
    if truth is not None:
        return truth
    if number is None or not subject.type.is_number:
        c.problems.add(key.mark, f"`{name}` is never equal to {subject.type.a}")
    return number or 0


# --- choose ---


@handles("choose")
def choose(c: ProcessCompiler, step: Step) -> None:
    at, b = c.at(step), c.builder
    node = step.value
    if isinstance(node, Map):
        branches = dict(node)
    elif isinstance(node, Seq):
        branches = {str(i): n for i, n in enumerate(node)}
    else:
        return
    if not branches:
        c.problems.add(step.mark, "`choose` has nothing to choose from")
        return
    labels, end = [b.label() for _ in branches], b.label()
    b.emit(Choose(at=at, text=shorten("choose: " + " | ".join(branches)), targets=tuple(labels)))
    for label, steps in zip(labels, branches.values(), strict=True):
        b.place(label)
        c.steps(steps)
        b.jump(at, "end of the choice", end)
    b.place(end)


# --- a process with itself ---


@handles("exit")
def exit_(c: ProcessCompiler, step: Step) -> None:
    code: Expr = Const(0)
    if not (isinstance(step.value, Scalar) and step.value.is_null):
        typed = c.number(step.value, "an exit code")
        if isinstance(typed.constant, int) and not 0 <= typed.constant <= 255:
            c.problems.add(step.value.mark, f"an exit code is from 0 to 255, not {typed.constant}")
        code = c.read(typed, step)
    c.builder.emit(Exit(at=c.at(step), text=c.text(step).removesuffix(": "), code=code))


@handles("crash")
def crash(c: ProcessCompiler, step: Step) -> None:
    if not isinstance(step.value, Scalar):
        return
    signal = "SIGKILL" if step.value.is_null else step.value.text
    c.builder.emit(Crash(at=c.at(step), text=f"crash: {signal}", signal=signal))


@handles("assert")
def assert_(c: ProcessCompiler, step: Step) -> None:
    message = step.options.get("message")
    condition = c.read(c.number(step.value, "a condition"), step)
    words = message.text if isinstance(message, Scalar) else ""
    c.builder.emit(Assert(at=c.at(step), text=c.text(step), condition=condition, message=words))


@handles("phase")
def phase(c: ProcessCompiler, step: Step) -> None:
    if not isinstance(step.value, Scalar):
        return
    name = step.value.text
    if len(name) > 64 or "\n" in name:
        c.problems.add(step.value.mark, "a phase is a short word")
    c.phases.append(name)
    progress = c.flag(step.options.get("progress"))
    c.builder.emit(Phase(at=c.at(step), text=c.text(step), name=name, progress=progress))


@handles("pause")
def pause(c: ProcessCompiler, step: Step) -> None:
    bounds = pause_bounds(step.value.text) if isinstance(step.value, Scalar) else None
    if bounds is not None:
        c.builder.emit(Pause(at=c.at(step), text=c.text(step), least=bounds[0], most=bounds[1]))
