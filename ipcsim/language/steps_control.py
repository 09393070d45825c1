"""repeat, forever, while, if, switch, choose, call, exit, crash, assert, phase, pause."""

from __future__ import annotations

from ipcsim.facts import signals
from ipcsim.language.compiler import AnyStep, ProcessCompiler, step
from ipcsim.language.leaves import EXPRESSION, NAME, PAUSE, STEPS, flag, scalar, word
from ipcsim.language.nodes import Map, Node, Scalar, Seq, shorten, suggest
from ipcsim.language.spec import Listed, Named, may, must
from ipcsim.language.step_table import Body, Options, Step
from ipcsim.language.types import Typed
from ipcsim.language.yaml_reader import as_bool, as_int
from ipcsim.program.expressions import Binary, Const, Expr, Local, fold
from ipcsim.program.instructions import Assert, Choose, Crash, Exit, Pause, Phase, Repeat


class Branches(Options):
    then = must(STEPS, "where it holds")
    otherwise = may(STEPS, "where it does not", "else")


class Default(Options):
    default = may(STEPS, "where no case is equal")


class Progress(Options):
    progress = flag("entering it is progress (no livelock)")


class Message(Options):
    message = may(NAME, "what to say then")


@step("repeat", "does the steps n times", EXPRESSION, Body)
def repeat(c: ProcessCompiler, step: Step[Scalar, Body]) -> None:
    """Counts a hidden local down; a constant count needs no test at the start."""
    at, text, b = c.at(step), c.text(step), c.builder
    typed = c.number(step.value, "how often to repeat")
    times = typed.constant
    if isinstance(times, int) and times < 1:
        with b.discard():
            c.steps(step.options.steps)
        return
    slot, end = b.hidden_slot(), b.label()
    with b.scratch():
        b.assign(at, text, slot, c.read(typed, step))
    if times is None:
        b.branch(at, text, Binary(">", Local(slot, b.slots[slot]), Const(0)), end)
    start = b.here()
    c.steps(step.options.steps)
    b.emit(Repeat(at=at, text=text, slot=slot, target=start))
    b.place(end)


@step("forever", "does the steps again and again", STEPS, Options)
def forever(c: ProcessCompiler, step: Step[Seq[Node], Options]) -> None:
    start = c.builder.here()
    c.steps(step.value)
    c.builder.jump(c.at(step), "forever", start)


@step("while", "does the steps as long as it holds", EXPRESSION, Body)
def while_(c: ProcessCompiler, step: Step[Scalar, Body]) -> None:
    """The condition, and what it reads, is evaluated again before each round."""
    at, text, b = c.at(step), c.text(step), c.builder
    typed = c.number(step.value, "a condition")
    if isinstance(typed.expr, Const) and not typed.expr.value:
        with b.discard():
            c.steps(step.options.steps)
        return
    start, end = b.here(), b.label()
    with b.scratch():
        c.loads.branch(typed.expr, at, text, end)
    c.steps(step.options.steps)
    b.jump(at, text, start)
    b.place(end)


@step("if", "does one or the other", EXPRESSION, Branches)
def if_(c: ProcessCompiler, step: Step[Scalar, Branches]) -> None:
    """A constant condition leaves only the steps that it selects."""
    at, text, b = c.at(step), c.text(step), c.builder
    typed = c.number(step.value, "a condition")
    then, otherwise = step.options.then, step.options.otherwise
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


@step("switch", "does the case that is equal; the other keys are the cases", EXPRESSION, Default, cases=True)
def switch(c: ProcessCompiler, step: Step[Scalar, Default]) -> None:
    typed = c.typed(step.value)
    c.shared.budget.spend(step.mark, len(step.cases))
    cases = {name: _case_value(c, step, name, typed) for name in step.cases}
    default = step.options.default
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
    c: ProcessCompiler,
    step: AnyStep,
    subject: Const,
    cases: dict[str, int | str | bool],
    default: Node | None,
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


def _case_value(c: ProcessCompiler, step: AnyStep, name: str, subject: Typed) -> int | str | bool:
    """What the key of a case stands for: a word or a number, as the subject is."""
    key = step.cases.keys_at[name]
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


@step(
    "choose",
    "does any one of these: the schedule decides",
    Listed(STEPS, "a list of lists of steps, or {label: [steps]}") | Named(STEPS),
    Options,
)
def choose(c: ProcessCompiler, step: Step[Seq[Seq[Node]] | Map[Seq[Node]], Options]) -> None:
    at, b = c.at(step), c.builder
    node = step.value
    branches = node if isinstance(node, Map) else {str(i): steps for i, steps in enumerate(node)}
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


_EXIT_CODE = scalar("an exit code", {"type": ["integer", "string", "null"]}, lambda s: True, null=True)


@step("exit", "ends the process", _EXIT_CODE, Options)
def exit_(c: ProcessCompiler, step: Step[Scalar, Options]) -> None:
    code: Expr = Const(0)
    if not step.value.is_null:
        typed = c.number(step.value, "an exit code")
        if isinstance(typed.constant, int) and not 0 <= typed.constant <= 255:
            c.problems.add(step.value.mark, f"an exit code is from 0 to 255, not {typed.constant}")
        code = c.read(typed, step)
    c.builder.emit(Exit(at=c.at(step), text=c.text(step).removesuffix(": "), code=code))


@step("crash", "dies by a signal, SIGKILL unless told", word("a signal", signals.ENDING, null=True), Options)
def crash(c: ProcessCompiler, step: Step[Scalar, Options]) -> None:
    signal = "SIGKILL" if step.value.is_null else step.value.text
    c.builder.emit(Crash(at=c.at(step), text=f"crash: {signal}", signal=signal))


@step("assert", "must hold, else the process ends and it is a finding", EXPRESSION, Message)
def assert_(c: ProcessCompiler, step: Step[Scalar, Message]) -> None:
    message = step.options.message
    condition = c.read(c.number(step.value, "a condition"), step)
    words = "" if message is None else message.text
    c.builder.emit(Assert(at=c.at(step), text=c.text(step), condition=condition, message=words))


@step("phase", "says what the process does from here on", NAME, Progress)
def phase(c: ProcessCompiler, step: Step[Scalar, Progress]) -> None:
    name = step.value.text
    if len(name) > 64 or "\n" in name:
        c.problems.add(step.value.mark, "a phase is a short word")
    c.phases.append(name)
    c.builder.emit(Phase(at=c.at(step), text=c.text(step), name=name, progress=step.options.progress))


@step("pause", "lets real time pass (none in verify)", PAUSE, Options)
def pause(c: ProcessCompiler, step: Step[tuple[float, float], Options]) -> None:
    least, most = step.value
    c.builder.emit(Pause(at=c.at(step), text=c.text(step), least=least, most=most))
