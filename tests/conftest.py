"""Every test runs in a private IPC namespace where that is allowed, and must leave it as it found it.

Nor may it leave a process: one that is still alive when the test is over is ended, and the test fails.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipcsim.sysv import process as sysv_process
from tests.leftovers import MARK, Leftovers, everybody


def sysv_objects() -> dict[str, tuple[str, ...]]:
    """The ids in the three tables of /proc/sysvipc."""
    found = {}
    for table in ("msg", "sem", "shm"):
        lines = Path("/proc/sysvipc", table).read_text().splitlines()[1:]
        found[table] = tuple(sorted(line.split()[1] for line in lines))
    return found


def pytest_configure(config: pytest.Config) -> None:
    try:
        sysv_process.unshare(sysv_process.CLONE_NEWIPC)
    except OSError:
        where = "in the machine's own IPC namespace (no right to unshare)"
    else:
        where = "in a private IPC namespace"
    config.stash[_WHERE] = where


_WHERE = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def private_namespace(pytestconfig: pytest.Config) -> bool:
    """Whether the tests have the System V tables, and their limits, for themselves."""
    return "private" in pytestconfig.stash[_WHERE]


def pytest_report_header(config: pytest.Config) -> str:
    return f"System V IPC: {config.stash[_WHERE]}"


@pytest.fixture(autouse=True)
def _nothing_left(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """No test may leave a kernel object or a process; manifests go to a folder of the test's own."""
    runtime = tmp_path_factory.mktemp("runtime")
    monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(runtime))
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)
    leftovers = Leftovers(mark, everybody())
    before = sysv_objects()
    yield
    if left := leftovers.end():
        pytest.fail("processes that the test started outlived it, and were killed:\n" + "\n".join(left))
    assert sysv_objects() == before
