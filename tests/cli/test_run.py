"""`run`, `replay` and `report`: verdicts, exit codes, streams, traces."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ipcsim.version import __version__
from tests.cli.conftest import Run
from tests.report.test_json import CONTRACT


def the_object(text: str) -> dict[str, Any]:
    """`text` is exactly one JSON object."""
    data, end = json.JSONDecoder().raw_decode(text)
    assert text[end:] == "\n"
    assert isinstance(data, dict)
    return data


def test_ok(ipcsim: Run, folder: Path) -> None:
    done = ipcsim("run", "quick.yaml", "--seed", "3")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.startswith("quick   seed 3\n\nok, as expected")
    (trace,) = (folder / "reports/quick").iterdir()
    assert f" events in reports/quick/{trace.name}\n" in done.stdout
    assert "again (may differ): ipcsim run quick.yaml --seed 3\n" in done.stdout
    assert "\x1b" not in done.stdout


def test_an_expected_deadlock(ipcsim: Run) -> None:
    done = ipcsim("run", "stuck.yaml")
    assert done.returncode == 0, done.stderr
    assert "deadlock, as expected" in done.stdout
    assert "after the last process blocked" in done.stdout


def test_a_verdict_that_was_not_expected(ipcsim: Run, folder: Path) -> None:
    text = (folder / "stuck.yaml").read_text().replace("expect: deadlock", "")
    (folder / "stuck.yaml").write_text(text)
    done = ipcsim("run", "stuck.yaml")
    assert done.returncode == 1
    assert "deadlock, but ok was expected" in done.stdout


def test_inconclusive(ipcsim: Run) -> None:
    done = ipcsim("run", "endless.yaml", "--timeout", "300ms")
    assert done.returncode == 3
    assert "inconclusive, but ok was expected" in done.stdout
    assert "--timeout 0.3s" in done.stdout


def test_the_end_on_purpose(ipcsim: Run) -> None:
    done = ipcsim("run", "endless.yaml", "--duration", "300ms")
    assert done.returncode == 0
    assert "Nothing was wrong until the run was stopped" in done.stdout


def test_json_is_one_object_with_every_key(ipcsim: Run) -> None:
    done = ipcsim("run", "stuck.yaml", "--json", "--scheduler", "random", "--seed", "5")
    assert done.returncode == 0
    assert done.stderr == ""
    data = the_object(done.stdout)
    assert data.keys() >= CONTRACT
    assert data["ipcsim"] == __version__
    assert (data["command"], data["scenario"], data["verdict"]) == ("run", "stuck", "deadlock")
    assert (data["seed"], data["scheduler"], data["schedule"]) == (5, "random", "0")
    assert Path(data["trace"]).is_file()


def test_no_trace(ipcsim: Run, folder: Path) -> None:
    done = ipcsim("run", "quick.yaml", "--no-trace")
    assert "no trace was written" in done.stdout
    assert not (folder / "reports").exists()
    assert ipcsim("run", "quick.yaml", "--no-trace", "--report", "x").returncode == 2


def test_a_folder_for_the_trace(ipcsim: Run, folder: Path) -> None:
    done = ipcsim("run", "quick.yaml", "--report", "deep/er")
    assert done.returncode == 0
    assert len(list((folder / "deep/er").iterdir())) == 1


@pytest.mark.parametrize("place", ["/proc/nowhere", "quick.yaml", "quick.yaml/x"])
def test_a_folder_that_cannot_be_written(ipcsim: Run, place: str) -> None:
    done = ipcsim("run", "quick.yaml", "--report", place)
    assert done.returncode == 4
    assert "--report DIR" in done.stderr
    assert done.stdout == ""


def test_where_the_usual_folder_cannot_be_written(ipcsim: Run, folder: Path) -> None:
    done = ipcsim("run", os.fspath(folder / "quick.yaml"), "--json", cwd="/proc")
    assert done.returncode == 0, done.stderr
    data = the_object(done.stdout)
    assert Path(data["trace"]).is_file()
    assert "cannot be written" in data["remarks"][0]
    Path(data["trace"]).unlink()
    Path(data["trace"]).parent.rmdir()


def test_the_same_seed_gives_the_same_steps_and_replay_takes_them(ipcsim: Run) -> None:
    first, second = (
        the_object(ipcsim("run", "quick.yaml", "--scheduler", "pct", "--seed", "2", "--json").stdout)
        for _ in range(2)
    )
    assert first["schedule"] == second["schedule"]
    done = ipcsim("replay", "quick.yaml", "--schedule", first["schedule"], "--json")
    assert done.returncode == 0, done.stderr
    replayed = the_object(done.stdout)
    assert replayed["command"] == "replay"
    assert replayed["schedule"] == first["schedule"]


def test_a_schedule_that_is_none(ipcsim: Run) -> None:
    done = ipcsim("replay", "quick.yaml", "--schedule", "0 nonsense")
    assert done.returncode == 2
    assert "word 2 of the schedule" in done.stderr


def test_report_says_what_the_run_said(ipcsim: Run, folder: Path) -> None:
    run = ipcsim("run", "stuck.yaml")
    (trace,) = (folder / "reports/stuck").iterdir()
    report = ipcsim("report", os.fspath(trace))
    assert report.returncode == 0
    assert run.stdout.split("\n")[2:8] == report.stdout.split("\n")[2:8]
    assert "ipcsim run stuck.yaml" in report.stdout
    assert the_object(ipcsim("report", os.fspath(trace), "--json").stdout)["verdict"] == "deadlock"


def test_report_of_what_is_no_trace(ipcsim: Run) -> None:
    for name in ("quick.yaml", "nowhere.trace"):
        done = ipcsim("report", name, "--json")
        assert done.returncode == 2
        assert the_object(done.stdout)["error"]["kind"] == "trace"
        assert name in done.stderr


def test_interrupted(folder: Path) -> None:
    command = [sys.executable, "-m", "ipcsim", "run", "endless.yaml", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        _wait_for_events(folder)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert the_object(out)["interrupted"] is True
    assert err == ""


def _wait_for_events(folder: Path) -> None:
    """Until the trace is there and the workers had time to start."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not list(folder.glob("reports/*/*.trace")):
        time.sleep(0.02)
    time.sleep(0.5)


def test_errors_with_json_are_one_object_too(ipcsim: Run, folder: Path) -> None:
    (folder / "bad.yaml").write_text("processes:\n  w: {cuont: 2, steps: []}\nqueues: 3\n")
    done = ipcsim("run", "bad.yaml", "--json")
    assert done.returncode == 2
    error = the_object(done.stdout)["error"]
    assert error["kind"] == "scenario"
    assert {d["line"] for d in error["diagnostics"]} >= {2, 3}
    assert "bad.yaml:2:" in done.stderr
    assert "did you mean `count`?" in done.stderr


def test_an_unknown_scenario(ipcsim: Run) -> None:
    done = ipcsim("run", "dining-philosopher", "--json")
    assert done.returncode == 2
    assert the_object(done.stdout)["error"]["kind"] == "usage"
    assert "did you mean `dining-philosophers`?" in done.stderr


def test_a_reader_that_goes_away_changes_nothing(ipcsim: Run) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as gone:
        for arguments, code in (
            (["run", "stuck.yaml"], 0),
            (["run", "endless.yaml", "--timeout", "200ms"], 3),
        ):
            done = ipcsim(*arguments, capture_output=False, stdout=gone, stderr=subprocess.PIPE)
            assert done.returncode == code
            assert done.stderr == ""


def test_a_full_disk_behind_stdout(ipcsim: Run) -> None:
    with open("/dev/full", "w") as full:
        for arguments in (["run", "quick.yaml"], ["--help"], ["list"]):
            done = ipcsim(*arguments, capture_output=False, stdout=full, stderr=subprocess.PIPE)
            assert done.returncode == 4
            assert "no room left" in done.stderr or "cannot write the output" in done.stderr


def test_no_stdout_at_all(ipcsim: Run) -> None:
    command = f"{sys.executable} -m ipcsim run quick.yaml >&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_locale_that_knows_no_accents(ipcsim: Run) -> None:
    done = ipcsim("show", "red-label", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
