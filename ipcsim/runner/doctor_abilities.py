"""What is simply tried: the calls of System V IPC, memfd, futex, namespaces, a look at a sleeper.

Everything made here is removed again at once.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from ipcsim.runner import isolation, sleepers
from ipcsim.runner.machine import Check, Machine, Status, attempt, explain
from ipcsim.runner.rings import Rings
from ipcsim.sysv import libc, namespaces, queues, segments, semaphores, tables
from ipcsim.sysv import process as sysv_process

SECCOMP = (
    "a kernel with CONFIG_SYSVIPC; in a container a seccomp profile that allows {calls} "
    "(docker run --security-opt seccomp=unconfined to try); ENOSPC: see the limits above, and `ipcsim clean`"
)
LOOK_TIME = 2.0  # seconds until a process that was started must be asleep


def checks(machine: Machine) -> list[Check]:
    return [
        *calls(),
        sysvipc(machine),
        attempt(
            "memfd", memfd, "a kernel from 3.17 on; in a container a seccomp profile that allows memfd_create"
        ),
        futex(),
        namespace(machine),
        proc_syscall(),
    ]


def calls() -> list[Check]:
    """semget, msgget and shmget, each with its IPC_RMID."""
    private, mode = libc.IPC_PRIVATE, 0o600
    tried: tuple[tuple[str, Callable[[], None]], ...] = (
        ("semget", lambda: semaphores.remove(semaphores.create(private, 1, mode))),
        ("msgget", lambda: queues.remove(queues.create(private, mode))),
        ("shmget", lambda: segments.remove(segments.create(private, 4096, mode))),
    )
    return [attempt(name, action, SECCOMP.format(calls=f"{name} and the others")) for name, action in tried]


def sysvipc(machine: Machine) -> Check:
    """The tables of the kernel: `ipcsim ipcs` and `clean` read them."""
    try:
        found = tables.read(machine.root / "proc/sysvipc")
    except (OSError, ValueError) as error:
        detail = explain(error) if isinstance(error, OSError) else str(error)
        return Check("/proc/sysvipc", Status.MISSING, detail, "mount /proc, on a kernel with CONFIG_SYSVIPC")
    sizes = f"{len(found.queues)} queues, {len(found.segments)} segments, {len(found.sets)} semaphore sets"
    return Check("/proc/sysvipc", Status.OK, sizes)


def memfd() -> None:
    os.close(os.memfd_create("ipcsim-doctor", os.MFD_CLOEXEC))


def futex() -> Check:
    """The words by which controlled runs hand over the turn: a wait on one must be possible."""
    remedy = "a seccomp profile that allows futex; without it only the scheduler `free` works"
    try:
        rings = Rings(1)
    except OSError as error:
        return Check("futex", Status.WARNING, explain(error), remedy)
    started = time.monotonic()
    sysv_process.futex_wait(rings.address(0, 0), 0, 0.002)  # sleeps for its time: nobody wakes it
    slept = time.monotonic() - started
    os.close(rings.fd)
    if slept < 0.001:
        return Check("futex", Status.WARNING, "a wait returns at once", remedy)
    return Check("futex", Status.OK, "works")


def namespace(machine: Machine, isolate: Callable[[], None] = namespaces.isolate) -> Check:
    """Whether `--isolate` works, tried in a process of its own."""
    how = "by unshare, as root" if machine.uid == 0 else "by a user namespace"
    number = _errno_in_child(isolate)
    if number == 0:
        return Check("private IPC namespace", Status.OK, f"`--isolate` works {how}")
    detail = f"`--isolate` does not work: {explain(OSError(number, ''))}"
    return Check("private IPC namespace", Status.WARNING, detail, isolation.remedy(number))


def _errno_in_child(action: Callable[[], None]) -> int:
    """0, or the errno with which `action` failed in a forked process (or the fork itself)."""
    try:
        child = os.fork()
    except OSError as error:
        return error.errno or 255
    if child == 0:
        code = 255
        try:
            action()
            code = 0
        except OSError as error:
            code = min(error.errno or 255, 255)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def proc_syscall() -> Check:
    """Whether a process of this user can be seen asleep in a semop: tried on a child that does."""
    name = "/proc/PID/syscall"
    try:
        set_ = semaphores.create(libc.IPC_PRIVATE, 1, 0o600)
    except OSError as error:
        return Check(name, Status.WARNING, f"could not be tried: {explain(error)}", "see semget")
    child = 0
    try:
        child = os.fork()
        if child == 0:
            try:
                semaphores.semop(set_, semaphores.operations([(0, -1, 0)]), 1)
            finally:
                os._exit(0)
        seen = _seen(child, set_)
    except OSError as error:
        return Check(name, Status.WARNING, f"could not be tried: {explain(error)}", "ulimit -u")
    finally:
        if child > 0:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        semaphores.remove(set_)
    if seen:
        return Check(name, Status.OK, "shows who sleeps in which call")
    return Check(
        name,
        Status.WARNING,
        "does not show in which call a process sleeps: a deadlock is confirmed by weaker signs, and "
        "`ipcsim ipcs` names no sleepers",
        "kernel.yama.ptrace_scope=0 or root; /proc without hidepid; a kernel with CONFIG_HAVE_ARCH_TRACEHOOK",
    )


def _seen(pid: int, set_id: int) -> bool:
    deadline = time.monotonic() + LOOK_TIME
    while time.monotonic() < deadline:
        try:
            if semaphores.get(set_id, 0, libc.GETNCNT) and sleepers.look(pid) is not None:
                return True
            if not os.access(f"/proc/{pid}/syscall", os.R_OK):
                return False
        except OSError:
            return False
        time.sleep(0.005)
    return False
