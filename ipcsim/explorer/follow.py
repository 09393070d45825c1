"""Whether what a controlled run recorded is a path of the model: the check that the two agree.

A run gives one turn at a time and waits until everything is at rest. So its events fall into groups: what
the process with the turn did, and what followed without a turn (a call that somebody completed). The check
keeps every state of the model that explains the events so far; where the kernel is free (Q-4) there can be
several. An event that none of them explains is the departure. So is a turn given although, for the model,
somebody has still to be woken: the kernel kept a process asleep that could go on.

Numbers that the model makes up (ids, addresses, pids, keys of paths) are compared up to renaming, learned
where a call answers with one; times only as "never" or not. Not compared: what a call that failed returns
besides its errno, the text of a failed evaluation, and by which signal a `crash` dies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ipcsim.explorer import recorded
from ipcsim.explorer.recorded import Expected, Names
from ipcsim.model.effects import Act, Action
from ipcsim.model.layout import Overflow
from ipcsim.model.locals import LIVING, Mode
from ipcsim.model.machine import Machine
from ipcsim.program import Discipline, Program
from ipcsim.trace import Event, EventKind

MOST = 10_000  # states that may explain the events so far


class Departure(NamedTuple):
    """The first event that the model does not have: its number, the event, and why, in words."""

    number: int
    event: Event
    words: str

    def __str__(self) -> str:
        return self.words


def follow(program: Program, events: Sequence[Event], crashes: int = 0) -> Departure | None:
    """None where the events of a controlled run are a path of the model, else the first that departs from it.

    `crashes`: how many processes the schedule has killed. Raises `Unsupported` for the few programs that
    have no model.
    """
    widths: dict[str, int] = {}
    while True:
        try:
            return _Follower(Machine(program, Discipline.KERNEL, crashes, widths=widths)).follow(events)
        except Overflow as overflow:
            widths[overflow.name] = overflow.width * 2


@dataclass(frozen=True)
class _Explanation:
    """A state of the model after the events so far. `due` are the records, by process, that steps taken
    already have still to leave; `names` what the run calls what the model made up."""

    state: int
    due: tuple[tuple[int, tuple[Expected, ...]], ...]
    names: Names

    def of(self, process: int) -> tuple[Expected, ...]:
        return next((e for p, e in self.due if p == process), ())

    def with_due(self, process: int, left: tuple[Expected, ...]) -> _Explanation:
        others = [(p, e) for p, e in self.due if p != process]
        return replace(self, due=tuple(sorted([*others, (process, left)] if left else others)))


class _Follower:
    """See `follow`."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._everybody = range(len(machine.processes))

    def follow(self, events: Sequence[Event]) -> Departure | None:
        found = [_Explanation(self._machine.init, (), recorded.NO_NAMES)]
        for number, event in enumerate(events):
            if event.kind is EventKind.STALL:
                continue
            after = self._after(found, event)
            if not after:
                if self._is_the_end(events[number:]):
                    return None
                return Departure(number, event, self._told(found, event))
            found = after
        return None

    def _is_the_end(self, rest: Iterable[Event]) -> bool:
        """Whether only calls end from here on: the run has killed whoever was left, and the SEM_UNDO of one
        of them has woken others before it was their turn to be killed."""
        return bool(self._machine.undo) and all(e.kind is EventKind.END for e in rest)

    # --- one event ---

    def _after(self, before: list[_Explanation], event: Event) -> list[_Explanation]:
        """Every explanation of one more event, none twice."""
        found: dict[_Explanation, None] = {}
        for explanation in self._settled(before):
            for after in self._take(explanation, event):
                found[after] = None
        if len(found) > MOST:
            raise ValueError(f"more than {MOST:,} states of the model explain the events up to {event}")
        return list(found)

    def _settled(self, begun: list[_Explanation]) -> list[_Explanation]:
        """With whatever the model may do that leaves no record (a receiver queues up anew, Q-10, Q-12)."""
        found: dict[_Explanation, None] = {}
        todo = list(begun)
        while todo:
            explanation = todo.pop()
            if explanation in found:
                continue
            found[explanation] = None
            for action in self._by_itself(explanation.state):
                if _silent(self._machine, action):
                    todo.append(replace(explanation, state=self._machine.next(explanation.state, action)))
        return list(found)

    def _by_itself(self, state: int) -> Iterator[Action]:
        """What happens in `state` without anybody being given the turn."""
        for process in self._everybody:
            yield from (a for a in self._machine.actions_of(state, process) if not _given(a))

    def _take(self, explanation: _Explanation, event: Event) -> Iterator[_Explanation]:
        due = explanation.of(event.process)
        if due:
            yield from self._leave(explanation, event)
            return
        for action in self._machine.actions_of(explanation.state, event.process):
            if not action.steps or (_given(action) and not self._at_rest(explanation)):
                continue
            after = replace(explanation, state=self._machine.next(explanation.state, action))
            for step in action.steps:
                more = recorded.expected(self._machine, step)
                after = after.with_due(step.process, after.of(step.process) + more)
            yield from self._leave(after, event)

    def _leave(self, explanation: _Explanation, event: Event) -> Iterator[_Explanation]:
        """The record at the head of what is due is this event, or may be left out."""
        due = explanation.of(event.process)
        for place, expected in enumerate(due):
            names = recorded.matches(self._machine, expected, event, explanation.names)
            if names is not None:
                yield replace(explanation.with_due(event.process, due[place + 1 :]), names=names)
                return
            gone = self._machine.local(explanation.state, event.process).mode not in LIVING
            if not expected.optional and not gone:  # whoever is killed in a call leaves no end of it
                return

    def _at_rest(self, explanation: _Explanation) -> bool:
        """Whether a turn may be given: all has been recorded, and nobody has still to be woken. The record of
        a death may come later; a process that stops itself records the end of that call when it goes on."""
        machine, state = self._machine, explanation.state
        waiting = (
            e
            for p, due in explanation.due
            if machine.local(state, p).mode in (Mode.READY, Mode.ASLEEP)
            for e in due
            if not e.optional
        )
        return next(waiting, None) is None and next(self._pending(state), None) is None

    def _pending(self, state: int) -> Iterator[Action]:
        """What has to happen by itself before the next turn: nobody waits for a parent to reap."""
        return (a for a in self._by_itself(state) if not _reaps(a))

    # --- words ---

    def _told(self, before: list[_Explanation], event: Event) -> str:
        who = self._machine.processes[event.process].name
        explanation = self._settled(before)[0]
        return (
            f"{who}: {recorded.what(self._machine, event)}; in the model {self._instead(explanation, event)}"
        )

    def _instead(self, explanation: _Explanation, event: Event) -> str:
        """What the model has in place of the event, in words."""
        machine, state = self._machine, explanation.state
        if due := explanation.of(event.process):
            return f"it {recorded.shown(machine, event.process, due[0])} next"
        local = machine.local(state, event.process)
        if local.mode not in LIVING or local.mode is Mode.UNBORN:
            return "it does not run"
        possible = [
            recorded.expected(machine, action.steps[0])[0]
            for action in machine.actions_of(state, event.process)
            if action.steps and action.steps[0].process == event.process
        ]
        if possible and not self._at_rest(explanation):
            late = self._late(explanation)
            return f"it is not its turn yet: first {late}"
        if possible:
            return (
                "it "
                + ", or ".join(recorded.shown(machine, event.process, e) for e in dict.fromkeys(possible))
                + " next"
            )
        if local.mode is Mode.ASLEEP:
            return f"it sleeps on in `{machine.processes[event.process].code[local.pc].text}`"
        return "it is stopped"

    def _late(self, explanation: _Explanation) -> str:
        for process, due in explanation.due:
            if self._machine.local(explanation.state, process).mode in (Mode.READY, Mode.ASLEEP):
                who = self._machine.processes[process].name
                return f"{who} {recorded.shown(self._machine, process, due[0])}"
        action = next(self._pending(explanation.state))
        code = self._machine.processes[action.process].code
        text = code[action.steps[0].pc].text if action.steps else "its call"
        return f"{self._machine.processes[action.process].name} wakes from `{text}`"


def _silent(machine: Machine, action: Action) -> bool:
    """Whether it leaves no record."""
    return not any(recorded.expected(machine, s) for s in action.steps)


def _reaps(action: Action) -> bool:
    return bool(action.steps) and action.steps[0].act is Act.REAP


def _given(action: Action) -> bool:
    """Whether somebody has to be given the turn for it."""
    return bool(action.steps) and action.steps[0].scheduled
