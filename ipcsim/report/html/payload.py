"""The history of a trace as the page's scripts read it: rows, spans, phases, wakes, and what they name.

A *row* is an instant that the scrubber stops at: a finished step, or the beginning of a sleep. All that
is true at an instant follows from the rows up to it; the scripts look nothing up by time alone.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from ipcsim.analysis.history import History, Lane, Span, Step
from ipcsim.report.html.columns import MOST, Columns, Index
from ipcsim.report.html.shown import label
from ipcsim.report.html.waiting import WaitingTables

STEP, BLOCKS, ENDS, DIES = 0, 1, 2, 3  # what a row is
_ENDS = {Lane.ENDED: ENDS, Lane.DEAD: DIES}
MOST_ROWS = 1_500_000  # the scripts manage more, a file of that size is no use


class Payload:
    """Packs one history; `text` is the result."""

    def __init__(self, past: History) -> None:
        self._past = past
        spent = max(1, past.end - past.start)
        self._unit = 1
        while spent // self._unit >= MOST:
            self._unit *= 10
        self._columns = Columns()
        self._texts, self._results, self._wakes = Index(), Index(), Index()
        self._phases, self._labels, self._values = Index(), Index(), Index()
        self._held = Index()
        self._instructions: dict[tuple[int, int], int] = {}
        self._numbers: dict[str | int, int] = {}
        self._results.of("")
        for name in past.series:
            self._labels.of(name)
        self._waiting = WaitingTables(past, self._labels)
        self._names = {p.name: p.number for p in past.program.processes}
        self.dropped = 0

    def text(self) -> str:
        rows = self._rows()
        self._add_rows(rows)
        self._add_values(rows)
        self._add_lanes()
        self._add_phases()
        self._add_wakes()
        return self._columns.packed(self._head(rows))

    def _time(self, time: int) -> int:
        return (time - self._past.start) // self._unit

    # --- rows ---

    def _rows(self) -> list[Step | Span]:
        """Steps and sleeps in the order of time; of one time the steps first, as they came."""
        past = self._past
        rows: list[Step | Span] = list(past.steps)
        rows += [s for spans in past.spans for s in spans if s.lane is Lane.BLOCKED]
        times = [s.time for s in past.steps]
        times += [r.start for r in rows[len(times) :] if isinstance(r, Span)]
        rows = [rows[i] for i in sorted(range(len(rows)), key=times.__getitem__)]
        if len(rows) > MOST_ROWS:
            self.dropped = len(rows) - MOST_ROWS
            rows = rows[-MOST_ROWS:]
        return rows

    def _add_rows(self, rows: list[Step | Span]) -> None:
        columns, past = self._columns, self._past
        times: list[int] = []
        processes: list[int] = []
        kinds: list[int] = []
        texts: list[int] = []
        results: list[int] = []
        spent: list[int] = []
        able: list[int] = []
        ends = {
            (s.process, s.start): _ENDS[s.lane] for spans in past.spans for s in spans[-1:] if s.lane in _ENDS
        }
        result_of, waiting = self._results.of, self._waiting
        start, unit = past.start, self._unit
        for row in rows:
            process = row.process
            processes.append(process)
            if isinstance(row, Step):
                times.append((row.time - start) // unit)
                kinds.append(DIES if row.pc < 0 else ends.get((process, row.time), STEP))
                texts.append(self._text(process, row.pc, row))
                results.append(result_of(row.result))
                spent.append((row.time - row.begin) // unit)
                able.append(waiting.ability(process, row.then))
            else:
                times.append((row.start - start) // unit)
                kinds.append(BLOCKS)
                texts.append(self._text(process, row.pc, row))
                results.append(waiting.number(row))
                spent.append((row.end - row.start) // unit)
                able.append(waiting.ability(process, row.pc))
        columns.add_sorted("row.time", times)
        columns.add("row.process", processes)
        columns.add("row.kind", kinds)
        columns.add("row.text", texts)
        columns.add("row.result", results)
        columns.add("row.spent", spent)
        columns.add("row.able", able)

    def _text(self, process: int, pc: int, row: Step | Span) -> int:
        """The number of an instruction's text and place."""
        key = (self._past.program.processes[process].family, pc)
        found = self._instructions.get(key)
        if found is None:
            if isinstance(row, Span):
                instruction = self._past.program.instruction(process, pc)
                return self._texts.of((instruction.text, instruction.at))
            found = self._texts.of((row.text, row.at))
            if pc >= 0:  # a death has a text of its own
                self._instructions[key] = found
        return found

    def _add_values(self, rows: list[Step | Span]) -> None:
        """What each row changed: values and holdings, each as (row, which, value)."""
        where: list[int] = []
        what: list[int] = []
        value: list[int] = []
        held: tuple[list[int], list[int], list[int]] = ([], [], [])
        names, labels = self._names, self._labels
        for number, row in enumerate(rows):
            if not isinstance(row, Step):
                continue
            for name, new in row.changes:
                if name in names and name not in self._past.series:
                    continue  # a phase
                where.append(number)
                what.append(labels.of(name))
                value.append(self._number(new))
            for process, name, units in row.holds:
                held[0].append(number)
                held[1].append(self._held.of((process, labels.of(name))))
                held[2].append(units)
        self._columns.add_sorted("value.row", where)
        self._columns.add("value.label", what)
        self._columns.add("value.value", value)
        self._columns.add_sorted("held.row", held[0])
        self._columns.add("held.what", held[1])
        self._columns.add("held.units", held[2])

    def _number(self, text: str | int) -> int:
        """A value as a number: itself doubled, or, odd, the number of a text."""
        found = self._numbers.get(text)
        if found is None:
            found = self._numbers[text] = self._make_number(text)
        return found

    def _make_number(self, text: str | int) -> int:
        try:
            number = int(text)
        except ValueError:
            number = -MOST
        if -(2**29) < number < 2**29 and str(number) == str(text):
            return number * 2
        return self._values.of(label(str(text))) * 2 + 1

    # --- lanes ---

    def _add_lanes(self) -> None:
        """When each process began and ended, and the sleeps of each in order."""
        columns = self._columns
        born, over, how = [], [], []
        starts: list[int] = []
        lasts: list[int] = []
        waits: list[int] = []
        counts: list[int] = []
        for spans in self._past.spans:
            first, last = spans[0], spans[-1]
            born.append(self._time(first.end) if first.lane is Lane.UNBORN else 0)
            over.append(self._time(last.start) if last.lane in _ENDS else -1)
            how.append(_ENDS.get(last.lane, 0))
            blocked = [s for s in spans if s.lane is Lane.BLOCKED]
            counts.append(len(blocked))
            starts += [self._time(s.start) for s in blocked]
            lasts += [self._time(s.end) - self._time(s.start) for s in blocked]
            waits += [self._waiting.number(s) for s in blocked]
        columns.add("lane.born", born)
        columns.add("lane.over", over)
        columns.add("lane.how", how)
        columns.add_sorted("lane.first", [0, *accumulate(counts)])
        columns.add_sorted("sleep.start", starts)
        columns.add("sleep.spent", lasts)
        columns.add("sleep.wait", waits)

    def _add_phases(self) -> None:
        starts: list[int] = []
        spent: list[int] = []
        names: list[int] = []
        counts: list[int] = []
        for phases in self._past.phases:
            counts.append(len(phases))
            starts += [self._time(p.start) for p in phases]
            spent += [self._time(p.end) - self._time(p.start) for p in phases]
            names += [self._phases.of(p.name) for p in phases]
        self._columns.add_sorted("phase.first", [0, *accumulate(counts)])
        self._columns.add_sorted("phase.start", starts)
        self._columns.add("phase.spent", spent)
        self._columns.add("phase.name", names)

    def _add_wakes(self) -> None:
        wakes = self._past.wakes
        self._columns.add_sorted("wake.time", [self._time(w.time) for w in wakes])
        self._columns.add("wake.after", [self._time(w.time) - self._time(w.waker_time) for w in wakes])
        self._columns.add("wake.waker", [w.waker for w in wakes])
        self._columns.add("wake.woken", [w.woken for w in wakes])
        self._columns.add("wake.what", [self._wakes.of((w.sort, w.object)) for w in wakes])

    # --- what the numbers mean ---

    def _head(self, rows: list[Step | Span]) -> dict[str, Any]:
        past, program = self._past, self._past.program
        files = [s.file for s in program.sources]
        first = {name: changes[0][1] for name, changes in past.series.items()}
        return {
            "unit": self._unit,
            "steps": past.by_steps,
            "exact": past.exact,
            "end": self._time(past.end),
            "loop": None if past.loop is None else self._time(past.loop),
            "dropped": self.dropped,
            "processes": [label(p.name) for p in program.processes],
            "families": [p.family for p in program.processes],
            "texts": [
                [label(text), files.index(at.file) if at.file in files else -1, at.line]
                for text, at in self._texts.things
            ],
            "results": [label(r) for r in self._results.things],
            "phases": [label(p) for p in self._phases.things],
            "wakes": [[sort, label(thing)] for sort, thing in self._wakes.things],
            "labels": [
                [label(name), self._number(first.get(name, 0)), self._waiting.sort(name)]
                for name in self._labels.things
            ],
            "held": self._held.things,
            "values": self._values.things,
            **self._waiting.head(rows, [r.time if isinstance(r, Step) else r.start for r in rows]),
        }
