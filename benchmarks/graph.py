"""How the analysis grows: the wait-for graph of 1,000 and 10,000 blocked processes, and the monitor.

Each philosopher of the large table holds one fork and asks for
three others at once, each of which four may give back: twelve edges a process.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from benchmarks.common import Row
from ipcsim.analysis.graph import analyse
from ipcsim.analysis.may import MayAnalysis
from ipcsim.analysis.monitor import Monitor
from ipcsim.errors import Location
from ipcsim.program import Family, Program, RunSettings
from ipcsim.program.expressions import Binary, Const, Expr, Local
from ipcsim.program.instructions import Exit, Instruction, Jump, Phase, SemaphoreOperation, Semop
from ipcsim.program.objects import Key, Member, SemaphoreSet
from ipcsim.snapshot import Holding, ProcessState, SemaphoreWait, Snapshot, Status
from ipcsim.trace import RECORD, EventKind, head

WIDTH = 3
FILE = "table.yaml"


def at(line: int) -> Location:
    return Location(FILE, line)


def table(count: int, width: int = WIDTH) -> Program:
    """Philosophers who take one fork, then the next `width` at once, and give all back."""

    def fork(distance: int, delta: int) -> SemaphoreOperation:
        index: Expr = Binary("%", Binary("+", Local(0, "me"), Const(distance)), Const(count))
        return SemaphoreOperation(0, count, index, Const(delta))

    def semop(line: int, *operations: SemaphoreOperation, ends: bool = False) -> Semop:
        return Semop(at=at(line), text="semop", set=0, operations=operations, ends_phase=ends)

    others = range(1, width + 1)
    code: tuple[Instruction, ...] = (
        Phase(at=at(1), text="", name="hungry"),
        semop(2, fork(0, -1)),
        semop(3, *(fork(d, -1) for d in others)),
        Phase(at=at(4), text="", name="eating"),
        semop(5, fork(0, 1), *(fork(d, 1) for d in others), ends=True),
        Jump(at=at(6), text="", target=0),
        Exit(at=at(7), text="", code=Const(0)),
    )
    forks = SemaphoreSet("table", (Member("fork", 0, count, (1,) * count),), Key(), 0o600, at(1))
    family = Family("philosopher", count, ("me",), tuple((i,) for i in range(count)), code, at(1))
    return Program("table", "Table", "", (), (forks,), (), (), (family,), (), RunSettings())


def seated(count: int, width: int = WIDTH) -> Snapshot:
    """Everybody has taken one fork and waits for the next ones."""
    states = tuple(
        ProcessState(
            i,
            Status.BLOCKED,
            2,
            SemaphoreWait(0, tuple(((i + d) % count, -1) for d in range(1, width + 1))),
            holds=(Holding(0, i, 1, at(2)),),
        )
        for i in range(count)
    )
    return Snapshot(0, states, ((0,) * count,), ())


def crowd(count: int) -> Snapshot:
    """Everybody waits for the same fork, which the first one took twice: all edges at one need."""
    first = ProcessState(0, Status.BLOCKED, 1, SemaphoreWait(0, ((0, -1),)), holds=(Holding(0, 0, 1, at(2)),))
    rest = tuple(ProcessState(i, Status.BLOCKED, 2, SemaphoreWait(0, ((0, -1),))) for i in range(1, count))
    return Snapshot(0, (first, *rest), ((0, *(1 for _ in range(count - 1))),), ())


def best(action: Callable[[], object], times: int = 3) -> float:
    found = []
    for _ in range(times):
        gc.collect()
        start = time.perf_counter()
        action()
        found.append(time.perf_counter() - start)
    return min(found)


def graphs() -> list[Row]:
    rows: list[Row] = []
    for name, make in (("a circle, three forks asked", seated), ("a crowd behind one", crowd)):
        times: dict[int, float] = {}
        edges = 0
        for count in (1_000, 10_000):
            program, snapshot = table(count), make(count)
            report = analyse(program, snapshot, MayAnalysis(program))
            wakers = {n: len(report.graph.wakers(n)) for ns in report.graph.needs.values() for n in ns}
            edges = sum(wakers[n] for ns in report.graph.needs.values() for n in ns)
            times[count] = best(lambda p=program, s=snapshot: analyse(p, s, MayAnalysis(p)).findings())
        what = f"analysis, {name}: 10,000 blocked, {edges:,} edges"
        rows.append(Row(what, f"{times[10_000]:.2f} s with explanation", "≤ 1 s"))
        growth = times[10_000] / times[1_000]
        rows.append(Row("  against 1,000 processes", f"{growth:.1f} × the time for 10 ×", "almost linear"))
    return rows


def sweeps(processes: int, records: int, rounds: int) -> list[list[tuple[int, bytes]]]:
    """A trace of undisturbed meals: `rounds` of them by each process in one sweep."""
    meal = [(EventKind.STEP, 0), (EventKind.BEGIN, 1), (EventKind.END, 1), (EventKind.BEGIN, 2)]
    meal += [(EventKind.END, 2), (EventKind.STEP, 3), (EventKind.BEGIN, 4), (EventKind.END, 4)]
    found, now = [], 0
    for _ in range(max(1, records // (processes * rounds * len(meal)))):
        sweep = []
        for process in range(processes):
            raw = bytearray()
            for kind, pc in meal * rounds:
                now += 500
                raw += RECORD.pack(now, head(kind, pc), 0, 0)
            sweep.append((process, bytes(raw)))
        found.append(sweep)
    return found


def monitor() -> list[Row]:
    rows: list[Row] = []
    for processes, rounds in ((5, 100), (5, 5), (2000, 1)):
        program = table(processes, width=1)
        some = sweeps(processes, 200_000, rounds)
        records = sum(len(raw) for s in some for _, raw in s) // RECORD.size

        def feed(program: Program = program, some: list[list[tuple[int, bytes]]] = some) -> None:
            watching = Monitor(program)
            for sweep in some:
                watching.feed_batch(sweep)

        what = f"monitor: {processes:,} processes, {rounds * 8} records each a sweep"
        rows.append(Row(what, f"{best(feed) / records * 1e9:.0f} ns a record", ""))
    return rows


def rows() -> list[Row]:
    return [*graphs(), *monitor()]
