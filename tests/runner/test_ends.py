"""Ends that others bring about: a stopped launcher, a spawn whose launcher is gone, other namespaces."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ipcsim.program.codec import encode
from ipcsim.runner import liveness, manifest
from ipcsim.runner.clean import clean
from ipcsim.runner.handles import Handles
from ipcsim.runner.owned import Owned
from ipcsim.runner.rings import PID, WORDS, Rings
from ipcsim.runner.worker import Options, Worker
from ipcsim.sysv import process as sysv_process
from tests.conftest import sysv_objects
from tests.runner.helpers import ROOT, Supervisor, program, wait_until
from tests.runner.test_robustness import BUSY, EVERYBODY

# --- a stopped launcher ---


@pytest.mark.parametrize("scheduler", ["free", "random"])
def test_a_stopped_launcher_does_not_stop_the_timeout(scheduler: str, tmp_path: Path) -> None:
    before = sysv_objects()
    text = BUSY.replace("{timeout: 60s}", f"{{timeout: 2s, scheduler: {scheduler}}}")
    supervisor = Supervisor(text, tmp_path)
    launcher = supervisor.wait_until_going(EVERYBODY)  # until then it has two minutes
    os.kill(launcher, signal.SIGSTOP)
    code, out, err = supervisor.finish()
    assert (code, err) == (0, "")
    assert json.loads(out)["verdict"] == "inconclusive"
    assert supervisor.processes() == []
    assert sysv_objects() == before


@pytest.mark.parametrize("early", [True, False])
def test_a_stopped_launcher_does_not_stop_sigterm(early: bool, tmp_path: Path) -> None:
    """Also one that is stopped before it has read what it is to do."""
    before = sysv_objects()
    supervisor = Supervisor(BUSY, tmp_path)
    supervisor.wait_for_processes(1 if early else EVERYBODY)
    launcher = wait_until(lambda: supervisor.launcher())
    os.kill(launcher, signal.SIGSTOP)
    wait_until(lambda: manifest.all_manifests())  # from then on SIGTERM is taken care of
    time.sleep(0.2)
    supervisor.popen.send_signal(signal.SIGTERM)
    code, _, err = supervisor.finish()
    assert (code, err) == (0, "")
    assert supervisor.processes() == []
    assert sysv_objects() == before


def test_a_worker_dies_with_a_launcher_that_is_killed_while_it_is_stopped(tmp_path: Path) -> None:
    supervisor = Supervisor(BUSY, tmp_path)
    launcher = supervisor.wait_for_processes(EVERYBODY)[0]
    os.kill(launcher, signal.SIGSTOP)
    supervisor.popen.kill()
    supervisor.finish()
    wait_until(lambda: not supervisor.processes())
    assert [c.action for c in clean()] == ["removed"] * 3


# --- spawned processes ---

SPAWNING = """
scenario: spawning
processes:
  parent: {steps: [spawn: child]}
  child: {spawned: true, steps: [forever: [phase: waiting, pause: 1s]]}
"""


def test_a_process_spawned_after_the_launcher_has_gone_ends() -> None:
    """It is adopted by somebody else then, and must not wait for the launcher for ever."""
    made, rings = program(SPAWNING), Rings(2)
    gone = subprocess.Popen(["true"])
    gone.wait()
    parent = os.fork()
    if parent == 0:
        try:
            sysv_process.die_with_parent(os.getppid())
            options = Options(1, False, manifest=-1, launcher=gone.pid)
            Worker(made, 0, Handles(made, {}, Owned(2)), rings, options).spawn(1)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(parent, 0)[1] == 0
    child = rings.control[1 * WORDS + PID]
    assert child
    wait_until(lambda: liveness.start_time(child) is None, 5)


def test_sigkill_of_the_supervisor_while_many_are_spawned(tmp_path: Path) -> None:
    text = """
scenario: many
processes:
  parent: {locals: {i: 0}, steps: [{repeat: 60, steps: [spawn: "child[i]", set: {i: i + 1}]}]}
  child: {count: 60, spawned: true, steps: [forever: [phase: waiting, pause: 1s]]}
"""
    for count in (4, 10, 25):
        supervisor = Supervisor(text, tmp_path)
        supervisor.wait_for_processes(count)
        supervisor.popen.kill()
        supervisor.finish()
        wait_until(lambda supervisor=supervisor: not supervisor.processes())
    clean()
    assert manifest.all_manifests() == []


# --- other pid namespaces ---


def test_a_run_in_another_pid_namespace_is_alive_until_it_is_dead(
    tmp_path: Path, private_namespace: bool
) -> None:
    if not private_namespace:
        pytest.skip("needs root")
    before = sysv_objects()
    file = tmp_path / "busy.json"
    file.write_text(json.dumps(encode(program(BUSY))))
    inside = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    with subprocess.Popen(
        [*inside, sys.executable, "-m", "tests.runner.driver", str(file)], cwd=ROOT, stdout=subprocess.DEVNULL
    ) as process:
        (found,) = wait_until(lambda: [m for m in manifest.all_manifests() if m.workers])
        assert found.alive
        assert clean() == []
        assert sysv_objects() != before
        process.kill()
    wait_until(lambda: not manifest.all_manifests()[0].alive)
    assert [c.action for c in clean()] == ["removed"] * 3
    wait_until(lambda: sysv_objects() == before)  # who is still ending may have the segment attached


@pytest.mark.parametrize("proc", [["--mount-proc"], []])
def test_clean_in_another_pid_namespace(tmp_path: Path, proc: list[str], private_namespace: bool) -> None:
    """Also where /proc still shows the processes outside."""
    if not private_namespace:
        pytest.skip("needs root")
    supervisor = Supervisor(BUSY, tmp_path)
    supervisor.wait_for_processes(EVERYBODY)
    wait_until(lambda: any(m.workers for m in manifest.all_manifests()))
    here = sysv_objects()
    command = ["unshare", "--pid", "--fork", *proc, sys.executable, "-m", "ipcsim", "clean"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told.startswith("nothing to clean")
    assert sysv_objects() == here
    supervisor.popen.kill()
    supervisor.finish()
    wait_until(lambda: not supervisor.processes())
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told.count("removed") >= 3
    assert manifest.all_manifests() == []
