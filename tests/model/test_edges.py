"""Every step that the model takes goes along an edge of the control-flow graph."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ipcsim.errors import NOWHERE
from ipcsim.model.effects import Act, Action
from ipcsim.model.layout import Overflow
from ipcsim.model.locals import GONE, Local, Mode, ModelProcess, Stuck, Unsupported
from ipcsim.model.machine import Machine
from ipcsim.program import Discipline, Program, expressions
from ipcsim.program.expressions import Binary, Const
from ipcsim.program.flow import walk
from ipcsim.program.instructions import Assert, Assign, Receive
from tests.explorer import scenarios
from tests.explorer.harsh import Harsh
from tests.model import programs

MOST = 150  # states of each
QUICK = settings(deadline=None, suppress_health_check=list(HealthCheck))
CHANCE = st.randoms(use_true_random=False)


def machine_of(program: Program, discipline: Discipline) -> Machine:
    widths: dict[str, int] = {}
    while True:
        try:
            return Machine(program, discipline, widths=widths)
        except Overflow as overflow:
            widths[overflow.name] = overflow.width * 2


def explored(machine: Machine) -> int:
    """How many of the first states were looked at, with all steps from them; one at least."""
    seen = 0

    def onward(state: int) -> list[int]:
        found = []
        for action in machine.actions(state):
            after = machine.next(state, action)
            hold(machine, state, action, after)
            found.append(after)
        return found

    try:
        for _ in walk([machine.init], onward):
            seen += 1
            if seen == MOST:
                break
    except Overflow:
        pass  # what was looked at until then holds
    return seen


def hold(machine: Machine, state: int, action: Action, after: int) -> None:
    ended = {s.process: s for s in action.steps if s.act is not Act.SLEEP}
    for proc in machine.processes:
        old, new = machine.local(state, proc.number), machine.local(after, proc.number)
        if old.mode is Mode.UNBORN:
            targets: tuple[int, ...] = (0,)
        elif (step := ended.get(proc.number)) is not None and step.errno is not None:
            targets = proc.flow.failed[old.pc]
        else:
            targets = proc.flow.done[old.pc]
        met = set(
            walk(
                targets,
                lambda pc: () if proc.code[pc].visible else proc.flow.next[pc],  # noqa: B023
            )
        )
        moved = new.pc != old.pc and new.mode not in GONE and new.mode is not Mode.ENDING
        if moved:
            assert new.pc in met, f"{proc.name}: {old.pc} → {new.pc}, not one of {sorted(met)}"
            assert proc.code[new.pc].visible or fails(proc, new), f"{proc.name} rests at {new.pc}"


def fails(proc: ModelProcess, local: Local) -> bool:
    """Whether the process cannot do the silent instructions that it stands before."""
    try:
        proc.run_silently(local.pc, proc.env(local))
    except Stuck:
        return True
    return False


@QUICK
@given(chance=CHANCE, discipline=st.sampled_from(Discipline))
def test_scenarios(chance: random.Random, discipline: Discipline) -> None:
    text = chance.choice((scenarios.Dice, Harsh))(chance).text()
    assume(text is not None)
    assert text is not None
    try:
        explored(machine_of(scenarios.program(text), discipline))
    except Unsupported:
        assume(False)


@QUICK
@given(chance=CHANCE, discipline=st.sampled_from(Discipline))
def test_programs_whose_errors_go_on_behind_the_call(chance: random.Random, discipline: Discipline) -> None:
    explored(machine_of(programs.Dice(chance, longest=8).program(), discipline))


def test_a_call_that_fails_leaves_its_variable_as_it_was() -> None:
    """Also where whoever handles the error goes on with the next step."""
    where: dict[str, Any] = {"at": NOWHERE, "text": ""}
    code = (
        Assign(slot=1, value=Const(7), **where),
        Receive(queue=0, type=Const(0), into=1, nowait=True, handlers=(("ENOMSG", 2),), **where),
        Assert(condition=Binary("==", expressions.Local(1, "got"), Const(7)), **where),
    )
    machine = Machine(programs.program([], [programs.queue("q", 100)], [code], looks=False))
    state = machine.init
    for _ in range(2):
        (action,) = machine.actions(state)
        assert not action.failed
        state = machine.next(state, action)
    assert machine.local(state, 0).pc == 3
