"""The manifest of a run: who runs it, and every kernel object that it created.

One file a run, a line of JSON each: first the supervisor (pid, start time, IPC namespace, boot),
then the objects as they are made. The launcher writes it before it starts to die with its supervisor,
so what exists is always written down. The run deletes the file when it has removed everything;
`ipcsim clean` does so for runs whose supervisor is gone.
"""

from __future__ import annotations

import json
import os
import stat
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ipcsim.errors import EnvironmentProblem
from ipcsim.program.instructions import ObjectKind
from ipcsim.runner.objects import Created


def folder() -> Path:
    """Where this user's manifests are: private to the user, and gone after a reboot at the latest.

    Raises `EnvironmentProblem` where a stranger has put something else in the place.
    """
    root = os.environ.get("XDG_RUNTIME_DIR")
    base = Path(root) if root and os.access(root, os.W_OK) else Path("/tmp")
    path = base / f"ipcsim-{os.getuid()}"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise EnvironmentProblem(
            f"{path} is not a private folder of this user; remove it, or set XDG_RUNTIME_DIR"
        )
    return path


def start_time(pid: int) -> int | None:
    """When the process started (clock ticks since boot): with the pid it names a process for ever."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(line.rpartition(")")[2].split()[19])


def namespace() -> str:
    """This process's IPC namespace, as in `ipc:[4026531839]`."""
    return os.readlink("/proc/self/ns/ipc")


def boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@dataclass(frozen=True, slots=True)
class Manifest:
    """One manifest as read back."""

    path: Path
    owner: dict[str, Any]
    objects: tuple[Created, ...]
    touched: float  # when its run last gave a sign of life, seconds since the epoch

    @property
    def alive(self) -> bool:
        """Whether the supervisor of this run still exists."""
        return (
            self.owner.get("boot") == boot()
            and (started := start_time(int(self.owner["pid"]))) is not None
            and started == self.owner["started"]
        )


def begin(scenario: str) -> Path:
    """A new manifest for a run that this process supervises."""
    owner = {
        "pid": os.getpid(),
        "started": start_time(os.getpid()),
        "namespace": namespace(),
        "boot": boot(),
        "scenario": scenario,
        "time": time.time(),
    }
    path = folder() / f"{os.getpid()}-{time.time_ns()}.jsonl"
    path.write_text(json.dumps(owner) + "\n")
    return path


def append(path: str | Path, created: Created) -> None:
    """Note an object; one write, so that several processes can."""
    line = json.dumps(asdict(created)) + "\n"
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(fd, line.encode())
    finally:
        os.close(fd)


def read(path: Path) -> Manifest:
    """Raises ValueError where the file is no manifest; a last line cut short is left out."""
    touched = path.stat().st_mtime
    lines = path.read_text().split("\n")
    owner = json.loads(lines[0])
    if not isinstance(owner, dict) or not {"pid", "started", "namespace", "boot"} <= owner.keys():
        raise ValueError(f"{path} is not a manifest")
    objects = []
    for line in lines[1:-1]:
        data = json.loads(line)
        objects.append(Created(**{**data, "kind": ObjectKind(data["kind"])}))
    return Manifest(path, owner, tuple(objects), touched)


def all_manifests() -> list[Manifest]:
    """Every readable manifest of this user, oldest first."""
    found = []
    for path in sorted(folder().glob("*.jsonl")):
        try:
            found.append(read(path))
        except (ValueError, KeyError, TypeError, OSError):
            continue  # being written this moment, or not ours
    return found
