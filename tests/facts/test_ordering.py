"""The table of what orders: it is whole, it is what the documentation prints, and it names what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipcsim.analysis import links
from ipcsim.facts import errnos
from ipcsim.facts import ordering as facts
from ipcsim.program.instructions import Lifecycle, ObjectCall, ObjectKind, ObjectRef
from tests.analysis.programs import at, p, receive, send, set_value

DOCS = Path(__file__).parents[2] / "docs" / "language.md"
HAPPENINGS = {"P", "V", "Z", "start", "end", "killed", "continued", "undo", "load", "store"}


def test_the_documentation_prints_the_table() -> None:
    lines = DOCS.read_text().splitlines()
    first = lines.index(facts.markdown()[0])
    assert lines[first : first + len(facts.markdown())] == facts.markdown()
    assert not lines[first + len(facts.markdown())].startswith("|")


def test_the_documentation_says_over_what() -> None:
    told = [line.rstrip(";.") for line in DOCS.read_text().splitlines()]
    assert [f"- {name}: {text}" in told for name, text in facts.THINGS.items()] == [True] * len(facts.THINGS)


def test_what_is_learned_is_passed_on_by_somebody() -> None:
    passed = {thing for order in facts.ORDERS.values() for thing in order.passes}
    learned = {thing for order in facts.ORDERS.values() for thing in order.learns}
    assert passed == learned == set(facts.THINGS)


def test_every_call_of_a_program_is_in_it() -> None:
    whole = ObjectRef(ObjectKind.QUEUE, 0)
    calls = [p(0), set_value(0, 1), send(0, 1), receive(0, 1)]
    calls += [ObjectCall(at=at(1), text="", action=action, object=whole) for action in Lifecycle]
    named = {links.call_name(call) for call in calls} | {"get", "signal", "spawn"}
    assert {call for call, _ in facts.ORDERS} - HAPPENINGS == named


def test_every_errno_of_it_has_a_number() -> None:
    assert {result for _, result in facts.ORDERS} <= {facts.SUCCESS, *errnos.NAMES.values()}


@pytest.mark.parametrize(
    "result",
    [
        ("semop", "EAGAIN"),
        ("send", "EAGAIN"),
        ("receive", "EAGAIN"),
        ("receive", "ENOMSG"),
        ("stat", "success"),
    ],
)
def test_what_was_only_so_at_an_instant_orders_nothing(result: tuple[str, str]) -> None:
    order = facts.ORDERS[result]
    assert order.learns == order.passes == ()
    assert order.tells


def test_what_is_not_in_it_orders_nothing_and_may_tell_anything() -> None:
    order = facts.of("semop", "ENOSPC")
    assert order.learns == order.passes == ()
    assert order.tells
