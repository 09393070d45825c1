"""The fold of effects holds the values that the model, which shares none of it, has in its states."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ipcsim.analysis.operations import Operations
from ipcsim.explorer.checks import Seen
from ipcsim.explorer.path import Path
from ipcsim.kernel.world import World
from ipcsim.model.effects import Act
from ipcsim.model.layout import View
from ipcsim.model.locals import Mode
from ipcsim.model.machine import Machine
from ipcsim.program import Discipline
from ipcsim.program.instructions import ObjectKind, ObjectRef
from ipcsim.trace import Event, EventKind
from tests.kernel.steps import QUICK, done, walked


def feed(machine: Machine, world: World, operations: Operations, event: Event) -> None:
    if event.kind is EventKind.DIED:
        world.died(event.process)
        return
    for effect in done(machine.program, operations, event):
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
    text, machine, taken = walked(chance, discipline)
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
