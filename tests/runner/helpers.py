"""What the tests of real runs share."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

from ipcsim.language import load_program
from ipcsim.program import Program, Source
from ipcsim.program.codec import encode
from ipcsim.runner.supervisor import run
from ipcsim.verdict import Finding, Kind, Outcome

ROOT = Path(__file__).resolve().parents[2]
MARK = "IPCSIM_TEST_RUN"


def program(text: str) -> Program:
    return load_program(Source("test.yaml", text))


def run_text(text: str, folder: Path | None = None) -> Outcome:
    return run(program(text), folder=folder)


def one(outcome: Outcome, kind: Kind) -> Finding:
    """The only finding of that kind."""
    found = [f for f in outcome.findings if f.kind is kind]
    assert len(found) == 1, outcome.findings
    return found[0]


class Supervisor:
    """A run in a process of its own, which a test can kill; `mark` finds everything it started."""

    def __init__(self, text: str, folder: Path, trace: Path | None = None) -> None:
        self.mark = uuid.uuid4().hex
        file = folder / f"{self.mark}.json"
        file.write_text(json.dumps(encode(program(text))))
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "tests.runner.driver", str(file), *([str(trace)] if trace else [])],
            cwd=ROOT,
            env={**os.environ, MARK: self.mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def processes(self) -> list[int]:
        """The pids of everything this run started that is not dead yet."""
        return [pid for pid in marked(self.mark) if pid != self.popen.pid]

    def wait_for_processes(self, count: int) -> list[int]:
        """Until `count` processes (launcher and workers) exist."""
        return wait_until(lambda: found if len(found := self.processes()) >= count else None)

    def wait_until_going(self, count: int) -> int:
        """Until the launcher and its workers, `count` in all, are past their common start, at which they wait
        at a pipe; the pid of the launcher."""
        self.wait_for_processes(count)
        launcher = wait_until(self.launcher)
        others = [pid for pid in self.processes() if pid != launcher]
        wait_until(lambda: not any("pipe" in Path("/proc", str(p), "wchan").read_text() for p in others))
        return launcher

    def launcher(self) -> int | None:
        """The pid of the launcher, once it is more than a fork of the supervisor; None until then."""
        mine = Path("/proc", str(self.popen.pid), "cmdline").read_bytes()
        for pid in self.processes():
            with contextlib.suppress(OSError):
                if Path("/proc", str(pid), "cmdline").read_bytes() not in (mine, b""):
                    return pid
        return None

    def finish(self, seconds: float = 30) -> tuple[int, str, str]:
        out, err = self.popen.communicate(timeout=seconds)
        return self.popen.returncode, out, err


def marked(mark: str) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            environ = Path("/proc", name, "environ").read_bytes()
            state = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if f"{MARK}={mark}".encode() in environ and state not in "ZX":
            found.append(int(name))
    return sorted(found)


def wait_until(ask, seconds: float = 20):  # type: ignore[no-untyped-def]
    """The first true answer of `ask`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.005)
    raise AssertionError(f"did not happen within {seconds} s")
