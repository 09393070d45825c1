"""What `ipcsim doctor` looks at: files of the machine, and a few things that are tried.

Everything goes through a `Machine`, so that a test can give it a folder and answers of its own.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from ipcsim.sysv import libc


class Status(StrEnum):
    OK = "ok"
    WARNING = "warning"  # something works less well, or not at all what not every run needs
    MISSING = "missing"  # no run works without


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: what was found, and what helps where that is not good."""

    name: str
    status: Status
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine, or a picture of one: its files below `root`, and who asks."""

    root: Path = Path("/")
    uid: int = field(default_factory=os.geteuid)
    process_limit: Callable[[], int] = lambda: resource.getrlimit(resource.RLIMIT_NPROC)[0]

    def text(self, path: str) -> str | None:
        """The text of a file without blanks around it; None where it cannot be read."""
        try:
            return (self.root / path.lstrip("/")).read_text(errors="replace").strip()
        except (OSError, ValueError):
            return None

    def numbers(self, path: str) -> tuple[int, ...]:
        """The whole numbers in a file such as /proc/sys/kernel/sem; empty where it has none."""
        words = (self.text(path) or "").split()
        return tuple(int(w) for w in words if w.isdecimal() and len(w) < 30)

    def files(self, folder: str, pattern: str) -> list[str]:
        """The files of a folder as paths for `text`, sorted by name."""
        return sorted(f"/{p.relative_to(self.root)}" for p in (self.root / folder.lstrip("/")).glob(pattern))


def attempt(name: str, action: Callable[[], object], remedy: str, missing: bool = True) -> Check:
    """A Check of something that is simply tried, and works or raises OSError."""
    try:
        action()
    except OSError as error:
        status = Status.MISSING if missing else Status.WARNING
        return Check(name, status, explain(error), remedy)
    return Check(name, Status.OK, "works")


def explain(error: OSError) -> str:
    """`Operation not permitted (EPERM)`."""
    number = error.errno or 0
    return f"{os.strerror(number)} ({libc.errno_name(number)})"
