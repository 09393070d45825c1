"""Where each process is while the events of a trace go by, and the spans that this leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ipcsim.analysis.history import Lane, PhaseSpan, Span, by_steps
from ipcsim.analysis.history_objects import Message
from ipcsim.analysis.operations import Pairs
from ipcsim.trace import Event, EventKind, Trace


@dataclass(slots=True)
class Thread:
    """One process while the events go by; `begun` is the BEGIN of the call that it is in."""

    since: int
    lane: Lane = Lane.RUNNING
    pc: int = 0
    begun: Event | None = None
    index: int = 0  # the place of that BEGIN among the events
    pairs: Pairs = ()
    lacking: Pairs = ()
    early: bool = False  # the call's effect has been counted
    phase: str | None = None
    phase_since: int = 0
    message: Message | None = None  # what its last msgrcv took
    last_pc: int = 0
    begun_at: int = 0  # of the call that has just ended, with `a` of its BEGIN
    begun_a: int = 0
    labels: list[str] = field(default_factory=list)  # what its last set_value set


class Lanes:
    """The threads of all processes, and their finished spans and phases."""

    def __init__(self, processes: int, start: int) -> None:
        self.threads = [Thread(start) for _ in range(processes)]
        self.spans: list[list[Span]] = [[] for _ in range(processes)]
        self.phases: list[list[PhaseSpan]] = [[] for _ in range(processes)]

    def enter(self, process: int, time: int, lane: Lane) -> None:
        """What the process was so far ends at `time`; from then on it is in `lane`."""
        thread = self.threads[process]
        self.add(Span(process, thread.since, time, thread.lane, thread.pc))
        thread.since, thread.lane, thread.pc = time, lane, thread.last_pc

    def add(self, span: Span) -> None:
        if span.end > span.start:
            self.spans[span.process].append(span)

    def stop(self, process: int, time: int, lane: Lane, pc: int) -> None:
        """The process has ended, well (ENDED) or not (DEAD)."""
        self.leave_phase(process, time)
        self.enter(process, time, lane)
        self.threads[process].pc = pc

    def leave_phase(self, process: int, time: int) -> None:
        thread = self.threads[process]
        if thread.phase is not None and time >= thread.phase_since:
            self.phases[process].append(PhaseSpan(process, thread.phase_since, time, thread.phase))
        thread.phase = None


def ordered(trace: Trace) -> Sequence[Event]:
    """The events that make sense; those of one step of the model with the calls that it ended last."""
    events: Sequence[Event] = trace.events
    sizes = [len(trace.program.code(p.number)) for p in trace.program.processes]
    if any(e.pc >= sizes[e.process] for e in events):  # a damaged trace
        events = [e for e in events if e.pc < sizes[e.process]]
    if not by_steps(trace):
        return events
    begun: dict[int, int] = {}
    late: list[tuple[int, bool]] = []
    for event in events:
        if event.kind is EventKind.BEGIN:
            begun[event.process] = event.time
        woken = event.kind is EventKind.END and begun.get(event.process, event.time) < event.time
        late.append((event.time, woken))
    return [events[i] for i in sorted(range(len(late)), key=late.__getitem__)]


def end_of(trace: Trace, events: Sequence[Event]) -> int:
    """When what is shown ends: at the last event, or later where processes were still there then."""
    if not events:
        return 0
    start, last = events[0].time, events[-1].time
    if by_steps(trace):
        return last + 1
    if trace.outcome.get("complete"):
        # that somebody is gone is recorded late: after its own last step it means nothing
        return next((e.time for e in reversed(events) if e.kind is not EventKind.DIED or e.a < 0), last)
    detected, spent = trace.outcome.get("detected_after_s"), trace.outcome.get("duration_s")
    if isinstance(detected, int | float) and 0 <= detected < 1e6:
        return max(last, last + int(detected * 1e9))
    if isinstance(spent, int | float) and 0 <= spent < 1e6:
        return max(last, start + int(spent * 1e9))
    return last
