"""Whatever ends a run, no process stays and no object is left (at the latest after `clean`)."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipcsim.api import read_outcome
from ipcsim.errors import EnvironmentProblem
from ipcsim.runner import manifest
from ipcsim.runner.clean import clean
from ipcsim.verdict import Kind, Verdict
from tests.conftest import sysv_objects
from tests.runner.helpers import Supervisor, one, program, run_text, wait_until

# Objects of all three kinds; five processes that work, sleep in the kernel and pause, for ever.
BUSY = """
scenario: busy
semaphores:
  set: {mutex: 1, never: 0}
queues:
  mail: {message: {n: int}}
segments:
  memory: {count: int}
processes:
  worker:
    count: 3
    steps:
      - forever:
          - P: mutex
          - set: {memory.count: (memory.count + 1) % 1000}
          - V: mutex
          - pause: 0ms..1ms
  reader:
    steps:
      - receive: {queue: mail, into: m}
  waiter:
    steps:
      - P: never
  sender:
    steps:
      - pause: 30s
      - send: {queue: mail, type: 1, message: {n: 1}}
      - V: never
run: {timeout: 60s}
"""
WORKERS = 6
EVERYBODY = WORKERS + 1  # and the launcher


def nothing_runs(supervisor: Supervisor) -> bool:
    return not supervisor.processes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_in_order(number: int, tmp_path: Path) -> None:
    before = sysv_objects()
    supervisor = Supervisor(BUSY, tmp_path)
    supervisor.wait_for_processes(EVERYBODY)
    assert sysv_objects() != before
    time.sleep(0.2)
    supervisor.popen.send_signal(number)
    code, out, err = supervisor.finish()
    assert (code, err) == (0, "")
    outcome = json.loads(out)
    assert outcome["interrupted"]
    assert outcome["verdict"] == "inconclusive"
    assert nothing_runs(supervisor)
    assert sysv_objects() == before


@pytest.mark.timeout(300)
def test_sigkill_of_the_supervisor_at_random_moments(tmp_path: Path) -> None:
    before = sysv_objects()
    moments = random.Random(2026)
    left_something = 0
    for i in range(100):
        supervisor = Supervisor(BUSY, tmp_path)
        if i % 2:  # there is something to be left by then, however slow the start is
            supervisor.wait_for_processes(1)
        time.sleep(moments.uniform(0.05, 0.6))
        supervisor.popen.kill()
        supervisor.finish()
        wait_until(lambda supervisor=supervisor: nothing_runs(supervisor))
        left_something += sysv_objects() != before
        clean()
        assert sysv_objects() == before
        assert not manifest.all_manifests()
    assert left_something > 10, "the kills came too early or too late to test anything"


def test_clean_leaves_a_living_run_alone(tmp_path: Path) -> None:
    supervisor = Supervisor(BUSY, tmp_path)
    supervisor.wait_for_processes(EVERYBODY)
    here = sysv_objects()
    assert clean() == []
    assert sysv_objects() == here
    supervisor.popen.terminate()
    supervisor.finish()


def test_clean_tells_what_it_would_do(tmp_path: Path) -> None:
    supervisor = Supervisor(BUSY, tmp_path)
    supervisor.wait_for_processes(EVERYBODY)
    supervisor.popen.kill()
    supervisor.finish()
    wait_until(lambda: nothing_runs(supervisor))
    here = sysv_objects()
    told = clean(dry_run=True)
    assert [c.action for c in told] == ["would be removed"] * 3
    assert sysv_objects() == here
    assert [c.action for c in clean()] == ["removed"] * 3


def test_sigkill_of_a_worker_asleep_in_a_semop(tmp_path: Path) -> None:
    """The verdict stands and says who died."""
    supervisor = Supervisor(BUSY.replace("30s", "1s"), tmp_path)
    supervisor.wait_for_processes(EVERYBODY)
    time.sleep(0.2)
    waiter = next(pid for pid in supervisor.processes() if _sleeps_in(pid, b"semtimedop"))
    os.kill(waiter, signal.SIGKILL)
    time.sleep(0.2)
    supervisor.popen.terminate()
    _, out, _ = supervisor.finish()
    outcome = json.loads(out)
    crash = next(f for f in outcome["findings"] if f["kind"] == Kind.CRASH)
    assert outcome["verdict"] == "error"
    assert crash["processes"] == ["waiter"]
    assert "SIGKILL" in crash["message"]
    assert "P: never" in crash["message"]


def _sleeps_in(pid: int, where: bytes) -> bool:
    try:
        return (
            where in Path(f"/proc/{pid}/wchan").read_bytes()
            and b"0x1 0x" in Path(f"/proc/{pid}/syscall").read_bytes()
        )
    except OSError:
        return False


def test_sigkill_of_the_launcher(tmp_path: Path) -> None:
    before = sysv_objects()
    supervisor = Supervisor(BUSY, tmp_path)
    launcher = supervisor.wait_for_processes(EVERYBODY)[0]
    time.sleep(0.1)
    os.kill(launcher, signal.SIGKILL)
    _, out, _ = supervisor.finish()
    assert json.loads(out)["verdict"] == "error"
    wait_until(lambda: nothing_runs(supervisor))
    assert sysv_objects() == before


def test_two_runs_of_a_scenario_do_not_meet(tmp_path: Path) -> None:
    both = [Supervisor(BUSY, tmp_path) for _ in range(2)]
    for supervisor in both:
        supervisor.wait_for_processes(EVERYBODY)
    assert len(sysv_objects()["sem"]) == 2
    both[0].popen.terminate()
    both[0].finish()
    assert len(sysv_objects()["sem"]) == 1
    assert len(both[1].processes()) == EVERYBODY
    both[1].popen.terminate()
    both[1].finish()


def test_a_run_in_another_thread_works() -> None:
    text = "scenario: s\nsemaphores: {set: {m: 1}}\nprocesses: {p: {steps: [P: m, V: m]}}\n"
    verdicts: list[Verdict] = []
    thread = threading.Thread(target=lambda: verdicts.append(run_text(text).verdict))
    thread.start()
    thread.join()
    assert verdicts == [Verdict.OK]


# --- limits: in a private namespace they can be lowered without harm ---


@pytest.fixture
def limit(request: pytest.FixtureRequest, private_namespace: bool) -> Iterator[None]:
    """Lower the sysctl that the test's parameter names, in the private IPC namespace of the tests."""
    name, value = request.param
    if not private_namespace:
        pytest.skip("needs a private IPC namespace (root)")
    path = Path("/proc/sys/kernel", name)
    before = path.read_text()
    path.write_text(value)
    yield
    path.write_text(before)


@pytest.mark.parametrize(
    ("limit", "sysctl", "name"),
    [
        (("sem", "32000 1 500 32000"), "kernel.sem", "`set`"),
        (("msgmni", "0"), "kernel.msgmni", "`mail`"),
        (("shmmni", "0"), "kernel.shmmni", "`memory`"),
    ],
    indirect=["limit"],
)
@pytest.mark.usefixtures("limit")
def test_a_full_table_names_the_limit_and_its_sysctl(sysctl: str, name: str) -> None:
    before = sysv_objects()
    with pytest.raises(EnvironmentProblem) as caught:
        run_text(BUSY)
    assert "ENOSPC" in str(caught.value)
    assert sysctl in str(caught.value)
    assert name in str(caught.value)
    assert caught.value.exit_code == 4
    assert sysv_objects() == before


def test_a_full_disk_does_not_cost_the_verdict(tmp_path: Path) -> None:
    """/dev/full takes the place of a disk without room: opening works, writing does not."""
    from ipcsim import trace

    class Full(trace.TraceWriter):
        def records(self, process: int, raw: bytes | memoryview) -> None:
            raise OSError(errno.ENOSPC, "full up")

    text = "scenario: s\nsemaphores: {set: {m: 0}}\nprocesses: {p: {steps: [P: m]}}\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trace, "TraceWriter", Full)
        outcome = run_text(text, tmp_path)
    assert outcome.verdict is Verdict.DEADLOCK
    assert "full up" in outcome.extra["remarks"][0]
    assert outcome.extra["trace"] is None


def test_a_key_that_is_taken_is_explained() -> None:
    text = """scenario: s
semaphores: {set: {m: 1, key: 0x1b2c3d}}
processes: {p: {steps: [P: m, pause: 200ms]}}
"""
    errors: list[BaseException] = []

    def other() -> None:
        time.sleep(0.05)
        try:
            run_text(text)
        except EnvironmentProblem as error:
            errors.append(error)

    thread = threading.Thread(target=other)
    thread.start()
    outcomes = []
    try:
        outcomes.append(run_text(text))
    except EnvironmentProblem as error:
        errors.append(error)
    thread.join()
    assert len(errors) <= 1
    for error in errors:
        assert "EEXIST" in str(error)
    assert program(text).sets[0].key.number == 0x1B2C3D


def test_the_explanation_of_a_crash_names_the_line() -> None:
    text = """scenario: s
semaphores: {set: {m: 1}}
processes:
  holder:
    steps:
      - P: m
      - crash:
      - V: m
  waiter:
    steps:
      - pause: 50ms
      - P: m
"""
    outcome = run_text(text)
    assert outcome.verdict is Verdict.DEADLOCK
    orphan = one(outcome, Kind.ORPHANED_WAIT)
    assert orphan.processes == ("waiter",)
    assert str(orphan.at) == "test.yaml:12"
    assert "holder" in orphan.message
    assert one(outcome, Kind.CRASH).verdict is None


def test_a_trace_at_its_limit_ends_and_the_verdict_does_not(tmp_path: Path) -> None:
    """Some 80,000 records of 32 bytes; the violation is in the last of them."""
    text = """
semaphores: {s: {a: 1}}
processes:
  p: {steps: [repeat: 20000, steps: [P: a, V: a], assert: 1 == 2]}
run: {livelock: 'off', trace_limit: TRACE}
"""
    text = text.replace("[repeat: 20000, steps: [P: a, V: a], ", "[{repeat: 20000, steps: [P: a, V: a]}, ")
    outcomes = {
        limit: run_text(text.replace("TRACE", limit), tmp_path / limit) for limit in ("100kB", "100MB")
    }
    sizes = {limit: Path(o.extra["trace"]).stat().st_size for limit, o in outcomes.items()}
    assert {o.verdict for o in outcomes.values()} == {Verdict.VIOLATION}
    assert sizes["100MB"] > 2_000_000
    # one drain of a ring more than the limit, and the Program and the outcome around it
    assert 100_000 < sizes["100kB"] < 1_000_000
    (remark,) = (r for r in outcomes["100kB"].extra["remarks"] if "trace_limit" in r)
    assert "limit of 100 kB" in remark
    assert not [r for r in outcomes["100MB"].extra["remarks"] if "trace_limit" in r]
    stored = read_outcome(outcomes["100kB"].extra["trace"])
    assert stored.verdict is Verdict.VIOLATION
    assert remark in stored.extra["remarks"]
