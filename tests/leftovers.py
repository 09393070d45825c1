"""Processes that a test started and left alive: found, ended, and told.

A test's processes are known by a word in their environment, which everything that they start inherits,
or by being children of this process. Nobody else's are touched.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK = "IPCSIM_TEST"
kept: set[int] = set()
"""Children of this process that a fixture of several tests will end."""
GRACE = 2.0
"""Seconds for those that are ending anyway: killed by their parent's death, not yet gone."""


def everybody() -> frozenset[int]:
    """Every pid that is in use."""
    return frozenset(int(name) for name in os.listdir("/proc") if name.isdigit())


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What a test whose mark is `mark` started since `before` was looked at."""

    mark: str
    before: frozenset[int]

    def alive(self) -> list[int]:
        """The pids of those that are not dead, whoever their parent is by now."""
        return [pid for pid in sorted(everybody() - self.before - kept) if self._is_one(pid)]

    def end(self) -> list[str]:
        """Ends what is still alive after a moment of grace; pid and command of each."""
        deadline = time.monotonic() + GRACE
        while (left := self.alive()) and time.monotonic() < deadline:
            time.sleep(0.01)
        told = [f"{pid} {_command(pid)}" for pid in left]
        deadline = time.monotonic() + GRACE
        while left and time.monotonic() < deadline:  # again: one may have started another meanwhile
            for pid in left:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
            left = self.alive()
        return told

    def _is_one(self, pid: int) -> bool:
        try:
            state, parent = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[:2]
            if state in "ZX":
                return False
            if int(parent) == os.getpid():
                return True
            words = Path("/proc", str(pid), "environ").read_bytes().split(b"\0")
        except OSError:  # gone, or another user's
            return False
        return f"{MARK}={self.mark}".encode() in words


def _command(pid: int) -> str:
    try:
        words = Path("/proc", str(pid), "cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return "(gone)"
    return words.decode(errors="replace")[:200]
