"""What a step does is among what its instruction may do by the text."""

from __future__ import annotations

import random
from dataclasses import fields, replace

from hypothesis import given
from hypothesis import strategies as st

from ipcsim.analysis.operations import Operations
from ipcsim.analysis.resolve import Constants
from ipcsim.explorer.path import Path
from ipcsim.kernel.effects import AwaitZero, Effect, Give, Take
from ipcsim.kernel.static import effects_of, only_looks
from ipcsim.program import Discipline
from ipcsim.trace import EventKind
from tests.kernel.steps import QUICK, done, walked

TOLD = {"id", "address", "values", "value"}  # what only the event tells


def covers(may: Effect, was: Effect) -> bool:
    """Whether `was` is one of those that `may` stands for."""
    if type(may) is not type(was):
        return False
    for field in fields(may):
        wide, exact = getattr(may, field.name), getattr(was, field.name)
        if field.name in TOLD:
            continue
        if isinstance(wide, range):
            if not set(exact) <= set(wide):
                return False
        elif wide is not None and wide != exact:
            return False
    return True


@QUICK
@given(chance=st.randoms(use_true_random=False), discipline=st.sampled_from(Discipline))
def test_what_is_done_was_foreseen(chance: random.Random, discipline: Discipline) -> None:
    text, machine, taken = walked(chance, discipline)
    program = machine.program
    operations = Operations(program)
    constants = [Constants(family) for family in program.families]
    for event in Path(machine, taken).events():
        if event.kind is EventKind.DIED:
            continue
        process, instruction = program.processes[event.process], program.instruction(event.process, event.pc)
        value = constants[process.family].of(program.families[process.family].initial[process.instance])
        foreseen = effects_of(instruction, program, value)
        for effect in done(program, operations, event):
            assert any(covers(may, effect) for may in foreseen), (effect, foreseen, text)
            assert not only_looks(instruction, program) or not isinstance(effect, Take | Give), text


def test_covers_is_no_tautology() -> None:
    take = Take(0, range(1, 2), 1)
    assert covers(Take(0, range(3), None), take)
    assert not covers(Take(0, range(2, 3), None), take)
    assert not covers(Take(0, range(3), 2), take)
    assert not covers(replace(take, set=1), take)
    assert not covers(Give(0, range(3), None), take)
    assert not covers(AwaitZero(0, range(3)), take)
