"""Who waits for whom at the end of a trace, as nodes and arrows to be drawn.

Processes point at what they wait for, things at who holds them (hard) or may still give them (soft):
the graph of the analysis, where waiters and wakers meet at a need, so it stays linear.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from ipcsim.analysis import wording
from ipcsim.analysis.graph import DeadlockReport, analyse
from ipcsim.analysis.history import history, snapshot_at
from ipcsim.analysis.may import MayAnalysis
from ipcsim.analysis.needs import Need
from ipcsim.report import words
from ipcsim.snapshot import Status
from ipcsim.trace import Trace
from ipcsim.verdict import Outcome

MOST_NODES = 1000  # processes that are drawn; a picture of more shows nothing
MOST_WAKERS = 24  # of one thing
LONGEST = 200  # characters of a label


@dataclass(frozen=True, slots=True)
class Node:
    """`id` is safe in every form; `label` and `detail` are as the user wrote things: escape them."""

    id: str
    label: str
    detail: str = ""
    is_process: bool = True
    status: str = ""
    deadlocked: bool = False


@dataclass(frozen=True, slots=True)
class Arrow:
    """`kind`: `waits for` (process → thing), `held by` or `may be given by` (thing → process).
    `in_cycle`: one of the arrows of the cycle that a finding tells."""

    source: str
    target: str
    kind: str
    in_cycle: bool = False

    @property
    def hard(self) -> bool:
        return self.kind != "may be given by"


@dataclass(frozen=True)
class Picture:
    title: str
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    remarks: tuple[str, ...] = ()


def picture(trace: Trace, outcome: Outcome) -> Picture:
    """The wait-for graph at the end of `trace`."""
    past = history(trace)
    snapshot = snapshot_at(past, past.end)
    report = analyse(trace.program, snapshot, MayAnalysis(trace.program))
    return _Drawing(trace, outcome, report).picture()


def short(text: str) -> str:
    """`text` as a label shows it: nothing hidden, and not without end."""
    shown = words.visible(text)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}… ({len(shown):,} characters)"


class _Drawing:
    def __init__(self, trace: Trace, outcome: Outcome, report: DeadlockReport) -> None:
        self._program, self._outcome, self._report = trace.program, outcome, report
        self._problem = trace.problem
        self._dead = frozenset(report.deadlocked)
        self._things: dict[Need, str] = {}
        self._shown: dict[int, None] = {}  # an ordered set
        self._arrows: list[Arrow] = []
        self._left_out = 0
        self._cycle = {pair for f in outcome.findings if f.cycle for pair in pairwise(map(str, f.cycle))}

    def picture(self) -> Picture:
        waiters = sorted(self._report.graph.needs, key=lambda p: (p not in self._dead, p))
        for process in waiters[:MOST_NODES]:
            self._shown[process] = None
            for need in self._report.graph.needs[process]:
                self._wait(process, need)
        self._left_out += len(waiters[MOST_NODES:])
        nodes = [self._process(p) for p in sorted(self._shown)]
        nodes += [self._thing(need, id_) for need, id_ in self._things.items()]
        title = f"{self._outcome.scenario}: {self._outcome.verdict}"
        return Picture(short(title), tuple(nodes), tuple(self._arrows), self._remarks(waiters))

    def _remarks(self, waiters: list[int]) -> tuple[str, ...]:
        found = [] if waiters else ["At the end nobody waited for anything."]
        if self._left_out:
            found.append(f"{words.count(self._left_out, 'process', 'processes')} left out.")
        if self._problem:
            found.append(f"Incomplete: {self._problem}.")
        return tuple(found)

    def _wait(self, process: int, need: Need) -> None:
        known = need in self._things
        thing = self._things.setdefault(need, f"o{len(self._things)}")
        name = self._program.processes[process].name
        label = wording.object_name(self._program, need)
        self._arrows.append(Arrow(f"p{process}", thing, "waits for", (name, label) in self._cycle))
        if not known:
            self._wakers(need, thing, label)

    def _wakers(self, need: Need, thing: str, label: str) -> None:
        """The arrows from a thing: to its holders first, then to those who may give it."""
        graph = self._report.graph
        holders = graph.holders(need)
        soft = [p for p in graph.wakers(need) if p not in holders and self._may_help(p, need)]
        for kind, processes in (("held by", list(holders)), ("may be given by", soft)):
            for process in processes[:MOST_WAKERS]:
                if len(self._shown) >= MOST_NODES and process not in self._shown:
                    self._left_out += 1
                    continue
                self._shown[process] = None
                name = self._program.processes[process].name
                self._arrows.append(Arrow(thing, f"p{process}", kind, (label, name) in self._cycle))
            self._left_out += len(processes[MOST_WAKERS:])

    def _may_help(self, process: int, need: Need) -> bool:
        """A waiter that would only give the thing after it got it is no help, where others hold it."""
        return not (self._report.graph.holders(need) and need in self._report.graph.needs.get(process, ()))

    def _process(self, process: int) -> Node:
        state = self._report.state(process)
        detail = str(state.status)
        if state.status in (Status.BLOCKED, Status.RUNNING):
            at = self._program.where(process, state.pc)
            detail = f"{detail} at {at}"
        if state.phase:
            detail = f"{detail} ({state.phase})"
        name = self._program.processes[process].name
        dead = process in self._dead
        return Node(f"p{process}", short(name), short(detail), True, str(state.status), dead)

    def _thing(self, need: Need, id_: str) -> Node:
        name = wording.object_name(self._program, need)
        wanted = wording.waits_for(self._program, need).replace("`", "")
        return Node(id_, short(name), short(wanted) if wanted != name else "", False)
