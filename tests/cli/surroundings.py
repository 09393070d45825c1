"""Surroundings in which a command may have to work, or to say why it cannot.

Each is made in a forked child, which then is the command: nothing of it reaches the tests' own process, and
no interpreter has to start. A child never returns into pytest.
"""

from __future__ import annotations

import ctypes
import io
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from ipcsim.cli.main import main
from ipcsim.sysv import process as sysv_process

PATIENCE = 60.0  # seconds after which a command is said to hang
STRANGER = 54321  # a user who has no other process
UNMADE = 125  # exit code of a child that could not make its surroundings
CLONE_NEWNS, CLONE_NEWPID = 0x20000, 0x20000000
_MS_PRIVATE, _MS_REC, _MS_BIND = 1 << 18, 1 << 14, 1 << 12
_READ_ALL = 1 << 2  # CAP_DAC_READ_SEARCH
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a child does before it is the command, which of its descriptors 0 to 2 are closed, and which of
    them are this file instead of a pipe."""

    make: Callable[[], None] = lambda: None
    closed: tuple[int, ...] = ()
    places: dict[int, str] = field(default_factory=dict)
    own_pids: bool = False  # a pid namespace of its own


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended; None: not at all."""

    code: int | None
    out: str
    err: str


def run(words: list[str], around: Surroundings) -> Done:
    """The command in these surroundings, in the current folder."""
    pipes = {fd: os.pipe() for fd in (1, 2)}
    child = os.fork()
    if child == 0:
        _be_the_command(words, around, {fd: ends[1] for fd, ends in pipes.items()})
    for _, write in pipes.values():
        os.close(write)
    said = _read({fd: ends[0] for fd, ends in pipes.items()}, time.monotonic() + PATIENCE)
    if said is None:
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    code = None if said is None else os.waitstatus_to_exitcode(status)
    out, err = (said or {}).get(1, b""), (said or {}).get(2, b"")
    return Done(code, out.decode(errors="replace"), err.decode(errors="replace"))


def _read(ends: dict[int, int], until: float) -> dict[int, bytes] | None:
    """What comes through the pipes until the last writer is gone; None where one stays."""
    said = {fd: bytearray() for fd in ends}
    left = {end: fd for fd, end in ends.items()}
    try:
        while left:
            ready, _, _ = select.select(list(left), [], [], max(0.0, until - time.monotonic()))
            if not ready:
                return None
            for end in ready:
                if part := os.read(end, 1 << 16):
                    said[left[end]] += part
                else:
                    del left[end]
        return {fd: bytes(part) for fd, part in said.items()}
    finally:
        for end in ends.values():
            os.close(end)


def _be_the_command(words: list[str], around: Surroundings, pipes: dict[int, int]) -> NoReturn:
    code = UNMADE
    try:
        os.setpgid(0, 0)
        _streams(around, pipes)
        if around.own_pids:
            _enter_own_pids()
        around.make()
        code = 70  # whatever gets out of it is a defect
        code = main(words)
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except BaseException:
        import traceback

        with suppress(Exception):
            traceback.print_exc()
            sys.stderr.flush()
    finally:
        os._exit(code)


def _streams(around: Surroundings, pipes: dict[int, int]) -> None:
    """Descriptors 0 to 2, and the streams of a fresh interpreter on them."""
    for fd in (0, 1, 2):
        place = around.places.get(fd, os.devnull if fd == 0 else "")
        source = os.open(place, os.O_RDWR) if place else pipes[fd]
        os.dup2(source, fd)
        if place:
            os.close(source)
    os.closerange(3, 256)
    for fd, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        stream = None
        if fd in around.closed:
            os.close(fd)
        else:
            raw = io.FileIO(fd, "r" if fd == 0 else "w", closefd=False)
            buffered = io.BufferedReader(raw) if fd == 0 else io.BufferedWriter(raw)
            stream = io.TextIOWrapper(buffered, encoding="utf-8", line_buffering=fd == 2)
        setattr(sys, name, stream)


def _enter_own_pids() -> None:
    """Become process 1 of a pid namespace; the process that was there passes the exit code on."""
    sysv_process.unshare(CLONE_NEWPID)
    inside = os.fork()
    if inside:
        _, status = os.waitpid(inside, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


# --- what a child does ---


def limited(which: int, amount: int) -> Callable[[], None]:
    """A limit of getrlimit(2)."""
    return lambda: resource.setrlimit(which, (amount, amount))


def little_memory(more: int) -> Callable[[], None]:
    """So many bytes of address space more than the child has already."""

    def make() -> None:
        have = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (have + more, have + more))

    return make


def in_turn(*steps: Callable[[], None]) -> Callable[[], None]:
    """One after the other."""

    def make() -> None:
        for step in steps:
            step()

    return make


def stranger(then: Callable[[], None] = lambda: None) -> Callable[[], None]:
    """Another user, who may read everything (the interpreter may be anywhere) and write what is his."""

    def make() -> None:
        runtime = os.environ["XDG_RUNTIME_DIR"] = f"{os.environ['XDG_RUNTIME_DIR']}/stranger"
        os.makedirs(runtime, exist_ok=True)
        for place in (".", runtime):
            os.chown(place, STRANGER, STRANGER)
        os.chmod(os.path.dirname(runtime), 0o755)
        os.setgroups([])
        os.setresgid(STRANGER, STRANGER, STRANGER)
        _check(_libc.prctl(8, 1, 0, 0, 0))  # PR_SET_KEEPCAPS
        os.setresuid(STRANGER, STRANGER, STRANGER)
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
        data = (ctypes.c_uint32 * 6)(_READ_ALL, _READ_ALL, _READ_ALL)
        _check(_libc.capset(header, data))
        _check(_libc.prctl(47, 2, 2, 0, 0))  # PR_CAP_AMBIENT, RAISE, CAP_DAC_READ_SEARCH
        then()

    return make


def mounted(what: bytes, place: bytes, options: bytes = b"") -> Callable[[], None]:
    """A file system over a folder, in a mount namespace of its own."""

    def make() -> None:
        sysv_process.unshare(CLONE_NEWNS)
        _check(_libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None))
        _check(_libc.mount(b"none", place, what, 0, options or None))

    return make


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def gone() -> None:
    """The current folder has been removed."""
    os.mkdir("gone")
    os.chdir("gone")
    os.rmdir("../gone")


def read_only() -> None:
    os.chmod(".", 0o555)
