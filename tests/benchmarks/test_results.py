"""RESULTS.md as a whole: ratios, the sums of the long runs of this version, and what is not reached."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import sums
from benchmarks.common import Row
from benchmarks.sums import ROOT, Failure, State, Unit


def test_the_long_runs_and_what_is_not_reached_are_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sums, "FOLDER", tmp_path)
    state = State(tmp_path / "soak.json", "soak")
    state.present.add(Unit({"runs of right variants": 1234}, (Failure(9, "a false alarm", "kept"),)), 60.0)
    state.save()
    text = benchmarks.results([Row("a pair", "3 ns", "≤ 4 ns")])
    assert "| a pair | 3 ns | ≤ 4 ns |" in text
    assert "- soak: 1,234 runs of right variants in 1.0 minutes" in text
    assert "  - seed 9: a false alarm\n" in text
    assert "- free: not done with this version of the code" in text
    assert text.endswith((ROOT / "benchmarks" / "NOT_REACHED.md").read_text())
    assert str(tmp_path) not in text


def test_a_part_that_breaks_off_has_a_row_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[Row]:
        raise AssertionError("starvation in place of deadlock")

    monkeypatch.setitem(benchmarks.PARTS, "many", broken)
    assert benchmarks.part("many") == [
        Row("many: broke off", "AssertionError: starvation in place of deadlock", "a measurement")
    ]
