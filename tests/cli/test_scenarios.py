"""`check`, `show`, `list`, `schema`."""

from __future__ import annotations

import json
from pathlib import Path

from ipcsim import catalogue
from tests.cli.conftest import Run


def test_check_says_what_is_in_it(ipcsim: Run) -> None:
    done = ipcsim("check", "quick.yaml", "dining-philosophers")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "quick.yaml: ok: 2 processes, 1 semaphore set\n"
        "dining-philosophers: ok: 5 processes, 1 semaphore set, 2 properties\n"
    )


def test_check_tells_everything_of_every_file(ipcsim: Run, folder: Path) -> None:
    (folder / "bad.yaml").write_text("processes:\n  w: {cuont: 2, steps: []}\n")
    (folder / "worse.yaml").write_text("processes: [\n")
    done = ipcsim("check", "bad.yaml", "quick.yaml", "nowhere.yaml", "worse.yaml")
    assert done.returncode == 2
    assert done.stdout == "quick.yaml: ok: 2 processes, 1 semaphore set\n"
    assert "bad.yaml:2:7: error: unknown key `cuont`" in done.stderr
    assert "worse.yaml:" in done.stderr
    assert "nowhere.yaml" in done.stderr


def test_check_reads_every_variant(ipcsim: Run, folder: Path) -> None:
    (folder / "p.yaml").write_text(
        "problem: p\n"
        "parameters: {n: {type: int, default: 1, min: 0}}\n"
        "semaphores: {s: {a: {count: 3, value: 1}}}\n"
        "processes: {w: {steps: [P: 'a[n]']}}\n"
        "expect: [{with: {n: 1}, verdict: ok}, {with: {n: 7}, verdict: ok}]\n"
    )
    done = ipcsim("check", "p.yaml")
    assert done.returncode == 2
    assert "p.yaml:4:" in done.stderr
    assert done.stdout == ""


def test_show(ipcsim: Run) -> None:
    done = ipcsim("show", "dining-philosophers", "--set", "seats=3")
    assert done.returncode == 0, done.stderr
    for part in ("seats = 3", "philosopher[0..2]", "fork[0..2] = 1", "P: fork[left]", "strategy=ordered"):
        assert part in done.stdout
    assert ipcsim("show", "dining-philosophers", "--set", "x=3").returncode == 2


def test_list(ipcsim: Run) -> None:
    done = ipcsim("list")
    assert done.returncode == 0, done.stderr
    data = json.loads(ipcsim("list", "--json").stdout)
    names = {e["name"] for e in data["entries"]}
    assert names == {e.name for e in catalogue.entries()}
    assert all(name in done.stdout for name in names)
    assert not any(e["broken"] for e in data["entries"])


def test_schema(ipcsim: Run) -> None:
    schema = json.loads(ipcsim("schema").stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert "processes" in schema["properties"]


def test_colour_only_where_it_is_wanted(ipcsim: Run) -> None:
    import os

    assert "\x1b" not in ipcsim("list").stdout
    assert "\x1b[" in ipcsim("list", env={**os.environ, "FORCE_COLOR": "1"}).stdout
    assert "\x1b" not in ipcsim("list", env={**os.environ, "FORCE_COLOR": "1", "NO_COLOR": "1"}).stdout


def test_it_adapts_to_the_width(ipcsim: Run) -> None:
    import os

    narrow = ipcsim("show", "polling", env={**os.environ, "COLUMNS": "50"}).stdout
    assert max(map(len, narrow.splitlines())) <= 50
