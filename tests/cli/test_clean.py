"""`ipcsim clean` on what a killed run left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.cli.conftest import Run


def test_nothing_to_clean(ipcsim: Run) -> None:
    assert ipcsim("clean").stdout == "nothing to clean: no killed run has left an object\n"
    assert json.loads(ipcsim("clean", "--json").stdout)["objects"] == []


def test_what_a_killed_run_left(ipcsim: Run) -> None:
    with subprocess.Popen([sys.executable, "-m", "ipcsim", "run", "endless.yaml", "--no-trace"]) as process:
        _wait_for_an_object()
        process.send_signal(signal.SIGKILL)
    dry = json.loads(ipcsim("clean", "--dry-run", "--json").stdout)
    assert [(o["kind"], o["name"], o["action"]) for o in dry["objects"]] == [
        ("semaphores", "locks", "would be removed")
    ]
    done = ipcsim("clean")
    assert done.returncode == 0
    assert done.stdout.startswith("removed  semaphores locks  id ")
    assert "1 object looked at, 1 removed" in done.stdout
    assert ipcsim("clean").stdout.startswith("nothing to clean")


def _wait_for_an_object() -> None:
    """Until the run's manifest names its semaphore set."""
    runtime = Path(os.environ["XDG_RUNTIME_DIR"])
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if any('"kind"' in p.read_text() for p in runtime.glob("*/*.jsonl")):
            return
        time.sleep(0.02)
    raise AssertionError("the run made no object")
