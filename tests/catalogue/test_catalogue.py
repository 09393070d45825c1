"""Finding problems and scenarios by name and by path."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipcsim import catalogue
from ipcsim.errors import ScenarioError, UsageError

OWN = "problem: ./mine.yaml\nwith: {n: 2}\n"
MINE = "problem: mine\nparameters: {n: {type: int, default: 1}}\nprocesses: {p: {count: n, steps: []}}\n"


def test_entries() -> None:
    found = {(e.kind, e.name): e for e in catalogue.entries()}
    scenario, problem = found["scenario", "dining-philosophers"], found["problem", "dining-philosophers"]
    assert scenario.display == "scenarios/dining-philosophers.yaml"
    assert problem.display == "problems/dining-philosophers.yaml"
    assert scenario.path.is_file()


@pytest.mark.parametrize("entry", catalogue.entries(), ids=lambda e: e.display)
def test_everything_that_ships_loads_and_describes_itself(entry: catalogue.Entry) -> None:
    source = catalogue.find(str(entry.path))
    told = catalogue.describe(str(entry.path))
    assert told.is_problem == (entry.kind == "problem")
    assert told.title
    assert told.name == entry.name
    assert source.text
    program = catalogue.load(str(entry.path))
    assert (program.expect_run, program.expect_verify) == (told.expect_run, told.expect_verify)
    for variant in told.variants:
        assert catalogue.load(str(entry.path), variant.arguments).families


def test_a_name_is_the_scenario_first() -> None:
    program = catalogue.load("dining-philosophers")
    assert dict(program.arguments)["meals"] == 200
    assert [s.file for s in program.sources] == [
        "scenarios/dining-philosophers.yaml",
        "problems/dining-philosophers.yaml",
    ]


def test_arguments_override() -> None:
    assert catalogue.load("dining-philosophers", {"seats": "7"}).families[0].size == 7


def test_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text(MINE)
    (tmp_path / "own.yaml").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    assert catalogue.find("mine.yaml").file == "mine.yaml"
    assert catalogue.load("./mine.yaml").families[0].size == 1
    assert catalogue.load("own.yaml").families[0].size == 2
    monkeypatch.chdir("/")
    assert catalogue.load(str(tmp_path / "own.yaml")).families[0].size == 2


def refused(name: str) -> str:
    with pytest.raises(UsageError) as caught:
        catalogue.find(name)
    return str(caught.value)


def test_unknown_names() -> None:
    said = refused("dining-philosopher")
    assert "did you mean `dining-philosophers`?" in said
    assert "`ipcsim list` shows them" in said
    assert "unknown scenario `qqq`" in refused("qqq")
    assert "unknown scenario" in refused("")


def test_unreadable_paths(tmp_path: Path) -> None:
    assert "there is no file" in refused(str(tmp_path / "no.yaml"))
    assert "is a folder" in refused(str(tmp_path))
    assert "cannot read" in refused(str(tmp_path / "mine.yaml" / "\0"))
    (tmp_path / "file").write_text("a: b")
    assert "cannot read" in refused(str(tmp_path / "file" / "x.yaml"))
    assert "cannot read" in refused("/" + "x" * 5000)
    (tmp_path / "latin.yaml").write_bytes(b"title: x\ntitre: d\xe9j\xe0\n")
    assert "latin.yaml:2: this is not UTF-8" in refused(str(tmp_path / "latin.yaml"))
    (tmp_path / "big.yaml").write_bytes(b"# x\n" * 300_000)
    assert "larger than 1 MiB" in refused(str(tmp_path / "big.yaml"))


def test_a_device_is_no_scenario() -> None:
    assert "only plain files are read" in refused("/dev/zero")


def test_an_unknown_problem(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("problem: dining-philosofers\n")
    with pytest.raises(ScenarioError, match="did you mean `dining-philosophers`"):
        catalogue.load(str(path))
    path.write_text("problem: gone.yaml\n")
    with pytest.raises(ScenarioError, match="there is no file"):
        catalogue.load(str(path))
