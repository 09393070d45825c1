"""Looks for false starvation and for missed: `python -m benchmarks.starving --runs 1000 --seed 1`.

Right programs of random shapes and sizes (2 to 5,000 processes; slow, stopped and continued ones among them)
run free, with bounds as low as three: semaphores of Linux serve in the order of arrival whoever wants one
unit (S-5, S-6), so that nobody overtakes one sleeper three times in a row. Every verdict but `ok` is a
defect. Then those that do starve are run: every verdict but `starvation` is one. All cores are kept busy
meanwhile.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

from benchmarks.common import program
from ipcsim import catalogue
from ipcsim.program import Program
from ipcsim.runner.supervisor import run
from ipcsim.verdict import Verdict

LARGEST = 5000
BOUNDS = (3, 10, 50, 1000)
RUN = "run: {timeout: 120s, livelock: off, starvation: BOUND}\n"
SPIN = "while True: pass"


@dataclass
class Tally:
    """What came of some runs; `wrong` are those with another verdict than `expected`, in words."""

    expected: Verdict
    runs: int = 0
    largest: int = 0
    processes: int = 0
    events: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, name: str, made: Program) -> None:
        """Run it once."""
        outcome = run(made)
        self.runs += 1
        self.largest = max(self.largest, len(made.processes))
        self.processes += len(made.processes)
        self.events += outcome.extra["events"]
        if outcome.verdict is not self.expected:
            why = "; ".join(f.message for f in outcome.findings[:2])
            self.wrong.append(f"{name}, seed {outcome.seed}: {outcome.verdict}: {why}")

    def __str__(self) -> str:
        return (
            f"{self.runs:,} runs that should be {self.expected}: {len(self.wrong)} were not "
            f"({self.processes:,} processes, up to {self.largest:,} in a run; {self.events:,} events)"
        )


# --- right programs ---


def room(chance: Random, size: int) -> str:
    """Busy and rare users of a room with several places."""
    return f"""
semaphores: {{s: {{room: {chance.randint(1, 3)}}}}}
processes:
  busy:
    count: {min(size, 4)}
    steps: [{{repeat: {chance.choice((200, 2000, 8000))}, steps: [P: room, V: room]}}]
  rare:
    count: {max(1, size - 4)}
    steps: [{{repeat: {chance.randint(1, 3)}, steps: [P: room, V: room]}}]
"""


def gate(_chance: Random, size: int) -> str:
    """Everybody waits once until all are there."""
    return f"""
semaphores: {{s: {{gate: {size}, door: 1}}}}
processes:
  guest:
    count: {size}
    steps: [P: gate, Z: gate, P: door, V: door]
"""


def labels(_chance: Random, size: int) -> str:
    """Clients and one server, who answers each by its label."""
    return f"""
queues:
  requests: {{message: {{who: int}}}}
  replies: {{message: {{who: int}}}}
processes:
  client:
    count: {size}
    steps:
      - send: {{queue: requests, type: me + 1, message: {{who: me}}}}
      - receive: {{queue: replies, type: me + 1, into: r}}
  server:
    steps:
      - repeat: {size}
        steps:
          - receive: {{queue: requests, type: 0, into: q}}
          - send: {{queue: replies, type: q.who + 1, message: {{who: q.who}}}}
"""


def slow(chance: Random, size: int) -> str:
    """One mutex, whose holders are slow now and then."""
    rounds = max(1, min(300, 600 // size))
    return f"""
semaphores: {{s: {{mutex: 1}}}}
processes:
  brief:
    count: {size}
    steps: [{{repeat: {rounds}, steps: [P: mutex, V: mutex]}}]
  slow:
    steps:
      - repeat: {chance.randint(1, 8)}
        steps: [P: mutex, pause: 0ms..30ms, V: mutex, pause: 0ms..10ms]
"""


def stopped(chance: Random, size: int) -> str:
    """Somebody is stopped and continued, asleep or not; its calls end with EINTR then, and are done again."""
    return f"""
semaphores: {{s: {{mutex: {chance.randint(1, 2)}}}}}
processes:
  brief:
    count: {min(size, 50)}
    steps: [{{repeat: {chance.choice((300, 3000))}, steps: [P: mutex, V: mutex]}}]
  sleepy:
    locals: {{got: 0}}
    steps:
      - repeat: 100
        steps:
          - set: {{got: 0}}
          - while: got == 0
            steps:
              - set: {{got: 1}}
              - P: mutex
                on_error: {{EINTR: [set: {{got: 0}}]}}
          - V: mutex
  shell:
    steps:
      - repeat: {chance.randint(2, 10)}
        steps:
          - pause: 0ms..3ms
          - signal: {{to: sleepy, name: SIGSTOP}}
            on_error: {{ESRCH: []}}
          - pause: 1ms..20ms
          - signal: {{to: sleepy, name: SIGCONT}}
            on_error: {{ESRCH: []}}
"""


def pair(chance: Random, size: int) -> str:
    """Consumers want an item and the mutex at once; items come slowly, the mutex is always busy."""
    items = min(size, 40)
    return f"""
semaphores: {{s: {{full: 0, mutex: 1}}}}
processes:
  busy:
    count: {chance.randint(1, 3)}
    steps: [{{repeat: {chance.choice((500, 5000))}, steps: [P: mutex, V: mutex]}}]
  consumer:
    count: {items}
    steps: [P: [full, mutex], V: mutex]
  producer:
    steps: [{{repeat: {items}, steps: [pause: 0ms..5ms, V: full]}}]
"""


def far(chance: Random, size: int) -> str:
    """Who wants a turn again and again waits for a slow neighbour, while others of the set are quick."""
    return f"""
semaphores: {{s: {{near: 1, far: 1}}}}
processes:
  busy:
    count: {min(size, 5)}
    steps: [{{repeat: {chance.choice((500, 5000))}, steps: [P: far, V: far]}}]
  neighbour:
    count: 2
    steps: [{{repeat: 6, steps: [P: near, phase: inside, pause: 0ms..20ms, V: near]}}]
properties: {{all get in: {{always_eventually: inside}}}}
"""


def belt(chance: Random, size: int) -> str:
    """A queue with room for few messages, between senders and one receiver."""
    senders = min(size, 200)
    rounds = max(1, min(500, 2000 // senders))
    return f"""
queues: {{belt: {{message: {{v: int}}, bytes: {8 * chance.randint(1, 4)}}}}}
processes:
  sender:
    count: {senders}
    steps: [{{repeat: {rounds}, steps: [send: {{queue: belt, type: 1, message: {{v: 1}}}}]}}]
  receiver:
    steps: [{{repeat: {senders * rounds}, steps: [receive: {{queue: belt, type: 0, into: m}}]}}]
"""


SHAPES: tuple[Callable[[Random, int], str], ...] = (room, gate, labels, slow, stopped, pair, far, belt)


def _size(chance: Random) -> int:
    """Mostly small; one in thirty of any size: those take as long as many small ones."""
    least, most = (2, 60) if chance.random() * 30 > 1 else (60, LARGEST)
    return int(least * (most / least) ** chance.random())


def right(chance: Random) -> tuple[str, Program]:
    """A program in which nobody starves, and what it is."""
    shape, size, bound = chance.choice(SHAPES), _size(chance), chance.choice(BOUNDS)
    text = shape(chance, size) + RUN.replace("BOUND", str(bound))
    return f"{shape.__name__} of {size}, bound {bound}", program(text)


# --- those that starve ---

# Two relieve each other: neither leaves before the other is in again, so the room is never empty.
RELIEF = """
semaphores: {s: {room: 2, first: 1, second: 0, table: 0}}
processes:
  first:
    steps: [P: room, V: table, {forever: [P: first, V: room, P: room, V: second]}]
  second:
    steps: [P: room, V: table, {forever: [P: second, V: room, P: room, V: first]}]
  both:
    count: 2
    steps: [P: {table: 2}, V: {table: 2}, P: {room: 2}]
"""


def starving() -> list[tuple[str, Program]]:
    """What is shipped and starves in a run, as it is; and one that starves in every free run."""
    found = [(f"relief, bound {b}", program(RELIEF + RUN.replace("BOUND", str(b)))) for b in (3, 50, 1000)]
    for entry in catalogue.entries():
        if entry.kind == "scenario":
            variants = [(entry.name, catalogue.load(str(entry.path)))]
        else:
            variants = [
                (f"{entry.name} {v.arguments}", catalogue.load(str(entry.path), dict(v.arguments)))
                for v in catalogue.describe(str(entry.path)).variants
            ]
        found += [(name, made) for name, made in variants if made.expect_run is Verdict.STARVATION]
    return found


# --- runs ---


def starvation_runs(seed: int, count: int, first: int = 0) -> Tally:
    """Right programs number `first` to before `first + count` of `seed`: each is the same every time."""
    tally = Tally(Verdict.OK)
    for number in range(first, first + count):
        name, made = right(Random(f"{seed}:{number}"))
        tally.add(f"number {number}, {name}", made)
    return tally


def starver_runs(count: int) -> list[tuple[str, Tally]]:
    """Each of `starving` so many times."""
    found = []
    for name, made in starving():
        tally = Tally(Verdict.STARVATION)
        for _ in range(count):
            tally.add(name, made)
        found.append((name, tally))
    return found


@contextmanager
def busy(cores: int) -> Iterator[None]:
    """Keep so many cores busy."""
    spinning = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(cores)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.starving", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000, help="of right programs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first: to go on where one stopped"
    )
    parser.add_argument("--starvers", type=int, default=50, help="runs of each that starves")
    parser.add_argument("--idle", action="store_true", help="leave the cores to the runs")
    arguments = parser.parse_args()
    start, wrong = time.monotonic(), 0
    with busy(0 if arguments.idle else os.cpu_count() or 1):
        for name, tally in starver_runs(arguments.starvers):
            wrong += len(tally.wrong)
            print(f"{name}: {tally}", *tally.wrong, sep="\n  ", flush=True)
        for first in range(arguments.first, arguments.first + arguments.runs, 50):
            count = min(50, arguments.first + arguments.runs - first)
            tally = starvation_runs(arguments.seed, count, first)
            wrong += len(tally.wrong)
            spent = time.monotonic() - start
            print(f"from {first} ({spent:.0f} s): {tally}", *tally.wrong, sep="\n  ", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
