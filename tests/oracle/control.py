"""What one process does by itself: expressions, assignments, loops and branches; where its text leads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.oracle.expressions import NOTHING, Evaluator, NeedsLoad, NoValue
from tests.oracle.scenario import Block, Doc, Scenario, inner, split
from tests.oracle.world import After, Frame, Process

MOST_SILENT = 10_000


def first_state(it: Scenario, number: int) -> Process:
    """A process before its first step."""
    family = it.families[it.family_of[number]]
    born = Process("ready", (Frame(family.block, 0, "next"),), tuple(_first_values(it, number).values()))
    return settle(it, number, born)


def _first_values(it: Scenario, number: int) -> dict[str, Any]:
    family = it.families[it.family_of[number]]
    values: dict[str, Any] = {}
    for name in family.names:
        written = family.locals.get(name, NOTHING if _is_letter(it, family.block, name) else 0)
        values[name] = _evaluator(it, number, values, ()).value(written)
    return values


def _is_letter(it: Scenario, block: int, name: str) -> bool:
    return any(
        step.get("receive", {}).get("into") == name
        or any(_is_letter(it, it.block_of[id(b)], name) for b in inner(step))
        for step in it.blocks[block]
    )


class _Own(Evaluator):
    """An expression of a step: loads take the values that were loaded before, in order."""

    def __init__(self, it: Scenario, names: dict[str, Any], loaded: tuple[int, ...]) -> None:
        super().__init__(it, names, self._next)
        self._loaded = list(loaded)

    def _next(self, element: int) -> int:
        if not self._loaded:
            raise NeedsLoad(element)
        return self._loaded.pop(0)


def _evaluator(it: Scenario, number: int, values: dict[str, Any], loaded: tuple[int, ...]) -> _Own:
    return _Own(it, {**values, "me": it.instance(number)}, loaded)


def evaluator(it: Scenario, number: int, process: Process) -> _Own:
    """For the expressions of a process's present step. Raises `NeedsLoad` and `NoValue` as it goes."""
    names = it.families[it.family_of[number]].names
    return _evaluator(it, number, dict(zip(names, process.env, strict=True)), process.loaded)


def current(it: Scenario, process: Process) -> Doc | None:
    """The step that the process is at; None at its end."""
    if not process.stack:
        return None
    here = process.stack[-1]
    step: Doc = it.blocks[here.block][here.at]
    return step


def assigned(it: Scenario, number: int, process: Process, name: str, value: Any) -> Process:
    names = it.families[it.family_of[number]].names
    env = list(process.env)
    env[names.index(name)] = int(value) if isinstance(value, bool) else value
    return process._replace(env=tuple(env))


def advance(process: Process) -> Process:
    """Done with the present step."""
    top = process.stack[-1]
    stack = (*process.stack[:-1], top._replace(at=top.at + 1))
    return process._replace(stack=stack, loaded=(), part=0)


def push(it: Scenario, process: Process, block: Block, after: After = "next") -> Process:
    """Into a block of the present step."""
    frame = Frame(it.block_of[id(block)], 0, after)
    return process._replace(stack=(*process.stack, frame), loaded=(), part=0)


def settle(it: Scenario, number: int, process: Process) -> Process:
    """Do what nobody else can notice, up to the next step that somebody may; one that will fail is left."""
    for _ in range(MOST_SILENT):
        process = _unwound(it, process)
        step = current(it, process)
        if step is None:
            return process
        try:
            done = _silent(it, number, process, step)
        except (NeedsLoad, NoValue):
            return process
        if done is None:
            return process
        process = done
    raise NotImplementedError("a process that never does a step")


def _unwound(it: Scenario, process: Process) -> Process:
    """Out of every block that is over."""
    while process.stack:
        top = process.stack[-1]
        if top.at < len(it.blocks[top.block]):
            return process
        outer = process._replace(stack=process.stack[:-1])
        if top.after == "forever":
            process = outer._replace(stack=(*outer.stack, top._replace(at=0)))
        elif isinstance(top.after, int) and top.after > 1:
            process = outer._replace(stack=(*outer.stack, Frame(top.block, 0, top.after - 1)))
        elif top.after == "again":
            process = outer
        else:
            process = advance(outer) if outer.stack else outer
    return process


def _silent(it: Scenario, number: int, process: Process, step: Doc) -> Process | None:
    """The process after a step that nobody notices; None where it is another kind of step."""
    own = evaluator(it, number, process)
    if "pause" in step:
        return advance(process)
    if "forever" in step:
        return push(it, process, step["forever"], "forever")
    if "repeat" in step:
        rounds = own.value(step["repeat"])
        return push(it, process, step["steps"], rounds) if rounds > 0 else advance(process)
    if "while" in step:
        return push(it, process, step["steps"], "again") if own.value(step["while"]) else advance(process)
    if "if" in step:
        if own.value(step["if"]):
            return push(it, process, step["then"])
        return push(it, process, step["else"]) if "else" in step else advance(process)
    if "set" in step:
        return _assign(it, number, process, step["set"], own)
    return None


def _assign(it: Scenario, number: int, process: Process, entries: Doc, own: Evaluator) -> Process | None:
    name, written = list(entries.items())[process.part]
    value = own.value(written)
    if "." in split_target(name)[0]:
        return None  # a store
    return after_entry(assigned(it, number, process, name, value), entries)


def after_entry(process: Process, entries: Doc) -> Process:
    """One entry of a `set` is done."""
    last = process.part + 1 == len(entries)
    return advance(process) if last else process._replace(part=process.part + 1, loaded=())


def split_target(text: str) -> tuple[str, str | None]:
    """`s.z[i]` as ("s.z", "i")."""
    segment, dot, rest = text.partition(".")
    if not dot:
        return text, None
    name, index = split(rest)
    return f"{segment}.{name}", index


# --- what a process may still come to, by its text ---


def may_enter(it: Scenario, number: int, process: Process, phase: str) -> bool:
    """Whether the text from here on has a way to this phase; what only asks for `me`, and for what no step
    writes, is decided."""
    innermost = True
    for top in reversed(process.stack):
        steps = it.blocks[top.block]
        found, falls = _walk(it, number, steps[top.at + (not innermost) :], phase)
        if found or not falls:
            return found
        if (not isinstance(top.after, int) or top.after > 1) and top.after != "next":
            if _walk(it, number, steps, phase)[0]:
                return True
            if top.after == "forever":
                return False
        innermost = False
    return False


def _walk(it: Scenario, number: int, steps: Block, phase: str) -> tuple[bool, bool]:
    """Whether these steps may enter the phase, and whether what stands behind them may be reached."""
    for step in steps:
        if step.get("phase") == phase:
            return True, True
        if "exit" in step or "crash" in step:
            return False, False
        ways = list(_ways(it, number, step))
        results = [_walk(it, number, way, phase) for way in ways]
        if any(found for found, _ in results):
            return True, True
        if "forever" in step or (("choose" in step or "if" in step) and not any(f for _, f in results)):
            return False, False
    return False, True


def _ways(it: Scenario, number: int, step: Doc) -> Iterator[Block]:
    """The blocks that may be done in a step."""
    if "if" in step or "while" in step:
        decided = _decided(it, number, step.get("if", step.get("while")))
        if decided is not False:
            yield step["then"] if "if" in step else step["steps"]
        if decided is not True and "else" in step:
            yield step["else"]
        return
    yield from inner(step)


def _decided(it: Scenario, number: int, condition: Any) -> bool | None:
    try:
        return bool(_OnlyFixed(it, _fixed(it, number), _unknown).value(condition))
    except (_Unknown, NoValue, KeyError):
        return None


def _fixed(it: Scenario, number: int) -> dict[str, Any]:
    """The locals that keep their first value, `me` among them."""
    written = set(_written(it, it.families[it.family_of[number]].block))
    kept = {name: value for name, value in _first_values(it, number).items() if name not in written}
    return {**kept, "me": it.instance(number)}


def _written(it: Scenario, block: int) -> Iterator[str]:
    for step in it.blocks[block]:
        yield from (split_target(name)[0] for name in step.get("set", {}))
        for call in step.values():
            if isinstance(call, dict) and isinstance(call.get("into"), str):
                yield call["into"]
        for inside in inner(step):
            yield from _written(it, it.block_of[id(inside)])


class _Unknown(Exception):
    """What is not known without running."""


def _unknown(_: int) -> int:
    raise _Unknown


class _OnlyFixed(Evaluator):
    def semaphore(self, name: str, index: int) -> int:
        raise _Unknown
