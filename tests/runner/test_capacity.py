"""A run that does not fit into the free memory is not begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipcsim.errors import EnvironmentProblem
from ipcsim.runner import capacity
from tests.runner.helpers import program

MANY = program("semaphores: {s: {a: 1}}\nprocesses: {p: {count: 10000, steps: [P: a, V: a]}}\n")
FEW = program("semaphores: {s: {a: 1}}\nprocesses: {p: {count: 5, steps: [P: a, V: a]}}\n")
GIB = 2**20  # in KiB


def system(folder: Path, free: int, limit: str | None = None, used: int = 0) -> tuple[Path, Path, Path]:
    """What a kernel says with `free` KiB, and in a control group with that limit."""
    (folder / "meminfo").write_text(f"MemTotal: 999 kB\nMemAvailable: {free} kB\nSwapFree: 1024 kB\n")
    if limit is not None:
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
    return folder / "meminfo", folder, folder / "cgroup"


def test_too_little_memory(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"10,000 processes need about 15.0 GB .* 8.6 GB are free"):
        capacity.check(MANY, *system(tmp_path, 8 * GIB))
    capacity.check(FEW, *system(tmp_path, 0))
    capacity.check(MANY, *system(tmp_path, 16 * GIB))


def test_the_limit_of_a_container(tmp_path: Path) -> None:
    capacity.check(MANY, *system(tmp_path, 64 * GIB, "max"))
    with pytest.raises(EnvironmentProblem, match=r"3\.0 GB are free"):
        capacity.check(MANY, *system(tmp_path, 64 * GIB, str(4 * 10**9), 10**9))


@pytest.mark.parametrize(
    ("line", "place", "limit", "used"),
    [
        ("0::/user/me", "user/me", "memory.max", "memory.current"),
        ("0::/user/me", "user", "memory.max", "memory.current"),
        ("0::/user/me", ".", "memory.max", "memory.current"),
        ("4:cpu,memory:/job", "memory/job", "memory.limit_in_bytes", "memory.usage_in_bytes"),
        ("4:memory:/job", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
        ("0::/../../of/the/host", ".", "memory.max", "memory.current"),
    ],
)
def test_the_groups_around_this_process(tmp_path: Path, line: str, place: str, limit: str, used: str) -> None:
    where = system(tmp_path, 64 * GIB)
    capacity.check(MANY, *where)
    (tmp_path / "cgroup").write_text(f"1:name=systemd:/\n{line}\n")
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    (tmp_path / place / limit).write_text(f"{3 * 10**9}\n")
    (tmp_path / place / used).write_text(f"{10**9}\n")
    with pytest.raises(EnvironmentProblem, match=r"2\.0 GB are free"):
        capacity.check(MANY, *where)
    capacity.check(FEW, *where)


def test_a_system_that_does_not_tell(tmp_path: Path) -> None:
    capacity.check(MANY, tmp_path / "nothing", tmp_path)
    (tmp_path / "meminfo").write_text("MemAvailable: plenty\n")
    capacity.check(MANY, tmp_path / "meminfo", tmp_path)


def test_what_is_free_here() -> None:
    free = capacity.available()
    assert free is None or 0 <= free < 2**60
