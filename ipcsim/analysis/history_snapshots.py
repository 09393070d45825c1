"""The whole system at any instant of a history, for the wait-for graph of that instant."""

from __future__ import annotations

from ipcsim.analysis.history import History, Lane
from ipcsim.analysis.history_builder import Builder
from ipcsim.analysis.operations import Operations
from ipcsim.analysis.requests import Requests
from ipcsim.analysis.table import Table
from ipcsim.analysis.tracker import Tracker
from ipcsim.snapshot import ProcessState, Snapshot, Status
from ipcsim.trace import Event, EventKind, head

_STATUS = {
    Lane.RUNNING: Status.RUNNING,
    Lane.BLOCKED: Status.BLOCKED,
    Lane.UNBORN: Status.UNBORN,
    Lane.ENDED: Status.ENDED,
    Lane.DEAD: Status.DEAD,
}


class Replay:
    """Goes through the events once more; cheap as long as the instants asked for do not go back."""

    def __init__(self, past: History) -> None:
        assert past.trace is not None, "only a history made of a trace can be replayed"
        self._past, self._trace = past, past.trace
        self._restart()

    def _restart(self) -> None:
        program = self._past.program
        self._now: int | None = None
        self._builder = Builder(self._trace)
        self._operations = Operations(program)
        self._table = Table(program, self._operations, Requests(program, self._operations))
        self._tracker = Tracker(program, self._operations, self._table)

    def snapshot(self, time: int) -> Snapshot:
        """The system at `time`, what happened just then included."""
        if self._now is not None and time < self._now:
            self._restart()
        self._now = time
        for event in self._builder.advance(time):
            self._track(event)
        objects = self._builder.objects
        states = tuple(self._state(p.number, time) for p in self._past.program.processes)
        return Snapshot(time, states, objects.semaphore_values(), objects.queue_states())

    def _state(self, process: int, time: int) -> ProcessState:
        lane = self._past.span_at(process, time).lane
        return self._tracker.state(process, _STATUS[lane])

    def _track(self, event: Event) -> None:
        """Keep the tracker up to date, as the monitor does while a run goes on."""
        if event.kind is EventKind.STALL:
            return
        process, tracker = event.process, self._tracker
        tracker.last(event)
        entry = self._table.entry(process, head(event.kind, event.pc, event.errno))
        tracker.phase(process, entry.phase)
        if entry.locks:
            tracker.locks(process, event.pc, entry.locks, 1)
        if entry.control:
            tracker.control(process, entry.pc)
        if entry.varying:
            tracker.varying(event)
        if event.kind is EventKind.DIED:
            tracker.died(process)
