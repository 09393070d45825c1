"""`ipcsim.load` and `ipcsim.run`: the same as the command line, as objects."""

from __future__ import annotations

from pathlib import Path

import pytest

import ipcsim
from ipcsim import api
from ipcsim.errors import EnvironmentProblem, ScenarioError, UsageError
from ipcsim.schedule import Schedule
from ipcsim.verdict import Verdict


def test_load_and_run() -> None:
    program = ipcsim.load("dining-philosophers", seats=3)
    assert len(program.processes) == 3
    outcome = ipcsim.run("dining-philosophers", seats=2, seed=7)
    assert outcome.verdict is Verdict.DEADLOCK
    assert outcome.seed == 7
    assert outcome.arguments["seats"] == 2
    assert outcome.extra["trace"] is None


def test_a_program_and_a_path(folder: Path) -> None:
    assert ipcsim.run(ipcsim.load(folder / "quick.yaml")).verdict == "ok"
    assert ipcsim.run(folder / "stuck.yaml").as_expected
    with pytest.raises(UsageError, match="arguments already"):
        ipcsim.run(ipcsim.load("quick.yaml"), seats=2)


def test_parameters_that_are_called_like_options(folder: Path) -> None:
    (folder / "p.yaml").write_text(
        "problem: p\n"
        "parameters: {seed: {type: int, default: 1}, arguments: {type: int, default: 1}}\n"
        "processes: {w: {count: seed, steps: [exit: 0]}}\n"
    )
    outcome = ipcsim.run("p.yaml", seed=9, arguments={"seed": 3, "arguments": 4})
    assert outcome.seed == 9
    assert outcome.arguments == {"seed": 3, "arguments": 4}
    assert len(ipcsim.load("p.yaml", seed=4).processes) == 4
    with pytest.raises(UsageError, match="given twice"):
        ipcsim.load("p.yaml", arguments={"seed": 3}, seed=4)


def test_traces(folder: Path) -> None:
    outcome = ipcsim.run("quick.yaml", trace_dir=folder / "here")
    assert Path(outcome.extra["trace"]).parent == folder / "here"
    assert api.read_outcome(outcome.extra["trace"]).verdict is Verdict.OK
    with pytest.raises(EnvironmentProblem, match="it is a file"):
        ipcsim.run("quick.yaml", trace_dir="quick.yaml")
    outcome = ipcsim.run("quick.yaml", trace_dir=api.TraceDir.DEFAULT)
    assert Path(outcome.extra["trace"]).parent == Path("reports/quick")


def test_schedules() -> None:
    outcome = ipcsim.run("quick.yaml", scheduler="random", seed=1)
    again = ipcsim.run("quick.yaml", schedule=outcome.extra["schedule"])
    assert again.command == "replay"
    assert again.extra["schedule"] == outcome.extra["schedule"]
    assert ipcsim.run("quick.yaml", schedule=Schedule.parse("0*2")).complete is False


@pytest.mark.parametrize(
    "wrong",
    [
        {"scheduler": "fair"},
        {"scheduler": "replay"},
        {"seed": -1},
        {"seed": True},
        {"depth": 0},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"duration": -1},
        {"duration": "2s"},
        {"schedule": "x"},
        {"nothing": 3},
    ],
)
def test_what_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        ipcsim.run("quick.yaml", **wrong)  # type: ignore[arg-type]


def test_names_for_folders() -> None:
    for name in ("../../etc", "a/b", "", "...", "x" * 500, "é" * 500, "\x1b[0m", "\udc80", "a\0b"):
        made = api._file_name(name)
        assert made
        assert "/" not in made
        assert "\0" not in made
        assert not made.startswith(".")
        assert len(made.encode()) < 255


def test_check_and_listing(folder: Path) -> None:
    assert api.check("quick.yaml").name == "quick"
    (folder / "bad.yaml").write_text("processes: 3\n")
    with pytest.raises(ScenarioError):
        api.check("bad.yaml")
    assert {"dining-philosophers"} <= {item.name for item in api.listing()}


def test_the_module_offers_what_it_says() -> None:
    assert set(ipcsim.__all__) <= set(dir(ipcsim))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ipcsim.nothing  # type: ignore[attr-defined]
