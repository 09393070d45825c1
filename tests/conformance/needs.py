"""What not every machine allows: where it is missing a test is skipped, with the reason."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipcsim.sysv import capabilities, process
from tests.conformance import calls
from tests.conformance.child import Child, until

SOMEBODY, GROUP = 65534, 65534  # neither need be in /etc/passwd
ANOTHER = 65533


def without_bypass(child: Child) -> Child:
    """The rights of an object hold for it, also where we are root (K-5)."""
    child.does(capabilities.drop, capabilities.CAP_IPC_OWNER)
    return child


def as_user(child: Child, uid: int = SOMEBODY, gid: int = GROUP, groups: tuple[int, ...] = ()) -> Child:
    answer = child.does(calls.become, uid, gid, groups)
    if answer != calls.DONE:
        pytest.skip(f"may not become another user here: {answer}")
    return child


def unshared(child: Child, flags: int, what: str) -> Child:
    answer = child.does(process.unshare, flags)
    if answer is not None:
        pytest.skip(f"no {what} here: {answer} (CAP_SYS_ADMIN is needed)")
    return child


def in_namespace(child: Child, **limits: str) -> Child:
    """In a private IPC namespace, where it may set limits."""
    unshared(child, process.CLONE_NEWIPC, "private IPC namespace")
    for name, text in limits.items():
        answer = child.does(calls.set_limit, name, text)
        if answer != calls.DONE:
            pytest.skip(f"/proc/sys/kernel/{name} may not be written here: {answer}")
    return child


def freezers() -> dict[str, Path]:
    """Where each version of cgroups that can freeze has our own group."""
    found = {}
    ours = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        for _, controllers, path in ours:
            if kind == "cgroup" and controllers == "freezer" and "freezer" in options.split(","):
                found["v1"] = Path(where + path)
            if kind == "cgroup2" and controllers == "":
                found["v2"] = Path(where + path)
    return found


class Freezer:
    """A control group with one child in it."""

    def __init__(self, version: str, folder: Path) -> None:
        self._version, self._folder = version, folder

    def freeze(self) -> None:
        if self._version == "v1":
            (self._folder / "freezer.state").write_text("FROZEN")
            until(lambda: (self._folder / "freezer.state").read_text() == "FROZEN\n", "frozen")
        else:
            (self._folder / "cgroup.freeze").write_text("1")
            until(lambda: "frozen 1" in (self._folder / "cgroup.events").read_text(), "frozen")

    def thaw(self) -> None:
        if self._version == "v1":
            (self._folder / "freezer.state").write_text("THAWED")
        else:
            (self._folder / "cgroup.freeze").write_text("0")


@contextlib.contextmanager
def freezer(version: str, child: Child) -> Iterator[Freezer]:
    """A freezer of that version of cgroups for the child; thawed and away afterwards."""
    parent = freezers().get(version)
    if parent is None:
        pytest.skip(f"no cgroup {version} freezer here")
    folder = parent / f"ipcsim-conformance-{child.pid}"
    try:
        folder.mkdir()
        (folder / "cgroup.procs").write_text(str(child.pid))
    except OSError as error:
        with contextlib.suppress(OSError):
            folder.rmdir()
        pytest.skip(f"no cgroup {version} freezer may be made here: {error}")
    frozen = Freezer(version, folder)
    try:
        yield frozen
    finally:
        frozen.thaw()
        (parent / "cgroup.procs").write_text(str(child.pid))
        until(lambda: not (folder / "cgroup.procs").read_text(), "an empty control group")
        folder.rmdir()


@contextlib.contextmanager
def traced(child: Child) -> Iterator[None]:
    """strace attached to the child, as soon as the kernel says so."""
    if shutil.which("strace") is None:
        pytest.skip("no strace here to attach with")
    arguments = ["strace", "-p", str(child.pid), "-o", os.devnull]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as tracer:
        try:
            until(lambda: tracer.poll() is not None or _tracer(child.pid) == tracer.pid, "strace or its end")
            if tracer.poll() is not None:
                pytest.skip(f"strace may not attach here: {tracer.communicate()[1].strip()}")
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.communicate()


def _tracer(pid: int) -> int:
    """Who traces the process (proc(5)), 0 for nobody."""
    status = Path("/proc", str(pid), "status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("TracerPid:")))
