"""Two thousand processes: how fast they start, what they weigh, how soon their deadlock is announced."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.common import Row, program
from ipcsim.program import Program
from ipcsim.runner import manifest, objects
from ipcsim.runner.client import Launcher
from ipcsim.runner.rings import PID, WORDS, Rings
from ipcsim.runner.supervisor import run

COUNT = 2000
ROUNDS = 3

# Each takes one fork, waits until all have theirs (Z), and then wants the neighbour's.
SCENARIO = f"""
scenario: philosophers-in-step
semaphores:
  table:
    fork: {{count: {COUNT}, value: 1}}
    gate: {COUNT}
processes:
  philosopher:
    count: {COUNT}
    locals: {{left: me, right: (me + 1) % {COUNT}}}
    steps:
      - P: "fork[left]"
      - P: gate
      - Z: gate
      - P: "fork[right]"
      - V: ["fork[left]", "fork[right]"]
run: {{timeout: 120s}}
expect: deadlock
"""

BARE = f"""
import os, signal, time
read, write = os.pipe()
start = time.perf_counter()
pids = []
for _ in range({COUNT}):
    pid = os.fork()
    if pid == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    pids.append(pid)
print(time.perf_counter() - start)
for pid in pids:
    os.kill(pid, signal.SIGKILL)
for pid in pids:
    os.waitpid(pid, 0)
"""


def bare_forks() -> float:
    """Seconds for a bare os.fork loop in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", BARE], check=True, capture_output=True, text=True, timeout=300
    )
    return float(done.stdout)


def start(many: Program) -> tuple[float, float]:
    """Seconds from the first fork to the last (every worker exists), and private KiB a worker once all
    of them sleep in the scenario's own calls."""
    rings = Rings(COUNT)
    path = manifest.begin(many)
    launcher = Launcher(many, rings.fd, 1, False, path, [])
    try:
        created = ready = 0.0
        while not ready:
            for message in launcher.replies(1.0):
                if "created" in message:
                    created = time.perf_counter()
                if "ready" in message:
                    ready = time.perf_counter()
        launcher.send(go=True)
        time.sleep(15)
        return ready - created, statistics.mean(
            _private(rings.control[p * WORDS + PID]) for p in range(0, COUNT, 50)
        )
    finally:
        launcher.stop()
        for made in manifest.read(path).objects:
            objects.remove(made.kind, made.id)
        path.unlink()


def _private(pid: int) -> float:
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return sum(float(line.split()[1]) for line in file if line.startswith("Private_"))


def rows() -> list[Row]:
    many = program(SCENARIO)
    bare, mine, weight, announced = [], [], [], []
    for _ in range(ROUNDS):
        bare.append(bare_forks())
        seconds, kib = start(many)
        mine.append(seconds)
        weight.append(kib)
    for _ in range(ROUNDS):
        outcome = run(many)
        told = "; ".join(f.message for f in outcome.findings[:1])
        assert outcome.verdict == "deadlock", f"{outcome.verdict} in place of deadlock: {told}"
        announced.append(outcome.extra["detected_after_s"])
    forks, ours = statistics.median(bare), statistics.median(mine)
    return [
        Row(f"bare os.fork loop, {COUNT:,} children", f"{forks:.2f} s", ""),
        Row(f"ipcsim: {COUNT:,} processes forked", f"{ours:.2f} s", ""),
        Row("  against the bare loop", f"{ours / forks:.1f} ×", "≤ 2 ×"),
        Row("  private memory a process, asleep", f"{statistics.median(weight) / 1024:.2f} MiB", "≤ 1.5 MB"),
        Row(f"{COUNT:,} philosophers: last block → announced", f"{max(announced):.2f} s (worst)", "≤ 1 s"),
    ]
