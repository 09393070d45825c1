"""`ipcsim ipcs`: tables, owners, sleepers; also in the namespace of an isolated run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ipcsim.runner import liveness, manifest
from ipcsim.sysv import queues, segments
from tests.cli.conftest import Run
from tests.runner.helpers import wait_until

MIXED = """
scenario: mixed
semaphores: {locks: {gate: 1, fork: {count: 2, value: 0}}}
queues: {mail: {message: {n: int}, bytes: 4}, news: {message: {n: int}}}
segments: {memory: {n: int}}
processes:
  both: {steps: [P: ["fork[0]", "fork[1]"]]}
  two: {steps: [P: {"fork[1]": 2}]}
  zero: {steps: [Z: gate]}
  any: {count: 1, steps: [{P: "fork[0]", timeout: 50s}]}
  low: {steps: [receive: {queue: news, type: -3, into: m}]}
  full: {steps: [{repeat: 2, steps: [send: {queue: mail, type: 2, message: {n: 1}}]}]}
  last:
    steps:
      - pause: 50s
      - P: gate
      - V: ["fork[0]", "fork[1]"]
      - receive: {queue: mail, into: m}
      - send: {queue: news, type: 1, message: {n: 1}}
      - set: {memory.n: 1}
run: {timeout: 60s, scheduler: free}
"""
SLEEPERS = 6
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts `ipcsim run mixed.yaml` and waits until it has noted its processes."""
    (folder / "mixed.yaml").write_text(MIXED)
    started: list[subprocess.Popen[bytes]] = []

    def run(*arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "ipcsim", "run", "mixed.yaml", "--no-trace", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        started.append(process)
        wait_until(lambda: any(m.pid == process.pid and m.workers for m in manifest.all_manifests()))
        return process

    yield run
    for process in started:
        process.terminate()
        _, err = process.communicate(timeout=20)
        assert err == b""


def told(ipcsim: Run, *arguments: str) -> dict[str, Any]:
    done = ipcsim("ipcs", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    data: dict[str, Any] = json.loads(done.stdout)
    return data


def sleepers(data: dict[str, Any]) -> list[dict[str, Any]]:
    return [s for kind in ("queues", "semaphores") for i in data[kind] for s in i["sleepers"]]


def all_asleep(ipcsim: Run, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = wait_until(
        lambda: data if len(sleepers(data := told(ipcsim, *arguments))) == SLEEPERS else None
    )
    return found


def check(data: dict[str, Any], pid: int) -> None:
    (set_,) = data["semaphores"]
    assert (set_["object"], set_["run"]["pid"], set_["run"]["alive"]) == ("locks", pid, True)
    assert set_["values"] == [1, 0, 0]
    assert set_["unseen_sleepers"] == 0
    assert {i["object"] for i in data["queues"]} == {"mail", "news"}
    assert data["segments"][0]["object"] == "memory"
    waits = {s["process"]: s["waits_for"] for s in sleepers(data)}
    assert waits == {
        "both": "[P: fork[0], P: fork[1]], waits for P: fork[0]",
        "two": "P: fork[1] by 2",
        "zero": "Z: gate",
        "any[0]": "P: fork[0], with a timeout",
        "low": "msgrcv of the lowest type up to 3",
        "full": "msgsnd of type 2, 4 bytes: the queue is full",
    }


def test_a_run_and_its_sleepers(ipcsim: Run, start: Start) -> None:
    process = start()
    check(all_asleep(ipcsim), process.pid)
    text = ipcsim("ipcs").stdout
    assert "\x1b" not in text
    assert f"mixed ({process.pid})" in text
    assert "msgrcv of the lowest type up to 3" in text
    check(told(ipcsim, "--run", str(process.pid)), process.pid)


def test_the_namespace_of_an_isolated_run(ipcsim: Run, start: Start, private_namespace: bool) -> None:
    if not private_namespace:
        pytest.skip("needs a private IPC namespace")
    process = start("--isolate")
    here = told(ipcsim)
    assert (here["queues"], here["semaphores"], here["segments"]) == ([], [], [])
    assert [r["pid"] for r in here["elsewhere"]] == [process.pid]
    assert f"ipcsim ipcs --run {process.pid}" in ipcsim("ipcs").stdout
    inside = all_asleep(ipcsim, "--run", str(process.pid))
    check(inside, process.pid)
    assert inside["namespace"] != here["namespace"]
    assert inside["run"]["isolated"]
    by_name = told(ipcsim, "--run", "mixed")
    assert by_name["namespace"] == inside["namespace"]


def test_several_runs_of_a_name(ipcsim: Run, start: Start) -> None:
    pids = sorted([start().pid, start().pid])
    done = ipcsim("ipcs", "--run", "mixed")
    assert done.returncode == 2
    assert all(str(pid) in done.stderr for pid in pids)
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("name", ["nobody", "99999999", "0", "", "--", "9" * 5000, "½", "٣"])
def test_no_such_run(ipcsim: Run, name: str) -> None:
    done = ipcsim("ipcs", f"--run={name}")
    assert done.returncode == 2
    assert "there is no run" in done.stderr
    assert "Traceback" not in done.stderr


def test_objects_of_nobody_and_dest(ipcsim: Run) -> None:
    queue, segment = queues.create(0x7A, 0o1640), segments.create(0, 100, 0o600)
    attached = segments.attach(segment)
    segments.remove(segment)
    try:
        text = ipcsim("ipcs").stdout
        data = told(ipcsim)
    finally:
        attached.detach()
        queues.remove(queue)
    assert "0x0000007a" in text
    assert " dest " in text
    assert "asleep: nobody" in text
    assert data["queues"][0]["run"] is None
    assert data["queues"][0]["mode"] == "0640"
    assert (data["segments"][0]["dest"], data["segments"][0]["nattch"]) == (True, 1)


def test_garbage_among_the_manifests(ipcsim: Run) -> None:
    place = manifest.folder()
    (place / "1-1.jsonl").write_text("{")
    os.mkfifo(place / "2-2.jsonl")
    assert ipcsim("ipcs").returncode == 0
    assert ipcsim("ipcs", "--run", "x").returncode == 2


def test_names_that_would_steer_a_terminal(ipcsim: Run) -> None:
    """A manifest that somebody has edited; the scenario language refuses such names."""
    queue = queues.create(0, 0o600)
    owner = {
        "pid": os.getpid(), "started": liveness.start_time(os.getpid()), "namespace": manifest.namespace(),
        "boot": manifest.boot(), "scenario": "a\x1b[31mb\n",
    }  # fmt: skip
    noted = {"kind": "queue", "name": "q\x1b]0;x\x07\u202e", "id": queue, "key": 0, "new": True}
    lines = f"{json.dumps(owner)}\n{json.dumps(noted)}\n"
    (manifest.folder() / "3-3.jsonl").write_text(lines)
    try:
        text, data = ipcsim("ipcs").stdout, told(ipcsim)
        cleaned = ipcsim("clean").stdout
    finally:
        queues.remove(queue)
    assert "\x1b" not in text + cleaned
    assert f"a\\x1b[31mb\\x0a ({os.getpid()})" in text
    assert data["queues"][0]["object"] == noted["name"]
