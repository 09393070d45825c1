"""Signals, spawning, and objects that are created, opened and removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Literal

from tests.oracle import control
from tests.oracle.expressions import NoValue
from tests.oracle.machine import Machine
from tests.oracle.scenario import object_of
from tests.oracle.world import World

MINE, NOBODYS = True, False  # whether a process has an object open


def _target(machine: Machine, world: World, p: int, text: str) -> int:
    family, index = machine.it.process_named(text)
    place = 0 if index is None else machine.value(world, p, index)
    if not 0 <= place < family.count:
        raise NoValue(f"no process {text}")
    return family.first + place


def _signal(machine: Machine, world: World, p: int) -> Iterator[World]:
    """kill(2)."""
    asked = machine.step(world, p)["signal"]
    target = _target(machine, world, p, asked["to"])
    name = asked["name"]
    life = world.processes[target].life
    if life in ("unborn", "gone"):
        if life == "gone":
            machine.learns(world, p, target)  # the process has ended: that orders
        machine.returned(world, p, "ESRCH")
    elif target == p:
        machine.returned(world, p, None)
        if world.processes[p].life == "ready":
            _arrives(machine, world, p, name, in_a_call=False)
    else:
        machine.learns(world, ("signal", target), p)
        if name == "SIGCONT" and world.processes[target].stopped:
            machine.learns(world, target, p)
        _arrives(machine, world, target, name, machine.in_a_call(world, target))
        machine.returned(world, p, None)
    yield world


def _arrives(machine: Machine, world: World, target: int, name: str, in_a_call: bool) -> None:
    process = world.processes[target]
    if not process.living or process.killed:
        return  # it is about to end, or has (S-29)
    match name:
        case "SIGKILL" if in_a_call:
            world.update(target, killed=True)
        case "SIGKILL":
            machine.end(world, target, "dead")
        case "SIGSTOP" if in_a_call:
            world.update(target, stopping=True)
        case "SIGSTOP":
            world.update(target, stopped=True)
        case "SIGCONT" if process.due:
            machine.fail(world, target, "error")
        case "SIGCONT" if process.stopping:
            world.update(target, stopping=False, signalled=process.signalled or "looks")
        case "SIGCONT":
            resume: Literal["", "restart", "EINTR"] = "EINTR" if process.resume == "EINTR" else ""
            world.update(target, stopped=False, resume=resume)
        case _ if in_a_call:
            world.update(target, signalled="caught")
        case _ if process.resume:
            world.update(target, resume="EINTR")


def _spawn(machine: Machine, world: World, p: int) -> Iterator[World]:
    child = _target(machine, world, p, machine.step(world, p)["spawn"])
    if world.processes[child].life != "unborn":
        machine.returned(world, p, "EAGAIN")
    else:
        world.processes[child] = control.first_state(machine.it, child)
        world.handles[child] = world.handles[p]
        machine.learns(world, child, p)
        machine.returned(world, p, None)
    yield world


# --- objects ---


def _create(machine: Machine, world: World, p: int) -> Iterator[World]:
    asked = machine.step(world, p)["create"]
    number = machine.object(object_of(asked))
    if world.present[number]:
        exclusive = isinstance(asked, dict) and asked.get("exclusive")
        _opened(machine, world, p, number, "EEXIST" if exclusive else None)
    else:
        world.present[number] = True  # with every value 0
        _opened(machine, world, p, number, None)
    yield world


def _open(machine: Machine, world: World, p: int) -> Iterator[World]:
    number = machine.object(object_of(machine.step(world, p)["open"]))
    _opened(machine, world, p, number, None if world.present[number] else "ENOENT")
    yield world


def _opened(machine: Machine, world: World, p: int, number: int, errno: str | None) -> None:
    if errno is None:
        world.handles[p] = tuple([MINE if i == number else h for i, h in enumerate(world.handles[p])])
    machine.returned(world, p, errno)


def _remove(machine: Machine, world: World, p: int) -> Iterator[World]:
    """IPC_RMID: EIDRM to whoever sleeps in it; nobody's id of it is good any more (S-21, Q-9)."""
    number = machine.object(object_of(machine.step(world, p)["remove"]))
    if not world.handles[p][number]:
        machine.returned(world, p, "EINVAL")
        yield world
        return
    world.present[number] = False
    for q, handles in enumerate(world.handles):
        world.handles[q] = tuple([NOBODYS if i == number else h for i, h in enumerate(handles)])
    sleepers: list[int] = []
    if number < len(world.sems):
        sleepers = [s.process for s in world.sleepers[number]]
        world.sleepers[number] = ()
        world.sems[number] = (0,) * len(world.sems[number])
        for q, undos in enumerate(world.undo):
            world.undo[q] = tuple([u for u in undos if u.set != number])
    else:
        queue = number - len(world.sems)
        sleepers = [*world.receivers[queue], *world.senders[queue]]
        world.receivers[queue] = world.senders[queue] = world.queues[queue] = ()
    for errnos in product(*[_removed(machine, world, q, number) for q in sleepers]):
        new = world.copy()
        for q, errno in zip(sleepers, errnos, strict=True):
            machine.returned(new, q, errno)
        machine.returned(new, p, None)
        yield new


def _removed(machine: Machine, world: World, q: int, number: int) -> tuple[str, ...]:
    """What a sleeper may be told when its object is removed: a semop whose time is over just then finds the
    set gone before it has noted why it woke, and that is EINTR without a signal (S-35)."""
    living = world.processes[q].living
    timed = living and number < len(world.sems) and "timeout" in machine.step(world, q)
    return ("EIDRM", "EINTR") if timed else ("EIDRM",)


LIFE: dict[str, Callable[[Machine, World, int], Iterator[World]]] = {
    "signal": _signal,
    "spawn": _spawn,
    "create": _create,
    "open": _open,
    "remove": _remove,
}
