"""The table of steps: a step is whole in its one entry."""

from __future__ import annotations

import pytest

from ipcsim.language.compiler import HANDLERS, ProcessCompiler
from ipcsim.language.step_table import NAME, STEP_KINDS, Option, Spec, Step, StepKind
from ipcsim.language.types import INT
from ipcsim.program.expressions import Const
from ipcsim.program.instructions import Assign
from tests.language.helpers import code_of


def draw(c: ProcessCompiler, step: Step) -> None:
    slot = c.into(step.value["into"], INT)
    c.builder.assign(c.at(step), c.text(step), slot, Const(7))


@pytest.mark.xfail(strict=True, reason="a second table, of the steps with `into:`, does not know it")
def test_a_step_writes_the_local_that_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not slot 0, which is `me`."""
    value = Spec("{into: x}", fields={"into": Option(NAME, "the local that receives it")})
    monkeypatch.setitem(STEP_KINDS, "draw", StepKind("draw", "draws a number", value))
    monkeypatch.setitem(HANDLERS, "draw", draw)
    code = code_of("- draw: {into: x}")
    assert isinstance(code[0], Assign)
    assert code[0].slot == 1
