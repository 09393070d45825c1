"""How soon a deadlock of five is announced, and what watching a hundred sleepers costs."""

from __future__ import annotations

import statistics
import time

from benchmarks.common import Row, program
from benchmarks.many import SCENARIO as MANY
from benchmarks.many import COUNT
from ipcsim.runner.supervisor import run

RUNS = 40
SLEEP = 10  # seconds

SLEEPERS = f"""
scenario: sleepers
semaphores:
  set: {{never: 0, done: 0}}
processes:
  sleeper:
    count: 100
    steps: [P: never]
  waker:
    steps:
      - pause: {SLEEP}s
      - V: {{never: 100}}
run: {{timeout: 60s}}
"""


def rows() -> list[Row]:
    five = program(MANY.replace(str(COUNT), "5"))
    latency = []
    for _ in range(RUNS):
        outcome = run(five)
        assert outcome.verdict == "deadlock", outcome
        latency.append(outcome.extra["detected_after_s"] * 1000)
    cpu, wall = time.process_time(), time.monotonic()
    outcome = run(program(SLEEPERS))
    share = (time.process_time() - cpu) / (time.monotonic() - wall)
    assert outcome.verdict == "ok", outcome
    return [
        Row(
            f"5 processes: last block → announced, {RUNS} runs",
            f"{statistics.median(latency):.1f} ms median, {max(latency):.1f} ms worst",
            "median ≤ 20 ms",
        ),
        Row("supervising 100 sleeping processes", f"{share:.1%} of a core", "≤ 2 %"),
    ]
