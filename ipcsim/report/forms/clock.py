"""The times of a trace in the units of people: nanoseconds of a run, or steps of the model."""

from __future__ import annotations

from ipcsim.report import words
from ipcsim.trace import Trace


class Clock:
    """`start` is the time of the first event; `unit` is `s` or, of the model, `steps`."""

    def __init__(self, trace: Trace) -> None:
        self.steps = trace.header.get("source") == "model"
        self.unit = "steps" if self.steps else "s"
        self.start = trace.events[0].time if trace.events else 0

    def number(self, span: int) -> str:
        """A span as a number in `unit`, exactly."""
        return str(span) if self.steps else f"{span / 1e9:.9f}"

    def words(self, span: int) -> str:
        """A span as a person reads it: `12 ms`, `3 steps`."""
        if self.steps:
            return words.count(span, "step")
        if 0 < span < 1_000_000:
            return f"{span / 1000:.0f} µs" if span >= 1000 else "below 1 µs"
        return words.seconds(span / 1e9) if span else "0"

    def micros(self, time: int) -> float:
        """A moment for a trace viewer, in µs since the start: one step is shown as 1 ms."""
        since = time - self.start
        return since * 1000.0 if self.steps else since / 1000.0

    def since(self, time: int) -> str:
        """A moment as a person reads it: `+0.012 s`, `step 7`."""
        return f"step {time}" if self.steps else f"+{(time - self.start) / 1e9:.6f} s"
