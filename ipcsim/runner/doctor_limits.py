"""The kernel's limits, each with its sysctl: how many objects, how large, how many processes.

proc_sys_kernel(5), semget(2), msgget(2), shmget(2), getrlimit(2). A limit is missing where not even the
smallest run fits, and a warning where scenarios that ship may not.
"""

from __future__ import annotations

import resource

from ipcsim.facts.limits import MSGMAX, MSGMNB
from ipcsim.facts.sysctls import LIMITS, SEM
from ipcsim.runner.machine import Check, Machine, Status

ENOUGH_PROCESSES = 256
_NEEDED = {
    # needed for anything, expected of a usual machine
    "MSGMNI": (1, 32),
    "MSGMNB": (64, MSGMNB),
    "MSGMAX": (64, MSGMAX),
    "SHMMAX": (4096, 1 << 20),
    "SHMALL": (1, 1 << 10),
    "SHMMNI": (1, 32),
    "SEMMSL": (1, 250),
    "SEMMNS": (1, 1000),
    "SEMOPM": (1, 32),
    "SEMMNI": (1, 32),
}
_SIZES = [limit for limit in LIMITS if limit.sysctl not in ("", SEM)]
_SEMAPHORES = [limit for limit in LIMITS if limit.sysctl == SEM]  # the numbers of kernel.sem in their order


def checks(machine: Machine) -> list[Check]:
    return [
        semaphores(machine),
        *(_size(machine, limit.sysctl, limit.counts, *_NEEDED[limit.name]) for limit in _SIZES),
        processes(machine),
        process_limit(machine),
    ]


def semaphores(machine: Machine) -> Check:
    """kernel.sem: four numbers in one sysctl."""
    found = machine.numbers("/proc/sys/kernel/sem")
    if len(found) != len(_SEMAPHORES):
        return Check(SEM, Status.WARNING, "cannot be read", "mount /proc")
    rows = [(n, limit, *_NEEDED[limit.name]) for n, limit in zip(found, _SEMAPHORES, strict=True)]
    detail = ", ".join(f"{limit.name} {n:,}" for n, limit, _, _ in rows)
    short = [(n, limit, least) for n, limit, least, usual in rows if n < usual]
    if not short:
        return Check(SEM, Status.OK, detail)
    status = Status.MISSING if any(n < least for n, _, least in short) else Status.WARNING
    scarce = " and ".join(f"{limit.counts} ({limit.name})" for _, limit, _ in short)
    wanted = " ".join(str(max(n, usual)) for n, _, _, usual in rows)
    return Check(SEM, status, f"{detail}: few {scarce}", f'sysctl -w {SEM}="{wanted}"')


def _size(machine: Machine, name: str, what: str, least: int, usual: int) -> Check:
    found = machine.numbers("/proc/sys/" + name.replace(".", "/"))
    if not found:
        return Check(name, Status.WARNING, "cannot be read", "mount /proc")
    detail = f"{_number(found[0])} {what}"
    if found[0] >= usual:
        return Check(name, Status.OK, detail)
    status = Status.WARNING if found[0] >= least else Status.MISSING
    return Check(name, status, f"only {detail}", f"sysctl -w {name}={usual}")


def processes(machine: Machine) -> Check:
    """kernel.pid_max and kernel.threads-max: whichever is lower."""
    found = {n: machine.numbers(f"/proc/sys/kernel/{n}") for n in ("pid_max", "threads-max")}
    known = {n: values[0] for n, values in found.items() if values}
    if not known:
        return Check("processes", Status.WARNING, "limits cannot be read", "mount /proc")
    scarce = min(known, key=lambda n: known[n])
    detail = ", ".join(f"kernel.{n} {v:,}" for n, v in known.items())
    if known[scarce] >= 4 * ENOUGH_PROCESSES:
        return Check("processes", Status.OK, detail)
    return Check(
        "processes", Status.WARNING, f"{detail}: few", f"sysctl -w kernel.{scarce}={64 * ENOUGH_PROCESSES}"
    )


def process_limit(machine: Machine) -> Check:
    """RLIMIT_NPROC counts all processes of the user; root is exempt."""
    limit = machine.process_limit()
    if limit in (resource.RLIM_INFINITY, -1) or machine.uid == 0:
        return Check("RLIMIT_NPROC", Status.OK, "no limit" if machine.uid else "does not bind root")
    if limit >= ENOUGH_PROCESSES:
        return Check("RLIMIT_NPROC", Status.OK, f"{limit:,} processes of this user")
    return Check(
        "RLIMIT_NPROC",
        Status.WARNING,
        f"only {limit:,} processes of this user, all programs counted",
        "ulimit -u 4096, or raise nproc in /etc/security/limits.conf",
    )


def _number(value: int) -> str:
    return "unlimited" if value >= 2**62 else f"{value:,}"
