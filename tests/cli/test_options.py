"""Durations, `--set`, and the other options that the commands share."""

from __future__ import annotations

import click
import pytest

from ipcsim.cli.options import Assignment, Duration
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("500ms", 0.5), ("2m", 120), ("2min", 120), ("1h", 3600), ("1.5s", 1.5), (" 3 s ", 3)],
)
def test_durations(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "10", "s", "-1s", "0s", "1e3s", "10 parsecs", "nan", "infs", "9" * 400 + "s"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter, match="duration"):
        Duration().convert(text, None, None)


def test_assignments() -> None:
    assert Assignment().convert("seats=5", None, None) == ("seats", "5")
    assert Assignment().convert(" a = b=c ", None, None) == ("a", "b=c")
    for text in ("seats", "=5", ""):
        with pytest.raises(click.BadParameter, match="key=value"):
            Assignment().convert(text, None, None)


def test_a_parameter_given_twice(ipcsim: Run) -> None:
    done = ipcsim("run", "dining-philosophers", "--set", "seats=2", "--set", "seats=3")
    assert done.returncode == 2
    assert "'seats' is given twice" in done.stderr


def test_an_unknown_parameter_gets_a_suggestion(ipcsim: Run) -> None:
    done = ipcsim("run", "dining-philosophers", "--set", "seets=2")
    assert done.returncode == 2
    assert "did you mean `seats`" in done.stderr


def test_a_duration_that_is_none(ipcsim: Run) -> None:
    done = ipcsim("run", "quick.yaml", "--timeout", "3")
    assert done.returncode == 2
    assert "500ms, 10s, 2m" in done.stderr
