"""Random walks through the model, and what their events did."""

from __future__ import annotations

import random

from hypothesis import HealthCheck, assume, settings

from ipcsim.analysis.operations import Operations
from ipcsim.kernel.effects import Effect
from ipcsim.kernel.observed import observed
from ipcsim.model.effects import Action
from ipcsim.model.layout import Overflow
from ipcsim.model.locals import Unsupported
from ipcsim.model.machine import Machine
from ipcsim.program import Discipline, Program
from ipcsim.program.instructions import Semop
from ipcsim.trace import Event, EventKind
from tests.explorer import scenarios
from tests.explorer.harsh import Harsh
from tests.model.test_edges import machine_of

LONGEST = 60  # steps of a walk
QUICK = settings(deadline=None, suppress_health_check=list(HealthCheck))


def walked(chance: random.Random, discipline: Discipline) -> tuple[str, Machine, list[Action]]:
    """The text of a random scenario, its machine, and a walk through that."""
    text = chance.choice((scenarios.Dice, Harsh))(chance).text()
    assume(text is not None)
    assert text is not None
    try:
        machine = machine_of(scenarios.program(text), discipline)
        return text, machine, walk(machine, chance)
    except (Unsupported, Overflow):
        assume(False)
        raise


def walk(machine: Machine, chance: random.Random) -> list[Action]:
    """Steps of the model, each chosen by chance among those possible."""
    state, taken = machine.init, list[Action]()
    for _ in range(LONGEST):
        possible = machine.actions(state)
        if not possible:
            break
        taken.append(chance.choice(possible))
        state = machine.next(state, taken[-1])
    return taken


def done(program: Program, operations: Operations, event: Event) -> tuple[Effect, ...]:
    """The effects of an event that is the success of a step; none of any other."""
    instruction = program.instruction(event.process, event.pc)
    pairs = operations.of(event) if isinstance(instruction, Semop) else ()
    if event.errno or event.kind is EventKind.BEGIN:
        return ()
    return observed(program, event, instruction, pairs)
