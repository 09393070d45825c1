"""The trace of a free run is a path of the model; what could not have happened so is none."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import free
from ipcsim.explorer.inclusion import Answer, Inclusion, include
from ipcsim.program import Discipline, Program, Scheduler
from ipcsim.runner.supervisor import run
from ipcsim.trace import Event, EventKind, Trace, read_trace
from tests.explorer.scenarios import program

BEGIN, END, STEP, DIED = EventKind.BEGIN, EventKind.END, EventKind.STEP, EventKind.DIED
EAGAIN = errno.EAGAIN


# --- real runs ---


def ran(what: Program, folder: Path) -> Trace:
    run(what, settings=replace(what.settings, scheduler=Scheduler.FREE, seed=1), folder=folder)
    free.forget_what_persists(what)
    (path,) = folder.glob("*.trace")
    return read_trace(path)


SOME = (
    "barrier", "create-or-find", "dining-philosophers strategy=ordered", "first-blocker", "full-by-count",
    "impatient-receiver", "interrupted", "killed-holder", "labels", "lock-holder-crashes-undo",
    "lost-update variant=undo", "nattch", "no-mutex", "peterson", "polling", "private-id-in-a-message",
    "removed-segment-lives-on", "removed-while-waiting", "stopped-and-continued", "three-of-five", "timeout",
    "undo-corners",
)  # fmt: skip


@pytest.mark.parametrize("name", SOME)
def test_what_ships_is_included(tmp_path: Path, name: str) -> None:
    trace = ran(dict(free.shortened())[name], tmp_path)
    assert trace.events
    for discipline, found in free.compared(trace).items():
        assert found.answer is Answer.INCLUDED, f"{discipline}: {found.departure}"


def test_what_chance_makes_is_included(tmp_path: Path) -> None:
    """A few of what `python -m benchmarks.long free` runs."""
    undecided = 0
    for seed in (s for s in range(1, 24) if s % 3):
        what = free.chosen(seed)[1]
        if what is None:
            continue
        (folder := tmp_path / str(seed)).mkdir()
        for discipline, found in free.compared(ran(what, folder)).items():
            assert found.answer is not Answer.DEPARTED, f"seed {seed}, {discipline}: {found.departure}"
            undecided += found.answer is Answer.UNDECIDED
    assert undecided <= 2


@pytest.mark.parametrize("name", ["lost-update variant=mutex", "red-label", "no-mutex"])
def test_another_errno_is_noticed_where_it_is(tmp_path: Path, name: str) -> None:
    """Every END in turn: another errno, and what was recorded up to it is no path any more."""
    trace = ran(dict(free.shortened())[name], tmp_path)
    places = [i for i, e in enumerate(trace.events) if e.kind is END][:6]
    assert places
    for place in places:
        events = list(trace.events)
        wrong = errno.EFBIG if events[place].errno == 0 else 0
        events[place] = events[place]._replace(errno=wrong)
        found = include(trace.program, events, until=events[place].time)
        assert found.answer is Answer.DEPARTED
        assert found.departure is not None
        assert found.departure.number == place


# --- what the times leave open: records made by hand ---


class Records:
    """The records of a Program's processes; instructions are named by how their text begins."""

    def __init__(self, text: str) -> None:
        self.program = program(text)
        self._events: list[Event] = []

    def __call__(
        self, time: int, who: str, kind: EventKind, what: str = "", errno: int = 0, a: int = 0
    ) -> Records:
        number = next(p.number for p in self.program.processes if p.name == who)
        code = self.program.families[self.program.processes[number].family].code
        pc = next(pc for pc, i in enumerate(code) if i.text.startswith(what)) if what else 0
        self._events.append(Event(time, number, pc, kind, errno, a, 0, b""))
        return self

    def call(self, start: int, end: int, who: str, what: str, errno: int = 0, a: int = 0) -> Records:
        return self(start, who, BEGIN, what)(end, who, END, what, errno, -1 if errno else a)

    def included(self, discipline: Discipline = Discipline.WEAK, **more: Any) -> Inclusion:
        return include(self.program, sorted(self._events, key=lambda e: e.time), discipline, **more)


BOTH = pytest.mark.parametrize("discipline", list(Discipline))

TWO_TAKE_ONE = """
scenario: it
semaphores: {set: {a: 1}}
processes:
  one: {steps: [{P: a, nowait: true, on_error: {EAGAIN: []}}]}
  two: {steps: [{P: a, nowait: true, on_error: {EAGAIN: []}}]}
"""


@BOTH
def test_calls_that_overlap_may_be_in_either_order(discipline: Discipline) -> None:
    records = Records(TWO_TAKE_ONE).call(1, 4, "one", "P").call(2, 3, "two", "P", EAGAIN)
    assert records.included(discipline).answer is Answer.INCLUDED


@BOTH
def test_a_call_that_is_over_has_happened_before_one_that_begins(discipline: Discipline) -> None:
    found = Records(TWO_TAKE_ONE).call(3, 4, "one", "P").call(1, 2, "two", "P", EAGAIN).included(discipline)
    assert found.answer is Answer.DEPARTED
    assert found.departure is not None
    assert found.departure.number == 1
    assert "two" in found.departure.words
    assert "EAGAIN" in found.departure.words


ONE_GIVES = """
scenario: it
semaphores: {set: {a: 0}}
processes:
  one: {steps: [V: a]}
  two: {steps: [P: a]}
"""


@BOTH
def test_the_end_of_a_call_may_be_missing(discipline: Discipline) -> None:
    records = Records(ONE_GIVES)(1, "one", BEGIN, "V").call(2, 3, "two", "P")
    assert records.included(discipline).answer is Answer.INCLUDED


@BOTH
def test_a_call_does_nothing_before_it_begins(discipline: Discipline) -> None:
    records = Records(ONE_GIVES)(4, "one", BEGIN, "V").call(2, 3, "two", "P")
    assert records.included(discipline).answer is Answer.DEPARTED


@BOTH
def test_what_comes_after_the_end_is_not_compared(discipline: Discipline) -> None:
    records = Records(ONE_GIVES)(4, "one", BEGIN, "V").call(1, 3, "two", "P")
    assert records.included(discipline).answer is Answer.DEPARTED
    assert records.included(discipline, until=2).answer is Answer.INCLUDED


MEMORY = """
scenario: it
semaphores: {set: {a: 1}}
segments: {memory: {n: {type: int, atomic: true}}}
processes:
  writer: {steps: [{V: a}, {set: {memory.n: 1}}]}
  reader: {locals: {x: 0}, steps: [{V: a}, {set: {x: memory.n}}]}
"""


@BOTH
@pytest.mark.parametrize(("read", "right"), [(7, True), (6, True), (4, False)])
def test_a_store_is_seen_from_the_record_before_it_on(discipline: Discipline, read: int, right: bool) -> None:
    """The store is somewhere in 5 … 10; the load between 3 and `read`, and it has got the 1."""
    records = Records(MEMORY).call(1, 5, "writer", "V")(10, "writer", STEP, "store", a=1)
    records.call(2, 3, "reader", "V")(read, "reader", STEP, "load", a=1)
    assert records.included(discipline).answer is (Answer.INCLUDED if right else Answer.DEPARTED)


UNDONE = """
scenario: it
semaphores: {set: {a: 1}}
processes:
  one: {steps: [{P: a, undo: true}, {exit: 0}]}
  two: {steps: [{P: a, nowait: true, on_error: {EAGAIN: []}}]}
"""


@BOTH
@pytest.mark.parametrize(
    ("start", "errno_", "right"),
    [(3, 0, False), (3, EAGAIN, True), (6, 0, True), (10, EAGAIN, True), (21, 0, True), (21, EAGAIN, False)],
)
def test_an_end_takes_until_it_is_booked(
    discipline: Discipline, start: int, errno_: int, right: bool
) -> None:
    """S-29: the unit comes back somewhere between the exit at 5 and the death at 20."""
    records = Records(UNDONE).call(1, 2, "one", "P")(5, "one", STEP, "exit")(20, "one", DIED)
    records.call(start, start + 1, "two", "P", errno_)
    assert records.included(discipline).answer is (Answer.INCLUDED if right else Answer.DEPARTED)


ORDER = """
scenario: it
semaphores: {set: {a: 0}}
processes:
  one: {steps: [P: a]}
  two: {steps: [P: a]}
  shell: {locals: {n: 0}, steps: [{get: {ncnt: a, into: n}}, {V: a}]}
"""


@pytest.mark.parametrize(
    ("discipline", "first", "right"),
    [
        (Discipline.WEAK, "one", True),
        (Discipline.WEAK, "two", True),
        (Discipline.KERNEL, "one", True),
        (Discipline.KERNEL, "two", False),
    ],
)
def test_linux_serves_in_the_order_of_arrival(discipline: Discipline, first: str, right: bool) -> None:
    """`one` was asleep when the shell counted, `two` called later (S-6). Any order is `weak`."""
    records = Records(ORDER)(1, "one", BEGIN, "P").call(2, 3, "shell", "get", a=1)(4, "two", BEGIN, "P")
    records.call(5, 6, "shell", "V")(7, first, END, "P")
    assert records.included(discipline).answer is (Answer.INCLUDED if right else Answer.DEPARTED)


@BOTH
def test_the_budget_leaves_the_question_open(discipline: Discipline) -> None:
    records = Records(TWO_TAKE_ONE).call(1, 4, "one", "P").call(2, 3, "two", "P", EAGAIN)
    assert records.included(discipline, budget=1).answer is Answer.UNDECIDED


def test_a_run_that_is_stopped_says_when(tmp_path: Path) -> None:
    trace = ran(dict(free.shortened())["locked-twice"], tmp_path)
    assert trace.stopped is not None
    assert trace.stopped >= max(e.time for e in trace.events)


def test_a_run_that_ends_by_itself_was_not_stopped(tmp_path: Path) -> None:
    trace = ran(dict(free.shortened())["too-long"], tmp_path)
    assert trace.stopped is None
