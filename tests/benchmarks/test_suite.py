"""What a run of the suite adds to the sums."""

from __future__ import annotations

from pathlib import Path

from benchmarks import suite

GOOD = "def test_good(): pass\n"
BAD = """
import pytest

@pytest.fixture
def broken(): 1 // 0

def test_bad(): assert 1 == 2
def test_worse(broken): pass
"""


def test_failures_and_errors_are_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(GOOD + BAD)
    report = tmp_path / "junit.xml"
    suite.run(
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        f"--rootdir={tmp_path}",
        str(tmp_path),
        f"--junitxml={report}",
    )
    found = suite.counted(7, report)
    assert found.counts == {"runs": 1, "tests": 3, "failures": 2}
    assert [f.words.rpartition("::")[2] for f in found.failures] == ["test_bad", "test_worse"]
    assert {f.seed for f in found.failures} == {7}


def test_a_run_that_breaks_off_is_a_failure(tmp_path: Path) -> None:
    suite.run("--no-such-option")
    assert suite.counted(0, tmp_path / "junit.xml").failures
