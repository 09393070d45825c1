"""Runs in an IPC namespace of their own: whatever happens, the kernel has nothing left afterwards.

The supervisor asks the kernel about the objects, so it has to be inside as well. `move` takes the calling
process there; that is right for a command, which ends with its run, and wrong for a program that goes on
(a notebook). For those `run_in_helper` starts a process of its own, which runs and sends the outcome.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

from ipcsim import shortages
from ipcsim.errors import EnvironmentProblem, UsageError
from ipcsim.program import Program, RunSettings
from ipcsim.runner.session import Progress
from ipcsim.schedule import Schedule
from ipcsim.snapshot import Snapshot
from ipcsim.sysv import namespaces
from ipcsim.sysv import process as sysv_process
from ipcsim.verdict import Outcome

_BOOT = "import sys; sys.path[:] = {path!r}; from ipcsim.runner.isolation import helper; helper({fd})"
_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def move() -> None:
    """Move this process, which must have one thread, into a private IPC namespace, for good.

    Raises `EnvironmentProblem` with the remedy where that is not allowed.
    """
    if len(os.listdir("/proc/self/task")) > 1:
        raise EnvironmentProblem(
            "a process with several threads cannot move to a private IPC namespace; "
            "use the command `ipcsim run --isolate`, or ipcsim.run(…, isolate=True)"
        )
    try:
        namespaces.isolate()
    except OSError as error:
        raise EnvironmentProblem(refusal(error)) from None


def refusal(error: OSError) -> str:
    """Why there can be no private IPC namespace, and what helps."""
    code = errno.errorcode.get(error.errno or 0, "unknown error")
    return (
        f"this machine does not allow a private IPC namespace ({code}: {os.strerror(error.errno or 0)}). "
        f"{remedy(error.errno or 0)} Without --isolate the run uses the common namespace and cleans up "
        "after itself."
    )


def remedy(number: int) -> str:
    """What would allow a private namespace, by the errno of the refusal."""
    if number in (errno.ENOSPC, errno.EUSERS):
        return "The limit is reached: raise user.max_user_namespaces and user.max_ipc_namespaces (sysctl)."
    if number == errno.EINVAL:
        return "The kernel lacks CONFIG_IPC_NS or CONFIG_USER_NS."
    return (
        "Run as root, or let the administrator allow user namespaces: sysctl "
        "kernel.unprivileged_userns_clone=1 (Debian), kernel.apparmor_restrict_unprivileged_userns=0 "
        "(Ubuntu), user.max_user_namespaces above 0; in a container: --cap-add SYS_ADMIN, or a seccomp "
        "profile that allows unshare. In a chroot only root can (user_namespaces(7))."
    )


# --- for programs that must stay where they are ---


def run_in_helper(
    program: Program,
    *,
    settings: RunSettings,
    schedule: Schedule | None = None,
    folder: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    shared: bool = False,
) -> Outcome:
    """As `supervisor.run`, in a private namespace and in another process; this one stays where it is."""
    ours, theirs = Pipe()
    path = [str(Path(__file__).resolve().parents[2]), *(p for p in sys.path if p)]
    command = [sys.executable, "-S", "-E", "-P", "-c", _BOOT.format(path=path, fd=theirs.fileno())]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
    except OSError as error:
        raise shortages.no_process("cannot start the helper of an isolated run", error) from None
    theirs.close()
    try:
        with _signals_passed_on(process):
            ours.send((os.getpid(), program, settings, schedule, folder, progress is not None, shared))
            return _result(ours, progress)
    except (EOFError, ConnectionError):  # a reset where it ended before it had read what it is to do
        process.wait()
        raise EnvironmentProblem(
            f"the helper of an isolated run ended before its run (exit code {process.returncode})"
        ) from None
    finally:
        ours.close()
        if process.poll() is None:
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


_ERRORS: dict[str, type[Exception]] = {"UsageError": UsageError, "EnvironmentProblem": EnvironmentProblem}


def _result(connection: Connection[Any, Any], progress: Callable[[Progress], None] | None) -> Outcome:
    while True:
        kind, value = connection.recv()
        if kind == "outcome":
            assert isinstance(value, Outcome)
            return value
        if kind == "error":
            name, text = value
            raise _ERRORS.get(name, RuntimeError)(text)
        if progress is not None:
            elapsed, events, running, snapshot = value
            progress(Progress(elapsed, events, running, partial(_identity, snapshot)))


def _identity(snapshot: Snapshot) -> Snapshot:
    return snapshot


@contextmanager
def _signals_passed_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """What would end a run in this process ends that in the helper, in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {
        n: signal.signal(n, lambda number, _frame: process.send_signal(number)) for n in _ENDS
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def helper(fd: int) -> None:
    """The life of a helper: one request, one outcome."""
    connection: Connection[Any, Any] = Connection(fd)
    parent, program, settings, schedule, folder, wants_progress, shared = connection.recv()
    sysv_process.die_with_parent(parent)

    def tell(progress: Progress) -> None:
        connection.send(
            ("progress", (progress.elapsed, progress.events, progress.running, progress.snapshot()))
        )

    from ipcsim.runner.supervisor import run

    try:
        outcome = run(
            program,
            settings=settings,
            schedule=schedule,
            folder=folder,
            progress=tell if wants_progress else None,
            isolate=True,
            shared=shared,
        )
        message: tuple[str, Any] = ("outcome", outcome)
    except Exception as error:
        told = shortages.explain(error) or error
        message = ("error", (type(told).__name__, str(told)))
    connection.send(message)
