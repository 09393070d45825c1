"""What the page needs to draw the wait-for graph of any instant.

Who waits for what follows from the rows. Who may still satisfy a need does not: that is the may-analysis,
so each row carries the number of a set of abilities, and each need lists those that satisfy it. Which
processes are deadlocked, and from which row on, is worked out here (`graph.analyse`), never in the page.
"""

from __future__ import annotations

from typing import Any

from ipcsim.analysis.graph import analyse
from ipcsim.analysis.history import History, Lane, Span, Step, by_steps
from ipcsim.analysis.history_objects import Objects
from ipcsim.analysis.history_snapshots import Replay
from ipcsim.analysis.may import MayAnalysis
from ipcsim.analysis.needs import Need, NeedSort, providers
from ipcsim.kernel.static import settable
from ipcsim.report.html.columns import Index
from ipcsim.report.html.shown import label
from ipcsim.snapshot import ReceiveWait, SemaphoreWait, SendWait, Wait
from ipcsim.trace import Trace

MANY = 300  # processes: from then on who *may* wake whom is left out, only who holds what is drawn
MOST_WORK = 6000  # processes times instants at which it is looked whether a deadlock has come about


def ended_well(trace: Trace) -> bool:
    """Whether it was a run in which everybody reached the end: then nobody was deadlocked."""
    return trace.outcome.get("complete") is True and not by_steps(trace)


class WaitingTables:
    """Numbers for waits and ability sets, given out as rows are packed; `head` explains them."""

    def __init__(self, past: History, labels: Index) -> None:
        self._past, self._labels = past, labels
        self._may = MayAnalysis(past.program)
        self._small = len(past.program.processes) <= MANY
        self._able = Index()
        self._cache: dict[tuple[int, int], int] = {}
        self._waits = Index()
        objects = Objects(past.program)
        self._semaphores, self._queues = objects.semaphore_labels, objects.queue_labels
        self._queue_names = frozenset(self._queues)
        self._able.of(())

    def ability(self, process: int, pc: int) -> int:
        """The number of the set of all that the process may still do from `pc` on."""
        if not self._small or pc < 0:
            return 0
        key = (process, pc)
        found = self._cache.get(key)
        if found is None:
            ids = tuple(sorted(self._may.effects(process, pc).ids))
            found = self._cache[key] = self._able.of(ids)
        return found

    def number(self, span: Span) -> int:
        """The number of what a blocked span waits for."""
        return self._waits.of((span.wait, span.on))

    def sort(self, name: str) -> str:
        """What a label stands for: a semaphore, a queue's length or a field."""
        if name in self._queue_names:
            return "queue"
        return "field" if "." in name and name not in self._all_semaphores else "semaphore"

    @property
    def _all_semaphores(self) -> frozenset[str]:
        return frozenset(n for names in self._semaphores for n in names)

    # --- the head ---

    def head(self, rows: list[Step | Span], times: list[int]) -> dict[str, Any]:
        first = [self.ability(p.number, 0) for p in self._past.program.processes]
        waits = [self._wait(wait, on) for wait, on in self._waits.things]
        return {
            "first": first,
            "waits": waits,
            "able": [list(ids) for ids in self._able.things],
            "needs": self._needs() if self._small else {},
            "soft": self._small,
            "locks": self._locks(),
            "deadlocked": self._deadlocked(rows, times),
        }

    def _wait(self, wait: Wait | None, on: str) -> dict[str, Any]:
        """`on` in words; `operations` (label, delta), or the `queue` with the key of its need."""
        match wait:
            case SemaphoreWait(set=set_, operations=operations):
                names = self._semaphores[set_]
                pairs = [[self._labels.of(names[n]), delta] for n, delta in operations]
                return {"on": label(on), "operations": pairs}
            case SendWait(queue=queue):
                return {"on": label(on), "queue": self._queue(queue), "need": f"room {queue}"}
            case ReceiveWait(queue=queue, type=type_, exclude=exclude):
                need = f"message {queue} {type_} {int(exclude and type_ > 0)}"
                return {"on": label(on), "queue": self._queue(queue), "need": need}
        return {"on": label(on)}

    def _queue(self, queue: int) -> int:
        return self._labels.of(self._queues[queue])

    def _needs(self) -> dict[str, list[int]]:
        """The abilities that satisfy each need that a wait may have, by `rise 3`, `fall 3`, `room 0` …"""
        found: dict[str, list[int]] = {}
        for wait, _ in self._waits.things:
            match wait:
                case SemaphoreWait(set=set_, operations=operations):
                    for number, delta in operations:
                        place = self._labels.of(self._semaphores[set_][number])
                        for side, sort in (("rise", NeedSort.RISE), ("fall", NeedSort.FALL)):
                            if delta <= 0 and f"{side} {place}" not in found:
                                found[f"{side} {place}"] = providers(self._may, Need(sort, set_, number))
                case SendWait(queue=queue):
                    found[f"room {queue}"] = providers(self._may, Need(NeedSort.ROOM, queue))
                case ReceiveWait(queue=queue, type=type_, exclude=exclude):
                    without = exclude and type_ > 0
                    need = Need(NeedSort.MESSAGE, queue, type_, without)
                    found[f"message {queue} {type_} {int(without)}"] = providers(self._may, need)
        return found

    def _locks(self) -> dict[int, list[int]]:
        """By label: the value that a semaphore began with, and whether some process sets values of it.

        Only where value and all that is held make up the first value is anything *held* (see
        `WaitForGraph.held`).
        """
        program = self._past.program
        may_be_set = settable(program)
        found: dict[int, list[int]] = {}
        for number, declared in enumerate(program.sets):
            names = zip(self._semaphores[number], declared.initial, strict=True)
            for name, initial in names:
                found[self._labels.of(name)] = [initial, int(number in may_be_set)]
        return found

    def _deadlocked(self, rows: list[Step | Span], times: list[int]) -> list[list[int]]:
        """(process, row from which on it is deadlocked), for those that are at the end."""
        past = self._past
        still = {s[-1].process: s[-1].start for s in past.spans if s[-1].lane is Lane.BLOCKED}
        if not still or (past.trace is not None and ended_well(past.trace)):
            return []
        begun = min(still.values())
        moments = [i for i, time in enumerate(times) if time >= begun]
        most = max(10, MOST_WORK // len(past.spans))
        if len(moments) > most:
            last_sleeps = [
                i for i in moments if isinstance(row := rows[i], Span) and still.get(row.process) == row.start
            ]
            moments = sorted({*last_sleeps[-most:], *moments[:: -(-len(moments) // most)]})
        found: dict[int, int] = {}
        replay = Replay(past)
        for i in moments:
            for process in analyse(past.program, replay.snapshot(times[i]), self._may).deadlocked:
                found.setdefault(process, i)
        last = analyse(past.program, replay.snapshot(past.end), self._may).deadlocked
        return [[process, found.get(process, len(rows))] for process in last]
