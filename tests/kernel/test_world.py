"""The fold of effects holds the values that the model, which shares none of it, has in its states."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ipcsim.analysis.operations import Operations
from ipcsim.explorer.checks import Seen
from ipcsim.explorer.path import Path
from ipcsim.kernel import observed
from ipcsim.kernel.world import World
from ipcsim.model.effects import Act, Action
from ipcsim.model.layout import Overflow, View
from ipcsim.model.locals import Mode, Unsupported
from ipcsim.model.machine import Machine
from ipcsim.program import Discipline
from ipcsim.program.instructions import ObjectKind, ObjectRef, Semop
from ipcsim.trace import Event, EventKind
from tests.explorer import scenarios
from tests.explorer.harsh import Harsh
from tests.model.test_edges import machine_of

LONGEST = 60  # steps of a walk
QUICK = settings(deadline=None, suppress_health_check=list(HealthCheck))


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


def feed(machine: Machine, world: World, operations: Operations, event: Event) -> None:
    program = machine.program
    if event.kind is EventKind.DIED:
        world.died(event.process)
        return
    instruction = program.instruction(event.process, event.pc)
    pairs = operations.of(event) if isinstance(instruction, Semop) else ()
    if event.errno or event.kind is EventKind.BEGIN:
        return
    if isinstance(instruction, Semop):
        done: tuple[Any, ...] = observed.semop(instruction, pairs)
    else:
        done = observed.observed(program, event, instruction)
    for effect in done:
        world.apply(event.process, effect)


def known(machine: Machine, state: int) -> bool:
    """Whether every effect so far has been recorded: nobody has been served who does not know it yet, or is
    giving back what it held."""
    here = [machine.local(state, p.number) for p in machine.processes]
    return not any(local.due is not None or local.mode is Mode.ENDING for local in here)


def there(machine: Machine, state: int) -> dict[ObjectRef, list[Any] | None]:
    """What the state has of each declared object; None where it is gone."""
    seen = Seen(machine)
    seen.view = View(machine.layout, state)
    found: dict[ObjectRef, list[Any] | None] = {}
    for ref, declared in machine.program.objects():
        if machine.living is not None and machine.living.present(seen.view, ref) is None:
            found[ref] = None
        elif ref.kind is ObjectKind.SEMAPHORES:
            found[ref] = [seen.view[s] for s in machine.sem[ref.number]]
        elif ref.kind is ObjectKind.QUEUE:
            found[ref] = [seen.queue_length(ref.number)]
        else:
            found[ref] = [seen.segment(ref.number, n) for n in range(len(declared.struct.fields))]  # type: ignore[union-attr]
    return found


@QUICK
@given(chance=st.randoms(use_true_random=False), discipline=st.sampled_from(Discipline))
def test_the_world_is_the_state(chance: random.Random, discipline: Discipline) -> None:
    text = chance.choice((scenarios.Dice, Harsh))(chance).text()
    assume(text is not None)
    assert text is not None
    try:
        machine = machine_of(scenarios.program(text), discipline)
        taken = walk(machine, chance)
    except (Unsupported, Overflow):
        assume(False)
        return
    world, operations = World(machine.program), Operations(machine.program)
    state, fed = machine.init, 0
    for count, action in enumerate(taken, 1):
        if any(s.act is Act.LAST for s in action.steps):
            return  # killed in its call: what it has done there is in no record
        events = Path(machine, taken[:count]).events()
        for event in events[fed:]:
            feed(machine, world, operations, event)
        fed, state = len(events), machine.next(state, action)
        if not known(machine, state):
            continue
        for ref, values in there(machine, state).items():
            thing = world.present[ref]
            assert (thing is None) is (values is None), (ref, text)
            if thing is not None and values is not None:
                told = [(w, v) for w, v in zip(thing.values, values, strict=False) if w is not None]
                assert all(w == v for w, v in told), (ref, thing.values, values, text)
