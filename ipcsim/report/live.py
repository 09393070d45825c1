"""One instant of a run as a table: each process, what it waits for and holds, and the objects.

Pure: a Program and a Snapshot in, something that rich can draw out. Who draws it (and how often) is
the caller's business; there is no thread here.
"""

from __future__ import annotations

from collections import Counter

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ipcsim.analysis.selectors import describe
from ipcsim.program import Program
from ipcsim.program.objects import SemaphoreSet
from ipcsim.report import words
from ipcsim.snapshot import (
    Holding,
    ProcessState,
    QueueState,
    ReceiveWait,
    SemaphoreWait,
    SendWait,
    Snapshot,
    Status,
    Wait,
)

_STYLES = {Status.BLOCKED: "yellow", Status.DEAD: "red", Status.ENDED: "dim", Status.RUNNING: "green"}
_MANY_VALUES = 16  # of an array of semaphores
_BESIDES = 4  # lines besides processes and objects: the summary, the table's head, what is left out
LEAST_ROWS = 3
NARROW = 70  # columns: below, what matters least is left out
_COLUMNS = ("process", "state", "phase", "waits for", "at", "holds")
_NARROW_COLUMNS = ("process", "state", "waits for", "holds")
_LEAST = {"process": 14, "state": 7}


def status_line(elapsed: float, events: int, running: int, total: int) -> str:
    """What a run is at, in one line."""
    alive = f"{running:,} of {words.count(total, 'process', 'processes')} alive"
    return f"{words.seconds(elapsed)}   {words.count(events, 'event')}   {alive}"


def frame(program: Program, snapshot: Snapshot, head: str, width: int = 100, height: int = 24) -> Group:
    """The whole picture for a terminal of this size."""
    objects = object_lines(program, snapshot)
    room = max(LEAST_ROWS, height - len(objects) - _BESIDES)
    if len(objects) > max(LEAST_ROWS, height // 2):
        objects = objects[: height // 2]
        room = max(LEAST_ROWS, height - len(objects) - _BESIDES)
    shown = snapshot.processes[:room]
    columns = _NARROW_COLUMNS if width < NARROW else _COLUMNS
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, expand=False)
    for title in columns:
        least = _LEAST.get(title, 0) if width >= NARROW // 2 else None
        table.add_column(title, no_wrap=True, overflow="ellipsis", header_style="bold", min_width=least)
    for state in shown:
        cells = _row(program, state)
        table.add_row(*(cells[title] for title in columns))
    parts: list[RenderableType] = [Text(head, "bold"), table]
    if left := snapshot.processes[room:]:
        parts.append(Text(f"and {_summary(left)}", "dim"))
    return Group(*parts, *(Text(line, no_wrap=True, overflow="ellipsis") for line in objects))


def _row(program: Program, state: ProcessState) -> dict[str, Text]:
    name = program.processes[state.process].name
    waiting = state.status is Status.BLOCKED and state.wait is not None
    wait = wait_text(program, state.wait) if waiting and state.wait else ""
    there = state.status in (Status.RUNNING, Status.BLOCKED)
    at = _at(program, state) if there else ""
    holds = ", ".join(_holding(program, h) for h in state.holds if h.units > 0)
    cells = [name, str(state.status), state.phase or "", wait, at, holds]
    styles = ["cyan", _STYLES[state.status], "", "", "dim", ""]
    texts = (Text(words.visible(cell), style) for cell, style in zip(cells, styles, strict=True))
    return dict(zip(_COLUMNS, texts, strict=True))


def _at(program: Program, state: ProcessState) -> str:
    code = program.code(state.process)
    if not 0 <= state.pc < len(code):
        return ""
    instruction = code[state.pc]
    return f"{instruction.at.line}: {instruction.text}"


def _holding(program: Program, holding: Holding) -> str:
    name = program.sets[holding.set].label(holding.number)
    return name if holding.units == 1 else f"{holding.units} of {name}"


def wait_text(program: Program, wait: Wait) -> str:
    """What a blocked call asks for: `P fork[1]`, `room in requests`, `a message of type 3 in replies`."""
    match wait:
        case SemaphoreWait(set=number, operations=operations):
            declared = program.sets[number]
            return ", ".join(_operation(declared, n, delta) for n, delta in operations)
        case SendWait(queue=queue, size=size):
            return f"room for {words.count(size, 'byte')} in {program.queues[queue].name}"
        case ReceiveWait(queue=queue, type=type_, exclude=exclude):
            selector = describe(type_, exclude)
            return f"a message {f'{selector} ' if selector else ''}in {program.queues[queue].name}"


def _operation(declared: SemaphoreSet, number: int, delta: int) -> str:
    name = declared.label(number)
    if delta == 0:
        return f"Z {name}"
    letter = "P" if delta < 0 else "V"
    return f"{letter} {name}" if abs(delta) == 1 else f"{letter} {name}: {abs(delta)}"


# --- objects ---


def object_lines(program: Program, snapshot: Snapshot) -> list[str]:
    """One line an object with its values now."""
    lines = [_set_line(s, v) for s, v in zip(program.sets, snapshot.semaphores, strict=True)]
    lines += [
        f"queue {q.name}   {_queue(state)}" for q, state in zip(program.queues, snapshot.queues, strict=True)
    ]
    return [words.visible(line) for line in lines]


def _set_line(declared: SemaphoreSet, values: tuple[int, ...] | None) -> str:
    head = f"semaphores {declared.name}   "
    if values is None:
        return f"{head}not there"
    parts = []
    for member in declared.members:
        some = values[member.base : member.base + min(member.size, _MANY_VALUES)]
        more = " …" if member.size > _MANY_VALUES else ""
        parts.append(f"{member.name} = {' '.join(map(str, some))}{more}")
    return head + "   ".join(parts)


def _queue(state: QueueState | None) -> str:
    if state is None:
        return "not there"
    return f"{words.count(state.messages, 'message')}, {state.bytes:,} of {state.capacity:,} bytes"


def _summary(states: tuple[ProcessState, ...]) -> str:
    """`1,990 more: 1,980 blocked, 10 running`."""
    counted = Counter(s.status for s in states)
    return f"{len(states):,} more: " + ", ".join(f"{n:,} {status}" for status, n in counted.items())
