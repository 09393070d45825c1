"""What each process can do next: every choice that there is in a state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.oracle import control, semaphores
from tests.oracle.expressions import NeedsLoad, NoValue
from tests.oracle.life import LIFE
from tests.oracle.machine import Machine
from tests.oracle.queues import MSGMAX
from tests.oracle.semaphores import Blocked
from tests.oracle.world import Sleeper, World

SEMOPS = ("P", "V", "Z", "semop")


@dataclass(frozen=True)
class Edge:
    """A step of `process` to the state `target`. `crash`: it dies because anybody may; `alternative`: of a
    `choose`; `found`: kinds of findings that the step is; `entered`: phases; `acted`: it stored something."""

    process: int
    target: Any
    crash: bool = False
    alternative: Any = None
    found: frozenset[str] = frozenset()
    entered: frozenset[str] = frozenset()
    acted: bool = False


def successors(machine: Machine, world: World) -> Iterator[Edge]:
    for p in range(machine.it.processes):
        for new in _turns(machine, world, p):
            found, entered = frozenset(new.found), frozenset(new.entered)
            yield Edge(p, new.key(), False, new.alternative, found, entered, new.acted)
        if world.processes[p].living and world.budget[0] > 0:
            new = world.copy()
            new.budget[0] -= 1
            machine.end(new, p, "dead")
            yield Edge(p, new.key(), True)


def _turns(machine: Machine, world: World, p: int) -> Iterator[World]:
    process = world.processes[p]
    match process.life:
        case "ready" if not process.stopped:
            yield from _begins(machine, world, p)
        case "asleep":
            yield from _sleeps(machine, world, p)
        case "exiting":
            yield from _ends(machine, world, p)
        case "zombie":
            new = world.copy()
            new.update(p, life="gone")
            yield new


# --- asleep, and at the end ---


def _sleeps(machine: Machine, world: World, p: int) -> Iterator[World]:
    process = world.processes[p]
    served = list(_completes(machine, world, p))
    yield from served
    if process.signalled or process.stopping:
        new = world.copy()
        _looks_up(machine, new, p)
        yield new
    if "timeout" in machine.step(world, p) and not served:
        new = world.copy()
        machine.leave_queue(new, p)
        machine.returned(new, p, "EAGAIN")
        yield new


def _completes(machine: Machine, world: World, p: int) -> Iterator[World]:
    """The call of a sleeper can be done, and it is for the sleeper itself to do it: under `kernel` only what
    is left open there, who of the senders is next (Q-4)."""
    new = world.copy()
    name = machine.sleeps_in(world, p)
    assert name is not None
    if name[0] == "senders":
        if machine.try_send(new, p):
            yield new
    elif machine.kernel:
        return
    elif name[0] == "receivers":
        if machine.try_receive(new, p):
            yield new
    elif machine.try_semop(new, p) is None:
        yield new


def _looks_up(machine: Machine, world: World, p: int) -> None:
    """A sleeper notices a signal or SIGSTOP and takes itself off the queue (S-22, S-23, Q-12, S-30)."""
    process = world.processes[p]
    semop = machine.leave_queue(world, p) == "sleepers"
    interrupted = semop or process.signalled == "caught"
    world.update(
        p,
        life="ready",
        stopped=process.stopping,
        stopping=False,
        signalled="",
        resume="EINTR" if interrupted else "restart",
    )
    if not process.stopping:
        _resumes(machine, world, p)


def _resumes(machine: Machine, world: World, p: int) -> None:
    if world.processes[p].resume == "EINTR":
        machine.returned(world, p, "EINTR")
    else:
        world.update(p, resume="")


def _ends(machine: Machine, world: World, p: int) -> Iterator[World]:
    """The end of a process: out of the queue (until then it may still be served), then the undo of one set
    after the other (`kernel`: the one used last first, S-16), and only then it is a zombie (S-29)."""
    if machine.sleeps_in(world, p):
        yield from _completes(machine, world, p)
        new = world.copy()
        machine.leave_queue(new, p)
        new.update(p, stack=(), env=())
        yield new
        return
    undos = machine.owes(world, p)
    for undo in undos[:1] if machine.kernel else undos:
        new = world.copy()
        semaphores.give_back(new, p, undo)
        machine.synchronise(new, p, [("sem", undo.set, n) for n, _ in undo.adjustments])
        machine.changed(new, undo.set, None)
        yield new
    if not undos:
        new = world.copy()
        machine.gone(new, p)
        yield new


# --- about to do the next step ---


def _begins(machine: Machine, world: World, p: int) -> Iterator[World]:
    new = world.copy()
    if world.processes[p].resume:
        _resumes(machine, new, p)
        yield new
        return
    step = control.current(machine.it, world.processes[p])
    if step is None:
        machine.end(new, p, "ok")
        yield new
        return
    key = next(k for k in RULES if k in step)
    try:
        yield from RULES[key](machine, new, p)
    except NeedsLoad as needed:
        new = world.copy()
        machine.access(new, p, needed.element, store=False)
        loaded = (*new.processes[p].loaded, new.fields[needed.element])
        machine.go_on(new, p, new.processes[p]._replace(loaded=loaded))
        yield new
    except NoValue:
        new = world.copy()
        machine.fail(new, p, "error")
        yield new


def _only_loads(machine: Machine, world: World, p: int) -> Iterator[World]:
    """A branch or a loop stops only where something has to be loaded, or has no value."""
    step = machine.step(world, p)
    machine.value(world, p, next(step[k] for k in ("if", "while", "repeat") if k in step))
    raise AssertionError("a branch whose condition has a value is silent")


def _set(machine: Machine, world: World, p: int) -> Iterator[World]:
    entries = machine.step(world, p)["set"]
    process = world.processes[p]
    name, written = list(entries.items())[process.part]
    own = control.evaluator(machine.it, p, process)
    value = own.value(written)
    target, index = control.split_target(name)
    element = own.element(target, 0 if index is None else own.value(index))
    machine.access(world, p, element, store=True)
    world.fields[element] = int(value)
    world.acted = True
    machine.go_on(world, p, control.after_entry(process, entries))
    yield world


def _phase(machine: Machine, world: World, p: int) -> Iterator[World]:
    name = machine.step(world, p)["phase"]
    world.entered.add(name)
    process = control.advance(world.processes[p])
    kept = name if name in machine.it.watched else None
    machine.go_on(world, p, process._replace(phase=kept, inside=()))
    yield world


def _assert(machine: Machine, world: World, p: int) -> Iterator[World]:
    if machine.value(world, p, machine.step(world, p)["assert"]):
        machine.go_on(world, p, control.advance(world.processes[p]))
    else:
        machine.fail(world, p, "violation")
    yield world


def _choose(machine: Machine, world: World, p: int) -> Iterator[World]:
    process = world.processes[p]
    for number, block in enumerate(machine.step(world, p)["choose"]):
        new = world.copy()
        new.alternative = (process.stack[-1][:2], number)
        machine.go_on(new, p, control.push(machine.it, process, block))
        yield new


def _exit(machine: Machine, world: World, p: int) -> Iterator[World]:
    machine.value(world, p, machine.step(world, p)["exit"])
    machine.end(world, p, "ok")
    yield world


def _crash(machine: Machine, world: World, p: int) -> Iterator[World]:
    machine.end(world, p, "dead")
    yield world


# --- calls ---


def _missing(machine: Machine, world: World, p: int, number: int) -> bool:
    """Whether p has no such object, and so gets EINVAL."""
    if world.handles[p][number]:
        return False
    machine.returned(world, p, "EINVAL")
    return True


def _semop(machine: Machine, world: World, p: int) -> Iterator[World]:
    set_, array = machine.array(world, p)
    machine.begins(world, p, array, set_)
    if not _missing(machine, world, p, set_):
        if any(op.undo for op in array):
            semaphores.use_undo(world, p, set_)
        blocked = machine.try_semop(world, p)
        if isinstance(blocked, Blocked):
            blocker = blocked.at if semaphores.only_zeros(array) else -1
            machine.fall_asleep(world, p, "sleepers", set_, Sleeper(p, blocker))
    yield world


def _send(machine: Machine, world: World, p: int) -> Iterator[World]:
    step = machine.step(world, p)
    queue, message = machine.queue(step["send"]), machine.message(world, p)
    if message.type <= 0 or message.length > MSGMAX:
        machine.returned(world, p, "EINVAL")
    elif not _missing(machine, world, p, machine.of_queue(queue)) and not machine.try_send(world, p):
        if step.get("nowait"):
            machine.returned(world, p, "EAGAIN")
        else:
            machine.fall_asleep(world, p, "senders", queue, p)
    yield world


def _receive(machine: Machine, world: World, p: int) -> Iterator[World]:
    step = machine.step(world, p)
    queue = machine.queue(step["receive"])
    machine.request(world, p)
    if not _missing(machine, world, p, machine.of_queue(queue)) and not machine.try_receive(world, p):
        if step.get("nowait"):
            machine.returned(world, p, "ENOMSG")
        else:
            machine.fall_asleep(world, p, "receivers", queue, p)
    yield world


def _get(machine: Machine, world: World, p: int) -> Iterator[World]:
    asked = machine.step(world, p)["get"]
    what = next(k for k in ("value", "ncnt", "zcnt") if k in asked)
    set_, number = machine.member(world, p, asked[what])
    if _missing(machine, world, p, set_):
        yield world
        return
    machine.learns(world, p, ("sem", set_, number))
    answers = [world.sems[set_][number]]
    if what != "value":
        array_of = partial(machine.array_of, world)
        answers = list(semaphores.counts(world, set_, number, what == "zcnt", machine.kernel, array_of))
    for answer in answers:
        new = world.copy()
        machine.returned(new, p, None, answer)
        yield new


def _stat(machine: Machine, world: World, p: int) -> Iterator[World]:
    asked = machine.step(world, p)["stat"]
    if asked["field"] != "qnum":
        raise NotImplementedError(asked["field"])
    queue = machine.it.queue_names.index(asked["object"])
    if not _missing(machine, world, p, machine.of_queue(queue)):
        machine.returned(world, p, None, len(world.queues[queue]))
    yield world


def _set_value(machine: Machine, world: World, p: int) -> Iterator[World]:
    asked = machine.step(world, p)["set_value"]
    new: dict[int, int] = {}
    set_ = -1
    for text, written in asked.items():
        set_, number = machine.member(world, p, text)
        new[number] = machine.value(world, p, written)
    if not all(0 <= v <= semaphores.SEMVMX for v in new.values()):
        machine.returned(world, p, "ERANGE")
    elif not _missing(machine, world, p, set_):
        semaphores.set_values(world, set_, new)
        world.acted = True
        machine.synchronise(world, p, [("sem", set_, n) for n in new])
        machine.returned(world, p, None)
        machine.changed(world, set_, None)
    yield world


Rule = Callable[[Machine, World, int], Iterator[World]]
RULES: dict[str, Rule] = {
    "set": _set,
    "if": _only_loads,
    "while": _only_loads,
    "repeat": _only_loads,
    "phase": _phase,
    "assert": _assert,
    "choose": _choose,
    "exit": _exit,
    "crash": _crash,
    **dict.fromkeys(SEMOPS, _semop),
    "send": _send,
    "receive": _receive,
    "get": _get,
    "stat": _stat,
    "set_value": _set_value,
    **LIFE,
}
