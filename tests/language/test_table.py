"""The table of steps: a step is whole in its one entry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ipcsim.language.compiler import ProcessCompiler, step
from ipcsim.language.leaves import NAME, STEPS
from ipcsim.language.spec import Shaped, must
from ipcsim.language.step_table import STEP_KINDS, Fields, Into, Options, Step
from ipcsim.program.expressions import Const
from ipcsim.program.instructions import Assign
from tests.language.helpers import code_of, messages_of


class Drawn(Fields):
    into = must(Into(), "the local that receives it")


@pytest.fixture
def _draw() -> Iterator[None]:
    """A step that the language does not have: `draw: {into: x}`."""

    @step("draw", "draws a number", Shaped(Drawn, "{into: x}"), Options)
    def draw(c: ProcessCompiler, step: Step[Drawn, Options]) -> None:
        slot = c.into(step.value.into)
        assert slot is not None
        c.builder.assign(c.at(step), c.text(step), slot, Const(7))

    yield
    del STEP_KINDS["draw"]


@pytest.mark.usefixtures("_draw")
def test_a_step_writes_the_local_that_it_names() -> None:
    """Not slot 0, which is `me`; and the local is no constant."""
    code = code_of("- draw: {into: x}\n- V: fork[x]\n- draw: {into: y}", locals_="{y: 1}")
    slots = [i.slot for i in code if isinstance(i, Assign)]
    assert slots == [2, 1]
    assert "`me` never changes" in messages_of("processes: {p: {steps: [draw: {into: me}]}}")


@pytest.mark.parametrize("name", ["me", "71", "set", "n"])
def test_what_no_local_can_be_named_is_told_and_no_more(name: str) -> None:
    text = "semaphores: {{set: {{mutex: 1}}}}\nconstants: {{n: 1}}\nprocesses: {{p: {{steps: [{}]}}}}"
    for one in (f"get: {{value: mutex, into: {name}}}", f"stat: {{object: set, field: id, into: {name}}}"):
        assert len(messages_of(text.format(one))) == 1


def test_an_entry_that_is_not_whole_is_refused_when_it_is_made() -> None:
    with pytest.raises(TypeError, match="no local is made for"):
        type("Forgotten", (Fields,), {"into": must(NAME, "the local that receives it")})
    for name, doc in (("P", "takes it once more"), ("draw", "")):
        with pytest.raises(TypeError, match=f"`{name}`"):
            step(name, doc, STEPS, Options)(lambda c, step: None)
    assert "draw" not in STEP_KINDS


def test_a_procedure_may_be_named_as_a_step() -> None:
    """`into` of `get` makes a local, an argument that is named so makes none."""
    text = """
processes: {{p: {{steps: [{{call: {{{name}: {{{argument}: x}}}}}}]}}}}
procedures: {{{name}: {{arguments: [{argument}], steps: []}}}}
"""
    for name, argument in (("get", "into"), ("receive", "into"), ("get", "value")):
        assert messages_of(text.format(name=name, argument=argument)) == ["unknown name `x`"]
