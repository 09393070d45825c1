"""A test that leaves processes alive fails, and they are ended: only they."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.leftovers import MARK, Leftovers, everybody

ROOT = Path(__file__).parents[1]
SLEEP = [sys.executable, "-c", "import time; time.sleep(50)"]

# a child, and a grandchild in a session of its own whose parent has gone
LEAVES = f"""
import os, subprocess
SLEEP = {SLEEP!r}
def test_leaves():
    child = subprocess.Popen(SLEEP)
    if (middle := os.fork()) == 0:
        orphan = subprocess.Popen(SLEEP, start_new_session=True)
        print(orphan.pid, file=open("orphan", "w"))
        os._exit(0)
    os.waitpid(middle, 0)
    print(child.pid, file=open("child", "w"))
    assert False
def test_leaves_nothing():
    subprocess.Popen(SLEEP).kill()
"""


def test_a_failed_test_leaves_nobody_alive(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(LEAVES)
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-rEf"]
    environment = {**os.environ, "PYTHONPATH": os.fspath(ROOT)}
    junit = ["--junit-xml", "out.xml", "test_it.py"]
    done = subprocess.run(
        [*command, *junit], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=50
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    head = (tmp_path / "out.xml").read_text().partition("<testcase")[0]
    assert 'errors="1" failures="1"' in head
    for name in ("child", "orphan"):
        pid = int((tmp_path / name).read_text())
        assert f"{pid} {sys.executable}" in done.stdout
        assert not Path("/proc", str(pid)).exists() or not Path("/proc", str(pid), "cmdline").read_bytes()


def test_nobody_elses_processes_are_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MARK, "somebody else")
    with subprocess.Popen([*SLEEP], start_new_session=True) as other:
        leftovers = Leftovers("this one", everybody())
        monkeypatch.setenv(MARK, "this one")
        with subprocess.Popen(SLEEP) as mine:
            while b"this one" not in Path(f"/proc/{mine.pid}/environ").read_bytes():
                time.sleep(0.01)
            assert leftovers.alive() == [mine.pid]
            assert [line.split()[0] for line in leftovers.end()] == [str(mine.pid)]
            mine.wait(5)
        assert other.poll() is None
        other.kill()
