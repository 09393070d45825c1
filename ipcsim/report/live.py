"""One instant of a run as a picture: each process, what it waits for and since when, and the objects.

Pure: a Program and a Snapshot in, something that rich can draw out. Who draws it (and how often) is
the caller's business; there is no thread here.
"""

from __future__ import annotations

from collections import Counter

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ipcsim.facts.selectors import describe
from ipcsim.program import Program
from ipcsim.program.objects import SemaphoreSet
from ipcsim.report import words
from ipcsim.report.gauges import object_lines
from ipcsim.snapshot import (
    Holding,
    ProcessState,
    ReceiveWait,
    SemaphoreWait,
    SendWait,
    Snapshot,
    Status,
    Wait,
)

_STYLES = {
    Status.BLOCKED: "yellow",
    Status.STOPPED: "yellow",
    Status.DEAD: "red",
    Status.ENDED: "dim",
    Status.RUNNING: "green",
}
_BESIDES = 3  # lines besides processes and objects: the summary, the table's head, what is left out
_ROOMY = 14  # lines from which on blank ones set the parts apart
LEAST_ROWS = 3
NARROW = 70  # columns: below, what matters least is left out
WIDE = 110  # from here on the place in the text has room
_NARROW_COLUMNS = ("process", "state", "waits for", "since")
_COLUMNS = ("process", "state", "phase", "waits for", "since", "holds")
_WIDE_COLUMNS = ("process", "state", "phase", "waits for", "since", "holds", "at")
_LEAST = {"process": 14, "state": 7, "since": 6}
MOST_HOLDERS = 2
Holders = dict[tuple[int, int], list[str]]


def status_line(elapsed: float, events: int, running: int, total: int) -> str:
    """What a run is at, in one line."""
    alive = f"{running:,} of {words.count(total, 'process', 'processes')} alive"
    return f"{words.seconds(elapsed)}   {words.count(events, 'event')}   {alive}"


def frame(
    program: Program, snapshot: Snapshot, head: str, width: int = 100, height: int = 24, plain: bool = False
) -> Group:
    """The whole picture for a terminal of this size; `plain`: one that shows ASCII only."""
    objects = object_lines(program, snapshot, width, plain)
    if len(objects) > max(LEAST_ROWS, height // 2):
        objects = objects[: height // 2]
    blank = [Text()] if height >= _ROOMY else []
    room = max(LEAST_ROWS, height - len(objects) - _BESIDES - 2 * len(blank))
    shown = snapshot.processes[:room]
    columns = _NARROW_COLUMNS if width < NARROW else _COLUMNS if width < WIDE else _WIDE_COLUMNS
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, expand=False)
    for title in columns:
        least = _LEAST.get(title, 0) if width >= NARROW // 2 else None
        table.add_column(title, no_wrap=True, overflow="ellipsis", header_style="bold", min_width=least)
    holders = lock_holders(program, snapshot) if width >= NARROW else {}
    for state in shown:
        cells = _row(program, snapshot, state, holders, "<-" if plain else "←")
        table.add_row(*(cells[title] for title in columns))
    heading = Text(f"{program.name}   {head}", "bold", no_wrap=True, overflow="ellipsis")
    parts: list[RenderableType] = [heading, *blank, table]
    if left := snapshot.processes[room:]:
        parts.append(Text(f"and {_summary(left)}", "dim"))
    return Group(*parts, *(blank if objects else []), *objects)


def _row(
    program: Program, snapshot: Snapshot, state: ProcessState, holders: Holders, arrow: str
) -> dict[str, Text]:
    name = program.processes[state.process].name
    wait, since = "", ""
    if state.status is Status.BLOCKED and state.wait is not None:
        wait = wait_text(program, state.wait)
        if having := _who_has(snapshot, state.wait, holders):
            wait = f"{wait} {arrow} {having}"
        if state.since is not None and snapshot.time > state.since:
            since = words.delay((snapshot.time - state.since) / 1e9).replace("less than 1 ms", "now")
    there = state.status in (Status.RUNNING, Status.BLOCKED, Status.STOPPED)
    at = _at(program, state) if there else ""
    holds = ", ".join(_holding(program, h) for h in state.holds if h.units > 0)
    cells = [name, str(state.status), state.phase or "", wait, since, holds, at]
    styles = ["cyan", _STYLES.get(state.status, "dim"), "", "", "yellow", "", "dim"]
    texts = (Text(words.visible(cell), style) for cell, style in zip(cells, styles, strict=True))
    return dict(zip(_WIDE_COLUMNS, texts, strict=True))


def _at(program: Program, state: ProcessState) -> str:
    code = program.code(state.process)
    if not 0 <= state.pc < len(code):
        return ""
    instruction = code[state.pc]
    return f"{instruction.at.line}: {instruction.text}"


def _holding(program: Program, holding: Holding) -> str:
    name = program.sets[holding.set].label(holding.number)
    return name if holding.units == 1 else f"{holding.units} of {name}"


# --- who waits for what ---


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


def lock_holders(program: Program, snapshot: Snapshot) -> Holders:
    """Who holds units of each semaphore that is kept like a lock: its value and all that is held make
    up what it began with. A unit given back by somebody else is held by nobody."""
    held: dict[tuple[int, int], list[tuple[str, int]]] = {}
    for state in snapshot.processes:
        for h in state.holds:
            if h.units > 0:
                name = program.processes[state.process].name
                held.setdefault((h.set, h.number), []).append((name, h.units))
    found: Holders = {}
    for (set_, number), some in held.items():
        values, initial = snapshot.semaphores[set_], program.sets[set_].initial
        if values is not None and values[number] + sum(n for _, n in some) == initial[number]:
            found[set_, number] = [name for name, _ in some]
    return found


def _who_has(snapshot: Snapshot, wait: Wait, holders: Holders) -> str:
    """The holders of what a semop lacks."""
    if not isinstance(wait, SemaphoreWait):
        return ""
    values = snapshot.semaphores[wait.set] or ()
    names = [
        name
        for number, delta in wait.operations
        if number < len(values) and values[number] < -delta
        for name in holders.get((wait.set, number), ())
    ]
    some = list(dict.fromkeys(names))
    more = f" and {len(some) - MOST_HOLDERS:,} more" if len(some) > MOST_HOLDERS else ""
    return ", ".join(some[:MOST_HOLDERS]) + more


def _summary(states: tuple[ProcessState, ...]) -> str:
    """`1,990 more: 1,980 blocked, 10 running`."""
    counted = Counter(s.status for s in states)
    return f"{len(states):,} more: " + ", ".join(f"{n:,} {status}" for status, n in counted.items())
