"""Takes a schedule along the model step by step, as a replay does with real processes."""

from __future__ import annotations

from collections.abc import Iterator

from ipcsim.model.effects import Act, Action
from ipcsim.model.locals import Mode
from ipcsim.program.instructions import Choose, KernelCall
from ipcsim.schedule import Choice, Schedule
from tests.explorer.reference import Reference


def states(found: Reference, schedule: Schedule) -> list[int]:
    """The states that a schedule leads through; AssertionError where it is not possible."""
    machine = found.machine
    way = [machine.init]
    asleep: set[int] = set()
    for choice in schedule.choices:
        action = _meant(found, way[-1], choice)
        if action is not None:
            asleep.discard(choice.process)
            way.append(machine.next(way[-1], action))
            continue
        # a turn for a call that has to wait; it may be over once somebody else has stepped
        local = machine.local(way[-1], choice.process)
        assert local.mode is Mode.READY, f"{choice} is not possible"
        assert isinstance(machine.people[choice.process].code[local.pc], KernelCall), f"{choice}"
        assert choice.process not in asleep, f"{choice} sleeps already"
        asleep.add(choice.process)
    return way


def _meant(found: Reference, state: int, choice: Choice) -> Action | None:
    return next((a for a in _candidates(found, state, choice)), None)


def _candidates(found: Reference, state: int, choice: Choice) -> Iterator[Action]:
    machine = found.machine
    local = machine.local(state, choice.process)
    for action in machine.actions_of(state, choice.process):
        step = action.steps[0] if action.steps else None
        if step is None or step.process != choice.process:
            continue
        strikes, dies = step.act is Act.STRIKE, step.act is Act.DIE and step.scheduled
        if strikes is not choice.timeout or dies is not choice.dies or not step.scheduled:
            continue
        chooses = isinstance(machine.people[choice.process].code[local.pc], Choose)
        if chooses and action.alternative != choice.alternative:
            continue
        yield action
