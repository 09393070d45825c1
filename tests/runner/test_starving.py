"""Starvation in free runs of real processes, on busy cores: the kernel says who is in its queue."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ipcsim.analysis.monitor import Monitor
from ipcsim.program import Program
from ipcsim.runner import manifest, objects
from ipcsim.runner.client import Launcher
from ipcsim.runner.rings import Rings
from ipcsim.runner.session import Session
from ipcsim.runner.starving import StarvationWatch
from ipcsim.runner.supervisor import run
from ipcsim.verdict import Kind, Verdict
from tests.runner.helpers import one, program, wait_until

TIMES = 20


@pytest.fixture(params=["as it is", "both cores busy"])
def cores(request: pytest.FixtureRequest) -> Iterator[None]:
    """The machine as it is, or with every core kept busy by somebody else."""
    count = 0 if request.param == "as it is" else os.cpu_count() or 1
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def bounded(text: str, bound: int) -> Program:
    made = program(text)
    return replace(made, settings=replace(made.settings, starvation=bound, timeout=60.0))


# Linux serves those who want one unit in the order of arrival: three times is more than one can be overtaken.
ROOM_OF_TWO = """
semaphores: {s: {room: 2}}
processes:
  fast: {count: 2, steps: [{repeat: 4000, steps: [P: room, V: room]}]}
  once: {steps: [P: room, V: room]}
"""

ITEMS = """
semaphores: {s: {full: 0, mutex: 1}}
processes:
  busy: {count: 2, steps: [{repeat: 1500, steps: [P: mutex, V: mutex]}]}
  consumer: {count: 20, steps: [P: [full, mutex], V: mutex]}
  producer: {steps: [{repeat: 20, steps: [pause: 0ms..4ms, V: full]}]}
"""

STOPPED = """
semaphores: {s: {mutex: 1}}
processes:
  fast: {count: 2, steps: [{repeat: 2000, steps: [P: mutex, V: mutex]}]}
  sleepy:
    locals: {got: 0}
    steps:
      - repeat: 50
        steps:
          - set: {got: 0}
          - while: got == 0
            steps:
              - set: {got: 1}
              - P: mutex
                on_error: {EINTR: [set: {got: 0}]}
          - V: mutex
  shell:
    steps:
      - repeat: 4
        steps:
          - pause: 0ms..2ms
          - signal: {to: sleepy, name: SIGSTOP}
            on_error: {ESRCH: []}
          - pause: 5ms
          - signal: {to: sleepy, name: SIGCONT}
            on_error: {ESRCH: []}
"""

CROWD = """
semaphores: {s: {gate: 600, door: 1}}
processes:
  guest: {count: 600, steps: [P: gate, Z: gate, P: door, V: door]}
"""


@pytest.mark.usefixtures("cores")
@pytest.mark.parametrize(
    ("text", "times"),
    [(ROOM_OF_TWO, TIMES), (ITEMS, TIMES), (STOPPED, TIMES), (CROWD, 2)],
    ids=["room of two", "item and mutex", "stopped and continued", "crowd at a gate"],
)
def test_nobody_starves(text: str, times: int) -> None:
    made = bounded(text, 3)
    for _ in range(times):
        outcome = run(made)
        assert outcome.verdict is Verdict.OK, outcome.findings


# Two relieve each other so that one of them is always in; who wants both places never gets them.
RELIEF = """
semaphores: {s: {room: 2, first: 1, second: 0, table: 0}}
processes:
  first: {steps: [P: room, V: table, {forever: [P: first, V: room, P: room, V: second]}]}
  second: {steps: [P: room, V: table, {forever: [P: second, V: room, P: room, V: first]}]}
  patient: {steps: [P: {table: 2}, P: {room: 2}]}
"""


@pytest.mark.usefixtures("cores")
def test_who_starves_is_found_every_time() -> None:
    made = bounded(RELIEF, 50)
    for _ in range(TIMES):
        finding = one(run(made), Kind.STARVATION)
        assert finding.processes == ("patient",)
        assert finding.objects == ("room",)
        assert "the bound is 50" in finding.message
        assert finding.details[1][0] in ("first", "second")


# --- one step after the other ---


@pytest.fixture
def started() -> Iterator[Callable[[Program], Session]]:
    """Starts the workers of a Program as the supervisor does."""
    ends: list[Callable[[], object]] = []

    def start(made: Program) -> Session:
        rings = Rings(len(made.processes))
        path = manifest.begin(made)
        launcher = Launcher(made, rings.fd, 1, False, path, [])
        session = Session(made, made.settings, 1, rings, launcher, Monitor(made), None)
        ends.append(lambda: _end(session, path, rings))
        session.wait_until_ready()
        session.go()
        return session

    yield start
    for end in ends:
        end()


def _end(session: Session, path: Path, rings: Rings) -> None:
    session.launcher.stop()
    for made in manifest.read(path).objects:
        objects.remove(made.kind, made.id)
    manifest.finish(path)
    os.close(rings.fd)


def watched(session: Session, times: float = 0.3) -> bool:
    """Whether looking for so many seconds finds somebody starving."""
    watch, until = StarvationWatch(session), time.monotonic() + times
    while time.monotonic() < until and not session.monitor.overtaking.found:
        session.collect(0.001)
        watch.look()
    return session.monitor.overtaking.found


def test_a_stopped_process_is_not_in_the_queue(started: Callable[[Program], Session]) -> None:
    """Stopped from outside while it waits: others are served for ever, and the kernel does not queue it."""
    session = started(bounded(RELIEF, 20))
    patient = 2
    wait_until(lambda: session.collect(0.001) and session.written(patient) >= 3)
    os.kill(session.pid(patient), signal.SIGSTOP)
    wait_until(lambda: _state(session.pid(patient)) == "T")
    assert not watched(session)
    assert session.events > 500  # the others went on
    os.kill(session.pid(patient), signal.SIGCONT)


def test_the_same_process_asleep_is(started: Callable[[Program], Session]) -> None:
    assert watched(started(bounded(RELIEF, 20)), 20)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
