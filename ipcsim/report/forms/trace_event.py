"""The time line as Chrome's trace-event JSON, for ui.perfetto.dev and chrome://tracing.

Each process is a process of the viewer (one pid, one thread) with strictly nested slices: its phases,
and in them its calls, those that slept marked as such. Arrows lead from the call that woke to the
sleep that it ended. The objects are one more process with a counter each. Of the model, one step is
shown as one millisecond.
"""

from __future__ import annotations

import heapq
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from ipcsim.analysis.history import History, Lane, Span, Step, Wake, history
from ipcsim.program.instructions import Phase
from ipcsim.report import words
from ipcsim.report.forms.clock import Clock
from ipcsim.trace import Trace
from ipcsim.verdict import Outcome
from ipcsim.version import __version__

MOST_COUNTERS = 500
LONGEST = 300  # characters of a name
NEAR = 8  # slices back in which a call is looked for
STEP_SHARE = 0.9  # of the millisecond of a step of the model that its slice fills
Json = dict[str, Any]


def render(trace: Trace, outcome: Outcome) -> str:
    """One JSON object with `traceEvents`, in the order of time."""
    past = history(trace)
    clock = Clock(trace)
    clock.start = past.start
    events = [e for p in range(len(past.spans)) for e in _metadata(past, p)]
    threads = _threads(past, clock)
    events += _objects_metadata(len(threads))
    # merging keeps the order of equals: what begins and ends at once stays nested
    counters = _counters(past, clock, len(threads))
    streams = [*(t.events() for t in threads), *counters, _loop(past, clock)]
    timed = heapq.merge(*streams, key=lambda e: float(e["ts"]))
    about = {
        "ipcsim": __version__,
        "scenario": words.visible(outcome.scenario),
        "verdict": str(outcome.verdict),
        "unit": "1 ms is one step of the model" if clock.steps else "real time",
    }
    if trace.problem:
        about["incomplete"] = trace.problem
    head = json.dumps({"displayTimeUnit": "ms", "otherData": about}, separators=(",", ":"))
    lines = map(_line, chain(events, timed))  # one at a time: of a long run there are millions
    return f'{head[:-1]},"traceEvents":[\n' + ",\n".join(lines) + "\n]}\n"


_line = json.JSONEncoder(separators=(",", ":")).encode


def _pid(process: int) -> int:
    """Viewers keep 0 for the idle process."""
    return process + 1


def _name(text: str) -> str:
    shown = words.visible(text)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"


def _metadata(past: History, process: int) -> list[Json]:
    pid, name = _pid(process), _name(past.program.processes[process].name)
    return [
        {"ph": "M", "name": "process_name", "pid": pid, "tid": pid, "args": {"name": name}},
        {"ph": "M", "name": "process_sort_index", "pid": pid, "tid": pid, "args": {"sort_index": pid}},
        {"ph": "M", "name": "thread_name", "pid": pid, "tid": pid, "args": {"name": name}},
    ]


def _objects_metadata(processes: int) -> list[Json]:
    pid = _pid(processes)
    return [
        {"ph": "M", "name": "process_name", "pid": pid, "tid": pid, "args": {"name": "objects"}},
        {"ph": "M", "name": "process_sort_index", "pid": pid, "tid": pid, "args": {"sort_index": pid}},
    ]


# --- slices ---


@dataclass(slots=True)
class _Slice:
    """A slice of one thread; `flows` are the arrows that begin or end in it, as (ts, event)."""

    start: float
    end: float
    name: str
    category: str
    arguments: Json = field(default_factory=dict)
    flows: list[Json] = field(default_factory=list)
    pc: int = -1


class _Thread:
    """The slices of one process: `outer` follow each other, so do `inner`, and none sticks out of one."""

    def __init__(self, process: int, outer: list[_Slice], inner: list[_Slice]) -> None:
        self._pid = _pid(process)
        self.inner = sorted(inner, key=lambda s: (s.start, s.end))
        self._outer = outer

    def events(self) -> Iterator[Json]:
        """B and E events, properly nested, whatever the times were."""
        self._fit()
        waiting = iter(self.inner)
        one = next(waiting, None)
        for outer in self._outer:
            while one is not None and one.start < outer.start:
                yield from self._whole(one)
                one = next(waiting, None)
            yield self._begin(outer)
            while one is not None and one.start < outer.end:
                yield from self._whole(one)
                one = next(waiting, None)
            yield self._end(outer)
        while one is not None:
            yield from self._whole(one)
            one = next(waiting, None)

    def _fit(self) -> None:
        """Cut inner slices where the next one, or a border of an outer one, begins."""
        for one, after in zip(self._outer, self._outer[1:], strict=False):
            one.end = min(one.end, after.start)
        borders = sorted({edge for o in self._outer for edge in (o.start, o.end)})
        place = 0
        for i, one in enumerate(self.inner):
            limit = self.inner[i + 1].start if i + 1 < len(self.inner) else one.end
            while place < len(borders) and borders[place] <= one.start:
                place += 1
            if place < len(borders):
                limit = min(limit, borders[place])
            one.end = max(one.start, min(one.end, limit))

    def _whole(self, one: _Slice) -> Iterator[Json]:
        yield self._begin(one)
        for flow in sorted(one.flows, key=lambda f: float(f["ts"])):
            flow["ts"] = min(max(flow["ts"], one.start), one.end)
            yield {**flow, "pid": self._pid, "tid": self._pid}
        yield self._end(one)

    def _begin(self, one: _Slice) -> Json:
        event = {"ph": "B", "name": one.name, "cat": one.category, "ts": one.start}
        if one.category == "blocked":
            event["cname"] = "bad"
        return {**event, "pid": self._pid, "tid": self._pid, "args": one.arguments}

    def _end(self, one: _Slice) -> Json:
        return {"ph": "E", "ts": one.end, "pid": self._pid, "tid": self._pid}


def _threads(past: History, clock: Clock) -> list[_Thread]:
    steps: list[list[Step]] = [[] for _ in past.spans]
    for step in past.steps:
        steps[step.process].append(step)
    threads = []
    for process, spans in enumerate(past.spans):
        outer = [
            _Slice(_us(clock, p.start), _us(clock, p.end), _name(p.name), "phase")
            for p in past.phases[process]
        ]
        blocked = {(s.start, s.pc): s for s in spans if s.lane is Lane.BLOCKED}
        inner = [_call(past, clock, step, blocked) for step in steps[process] if not _is_phase(past, step)]
        inner += [_unfinished(past, clock, span) for span in blocked.values()]
        threads.append(_Thread(process, outer, inner))
    for number, wake in enumerate(past.wakes, 1):
        _arrow(threads, clock, number, wake)
    return threads


def _us(clock: Clock, time: int) -> float:
    return round(clock.micros(time), 3)


def _is_phase(past: History, step: Step) -> bool:
    """Phases are the outer slices; the steps that enter them would only be dots."""
    return step.pc >= 0 and isinstance(past.program.instruction(step.process, step.pc), Phase)


def _call(past: History, clock: Clock, step: Step, blocked: dict[tuple[int, int], Span]) -> _Slice:
    """A step as a slice; its sleep, where it had one, is taken out of `blocked`."""
    span = blocked.pop((step.begin, step.pc), None)
    start, end = _us(clock, step.begin), _us(clock, step.time)
    if clock.steps:
        end += 1000 * STEP_SHARE
    arguments: Json = {"at": _name(str(step.at))}
    if step.result:
        arguments["result"] = _name(step.result)
    if step.changes:
        arguments["changes"] = {_name(k): _name(v) for k, v in step.changes}
    if span is None:
        return _Slice(start, end, _name(step.text), "call", arguments, pc=step.pc)
    arguments["slept, waiting for"] = _name(span.on)
    return _Slice(start, end, _name(step.text), "blocked", arguments, pc=step.pc)


def _unfinished(past: History, clock: Clock, span: Span) -> _Slice:
    """A call that never ended."""
    instruction = past.program.instruction(span.process, span.pc)
    arguments = {"at": _name(str(instruction.at)), "waits for": _name(span.on), "result": "never ended"}
    start, end = _us(clock, span.start), _us(clock, span.end)
    return _Slice(start, end, _name(instruction.text), "blocked", arguments, pc=span.pc)


# --- arrows ---


def _arrow(threads: list[_Thread], clock: Clock, number: int, wake: Wake) -> None:
    """From inside the waker's call to the end of the sleep."""
    start = min(_us(clock, wake.waker_time), _us(clock, wake.time))
    end = _us(clock, wake.time)
    name = _name(f"{wake.object}: {wake.sort}")
    common = {"name": name, "cat": "wake", "id": number}
    source = _slice_at(threads[wake.waker], wake.waker_pc, start, "wakes another")
    source.flows.append({"ph": "s", "ts": start, **common})
    target = _slice_at(threads[wake.woken], wake.woken_pc, end, "starts")
    target.flows.append({"ph": "f", "bp": "e", "ts": max(start, end), **common})


def _slice_at(thread: _Thread, pc: int, time: float, otherwise: str) -> _Slice:
    """The call at `pc` that was going on at `time`; a mark of no length where there is none."""
    place = _last_before(thread.inner, time)
    for one in reversed(thread.inner[max(0, place - NEAR) : place + 1]):
        if one.pc == pc and one.end >= time:
            return one
    mark = _Slice(time, time, otherwise, "mark")
    thread.inner.insert(place + 1, mark)
    return mark


def _last_before(slices: list[_Slice], time: float) -> int:
    """The place of the last slice that begins at `time` or before."""
    return bisect_right(slices, time, key=lambda s: s.start) - 1


def _loop(past: History, clock: Clock) -> Iterator[Json]:
    """A mark across all processes where a counterexample begins to repeat itself."""
    if past.loop is not None:
        name = "from here on it repeats for ever"
        yield {"ph": "i", "s": "g", "name": name, "pid": 1, "tid": 1, "ts": _us(clock, past.loop)}


# --- counters ---


def _counters(past: History, clock: Clock, processes: int) -> Iterator[Iterable[Json]]:
    """The values of each object and field, those that change before those that do not."""
    labels = sorted(past.series, key=lambda label: len(past.series[label]) < 2)
    for label in labels[:MOST_COUNTERS]:
        yield _counter(past, clock, _pid(processes), label)


def _counter(past: History, clock: Clock, pid: int, label: str) -> Iterator[Json]:
    name = _name(label)
    for time, value in past.series[label]:
        if isinstance(value, int):
            moment = _us(clock, time)
            yield {"ph": "C", "name": name, "pid": pid, "tid": pid, "ts": moment, "args": {"value": value}}
