"""What is asked of a part of the graph in which somebody goes on for ever."""

from __future__ import annotations

from collections.abc import Sequence

from ipcsim.explorer.graph import final_components
from ipcsim.explorer.reduction import Ground
from ipcsim.explorer.search import Result
from ipcsim.model.locals import LIVING
from ipcsim.program.instructions import Phase


def somebody_waits(ground: Ground, result: Result) -> bool:
    """Whether in some final component that goes on somebody may wait for ever, or nothing ever changes.

    Among processes that are sorted it shows only that somebody waits in each state at the same place.
    """
    machine, graph = ground.machine, result.graph
    if not ground.endless or result.visited is not None:
        return False
    for component in final_components(graph):
        if not graph.targets(component[0]):
            continue
        waiting: set[tuple[int, object]] | None = None
        for n in component:
            state = graph.states[n]
            here: set[tuple[int, object]] = {
                (p.family, machine.local(state, p.number))
                for p in machine.processes
                if machine.local(state, p.number).mode in LIVING
                and not any(a.obliged for a in machine.actions_of(state, p.number))
            }
            waiting = here if waiting is None else waiting & here
        if waiting or not changes(ground, result, component):
            return True
    return False


def changes(ground: Ground, result: Result, component: Sequence[int]) -> bool:
    """Whether any step inside a final component changes an object; who sleeps there is no change."""
    machine, graph = ground.machine, result.graph
    same = {*range(len(machine.processes)), *machine.sleepers, *machine.receivers, *machine.senders}
    return any(
        slot not in same
        for number in component
        for process, alternative, _ in graph.steps(number)
        for slot in machine.actions_of(graph.states[number], process)[alternative].writes
    )


def enters(
    ground: Ground, result: Result, number: int, step: tuple[int, int, int], phases: frozenset[str]
) -> bool:
    """Whether a step enters one of these phases."""
    process, alternative, _ = step
    actions = ground.machine.actions_of(result.graph.states[number], process)
    return any(a.alternative == alternative and any(n in phases for _, n in a.entered) for a in actions)


def can_reach(ground: Ground, process: int, phase: str) -> list[bool]:
    """By pc: whether the process may yet enter the phase."""
    code = ground.machine.processes[process].code
    entering = [isinstance(i, Phase) and i.name == phase for i in code]
    return ground.accesses[process].reaching(entering)
