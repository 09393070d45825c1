"""The supervisor's end of the launcher: starts it, sends requests, takes replies."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ipcsim.analysis.idle import Watched
from ipcsim.errors import EnvironmentProblem
from ipcsim.program import Program
from ipcsim.program.codec import encode

# The fresh interpreter skips the site module (it costs as much as the rest) and is told where the
# packages are instead; -P and -E keep the current folder and the environment out.
_BOOT = "import sys; sys.path[:] = {path!r}; from ipcsim.runner.launcher import main; main()"


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
        command = [sys.executable, "-S", "-E", "-P", "-c", _BOOT.format(path=path)]
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
            raise EnvironmentProblem(f"cannot start the launcher: {error.strerror}") from None
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._in, self._out = self._popen.stdin, self._popen.stdout
        self._rest = b""
        self.gone = False
        self.send(
            program=encode(program), rings=rings_fd, seed=seed, controlled=controlled, manifest=str(manifest),
            watched=[list(pcs.items()) for pcs in watched], shared=shared,
        )  # fmt: skip

    def send(self, **request: Any) -> None:
        try:
            data = memoryview(json.dumps(request).encode() + b"\n")
            while data:  # an unbuffered pipe may take a part only
                data = data[self._in.write(data) or 0 :]
        except BrokenPipeError:
            self.gone = True

    def signal(self, process: int, number: int) -> None:
        """Send a signal to a worker, unless it is already reaped."""
        self.send(signal=[process, number])

    def replies(self, seconds: float) -> list[dict[str, Any]]:
        """What the launcher has said, waiting at most `seconds` for something."""
        if self.gone:
            return []
        ready, _, _ = select.select([self._out], [], [], seconds)
        if not ready:
            return []
        part = os.read(self._out.fileno(), 1 << 20)
        if not part:
            self.gone = True
            return []
        *lines, self._rest = (self._rest + part).split(b"\n")
        return [json.loads(line) for line in lines if line]

    def stop(self) -> list[dict[str, Any]]:
        """Have every worker killed and reaped, and the launcher end; the last replies. May be repeated."""
        if self._in.closed:
            return []
        self.send(kill=True)
        last: list[dict[str, Any]] = []
        while not self.gone:
            last += self.replies(1.0)
        self._in.close()
        self._out.close()
        self._popen.wait()
        return last
