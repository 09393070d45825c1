"""What the system around ipcsim may do to objects and processes: Yama, logind, cgroups, seccomp.

Sources: Documentation/admin-guide/LSM/Yama.rst, logind.conf(5), cgroups(7), proc_pid_status(5),
Documentation/admin-guide/sysctl/kernel.rst (shm_rmid_forced).
"""

from __future__ import annotations

from ipcsim.errors import EnvironmentProblem
from ipcsim.runner import manifest
from ipcsim.runner.doctor_limits import ENOUGH_PROCESSES
from ipcsim.runner.machine import Check, Machine, Status

FIRST_USER = 1000  # SYS_UID_MAX + 1: logind leaves the objects of system users alone
_TRUE = {"1", "yes", "y", "true", "t", "on"}
_LOGIND = "systemd/logind.conf"
_VENDOR_LAST = ("/etc", "/run", "/usr/local/lib", "/usr/lib")


def checks(machine: Machine) -> list[Check]:
    return [
        yama(machine),
        seccomp(machine),
        pids(machine),
        remove_ipc(machine),
        shm_rmid_forced(machine),
        manifests(),
    ]


def yama(machine: Machine) -> Check:
    """kernel.yama.ptrace_scope: from 1 on only ancestors may look into a process."""
    name = "Yama ptrace_scope"
    found = machine.numbers("/proc/sys/kernel/yama/ptrace_scope")
    if not found:
        return Check(name, Status.OK, "no Yama in this kernel")
    scope = found[0]
    if scope == 0 or (machine.uid == 0 and scope < 3):
        return Check(name, Status.OK, f"{scope}: processes of the same user can be looked at")
    whom = {1: "a process only sees its own descendants", 2: "only root sees anything"}.get(
        scope, "nobody sees anything, until the next boot"
    )
    remedy = (
        "sysctl -w kernel.yama.ptrace_scope=0, or run as root" if scope < 3 else "boot with another setting"
    )
    return Check(name, Status.WARNING, f"{scope}: {whom} (`ipcsim ipcs` names fewer sleepers)", remedy)


def seccomp(machine: Machine) -> Check:
    """A filter alone is no harm: the calls above say what it forbids."""
    status = machine.text("/proc/self/status") or ""
    mode = next((line.split()[1] for line in status.splitlines() if line.startswith("Seccomp:\t")), "?")
    detail = {"0": "no filter", "2": "a filter is active; what it forbids shows above"}.get(
        mode, f"mode {mode}"
    )
    return Check("seccomp", Status.OK, detail)


def pids(machine: Machine) -> Check:
    """pids.max of the cgroup and of those above it, in version 1 and version 2."""
    limits = []
    for folder in _cgroups(machine):
        text = machine.text(f"{folder}/pids.max")
        if text is not None and text.isdecimal():
            limits.append((int(text), folder))
    if not limits:
        return Check("cgroup pids.max", Status.OK, "no limit")
    least, folder = min(limits)
    if least >= ENOUGH_PROCESSES:
        return Check("cgroup pids.max", Status.OK, f"{least:,} processes in {folder}")
    return Check(
        "cgroup pids.max",
        Status.WARNING,
        f"only {least:,} processes in {folder}",
        "docker run --pids-limit 4096, systemctl set-property … TasksMax=4096, or kubelet --pod-max-pids",
    )


def _cgroups(machine: Machine) -> list[str]:
    """The folders that may have a pids.max for this process, from its own up to the root."""
    folders: list[str] = []
    for line in (machine.text("/proc/self/cgroup") or "").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0":
            bases = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
        elif "pids" in controllers.split(","):
            bases = (f"/sys/fs/cgroup/{controllers}", "/sys/fs/cgroup/pids")
        else:
            continue
        parts = [p for p in path.split("/") if p not in ("", "..", ".")]
        folders += ["/".join((base, *parts[:depth])) for base in bases for depth in range(len(parts), -1, -1)]
    return folders


def remove_ipc(machine: Machine) -> Check:
    """RemoveIPC of logind: removes a user's objects when the last session of the user ends."""
    name = "RemoveIPC of logind"
    if machine.text("/run/systemd/seats/seat0") is None and not machine.files("/run/systemd/sessions", "*"):
        return Check(name, Status.OK, "no systemd-logind here")
    if not _removes(machine):
        return Check(name, Status.OK, "no: objects stay when their user logs out")
    if machine.uid < FIRST_USER:
        return Check(name, Status.OK, "yes, but not for system users such as this one")
    return Check(
        name,
        Status.WARNING,
        "yes: when the last session of this user ends, logind removes the objects of runs that go on "
        "(in a detached terminal) and what was meant to persist",
        "RemoveIPC=no in /etc/systemd/logind.conf.d/ipc.conf, then systemctl restart systemd-logind; "
        "or loginctl enable-linger",
    )


def _removes(machine: Machine) -> bool:
    """The last setting wins: the main file (the first there is), then the parts by their file names."""
    main = next((f"{b}/{_LOGIND}" for b in _VENDOR_LAST if machine.text(f"{b}/{_LOGIND}") is not None), None)
    parts: dict[str, str] = {}
    for base in reversed(_VENDOR_LAST):  # one of the same name in /etc takes the place of the vendor's
        for path in machine.files(f"{base}/{_LOGIND}.d", "*.conf"):
            parts[path.rpartition("/")[2]] = path
    value = "yes"  # the default
    for path in [*([main] if main else []), *(parts[n] for n in sorted(parts))]:
        for line in (machine.text(path) or "").splitlines():
            key, sign, said = line.partition("=")
            if sign and key.strip() == "RemoveIPC":
                value = said.strip() or "yes"
    return value.lower() in _TRUE


def shm_rmid_forced(machine: Machine) -> Check:
    """With 1, a segment that nobody has attached any more is gone (H-9)."""
    found = machine.numbers("/proc/sys/kernel/shm_rmid_forced")
    if not found or found[0] == 0:
        return Check("kernel.shm_rmid_forced", Status.OK, "0: segments live until they are removed")
    return Check(
        "kernel.shm_rmid_forced",
        Status.WARNING,
        f"{found[0]}: a segment ends with its last detach, and none outlives its processes",
        "sysctl -w kernel.shm_rmid_forced=0",
    )


def manifests() -> Check:
    """What dead runs left, and the folder in which runs are noted."""
    name = "runs noted"
    try:
        folder = manifest.folder()
        known = manifest.all_manifests()
        files = len(list(folder.glob("*.jsonl")))
    except EnvironmentProblem as error:
        return Check(name, Status.MISSING, str(error), "see there")
    except OSError as error:
        return Check(name, Status.MISSING, str(error), "set XDG_RUNTIME_DIR to a folder of this user")
    dead = [m for m in known if not m.alive]
    if dead:
        left = sum(len(m.objects) for m in dead)
        return Check(
            name,
            Status.WARNING,
            f"{len(dead)} ended without cleaning up, or left something on purpose ({left} objects noted)",
            "ipcsim clean --dry-run, then ipcsim clean",
        )
    if files > len(known):
        return Check(
            name,
            Status.WARNING,
            f"{files - len(known)} damaged notes in {folder}",
            f"remove them from {folder}",
        )
    return Check(name, Status.OK, f"{len(known)} going on, in {folder}")
