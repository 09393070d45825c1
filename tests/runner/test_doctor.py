"""Each check on pictures of machines, and all of them on this one."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from ipcsim.report import doctor as report
from ipcsim.runner import doctor, doctor_abilities, doctor_limits, doctor_surroundings, machine, manifest
from ipcsim.runner.machine import Check, Machine, Status, attempt
from tests.conftest import sysv_objects
from tests.runner.helpers import ROOT, program

OK, WARNING, MISSING = Status.OK, Status.WARNING, Status.MISSING


def picture(root: Path, files: dict[str, str], uid: int = 1000, processes: int = 4096) -> Machine:
    """A machine with these files."""
    for name, text in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Machine(root, uid, lambda: processes)


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("32000\t1024000000\t500\t32000\n", OK, "SEMMSL 32,000"),
        ("32000 1024000000 500 2", WARNING, "few sets (SEMMNI)"),
        ("0 0 0 0", MISSING, "few semaphores in a set (SEMMSL) and"),
        ("1 2 3", WARNING, "cannot be read"),
        ("a b c d", WARNING, "cannot be read"),
        ("9" * 100 + " 1 1 1", WARNING, "cannot be read"),
    ],
)
def test_semaphore_limits(tmp_path: Path, text: str, status: Status, words: str) -> None:
    check = doctor_limits.semaphores(picture(tmp_path, {"/proc/sys/kernel/sem": text}))
    assert check.status is status
    assert words in check.detail
    assert check.status is OK or check.remedy


def test_the_remedy_raises_only_what_is_low(tmp_path: Path) -> None:
    check = doctor_limits.semaphores(picture(tmp_path, {"/proc/sys/kernel/sem": "500 9999 500 2"}))
    assert check.remedy == 'sysctl -w kernel.sem="500 9999 500 32"'


def test_other_limits(tmp_path: Path) -> None:
    kernel = "/proc/sys/kernel/"
    files = {kernel + "msgmni": "0", kernel + "msgmnb": "100", kernel + "shmall": str(2**64 - 2**24)}
    files |= {kernel + "pid_max": "300", kernel + "threads-max": "100000"}
    found = {c.name: c for c in doctor_limits.checks(picture(tmp_path, files, processes=20))}
    assert found["kernel.msgmni"].status is MISSING
    assert found["kernel.msgmni"].remedy == "sysctl -w kernel.msgmni=32"
    assert found["kernel.msgmnb"].status is WARNING
    assert found["kernel.shmall"].detail == "unlimited pages of all segments"
    assert found["kernel.shmmax"].detail == "cannot be read"
    assert (found["processes"].status, found["RLIMIT_NPROC"].status) == (WARNING, WARNING)
    for unlimited in (resource.RLIM_INFINITY, 4096):
        assert doctor_limits.process_limit(Machine(tmp_path, 1000, lambda n=unlimited: n)).status is OK
    assert doctor_limits.process_limit(Machine(tmp_path, 0, lambda: 3)).status is OK


@pytest.mark.parametrize(
    ("text", "uid", "status"),
    [(None, 1000, OK), ("0", 1000, OK), ("1", 1000, WARNING), ("2", 1000, WARNING), ("3", 1000, WARNING),
     ("1", 0, OK), ("2", 0, OK), ("3", 0, WARNING), ("7", 0, WARNING), ("x", 1000, OK)],
)  # fmt: skip
def test_yama(tmp_path: Path, text: str | None, uid: int, status: Status) -> None:
    files = {} if text is None else {"/proc/sys/kernel/yama/ptrace_scope": text}
    check = doctor_surroundings.yama(picture(tmp_path, files, uid))
    assert check.status is status
    assert bool(check.remedy) is (status is not OK)


CONF, CONFD = "/etc/systemd/logind.conf", "/etc/systemd/logind.conf.d/"
HERE = {"/run/systemd/seats/seat0": "x"}


@pytest.mark.parametrize(
    ("files", "uid", "status"),
    [
        ({}, 1000, OK),
        (HERE, 1000, WARNING),
        (HERE, 999, OK),
        (HERE | {CONF: "[Login]\nRemoveIPC=no\n"}, 1000, OK),
        (HERE | {CONF: "[Login]\n#RemoveIPC=no\n"}, 1000, WARNING),
        (HERE | {CONF: "RemoveIPC=no", CONFD + "a.conf": " RemoveIPC = Yes "}, 1000, WARNING),
        (HERE | {CONFD + "a.conf": "RemoveIPC=yes", CONFD + "b.conf": "RemoveIPC=0"}, 1000, OK),
        (HERE | {"/usr/lib/systemd/logind.conf.d/z.conf": "RemoveIPC=no", CONFD + "a.conf": "RemoveIPC=1"},
         1000, OK),
        (HERE | {"/usr/lib/systemd/logind.conf.d/z.conf": "RemoveIPC=no", CONFD + "z.conf": ""},
         1000, WARNING),
    ],
)  # fmt: skip
def test_remove_ipc(tmp_path: Path, files: dict[str, str], uid: int, status: Status) -> None:
    assert doctor_surroundings.remove_ipc(picture(tmp_path, files, uid)).status is status


@pytest.mark.parametrize(
    ("files", "status", "words"),
    [
        ({}, OK, "no limit"),
        ({"/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/pids.max": "20"}, WARNING, "20 processes in"),
        ({"/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/pids.max": "max"}, OK, "no limit"),
        ({"/proc/self/cgroup": "8:cpu,pids:/x\n", "/sys/fs/cgroup/pids/x/pids.max": "9000"}, OK, "9,000"),
        ({"/proc/self/cgroup": "8:pids:/docker/1\n", "/sys/fs/cgroup/pids/pids.max": "7"}, WARNING, "only 7"),
        ({"/proc/self/cgroup": "garbage\n::\n0::/../../etc\n"}, OK, "no limit"),
    ],
)
def test_pids(tmp_path: Path, files: dict[str, str], status: Status, words: str) -> None:
    check = doctor_surroundings.pids(picture(tmp_path, files))
    assert check.status is status
    assert words in check.detail


def test_segments_and_seccomp(tmp_path: Path) -> None:
    files = {"/proc/sys/kernel/shm_rmid_forced": "1", "/proc/self/status": "Name:\tx\nSeccomp:\t2\n"}
    found = picture(tmp_path, files)
    assert doctor_surroundings.shm_rmid_forced(found).status is WARNING
    assert "filter is active" in doctor_surroundings.seccomp(found).detail
    assert doctor_surroundings.seccomp(Machine(tmp_path / "none")).status is OK


def test_no_proc_sysvipc(tmp_path: Path) -> None:
    assert doctor_abilities.sysvipc(Machine(tmp_path)).status is MISSING
    files = {f"/proc/sysvipc/{n}": "nonsense\n" for n in ("msg", "sem", "shm")}
    assert doctor_abilities.sysvipc(picture(tmp_path, files)).status is MISSING


def test_what_is_tried_and_refused() -> None:
    def refuse() -> None:
        raise OSError(1, "no")

    assert attempt("x", refuse, "ask") == Check("x", MISSING, f"{os.strerror(1)} (EPERM)", "ask")
    check = doctor_abilities.namespace(Machine(), refuse)
    assert check.status is WARNING
    assert "EPERM" in check.detail
    assert "user namespaces" in check.remedy


def test_dead_runs_are_named() -> None:
    path = manifest.begin(program("scenario: dead\nprocesses: {p: {steps: [exit: 0]}}\n"))
    assert doctor_surroundings.manifests().status is OK
    path.write_text(path.read_text().replace('"started": ', '"started": 1'))
    check = doctor_surroundings.manifests()
    assert (check.status, check.remedy) == (WARNING, "ipcsim clean --dry-run, then ipcsim clean")
    path.write_text("x")
    assert "damaged" in doctor_surroundings.manifests().detail


def test_a_folder_of_a_stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(tmp_path))
    (tmp_path / f"ipcsim-{os.getuid()}").write_text("a file")
    assert doctor_surroundings.manifests().status is MISSING


def test_this_machine() -> None:
    before = sysv_objects()
    groups = doctor.examine()
    assert doctor.fit(groups)
    checks = {c.name: c for _, found in groups for c in found}
    assert all(checks[n].status is OK for n in ("semget", "msgget", "shmget", "memfd", "futex"))
    assert sysv_objects() == before


def test_the_report() -> None:
    groups = [
        ("limits", [Check("kernel.sem", OK, "fine"), Check("bad\x1b[31m", WARNING, "low", "raise it")]),
        ("tried", [Check("semget", MISSING, "word " * 40, "another kernel")]),
    ]
    text = report.render(groups, 60)
    assert "\x1b" not in text
    assert "remedy: raise it" in text
    assert text.endswith("1 thing missing without which nothing runs\n")
    assert all(len(line) <= 60 for line in text.splitlines())
    data = report.as_json(groups)
    assert data["fit"] is False
    assert data["checks"][0] == {
        "group": "limits", "name": "kernel.sem", "status": "ok", "detail": "fine", "remedy": "",
    }  # fmt: skip
    assert report.render([], 80) == "everything is there\n"


def test_the_command_and_its_exit_codes(private_namespace: bool) -> None:
    env = {**os.environ, "PYTHONPATH": os.fspath(ROOT)}
    command = [sys.executable, "-m", "ipcsim", "doctor", "--json"]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["fit"] is True
    if not private_namespace:
        pytest.skip("needs a private IPC namespace")
    switch = Path("/proc/sys/kernel/msgmni")
    before = switch.read_text()
    switch.write_text("0")
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True)
    finally:
        switch.write_text(before)
    assert done.returncode == 4
    missing = {c["name"] for c in json.loads(done.stdout)["checks"] if c["status"] == "missing"}
    assert missing == {"kernel.msgmni", "msgget"}


def test_explain() -> None:
    assert machine.explain(OSError(2, "x")) == f"{os.strerror(2)} (ENOENT)"
