"""What the long runs have found so far: counts that add up over calls, kept in one file a kind.

The file is replaced as a whole after each unit of work, so that a call may be ended at any moment, even by
SIGKILL, and the next one goes on behind the last unit that was finished. Counts belong to one version of the
code: a digest over everything that has a say in the result. Those of another version stay in the file beside
them and are never mixed in.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

from ipcsim.verdict import Outcome
from ipcsim.version import __version__

FORMAT = 1
ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).with_name(".state")  # git ignores it
JUDGES = ("ipcsim", "problems", "scenarios", "benchmarks", "tests/model", "tests/explorer", "tests/oracle")


class StateProblem(Exception):
    """The file cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Failure:
    """One disagreement: which unit, what it was, and the trace that was kept of it."""

    seed: int
    words: str
    trace: str | None = None


@dataclass(frozen=True)
class Unit:
    """What one unit of work adds."""

    counts: Mapping[str, int]
    failures: tuple[Failure, ...] = ()


@dataclass
class Sums:
    """All units so far of one version: `commit` is that of the first call, `next` the next unit's seed."""

    commit: str
    version: str = __version__
    next: int = 0
    seconds: float = 0.0
    since: str = ""
    last: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def add(self, unit: Unit, seconds: float) -> None:
        for name, count in unit.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        self.failures += unit.failures
        self.next += 1
        self.seconds += seconds
        self.last = time.strftime("%Y-%m-%d")
        self.since = self.since or self.last


class State:
    """The file of one kind."""

    def __init__(self, path: Path, kind: str) -> None:
        self.path, self.kind = path, kind
        self._versions: dict[str, Sums] = {}
        if path.exists():
            self._read()

    def _read(self) -> None:
        try:
            data = json.loads(self.path.read_text())
            if (data["format"], data["kind"]) != (FORMAT, self.kind):
                raise StateProblem(
                    f"{self.path} holds the sums of `{data['kind']}` in format {data['format']}, wanted are "
                    f"those of `{self.kind}` in format {FORMAT}: name another file with --state"
                )
            for digest, sums in data["versions"].items():
                sums["failures"] = [Failure(**f) for f in sums["failures"]]
                self._versions[digest] = Sums(**sums)
        except (OSError, ValueError, TypeError, LookupError) as error:
            raise StateProblem(
                f"{self.path} is no file of sums ({error}): remove it, or name another one with --state"
            ) from None

    @property
    def present(self) -> Sums:
        """The sums of the code as it is."""
        return self._versions.setdefault(digest(), Sums(commit()))

    @property
    def others(self) -> list[Sums]:
        return [s for d, s in self._versions.items() if d != digest() and s.next]

    def save(self) -> None:
        """Write the file anew, whole or not at all."""
        versions = {d: asdict(s) for d, s in self._versions.items()}
        text = json.dumps({"format": FORMAT, "kind": self.kind, "versions": versions}, indent=1)
        beside = self.path.with_name(f"{self.path.name}.new")
        with beside.open("w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """For this process alone: two that count into one file would lose each other's counts."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f"{self.path.name}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StateProblem(
                    f"another call counts into {self.path}: wait for it, or name another file with --state"
                ) from None
            if self.path.exists():  # what was added since it was first read
                self._read()
            yield


# --- which code the counts belong to ---


@cache
def digest() -> str:
    """Of every text that has a say in a result."""
    found = hashlib.sha256()
    for name in JUDGES:
        for path in sorted((ROOT / name).rglob("*")):
            if path.suffix in (".py", ".yaml") and not path.name.startswith("test_"):
                found.update(f"{path.relative_to(ROOT)}\0".encode())
                found.update(path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


@cache
def commit() -> str:
    """The short name of the commit, with a + where the tree differs from it; empty where git cannot tell."""
    with suppress(OSError, subprocess.CalledProcessError):
        return subprocess.run(
            ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*"],
            check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip
    return ""


# --- for those who do the work ---


def keep(traces: Path, folder: Path, name: str) -> str | None:
    """Keep the trace of a run that went wrong; its path."""
    for trace in traces.glob("*.trace"):
        folder.mkdir(parents=True, exist_ok=True)
        number = sum(1 for _ in folder.glob(f"{name}*.trace"))
        kept = folder / (f"{name}-{number}.trace" if number else f"{name}.trace")
        shutil.move(trace, kept)
        return str(kept)
    return None


def uninterrupted(outcome: Outcome) -> Outcome:
    """The outcome of a run; KeyboardInterrupt where a signal ended it, so that it says nothing."""
    if outcome.extra.get("interrupted"):
        raise KeyboardInterrupt
    return outcome


# --- words ---


def summary(kind: str, sums: Sums) -> str:
    """The sums in one line."""
    counted = ", ".join(f"{count:,} {name}" for name, count in sums.counts.items())
    if not counted:
        return f"{kind}: not done with this version of the code"
    return f"{kind}: {counted} in {sums.seconds / 60:.1f} minutes ({of_version(sums)})"


def told(kind: str, sums: Sums) -> Iterator[str]:
    """The sums as lines of text, with how to do each disagreement again."""
    yield summary(kind, sums)
    for failure in sums.failures:
        yield f"  seed {failure.seed}: {failure.words}"
        if failure.trace is not None:
            yield f"    its trace: {failure.trace}"
        yield f"    again: python -m benchmarks.long {kind} --seed {failure.seed}"


def of_version(sums: Sums) -> str:
    at = f", commit {sums.commit}" if sums.commit else ""
    when = sums.since if sums.since == sums.last else f"{sums.since} to {sums.last}"
    return f"ipcsim {sums.version}{at}; {when}" if when else f"ipcsim {sums.version}{at}"
