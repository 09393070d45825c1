"""A run as `benchmarks.kills` sees it: a command whose processes are found, killed and reaped, to the last.

Who starts one is a subreaper (prctl(2)): whatever a process of the run leaves behind becomes its child. So
no process of the run is left when it has no child left; none is looked for by its name.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ipcsim.sysv import process as sysv_process

POLL = 0.002  # seconds between looks
_REGULAR = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)


@dataclass(frozen=True, slots=True)
class Seen:
    """A process as /proc tells of it."""

    pid: int
    parent: int
    state: str

    @property
    def dead(self) -> bool:
        return self.state in "ZX"


class Started:
    """A command that was started, in a session of its own: a new process calls `work` and ends with the exit
    code that it returns. What it writes goes to the files `out` and `err` in `folder`, or where `terminal` to
    one, which `close_terminal` takes away; of that the errors go to `err` where `apart`."""

    def __init__(self, work: Callable[[], int], folder: Path, terminal: bool, apart: bool) -> None:
        self.out, self.err = folder / "out", folder / "err"
        for path in (self.out, self.err):
            path.write_text("")
        self._master, slave = os.openpty() if terminal else (-1, -1)
        self.status: int | None = None  # as waitpid(2) gives it
        campaign, (ready, setting_up) = os.getpid(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(ready)
            self._become(work, campaign, slave, apart, setting_up)
        os.close(setting_up)
        os.read(ready, 1)  # until the other end is closed: it has its terminal
        os.close(ready)
        if terminal:
            os.close(slave)
            os.set_blocking(self._master, False)

    def _become(
        self, work: Callable[[], int], campaign: int, slave: int, apart: bool, setting_up: int
    ) -> NoReturn:
        """The life of the new process: as a shell would have started it, but it ends with the campaign."""
        code = 1
        try:
            sysv_process.die_with_parent(campaign)
            for number in _REGULAR:
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as Python begins
            if slave >= 0:
                os.close(self._master)
                os.login_tty(slave)
            else:
                os.setsid()
                self._redirect(os.devnull, 0, os.O_RDONLY)
                self._redirect(self.out, 1, os.O_WRONLY)
            if slave < 0 or apart:
                self._redirect(self.err, 2, os.O_WRONLY)
            sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
            os.close(setting_up)
            code = work()
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            with suppress(OSError):  # the terminal may be gone
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    @staticmethod
    def _redirect(path: str | Path, number: int, flags: int) -> None:
        fd = os.open(path, flags)
        os.dup2(fd, number)
        os.close(fd)

    # --- looking ---

    def descendants(self) -> list[Seen]:
        """Every process of the run that is not dead, from the oldest generation to the youngest."""
        return [seen for seen in _descendants(os.getpid()) if not seen.dead]

    def reap(self) -> bool:
        """Take leave of who is dead; whether nobody is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self.pid:
                self.status = status

    def drain(self) -> None:
        """Read what was written to the terminal, as a real one does."""
        if self._master >= 0:
            with suppress(OSError):  # nothing there, or nobody has it open any more
                while os.read(self._master, 1 << 16):
                    pass

    def wait(self, done: Callable[[], bool], seconds: float) -> bool:
        """Until `done`, everybody is gone, or the time is over; whether `done`."""
        until = time.monotonic() + seconds
        while not done():
            self.drain()
            if self.reap() or time.monotonic() >= until:
                return False
            time.sleep(POLL)
        return True

    # --- ending ---

    def close_terminal(self) -> bool:
        """Whether there was somebody whose terminal it was: the kernel sends that one SIGHUP."""
        was_there = self.status is None and not self.reap() and self.status is None
        os.close(self._master)
        self._master = -1
        return was_there

    def end(self) -> list[str]:
        """Kill who is left, by whatever it takes; who that was."""
        told = []
        while not self.reap():
            for seen in self.descendants():
                told.append(command(seen))
                kill(seen)
            time.sleep(POLL)
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
        return list(dict.fromkeys(told))


def kill(seen: Seen) -> bool:
    """SIGKILL for a process that was seen, unless it is dead; never for another that has got its pid."""
    try:
        fd = os.pidfd_open(seen.pid)
    except ProcessLookupError:
        return False
    try:
        now = _seen(seen.pid)
        if now is None or now.dead or seen.pid not in {s.pid for s in _descendants(os.getpid())}:
            return False
        signal.pidfd_send_signal(fd, signal.SIGKILL)
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)
    return True


def command(seen: Seen) -> str:
    """Pid, parent, state and command line of a process, for people."""
    try:
        words = Path(f"/proc/{seen.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        words = "(gone)"
    return f"{seen.pid} (child of {seen.parent}, state {seen.state}): {words[-60:].strip()}"


def children(of: int, among: list[Seen]) -> list[Seen]:
    return [seen for seen in among if seen.parent == of]


def _descendants(of: int) -> list[Seen]:
    by_parent: dict[int, list[Seen]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (seen := _seen(int(name))) is not None:
            by_parent.setdefault(seen.parent, []).append(seen)
    found, generation = [], by_parent.pop(of, [])
    while generation:
        found += generation
        generation = [child for seen in generation for child in by_parent.pop(seen.pid, [])]
    return found


def _seen(pid: int) -> Seen | None:
    try:
        line = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    state, parent, *_ = line.rpartition(")")[2].split()
    return Seen(pid, int(parent), state)
