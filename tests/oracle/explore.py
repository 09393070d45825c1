"""All states of a scenario, in one dictionary."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.oracle import control
from tests.oracle.machine import Machine
from tests.oracle.steps import Edge, successors
from tests.oracle.world import Process, World, thaw

State = Any


class TooMany(Exception):
    """More states than brute force is for."""


@dataclass
class Space:
    """Every state that can be reached, and the steps from each."""

    machine: Machine
    first: State
    edges: dict[State, list[Edge]] = field(default_factory=dict)

    def processes(self, state: State) -> tuple[Process, ...]:
        found: tuple[Process, ...] = state[0]
        return found


def explore(machine: Machine, most: int) -> Space:
    """Look at every interleaving; `TooMany` where that are more than `most` states."""
    first = initial(machine).key()
    space, todo = Space(machine, first), [first]
    while todo:
        state = todo.pop()
        if state in space.edges:
            continue
        if len(space.edges) >= most:
            raise TooMany
        space.edges[state] = list(successors(machine, thaw(state)))
        todo += [e.target for e in space.edges[state]]
    return space


def initial(machine: Machine) -> World:
    """The state in which the processes begin."""
    it = machine.it
    there = [n not in it.made for n in (*it.set_names, *it.queue_names)]
    unborn = [it.families[f].spawned for f in it.family_of]
    pairs = len(it.values) * it.processes * 2 if machine.ordered else 0
    return World(
        processes=[
            Process("unborn") if spawned else control.first_state(it, p) for p, spawned in enumerate(unborn)
        ],
        sems=[v if there[i] else (0,) * len(v) for i, v in enumerate(it.sets)],
        sleepers=[()] * len(it.sets),
        undo=[()] * it.processes,
        queues=[()] * len(it.queues),
        senders=[()] * len(it.queues),
        receivers=[()] * len(it.queues),
        fields=list(it.values),
        present=there,
        handles=[tuple(there)] * it.processes,
        budget=[machine.crashes],
        known=[frozenset()] * pairs,
    )
