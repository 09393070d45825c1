"""Who woke whom, in the order of time, as a Mermaid sequence diagram.

The diagram shows the end of a long trace, for that is where it went wrong: phases and sleeps as notes,
wake-ups as arrows, and who sleeps at the end for what.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ipcsim.analysis.history import History, Lane, history
from ipcsim.report import words
from ipcsim.report.forms import mermaid
from ipcsim.report.forms.clock import Clock
from ipcsim.trace import Trace
from ipcsim.verdict import Outcome

MOST_PARTICIPANTS = 24
MOST_LINES = 160  # of arrows and notes


class _Item(NamedTuple):
    """One arrow (two processes) or note (one)."""

    time: int
    order: int
    processes: tuple[int, ...]
    said: str


def render(trace: Trace, outcome: Outcome) -> str:
    """A `sequenceDiagram`, within the sizes that viewers accept."""
    past, clock = history(trace), Clock(trace)
    items = sorted(_items(past))
    endings = list(_endings(past))
    shown = _those_who_matter(past, items, endings)
    kept = [i for i in items if shown.issuperset(i.processes)]
    endings = [i for i in endings if shown.issuperset(i.processes)]
    cut = max(0, len(kept) - (MOST_LINES - len(endings)))
    while True:
        lines = _lines(past, clock, outcome, trace, shown, kept[cut:], endings, len(items) - len(kept) + cut)
        made = mermaid.whole(lines)
        if len(made) <= mermaid.MOST_CHARACTERS or cut >= len(kept):
            return made
        cut = min(len(kept), cut + 20)


def _items(past: History) -> Iterator[_Item]:
    for phases in past.phases:
        for phase in phases:
            yield _Item(phase.start, 1, (phase.process,), phase.name)
    for spans in past.spans:
        for span in spans:
            if span.lane is Lane.BLOCKED and span.end < past.end:
                yield _Item(span.start, 2, (span.process,), f"waits for {span.on}")
            elif span.lane in (Lane.ENDED, Lane.DEAD):
                yield _Item(span.start, 3, (span.process,), "died" if span.lane is Lane.DEAD else "ends")
    for wake in past.wakes:
        if wake.waker != wake.woken:
            yield _Item(wake.time, 0, (wake.waker, wake.woken), f"{wake.object}: {wake.sort}")


def _endings(past: History) -> Iterator[_Item]:
    """Who sleeps when the trace ends."""
    for spans in past.spans:
        last = spans[-1]
        if last.lane is Lane.BLOCKED:
            yield _Item(last.start, 2, (last.process,), f"waits for {last.on}, to the end")


def _those_who_matter(past: History, items: list[_Item], endings: list[_Item]) -> frozenset[int]:
    """The processes to show: those that sleep at the end, then those that acted last."""
    found: dict[int, None] = {}
    for item in [*endings, *reversed(items)]:
        for process in item.processes:
            if len(found) < MOST_PARTICIPANTS:
                found[process] = None
    if not found and past.spans:
        found = dict.fromkeys(range(min(len(past.spans), MOST_PARTICIPANTS)))
    return frozenset(found)


def _lines(
    past: History,
    clock: Clock,
    outcome: Outcome,
    trace: Trace,
    shown: frozenset[int],
    items: list[_Item],
    endings: list[_Item],
    left: int,
) -> list[str]:
    lines = ["sequenceDiagram", f"  %% {mermaid.text(f'{outcome.scenario}: {outcome.verdict}')}"]
    for process in sorted(shown):
        name = mermaid.text(past.program.processes[process].name)
        lines.append(f"  participant p{process} as {name}")
    across = _over(sorted(shown))
    notes = _notes(past, trace, shown, left)
    if across:
        lines += [f"  Note over {across}: {mermaid.text(note)}" for note in notes]
    loop = past.loop
    for item in items:
        if across and loop is not None and item.time >= loop:
            lines.append(f"  Note over {across}: step {loop}: from here on it repeats for ever")
            loop = None
        lines.append(_line(item, clock))
    lines += [_line(item, clock) for item in endings]
    if across:
        verdict = f"{clock.since(past.end)}: {outcome.verdict}"
        lines.append(f"  Note over {across}: {mermaid.text(verdict, plain=':')}")
    return lines


def _notes(past: History, trace: Trace, shown: frozenset[int], left: int) -> Iterator[str]:
    """What the diagram does not show."""
    hidden = len(past.spans) - len(shown)
    if hidden:
        yield f"{words.count(hidden, 'process', 'processes')} left out"
    if left:
        yield f"{words.count(left, 'earlier step')} left out"
    if trace.problem:
        yield f"incomplete: {trace.problem}"


def _over(processes: list[int]) -> str:
    if not processes:
        return ""
    return f"p{processes[0]}" if len(processes) == 1 else f"p{processes[0]},p{processes[-1]}"


def _line(item: _Item, clock: Clock) -> str:
    said = mermaid.text(f"{clock.since(item.time)}  {item.said}", plain=":")
    if len(item.processes) == 2:
        waker, woken = item.processes
        return f"  p{waker}->>p{woken}: {said}"
    return f"  Note over p{item.processes[0]}: {said}"
