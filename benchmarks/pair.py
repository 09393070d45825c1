"""One traced P/V pair by an uncontended worker, against C and against C under strace."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from benchmarks.common import Row, compiled, program
from ipcsim.runner.supervisor import run
from ipcsim.trace import EventKind, read_trace

PAIRS = 200_000
ROUNDS = 5

SCENARIO = """
scenario: pair
semaphores:
  set: {mutex: 1}
processes:
  worker:
    steps:
      - repeat: 200000
        steps: [P: mutex, V: mutex]
run: {timeout: 60s}
"""


def c_pair(binary: Path, pairs: int, *prefix: str) -> float:
    """ns a pair of the C loop."""
    done = subprocess.run(
        [*prefix, str(binary), str(pairs)], check=True, capture_output=True, text=True, timeout=300
    )
    return float(done.stdout)


def traced_pair(folder: Path) -> float:
    """ns a pair of a worker, from the first to the last record of its trace."""
    outcome = run(program(SCENARIO), folder=folder)
    assert outcome.verdict == "ok", outcome
    events = [e for e in read_trace(Path(outcome.extra["trace"])).events if e.kind is not EventKind.DIED]
    return (events[-1].time - events[0].time) / PAIRS


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        binary = compiled(Path(__file__).with_name("pair.c"), folder)
        if binary is None:
            return [Row("a traced P/V pair against C", "no C compiler here", "≤ 10 × C (aim 5)")]
        c, traced = [], []
        for _ in range(ROUNDS):  # in turn, so that both see the same machine
            c.append(c_pair(binary, 500_000))
            traced.append(traced_pair(folder))
        plain, mine = statistics.median(c), statistics.median(traced)
        found = [
            Row("C loop: one P/V pair", f"{plain:,.0f} ns", ""),
            Row("ipcsim: one traced P/V pair", f"{mine:,.0f} ns", ""),
            Row("  against the C loop", f"{mine / plain:.1f} ×", "≤ 10 × (aim 5 ×)"),
        ]
        if shutil.which("strace") is None:
            return [*found, Row("  against C under strace", "no strace here", "≤ 1/5")]
        log = str(folder / "strace.log")
        slow = statistics.median(
            c_pair(binary, 20_000, "strace", "-f", "-e", "trace=ipc", "-o", log) for _ in range(3)
        )
        return [
            *found,
            Row("C loop under strace -f -e trace=ipc", f"{slow:,.0f} ns", ""),
            Row("  ipcsim against that", f"1/{slow / mine:.1f}", "≤ 1/5"),
        ]
