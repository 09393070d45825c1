"""Takes a schedule along the model turn by turn, as a replay does with real processes."""

from __future__ import annotations

from collections.abc import Iterator

from ipcsim.model.effects import Act, Action
from ipcsim.model.locals import Mode
from ipcsim.program.instructions import Choose, KernelCall
from ipcsim.schedule import Choice, Schedule
from tests.explorer.reference import Reference


def states(found: Reference, schedule: Schedule) -> list[set[int]]:
    """The states that a schedule may lead through; AssertionError where it is not possible.

    They are several where something happens without a turn: somebody wakes.
    """
    way = [_settled(found, {found.machine.init})]
    asleep: set[int] = set()
    for number, choice in enumerate(schedule.choices):
        here = {found.machine.next(s, a) for s in way[-1] for a in _meant(found, s, choice)}
        if here:
            asleep.discard(choice.process)
        else:
            # a turn for a call that has to wait; it may be over once somebody else has stepped
            here = {s for s in way[-1] if _has_to_wait(found, s, choice)}
            assert here, f"step {number + 1}, {choice}, is not possible"
            assert choice.process not in asleep, f"step {number + 1}: {choice} sleeps already"
            asleep.add(choice.process)
        way.append(_settled(found, here))
    return way


def _meant(found: Reference, state: int, choice: Choice) -> Iterator[Action]:
    machine = found.machine
    local = machine.local(state, choice.process)
    for action in machine.actions_of(state, choice.process):
        step = action.steps[0] if action.steps else None
        if step is None or step.process != choice.process or not step.scheduled:
            continue
        strikes = any(s.act is Act.STRIKE for s in action.steps)
        if strikes is not choice.timeout or (step.act is Act.DIE) is not choice.dies:
            continue
        chooses = isinstance(machine.processes[choice.process].code[local.pc], Choose)
        if choice.dies or not chooses or action.alternative == choice.alternative:
            yield action


def _has_to_wait(found: Reference, state: int, choice: Choice) -> bool:
    local = found.machine.local(state, choice.process)
    call = found.machine.processes[choice.process].code[local.pc]
    plain = not (choice.timeout or choice.dies)
    return plain and local.mode is Mode.READY and isinstance(call, KernelCall)


def _settled(found: Reference, begun: set[int]) -> set[int]:
    """With whatever happens without anybody being given the turn."""
    machine, seen, todo = found.machine, set[int](), list(begun)
    while todo:
        state = todo.pop()
        if state in seen:
            continue
        seen.add(state)
        todo += [
            machine.next(state, a) for a in machine.actions(state) if not (a.steps and a.steps[0].scheduled)
        ]
    return seen
