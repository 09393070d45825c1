"""The supervisor's end of the launcher: starts it, sends requests, takes replies."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ipcsim import shortages
from ipcsim.analysis.idle import Watched
from ipcsim.program import Program
from ipcsim.program.codec import encode

PATIENCE = 10.0  # seconds without a word after which a launcher that is to end is killed

# The fresh interpreter skips the site module (it costs as much as the rest) and is told where the
# packages are instead; -P and -E keep the current folder and the environment out.
_BOOT = """\
import sys
sys.path[:] = {path!r}
try:
    from ipcsim.runner.launcher import main
except (ImportError, MemoryError, OSError, SystemError):
    sys.exit({short})
main()
"""


class Launcher:
    """A running launcher. `lines` of replies are taken by `replies`; `gone` once it has ended."""

    def __init__(
        self,
        program: Program,
        rings_fd: int,
        seed: int,
        controlled: bool,
        manifest: Path,
        watched: Sequence[Watched],
        shared: bool = False,
    ) -> None:
        path = [str(Path(__file__).resolve().parents[2]), *(p for p in sys.path if p)]
        command = [sys.executable, "-S", "-E", "-P", "-c", _BOOT.format(path=path, short=shortages.EXIT)]
        try:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                pass_fds=(rings_fd,),
                start_new_session=True,  # a Ctrl-C at the terminal is the supervisor's to deal with
            )
        except OSError as error:
            raise shortages.no_process("cannot start the launcher", error) from None
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._in, self._out = self._popen.stdin, self._popen.stdout
        os.set_blocking(self._in.fileno(), False)  # somebody may have stopped the launcher
        self._rest = b""
        self._unsent = bytearray()
        self.gone = False
        self.send(
            program=encode(program), rings=rings_fd, seed=seed, controlled=controlled, manifest=str(manifest),
            watched=[list(pcs.items()) for pcs in watched], supervisor=os.getpid(), shared=shared,
        )  # fmt: skip

    def send(self, **request: Any) -> None:
        """Send a request. What the pipe does not take at once is sent while replies are waited for."""
        self._unsent += json.dumps(request).encode() + b"\n"
        self._push()

    def _push(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: os.write(self._in.fileno(), self._unsent)]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self.gone = True

    def signal(self, process: int, number: int) -> None:
        """Send a signal to a worker, unless it is already reaped."""
        self.send(signal=[process, number])

    def replies(self, seconds: float) -> list[dict[str, Any]]:
        """What the launcher has said, waiting at most `seconds` for something."""
        if self.gone:
            return []
        ready, room, _ = select.select([self._out], [self._in] if self._unsent else [], [], seconds)
        if room:
            self._push()
        if not ready:
            return []
        part = os.read(self._out.fileno(), 1 << 20)
        if not part:
            self.gone = True
            return []
        *lines, self._rest = (self._rest + part).split(b"\n")
        return [json.loads(line) for line in lines if line]

    def stop(self) -> list[dict[str, Any]]:
        """Have every worker killed and reaped, and the launcher end; the last replies. May be repeated.

        A launcher that somebody has stopped is continued; one that does nothing for `PATIENCE` is killed, and
        the workers with it.
        """
        if self._in.closed:
            return []
        self.send(kill=True)
        last: list[dict[str, Any]] = []
        until = time.monotonic() + PATIENCE
        while not self.gone and time.monotonic() < until:
            self._popen.send_signal(signal.SIGCONT)
            if new := self.replies(1.0):
                last += new
                until = time.monotonic() + PATIENCE
        if not self.gone:
            self._popen.kill()
            self.gone = True
        self._in.close()
        self._out.close()
        self._popen.wait()
        return last
