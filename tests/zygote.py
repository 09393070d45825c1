"""Commands without their start-up: a process that has imported ipcsim forks one for each of them.

A test of the command line runs `python -m ipcsim` as a process, with its own streams, folder and
environment. Most of what that costs is the start of the interpreter and its imports, the same each time; here
they are done once for all tests of a pytest process. What a command does from `main` on is the same, and
so is how it ends. Tests about start-up, signals, terminals or closed streams start an interpreter.

The two ends talk over a socket. A request is a JSON line, with three file descriptors (stdin, stdout, stderr)
beside its first byte; the answers are two numbers, the pid and the exit code (or −signal).
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from tests.leftovers import MARK, kept

ROOT = Path(__file__).parents[1]
WORD = 8  # bytes of an answer


class Zygote:
    """The end in the tests."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        environment = {k: v for k, v in os.environ.items() if k != MARK} | {"PYTHONPATH": os.fspath(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.zygote", str(theirs.fileno())],
            cwd=ROOT,
            env=environment,
            pass_fds=[theirs.fileno()],
        )
        kept.add(self._process.pid)
        theirs.close()

    def run(self, arguments: Sequence[str], timeout: float) -> subprocess.CompletedProcess[str]:
        """`python -m ipcsim ARGUMENTS` in the current folder and environment, and what it printed.

        Raises `TimeoutExpired`, as `subprocess.run` does, when it was killed after so many seconds.
        """
        command = [sys.executable, "-m", "ipcsim", *arguments]
        request = {"arguments": list(arguments), "folder": os.getcwd(), "environment": dict(os.environ)}
        line = json.dumps(request).encode() + b"\n"
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(os.devnull) as none:
            socket.send_fds(self._socket, [line[:1]], [none.fileno(), out.fileno(), err.fileno()])
            self._socket.sendall(line[1:])
            pid = self._answer()
            self._socket.settimeout(timeout)
            try:
                code = self._answer()
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)  # not reaped yet: its number is still its own
                self._answer()
                raise subprocess.TimeoutExpired(command, timeout) from None
            finally:
                self._socket.settimeout(None)
            return subprocess.CompletedProcess(command, code, _text(out), _text(err))

    def _answer(self) -> int:
        return int.from_bytes(self._socket.recv(WORD, socket.MSG_WAITALL), "little", signed=True)

    def close(self) -> None:
        self._socket.close()
        self._process.wait(10)
        kept.discard(self._process.pid)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")


# --- the process that forks ---


def serve(here: socket.socket) -> list[str] | None:
    """Fork a child for each request, in which this returns its arguments; None where the tests are over."""
    while True:
        first, fds, _, _ = socket.recv_fds(here, 1, 3)
        if not first:
            return None
        with here.makefile("rb", buffering=0) as rest:
            request = json.loads(first + rest.readline())
        pid = os.fork()
        if pid == 0:
            here.close()
            _become(fds, request["folder"], request["environment"])
            return list(request["arguments"])
        for fd in fds:
            os.close(fd)
        here.sendall(pid.to_bytes(WORD, "little", signed=True))
        _, status = os.waitpid(pid, 0)
        here.sendall(os.waitstatus_to_exitcode(status).to_bytes(WORD, "little", signed=True))


def _become(fds: Sequence[int], folder: str, environment: dict[str, str]) -> None:
    """What the interpreter would have found at its start."""
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
        os.close(fd)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", errors="backslashreplace", closefd=False, buffering=1)  # noqa: SIM115


def _import_everything() -> None:
    """Whatever a command may need."""
    import ipcsim
    import ipcsim.cli.main

    for module in pkgutil.walk_packages(ipcsim.__path__, "ipcsim."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


if __name__ == "__main__":
    _import_everything()
    with socket.socket(fileno=int(sys.argv[1])) as end:
        arguments = serve(end)
    if arguments is not None:
        from ipcsim.__main__ import main

        sys.argv = ["ipcsim", *arguments]
        sys.exit(main())
