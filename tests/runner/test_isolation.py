"""Runs in a private IPC namespace: nothing is left, whatever ends them, and nobody is moved silently."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import ipcsim
from ipcsim.errors import EnvironmentProblem, UsageError
from ipcsim.runner import isolation, manifest
from ipcsim.runner.clean import clean
from ipcsim.runner.session import Progress
from ipcsim.sysv import namespaces
from ipcsim.verdict import Verdict
from tests.conftest import sysv_objects
from tests.runner.helpers import ROOT, program, wait_until

STUCK = """
scenario: stuck
semaphores: {locks: {a: 0}}
processes: {w: {count: 2, steps: [P: a]}}
expect: deadlock
"""
FINE = "scenario: fine\nprocesses: {p: {steps: [exit: 0]}}\n"
NO_PATH = FINE + "queues: {q: {message: {n: int}, key: {path: /nowhere/at/all, id: 1}}}\n"
ENDLESS = """
scenario: endless
semaphores: {locks: {a: 0}}
queues: {mail: {message: {n: int}, key: 0x4242}}
segments: {memory: {n: int}}
processes:
  w: {count: 2, steps: [P: a]}
  x: {steps: [pause: 60s, V: a]}
run: {timeout: 60s}
"""


def allowed() -> bool:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            namespaces.isolate()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


pytestmark = pytest.mark.skipif(not allowed(), reason="no private IPC namespaces here")


def command(*arguments: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "ipcsim", *arguments],
        env={**os.environ, "PYTHONPATH": os.fspath(ROOT)},
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # fmt: skip


def test_the_api_leaves_this_process_where_it_is() -> None:
    before, objects = manifest.namespace(), sysv_objects()
    seen: list[Progress] = []
    outcome = ipcsim.run(program(STUCK), isolate=True, progress=seen.append)
    assert outcome.verdict is Verdict.DEADLOCK
    assert manifest.namespace() == before
    assert sysv_objects() == objects
    assert manifest.all_manifests() == []
    assert "--isolate" in outcome.extra["request"]["options"]


def test_from_another_thread() -> None:
    verdicts: list[Verdict] = []
    thread = threading.Thread(
        target=lambda: verdicts.append(ipcsim.run(program(STUCK), isolate=True).verdict)
    )
    thread.start()
    thread.join()
    assert verdicts == [Verdict.DEADLOCK]


def test_errors_come_back_as_they_are() -> None:
    assert ipcsim.run(program(FINE), isolate=True).verdict is Verdict.OK
    with pytest.raises(UsageError, match="ftok cannot find"):
        ipcsim.run(program(NO_PATH), isolate=True)


@pytest.mark.parametrize("life", ["", "import time; time.sleep(0.5)"])
def test_a_helper_that_ends_before_its_run_is_told(life: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it has not even read what it is to do."""
    monkeypatch.setattr(
        isolation, "_BOOT", f"{life}\nimport os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    )
    with pytest.raises(EnvironmentProblem, match=r"ended before its run \(exit code -9\)"):
        ipcsim.run(program(FINE), isolate=True)


def test_a_process_with_threads_is_not_moved() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        with pytest.raises(EnvironmentProblem, match="several threads"):
            isolation.move()
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_however_it_ends(number: int, tmp_path: Path) -> None:
    before = sysv_objects()
    (tmp_path / "endless.yaml").write_text(ENDLESS)
    with command("run", "endless.yaml", "--isolate", "--no-trace", cwd=tmp_path) as process:
        found = wait_until(lambda: next((m for m in manifest.all_manifests() if m.workers), None))
        assert found.isolated
        assert not found.here
        assert sysv_objects() == before
        namespace = str(found.owner["namespace"])
        assert clean() == []  # it lives
        process.send_signal(number)
    wait_until(lambda: not namespaces.members(namespace)[0])
    assert sysv_objects() == before
    assert [c.action for c in clean()] == []
    assert manifest.all_manifests() == []


def test_sigkill_of_a_program_takes_its_helper_along(tmp_path: Path) -> None:
    (tmp_path / "endless.yaml").write_text(ENDLESS)
    code = "import ipcsim; ipcsim.run('endless.yaml', isolate=True)"
    env = {**os.environ, "PYTHONPATH": os.fspath(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=env) as process:
        found = wait_until(lambda: next((m for m in manifest.all_manifests() if m.workers), None))
        assert found.pid != process.pid
        process.kill()
    wait_until(lambda: not namespaces.members(str(found.owner["namespace"]))[0])
    assert clean() == []
    assert manifest.all_manifests() == []


def test_an_interrupt_of_a_program_ends_the_run_in_order(tmp_path: Path) -> None:
    (tmp_path / "endless.yaml").write_text(ENDLESS)
    code = "import ipcsim; print(ipcsim.run('endless.yaml', isolate=True).extra['interrupted'])"
    env = {**os.environ, "PYTHONPATH": os.fspath(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True
    ) as process:
        wait_until(lambda: next((m for m in manifest.all_manifests() if m.workers), None))
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert out == "True\n"
    assert manifest.all_manifests() == []


def test_replay_isolated(tmp_path: Path) -> None:
    (tmp_path / "stuck.yaml").write_text(STUCK)
    with command("replay", "stuck.yaml", "--schedule", "0 1", "--isolate", "--json", cwd=tmp_path) as process:
        out, err = process.communicate(timeout=30)
    assert err == ""
    assert json.loads(out)["verdict"] == "deadlock"


def test_a_refusal_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(namespaces, "isolate", refuse)
    monkeypatch.setattr(isolation.os, "listdir", lambda _: ["1"])
    with pytest.raises(EnvironmentProblem, match="EPERM") as caught:
        isolation.move()
    assert "unprivileged_userns_clone" in str(caught.value)
    assert caught.value.exit_code == 4
    assert "max_user_namespaces" in isolation.remedy(28)
    assert "CONFIG_IPC_NS" in isolation.remedy(22)


# --- without root ---

PYTHON = "/usr/bin/python3.11"  # that of the tests may stand where only root can read
NOBODY = 65534


@pytest.mark.skipif(os.geteuid() != 0 or not Path(PYTHON).exists(), reason="needs root and " + PYTHON)
def test_without_root_a_user_namespace_does_it() -> None:
    import shutil
    import tempfile

    place = Path(tempfile.mkdtemp(prefix="ipcsim-test-"))
    packages = next(p for p in sys.path if p.endswith("site-packages"))
    try:
        os.chown(place, NOBODY, NOBODY)
        (place / "endless.yaml").write_text(ENDLESS)
        env = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": f"{ROOT}:{packages}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "XDG_RUNTIME_DIR": os.fspath(place),
        }
        as_nobody = {
            "user": NOBODY,
            "group": NOBODY,
            "extra_groups": [],
            "cwd": place,
            "env": env,
            "text": True,
        }
        probe = subprocess.run(
            [PYTHON, "-c", "import ipcsim.api, sysv_ipc"], capture_output=True, **as_nobody
        )
        if probe.returncode:
            pytest.skip("that Python cannot read ipcsim: " + probe.stderr[-200:])
        before = sysv_objects()
        run = [PYTHON, "-m", "ipcsim", "run", "endless.yaml", "--isolate", "--no-trace"]
        with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **as_nobody) as process:
            folder = place / f"ipcsim-{NOBODY}"
            wait_until(lambda: any("workers" in p.read_text() for p in folder.glob("*.jsonl")))
            look = [PYTHON, "-m", "ipcsim", "ipcs", "--run", "endless", "--json"]
            told = wait_until(lambda: _two_sleepers(look, as_nobody))
            assert {s["process"] for s in told["semaphores"][0]["sleepers"]} == {"w[0]", "w[1]"}
            assert told["queues"][0]["owner"] == "nobody"
            assert sysv_objects() == before
            process.kill()
        done = subprocess.run([PYTHON, "-m", "ipcsim", "clean"], capture_output=True, **as_nobody)
        assert done.stdout.startswith("nothing to clean"), done.stderr
        assert list(folder.iterdir()) == []
    finally:
        shutil.rmtree(place)


def _two_sleepers(look: list[str], options: dict[str, object]) -> dict | None:  # type: ignore[type-arg]
    done = subprocess.run(look, capture_output=True, **options)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    return told if told["semaphores"] and len(told["semaphores"][0]["sleepers"]) == 2 else None
