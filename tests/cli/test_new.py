"""`ipcsim new` writes scenarios that run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize("options", [[], ["--problem"]])
def test_a_fresh_one_runs_and_ends_ok(ipcsim: Run, folder: Path, options: list[str]) -> None:
    assert ipcsim("new", "my-own", *options).stdout == "wrote my-own.yaml; next:  ipcsim run my-own.yaml\n"
    first = (folder / "my-own.yaml").read_text().split("\n")[0]
    assert first == "# yaml-language-server: $schema=ipcsim.schema.json"
    checked = ipcsim("check", "my-own.yaml")
    assert checked.returncode == 0, checked.stderr
    done = ipcsim("run", "my-own.yaml", "--json")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert (data["scenario"], data["verdict"], data["complete"]) == ("my-own", "ok", True)


def test_what_the_problem_says_of_its_variants_is_true(ipcsim: Run) -> None:
    ipcsim("new", "p", "--problem")
    done = ipcsim("run", "p.yaml", "--set", "locking=none", "--json")
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (0, "race")


def test_a_file_that_exists_is_left_alone(ipcsim: Run, folder: Path) -> None:
    before = (folder / "quick.yaml").read_text()
    for name in ("quick", "quick.yaml"):
        done = ipcsim("new", name)
        assert done.returncode == 2
        assert "exists already" in done.stderr
    assert (folder / "quick.yaml").read_text() == before


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a b", "-x", "é", "x.yaml.yaml"])
def test_names_that_are_none(ipcsim: Run, folder: Path, name: str) -> None:
    before = sorted(folder.iterdir())
    assert ipcsim("new", "--", name).returncode == 2
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("origin", ["dining-philosophers", "red-label", "rendezvous", "no-mutex"])
def test_from_one_that_ships(ipcsim: Run, origin: str) -> None:
    assert ipcsim("new", "mine", "--from", origin).returncode == 0
    runs = [ipcsim("run", name, "--json", "--no-trace") for name in ("mine.yaml", origin)]
    assert [r.stderr for r in runs] == ["", ""]
    one, other = (json.loads(r.stdout) for r in runs)
    same = ("verdict", "expect", "arguments", "scheduler")
    assert [one[k] for k in same] == [other[k] for k in same]
    assert one["scenario"] == "mine"


def test_from_a_problem(ipcsim: Run, folder: Path) -> None:
    ipcsim("new", "p", "--problem")
    assert ipcsim("new", "mine", "--from", "p.yaml").returncode == 0
    text = (folder / "mine.yaml").read_text()
    assert "problem: p.yaml" in text
    assert "locking: mutex   # one of mutex, none" in text
    done = ipcsim("run", "mine.yaml")
    assert done.returncode == 0, done.stderr


def test_usage(ipcsim: Run, folder: Path) -> None:
    assert ipcsim("new", "x", "--from", "nothing-like-it").returncode == 2
    assert ipcsim("new", "x", "--from", "quick.yaml", "--problem").returncode == 2
    assert not (folder / "x.yaml").exists()
    assert ipcsim("new", "x", cwd="/proc").returncode == 4
