"""Each wait of a run with its duration: as CSV for a spreadsheet, and summed up as a table of the text.

A row is a call that can sleep (semop, msgsnd, msgrcv), from its beginning to its end: in a trace one
cannot see the difference between a call that slept shortly and one that was quick.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from ipcsim.analysis.fairness import Waiting, jain, waiting
from ipcsim.analysis.history import history
from ipcsim.analysis.operations import Operations
from ipcsim.analysis.waits import resolve_wait
from ipcsim.facts import errnos
from ipcsim.program import Program
from ipcsim.program.instructions import Receive, Semop, Send
from ipcsim.report import words
from ipcsim.report.forms.clock import Clock
from ipcsim.report.page import Page
from ipcsim.snapshot import SemaphoreWait, Wait
from ipcsim.trace import Event, EventKind, Trace
from ipcsim.verdict import Outcome

COLUMNS = ("process", "at", "call", "object", "began", "waited", "unit", "result", "woken by")
MOST = 20  # processes in the table
NARROW = 60  # columns: below, the table has fewer
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would take for one


@dataclass(frozen=True, slots=True)
class Row:
    """One wait; times in the trace's own unit. `result` is ok, an errno, `died`, or `never ended`."""

    process: int
    pc: int
    objects: tuple[str, ...]
    began: int
    ended: int
    result: str


def render(trace: Trace, _outcome: Outcome) -> str:
    """The waits as CSV, in the order in which they began."""
    program, clock = trace.program, Clock(trace)
    wakers = {(w.woken, w.time): program.processes[w.waker].name for w in history(trace).wakes}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in sorted(rows(trace), key=lambda r: (r.began, r.process)):
        instruction = program.instruction(row.process, row.pc)
        cells = (
            program.processes[row.process].name,
            str(instruction.at),
            instruction.text,
            ", ".join(row.objects),
            clock.number(row.began - clock.start),
            clock.number(row.ended - row.began),
            clock.unit,
            row.result,
            wakers.get((row.process, row.ended), ""),
        )
        writer.writerow([_cell(c) for c in cells])
    if trace.problem:
        writer.writerow([_cell(f"incomplete: {trace.problem}")])
    return out.getvalue()


def _cell(text: str) -> str:
    """`text` as a spreadsheet shows it: nothing hidden, and no formula."""
    shown = words.visible(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def rows(trace: Trace) -> Iterator[Row]:
    """Every wait, by the order of its end; those that never ended last."""
    program = trace.program
    operations = Operations(program)
    begun: dict[int, tuple[Event, tuple[str, ...]]] = {}
    for event in trace.events:
        if event.kind is EventKind.BEGIN:
            instruction = program.instruction(event.process, event.pc)
            if isinstance(instruction, Semop | Send | Receive):
                wait = resolve_wait(instruction, event.a, event.b, operations.of(event))
                begun[event.process] = event, objects(program, wait)
        elif event.kind in (EventKind.END, EventKind.DIED) and event.process in begun:
            first, names = begun.pop(event.process)
            result = "died" if event.kind is EventKind.DIED else _result(event)
            yield Row(event.process, first.pc, names, first.time, event.time, result)
    end = max((e.time for e in trace.events), default=0)
    for process, (first, names) in sorted(begun.items()):
        yield Row(process, first.pc, names, first.time, end, "never ended")


def _result(event: Event) -> str:
    return errnos.name(event.errno) if event.errno else "ok"


def objects(program: Program, wait: Wait | None) -> tuple[str, ...]:
    """The names of what a wait is for; empty where the call never sleeps."""
    match wait:
        case None:
            return ()
        case SemaphoreWait(set=number, operations=pairs):
            known = range(program.sets[number].size)
            labels = [program.sets[number].label(n) for n, delta in pairs if delta <= 0 and n in known]
            return tuple(dict.fromkeys(labels))
        case _:
            return (program.queues[wait.queue].name,)


# --- the table ---


def table(trace: Trace, width: int = 80, color: bool = False) -> str:
    """How long each process waited, those that waited longest first; empty where nobody did."""
    found = [w for w in waiting(trace.program, trace.events) if w.times]
    if not found:
        return ""
    clock = Clock(trace)
    page = Page(width, color)
    page.paragraph(("waiting", "bold"), f" (calls that can sleep, {_said(clock)})", indent=2, hanging=2)
    head = ("process", "calls", "median", "95 %", "longest", "in all", "")
    found.sort(key=lambda w: (-w.total, w.process))
    cells = [head, *(_line(trace.program, w, clock) for w in found[:MOST])]
    if width < NARROW:
        cells = [(row[0], *row[4:]) for row in cells]
    page.columns(_aligned(cells), indent=4, styles=("cyan",), wrap=len(cells[0]) - 1, least=12)
    if len(found) > MOST:
        page.line(f"and {words.count(len(found) - MOST, 'more process', 'more processes')}", indent=4)
    if len(found) > 1:
        index = jain([w.total for w in found])
        page.paragraph(
            f"Jain's fairness index of the time waited: {index:.2f} "
            f"(1: all alike; {1 / len(found):.2f}: one alone waited).",
            indent=4,
        )
    page.blank()
    return "\n" + page.text()


def _said(clock: Clock) -> str:
    return "in steps" if clock.unit == "steps" else "from their beginning to their end"


def _line(program: Program, one: Waiting, clock: Clock) -> tuple[str, ...]:
    median, most, longest = one.percentiles()
    return (
        program.processes[one.process].name,
        f"{len(one.times):,}",
        *(clock.words(t) for t in (median, most, longest, one.total)),
        "still waits" if one.open else "",
    )


def _aligned(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """What stands between the first and the last cell to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    middle = range(1, len(widths) - 1)
    return [(row[0], *(row[i].rjust(widths[i]) for i in middle), row[-1]) for row in rows]
