"""The text of an outcome, against expected files."""

from __future__ import annotations

import re

import pytest

from ipcsim.report import text
from tests.report import outcomes
from tests.report.promoted import compare


@pytest.mark.parametrize("name", outcomes.ALL)
def test_wide(name: str) -> None:
    compare(text.render(outcomes.ALL[name], 100), f"{name}-100")


@pytest.mark.parametrize("name", ["deadlock", "race", "inconclusive", "hostile"])
def test_narrow(name: str) -> None:
    compare(text.render(outcomes.ALL[name], 50), f"{name}-50")


def test_eighty_columns() -> None:
    compare(text.render(outcomes.deadlock(), 80), "deadlock-80")


@pytest.mark.parametrize("name", ["deadlock", "not-expected", "race"])
def test_color(name: str) -> None:
    colored = text.render(outcomes.ALL[name], 100, color=True)
    compare(colored, f"{name}-color")


@pytest.mark.parametrize("name", outcomes.ALL)
@pytest.mark.parametrize("width", [20, 60, 100, 200])
def test_color_carries_nothing(name: str, width: int) -> None:
    colored = text.render(outcomes.ALL[name], width, color=True)
    assert re.sub(r"\x1b\[[\d;]*m", "", colored) == text.render(outcomes.ALL[name], width)


@pytest.mark.parametrize("width", [1, 20, 50, 80, 100, 1000])
def test_hostile_names_steer_nothing(width: int) -> None:
    shown = text.render(outcomes.hostile(), width)
    steering = [c for c in shown if not c.isprintable() and c != "\n"]
    assert steering == []
    assert "\\x1b" in shown


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
@pytest.mark.parametrize("name", ["deadlock", "race", "not-expected", "inconclusive"])
def test_prose_keeps_to_the_width(name: str, width: int) -> None:
    lines = text.render(outcomes.ALL[name], width).split("\n")
    copied = re.compile(r"ipcsim (run|replay|report|verify) |\.trace$|\S+:\d+$|^\s*\S*$")
    for line in lines:
        assert len(line) <= width or copied.search(line), line


def test_paths_and_commands_are_never_broken() -> None:
    shown = text.render(outcomes.deadlock(), 30)
    assert f"  1,204 events in {outcomes.TRACE}\n" in shown
    assert f"ipcsim report {outcomes.TRACE}\n" in shown
    assert "ipcsim run dining-philosophers --seed 7\n" in shown
    assert "dining-philosophers.yaml:31\n" in shown


def test_no_blank_ends_and_one_blank_line_at_a_time() -> None:
    for one in outcomes.ALL.values():
        shown = text.render(one, 70)
        assert "\n\n\n" not in shown
        assert not shown.startswith("\n")
        assert shown.endswith("\n")
        assert not re.search(r" $", shown, re.MULTILINE)


def test_ok_speaks_of_this_run_only() -> None:
    assert "proves nothing about other interleavings" in text.render(outcomes.outcome())


def test_rendering_twice_gives_the_same() -> None:
    assert text.render(outcomes.deadlock()) == text.render(outcomes.deadlock())
