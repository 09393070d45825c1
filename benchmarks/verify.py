"""`ipcsim verify` on the philosophers, for ever: beside SPIN, with many of them, and without reduction.

All times are of whole commands, from typing to the verdict; for SPIN that is `spin -a`, `gcc -O2` and `pan`.
SPIN has its own text of the same problem, philosophers.pml, and is compiled for safety alone, which makes it
faster. Where there is no SPIN, ipcsim's figures are printed alone.
"""

from __future__ import annotations

import json
import re
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from os import pidfd_open
from pathlib import Path
from typing import Any

from benchmarks.common import Row

SCENARIO = Path(__file__).with_name("philosophers.yaml")
PROMELA = Path(__file__).with_name("philosophers.pml")
EXPECTED = {"left": "deadlock", "ordered": "ok"}
SIDE_BY_SIDE = {"left": (3, 6, 10, 14, 18), "ordered": (3, 6, 10, 12, 14)}
ROUNDS = 3
LONG = 3.0  # seconds that a round may take for there to be another
TIMEOUT = 300.0
DEEPEST = 20_000_000  # steps that SPIN may search deep; its stack takes memory from the start


@dataclass(frozen=True, slots=True)
class Measured:
    """A command that is over: how long it took, and the most memory it had (sampled every 20 ms)."""

    seconds: float
    peak: float  # MiB
    output: str


def measured(command: list[str], folder: Path) -> Measured:
    """Run a command to its end; what it wrote to stderr is an error's only."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        start, peak = time.perf_counter(), 0
        with subprocess.Popen(command, cwd=folder, stdout=output, stderr=errors) as process:
            over = pidfd_open(process.pid)
            while not select.select([over], [], [], 0.02)[0]:
                peak = max(peak, _peak(process.pid))
                if time.perf_counter() - start > TIMEOUT:
                    process.kill()
            seconds = time.perf_counter() - start
        output.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {process.returncode}\n{errors.read()}")
        return Measured(seconds, peak / 1024, output.read())


def _peak(pid: int) -> int:
    """VmHWM, in KiB. (What wait4 says would count this process's own memory, too.)"""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found.group(1)) if found else 0


def verify(n: int, strategy: str, *options: str) -> tuple[Measured, dict[str, Any]]:
    """`ipcsim verify` of `n` philosophers, and the JSON that it printed."""
    beside = Path(sys.executable).with_name("ipcsim")
    ipcsim = [str(beside)] if beside.exists() else [sys.executable, "-m", "ipcsim"]
    arguments = ["--set", f"n={n}", "--set", f"strategy={strategy}", "--json", *options]
    with tempfile.TemporaryDirectory() as folder:
        done = measured([*ipcsim, "verify", str(SCENARIO), *arguments], Path(folder))
    said = json.loads(done.output)
    assert said["verdict"] == EXPECTED[strategy], said
    return done, said


def spin(n: int, strategy: str) -> tuple[float, int]:
    """Seconds that SPIN takes for the same, and the states it stored."""
    defined = [f"-DN={n}", *(["-DORDERED=1"] if strategy == "ordered" else [])]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = [
            measured(["spin", *defined, "-a", str(PROMELA)], folder),
            measured(["gcc", "-O2", "-DSAFETY", "-o", "pan", "pan.c"], folder),
            measured(["./pan", f"-m{min(3**n, DEEPEST)}"], folder),
        ]
    said = parts[-1].output
    assert "too small" not in said, said
    errors, states = re.search(r"errors: (\d+)", said), re.search(r"(\d+) states, stored", said)
    assert errors is not None, said
    assert states is not None, said
    assert (errors.group(1) != "0") == (strategy == "left"), said
    return sum(p.seconds for p in parts), int(states.group(1))


@dataclass(frozen=True, slots=True)
class Pair:
    """The same philosophers by both: the medians of some rounds, and the states of each."""

    strategy: str
    n: int
    ours: float
    theirs: float
    states: int
    stored: int

    def row(self) -> Row:
        return Row(
            f"verify, {self.strategy}, N={self.n}: ipcsim {self.ours:.2f} s, SPIN {self.theirs:.2f} s",
            f"{self.ours / self.theirs:.2f} × ({self.states:,} / {self.stored:,} states)",
            "< 1 ×",
        )


def pair(strategy: str, n: int) -> Pair:
    """Both, in turn, so that they see the same machine."""
    ours: list[float] = []
    theirs: list[float] = []
    while len(ours) < ROUNDS and sum(ours + theirs) < LONG * max(1, len(ours)):
        done, said = verify(n, strategy)
        seconds, stored = spin(n, strategy)
        ours.append(done.seconds)
        theirs.append(seconds)
    return Pair(strategy, n, statistics.median(ours), statistics.median(theirs), said["states"], stored)


def side_by_side(strategy: str) -> list[Row]:
    pairs = [pair(strategy, n) for n in SIDE_BY_SIDE[strategy]]
    first, last = pairs[0], pairs[-1]
    growth = Row(
        f"  how many times faster than SPIN, N={first.n} → N={last.n}",
        f"{first.theirs / first.ours:.1f} × → {last.theirs / last.ours:.1f} ×",
        "more, the larger N is",
    )
    return [*(p.row() for p in pairs), growth]


def alone(n: int, strategy: str, wanted: str) -> Row:
    done, said = verify(n, strategy)
    return Row(
        f"verify, {strategy}, N={n}: {said['states']:,} states",
        f"{done.seconds:.2f} s, {done.peak:.0f} MiB",
        wanted,
    )


def start_up() -> tuple[Row, float]:
    """A command with next to nothing to explore; and what it weighs, in MiB."""
    some = [verify(2, "ordered")[0] for _ in range(2 * ROUNDS - 1)]
    seconds = statistics.median(m.seconds for m in some)
    return Row("verify, N=2: the command itself", f"{seconds:.2f} s", "≤ 0.4 s"), max(m.peak for m in some)


def unreduced(bare: float) -> list[Row]:
    """Without reduction: how fast, how large a state is, and whether late ones cost what early ones did."""
    _, ten = verify(10, "ordered", "--reduction", "none")
    small, eleven = verify(11, "ordered", "--reduction", "none")
    large, thirteen = verify(13, "ordered", "--reduction", "none")
    size = (large.peak - bare) * 1024 * 1024 / thirteen["states"]
    growth = (large.seconds / thirteen["states"]) / (small.seconds / eleven["states"])
    return [
        Row(
            f"verify without reduction, ordered, N=10: {ten['states']:,} states",
            f"{ten['states'] / ten['duration_s']:,.0f} states/s",
            "≥ 60,000 states/s",
        ),
        Row(
            f"verify without reduction, ordered, N=13: {thirteen['states']:,} states",
            f"{large.seconds:.1f} s, {size:.0f} bytes a state",
            "≤ 300 bytes a state",
        ),
        Row(
            f"  a state's time, against N=11 ({eleven['states']:,} states)",
            f"{growth:.2f} ×",
            "about 1.2 × (13 processes, not 11)",
        ),
    ]


def rows() -> list[Row]:
    first, bare = start_up()
    found = [first]
    if shutil.which("spin") and shutil.which("gcc"):
        for strategy in SIDE_BY_SIDE:
            found += side_by_side(strategy)
    else:
        found.append(Row("verify against SPIN", "no spin (or no gcc) here", "< 1 ×"))
        found += [alone(n, strategy, "") for strategy, sizes in SIDE_BY_SIDE.items() for n in sizes]
    return [
        *found,
        alone(100, "left", "≤ 10 s, ≤ 500 MB"),
        alone(100, "ordered", "≤ 10 s, ≤ 500 MB"),
        alone(200, "left", "≤ 60 s"),
        alone(200, "ordered", "≤ 60 s"),
        *unreduced(bare),
    ]
