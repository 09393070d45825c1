"""Every test runs in a private IPC namespace where that is allowed, and must leave it as it found it.

Nor may it leave a process: one that is still alive when the test is over is ended, and the test fails.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from ipcsim.sysv import process as sysv_process
from tests.leftovers import MARK, Leftovers, everybody

# how long an example takes depends on what else the machine does
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


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

SLOW = (
    "benchmarks",
    "cli/test_clean.py",
    "cli/test_completion.py",
    "cli/test_defects.py",
    "cli/test_ipcs.py",
    "cli/test_new.py",
    "cli/test_repeat.py",
    "cli/test_report.py",
    "cli/test_run.py",
    "cli/test_scenarios.py",
    "cli/test_surroundings.py",
    "cli/test_terminal.py",
    "cli/test_verify.py",
    "conformance/test_races.py",
    "explorer/test_budgets.py",
    "explorer/test_inclusion.py",
    "explorer/test_limits.py",
    "explorer/test_oracles.py",
    "explorer/test_races.py",
    "explorer/test_replay.py",
    "explorer/test_shipped.py",
    "explorer/test_sizes.py",
    "explorer/test_soundness.py",
    "language/test_fuzz.py",
    "language/test_limits.py",
    "model/test_differential.py",
    "model/test_follow.py",
    "model/test_kernel_corners.py",
    "model/test_lives.py",
    "model/test_semaphore_rules.py",
    "oracle/test_comparison.py",
    "plugin",
    "report/html",
    "report/test_samples.py",
    "runner/test_ceilings.py",
    "runner/test_isolation.py",
    "runner/test_livelock.py",
    "runner/test_no_value.py",
    "runner/test_robustness.py",
    "runner/test_starving.py",
    "runner/test_stopped.py",
    "runner/test_values.py",
    "scenarios",
)
"""Files and folders whose tests are marked `slow`: the rest is the fast part of the suite, at most 60 s."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    slow = [here / name for name in SLOW]
    assert all(path.exists() for path in slow), "a name in SLOW that is gone"
    for item in items:
        if any(item.path.is_relative_to(path) for path in slow):
            item.add_marker(pytest.mark.slow)


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
