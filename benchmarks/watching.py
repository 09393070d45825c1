"""How soon a deadlock of five is announced, and what watching a hundred sleepers costs."""

from __future__ import annotations

import statistics
import time

from benchmarks.common import Row, program
from benchmarks.many import COUNT
from benchmarks.many import SCENARIO as MANY
from ipcsim.runner.supervisor import run

RUNS = 40
SHORT, LONG = 2, 12  # seconds

SLEEPERS = """
scenario: sleepers
semaphores:
  set: {never: 0}
processes:
  sleeper:
    count: 100
    steps: [P: never]
  waker:
    steps:
      - pause: SECONDSs
      - V: {never: 100}
run: {timeout: 60s}
"""


def supervising(seconds: int) -> float:
    """Seconds of processor time that the supervisor takes for a run in which a hundred sleep so long."""
    sleepers = program(SLEEPERS.replace("SECONDS", str(seconds)))
    before = time.process_time()
    outcome = run(sleepers)
    assert outcome.verdict == "ok", outcome
    return time.process_time() - before


def rows() -> list[Row]:
    five = program(MANY.replace(str(COUNT), "5"))
    latency = []
    for _ in range(RUNS):
        outcome = run(five)
        assert outcome.verdict == "deadlock", outcome
        latency.append(outcome.extra["detected_after_s"] * 1000)
    # what starting and ending costs is in both, so the difference is the watching alone
    share = (supervising(LONG) - supervising(SHORT)) / (LONG - SHORT)
    return [
        Row(
            f"5 processes: last block → announced, {RUNS} runs",
            f"{statistics.median(latency):.1f} ms median, {max(latency):.1f} ms worst",
            "median ≤ 20 ms",
        ),
        Row("supervising 100 sleeping processes", f"{share:.1%} of a core", "≤ 2 %"),
    ]
