from __future__ import annotations

from dataclasses import replace

import pytest

from ipcsim.analysis.conditions import only_rises
from ipcsim.analysis.properties import FinalState, Properties
from ipcsim.program import Property, PropertyKind
from ipcsim.program.expressions import (
    At,
    Binary,
    BoolOp,
    Call,
    Const,
    Generator,
    Local,
    QueueLength,
    SegmentValue,
    SemaphoreValue,
    Unary,
)
from ipcsim.verdict import Kind, Verdict

from .events import Story
from .programs import (
    at,
    crash,
    exit_,
    family,
    p,
    phase,
    philosophers,
    program,
    queue,
    receive,
    segment,
    semaphores,
    semop,
    send,
    store,
    v,
)

LAST_LINE = 50
CODE = (p(0), phase("in", 5), semop((0, 1), line=6, ends_phase=True), exit_())


def prop(condition, kind=PropertyKind.NEVER, slots=1, name="rule"):
    return Property(name, kind, at(LAST_LINE), condition, slots=slots)


def both(first=0, second=1, phase="in"):
    return BoolOp("and", (At(0, Const(first), phase), At(0, Const(second), phase)))


def two(*properties, **objects):
    objects.setdefault("sets", [semaphores(2)])
    return program(family("x", *CODE, count=2), properties=properties, **objects)


def check(prog, story, exact=False):
    properties = Properties(prog, exact)
    for event in story.events:
        properties.feed(event)
    properties.at_rest()
    return properties.findings()


def test_never_is_broken_by_an_overlap():
    (finding,) = check(two(prop(both())), Story().call(0, 0).step(0, 1).call(1, 0).step(1, 1))
    assert finding.kind is Kind.VIOLATION
    assert finding.verdict is Verdict.VIOLATION
    assert finding.message == "The property `rule` is broken: x[0] is in `in` and x[1] is in `in`."
    assert str(finding.at) == "test.yaml:5"
    assert finding.details[0] == ("x[0]", "is in phase in", "test.yaml:5")
    assert finding.details[-1][2] == f"test.yaml:{LAST_LINE}"


def test_a_phase_ends_where_its_semop_begins():
    story = Story().call(0, 0).step(0, 1).begin(0, 2).call(1, 0).step(1, 1).end(0, 2)
    assert check(two(prop(both())), story) == ()


@pytest.mark.parametrize("end", ["exit", "death"])
def test_a_phase_ends_with_the_process(end):
    story = Story().call(0, 0).step(0, 1)
    story = story.step(0, 3) if end == "exit" else story.died(0, -9)
    assert check(two(prop(both())), story.call(1, 0).step(1, 1)) == ()


def test_always():
    condition = Unary("not", both())
    prog = two(prop(condition, PropertyKind.ALWAYS))
    assert check(prog, Story().step(0, 1)) == ()
    assert check(prog, Story().step(0, 1).step(1, 1))


def test_what_holds_from_the_start_is_looked_at_first():
    nobody = Unary("not", At(0, Const(0), "in"))
    assert check(two(prop(nobody)), Story().begin(0, 0))


def test_leaving_a_phase_can_break_too():
    prog = two(
        prop(BoolOp("or", (At(0, Const(0), "in"), Unary("not", At(0, Const(1), "in")))), PropertyKind.ALWAYS)
    )
    assert check(prog, Story().step(0, 1).step(1, 1)) == ()
    assert check(prog, Story().step(0, 1).step(1, 1).begin(0, 2))


def test_ended():
    prog = two(prop(At(0, Const(0), "")))
    assert check(prog, Story().step(0, 1)) == ()
    assert check(prog, Story().step(0, 3))


def test_one_finding_a_property():
    story = Story()
    for _ in range(3):
        story.step(0, 1).step(1, 1).begin(0, 2).begin(1, 2)
    assert len(check(two(prop(both()), prop(both(), name="other")), story)) == 2


def test_neighbours():
    neighbour = Binary("%", Binary("+", Local(0, "i"), Const(1)), Const(5))
    condition = Call(
        "any",
        (
            Generator(
                BoolOp("and", (At(0, Local(0, "i"), "eating"), At(0, neighbour, "eating"))),
                0,
                "i",
                Call("range", (Const(5),)),
                None,
            ),
        ),
    )
    prog = replace(philosophers(5), properties=(prop(condition),))
    assert check(prog, Story().step(0, 3).step(2, 3)) == ()
    (finding,) = check(prog, Story().step(2, 3).step(4, 3).step(0, 3))
    assert finding.processes == ("philosopher[0]", "philosopher[4]")  # number 2 eats too, but apart
    assert only_rises(condition)


def test_values_only_where_the_order_is_exact():
    empty = prop(Binary("==", SemaphoreValue(0, 0, None, None), Const(0)))
    story = Story().call(0, 0).call(1, 0)
    assert check(two(empty), story) == ()
    (finding,) = check(two(empty), story, exact=True)
    assert ("", "a is 0", "") in finding.details


def test_undo_gives_the_value_back_at_death():
    value = SemaphoreValue(0, 0, None, None)
    taken = prop(BoolOp("and", (At(0, None, ""), Binary("==", value, Const(0)))))
    back = prop(BoolOp("and", (At(0, None, ""), Binary("==", value, Const(1)))), name="back")
    prog = program(family("x", p(0, undo=True), crash()), sets=[semaphores(1)], properties=[taken, back])
    (finding,) = check(prog, Story().call(0, 0).died(0, -9), exact=True)
    assert "`back`" in finding.message


def test_queues_and_segments_where_the_order_is_exact():
    two_messages = prop(Binary(">=", QueueLength(0), Const(2)))
    seven = prop(Binary("==", SegmentValue(0, 0, None), Const(7)), name="seven")
    prog = program(
        family("x", send(0), receive(0), store()),
        queues=[queue()],
        segments=[segment("n")],
        properties=[two_messages, seven],
    )
    assert check(prog, Story().send(0, 0, 1).receive(0, 1, 0, 1).send(0, 0, 1), exact=True) == ()
    assert len(check(prog, Story().send(0, 0, 1).send(0, 0, 1).step(0, 2, a=7), exact=True)) == 2


def test_at_end():
    total = prop(Binary("==", SegmentValue(0, 0, None), Const(20)), PropertyKind.AT_END, name="sum is kept")
    empty = prop(Binary("==", QueueLength(0), Const(0)), PropertyKind.AT_END, name="empty")
    ended = prop(At(0, None, ""), PropertyKind.AT_END, name="ended")
    prog = program(
        family("x", store()), queues=[queue()], segments=[segment("sum")], properties=[total, empty, ended]
    )
    properties = Properties(prog)
    assert properties.at_end(FinalState((), (0,), ((20,),))) == ()
    (finding,) = properties.at_end(FinalState((), (0,), ((19,),)))
    assert finding.message == "At the end the property `sum is kept` does not hold: account.sum is 19."
    assert finding.at == at(LAST_LINE)
    assert not properties.needed


def test_at_end_of_something_removed():
    prog = program(
        family("x", send(0)),
        queues=[queue("box")],
        properties=[prop(Binary("==", QueueLength(0), Const(0)), PropertyKind.AT_END)],
    )
    (finding,) = Properties(prog).at_end(FinalState((), (None,), ()))
    assert finding.kind is Kind.EVALUATION
    assert "`box`" in finding.message


def test_a_condition_without_value():
    prog = two(prop(At(0, Const(9), "in")))
    (finding,) = check(prog, Story().step(0, 1))
    assert finding.verdict is Verdict.ERROR
    assert "index 9" in finding.message


IN = At(0, Const(0), "in")


@pytest.mark.parametrize(
    ("condition", "rises"),
    [
        (IN, True),
        (Unary("not", IN), False),
        (Unary("not", Unary("not", IN)), True),
        (BoolOp("or", (IN, Unary("not", IN))), False),
        (
            Binary(">", Call("sum", (Generator(IN, 0, "i", Call("range", (Const(2),)), None),)), Const(1)),
            True,
        ),
        (
            Binary("<", Call("sum", (Generator(IN, 0, "i", Call("range", (Const(2),)), None),)), Const(1)),
            False,
        ),
        (Binary("==", IN, Const(1)), False),
        (Call("all", (Generator(Const(False), 0, "i", Call("range", (Const(2),)), IN),)), False),
        (Call("any", (Generator(Const(True), 0, "i", Call("range", (Const(2),)), IN),)), True),
    ],
)
def test_which_conditions_only_rise(condition, rises):
    assert only_rises(condition) is rises


def test_events_of_no_concern_are_told_apart():
    properties = Properties(two(prop(both())))
    kinds = (1, 2, 3)
    assert not any(properties.concerns(k, v(0)) for k in kinds)
    assert properties.concerns(3, phase("in"))
    assert properties.concerns(1, CODE[2])
    assert not properties.concerns(2, CODE[2])
