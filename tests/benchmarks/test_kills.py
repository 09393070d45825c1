"""Runs that are killed: a few of what `python -m benchmarks.long kills` does; that it sees what is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import doomed, kills
from benchmarks.sums import ROOT
from tests.benchmarks.test_long import sums_in

COUNT = 18


@pytest.mark.timeout(600)
def test_nothing_is_left_of_runs_that_are_killed(tmp_path: Path) -> None:
    state = tmp_path / "kills.json"
    command = ["-m", "benchmarks.long", "kills", "--count", str(COUNT), "--state", str(state)]
    result = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=580)
    assert result.returncode == 0, result.stdout + result.stderr
    counts = sums_in(state)["counts"]
    assert counts["wrong"] == 0
    assert counts["kills"] + counts["runs that were over before"] == COUNT
    assert counts["kills"] > COUNT // 2
    for victim in kills.VICTIMS:
        assert counts[f"of a {victim}"], victim


def test_every_victim_is_met_in_every_shape() -> None:
    plans = [kills.plan(seed) for seed in range(len(kills.VICTIMS) * len(doomed.SHAPES))]
    met = {(p.victim, p.shape) for p in plans}
    elsewhere = [v for v in kills.VICTIMS if v != kills.CHILD]
    assert met == {(v, s) for v in elsewhere for s in doomed.SHAPES} | {(kills.CHILD, "spawning")}
    assert {p.start for p in plans} == set(kills.STARTS)
    assert {p.moment for p in plans} == set(kills.MOMENTS)
    assert kills.plan(7) == kills.plan(7)


# --- it sees what is left: in a process of its own, because who looks adopts every orphan ---

LEAVING = """
import json, os, time
from dataclasses import replace
from pathlib import Path
from benchmarks import kills
from ipcsim.runner import objects
from ipcsim.sysv import segments

def process(self):
    if os.fork() == 0:
        os.setsid()
        time.sleep(60)
    time.sleep(60)

def an_object(self):
    segments.create(0x77, 1, 0o1600)
    time.sleep(60)

def nothing(self):
    time.sleep(60)

def a_run_that_fails(self):
    print("Traceback (most recent call last)", file=__import__("sys").stderr)
    return 70

kills.DIES = 0.3
kills.Attempt._work = LEFT
plan = replace(kills.plan(0), shape="running", victim=kills.SUPERVISOR)
plan = replace(plan, start=kills.COMMAND, moment=kills.BEGIN, delay=0.3)
with kills.started(Path()) as _:
    unit = kills.unit(plan, Path(os.environ["XDG_RUNTIME_DIR"]))
print(json.dumps([unit.counts["kills"], [f.words for f in unit.failures]]))
"""


@pytest.mark.parametrize(
    ("left", "told"),
    [
        ("process", "left process"),
        ("an_object", "left after clean: ('segment', "),
        ("a_run_that_fails", "exit code 70: Traceback"),
        ("nothing", None),
    ],
)
def test_what_is_left_is_told(left: str, told: str | None) -> None:
    command = [sys.executable, "-c", LEAVING.replace("LEFT", left)]
    environment = {**os.environ, "PYTHONPATH": os.fspath(ROOT)}
    result = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=50, check=True
    )
    struck, words = json.loads(result.stdout)
    assert struck == (left != "a_run_that_fails")
    if told is None:
        assert not words
    else:
        (one,) = words
        assert told in one
        assert "running (ipcsim run, " in one
        assert "supervisor killed 0.3000 s after its start" in one
