"""`verify`: verdicts, exit codes, streams, limits, and what is printed when it is interrupted."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ipcsim.version import __version__
from tests.cli.conftest import Run

LEAST = {
    "ipcsim", "command", "scenario", "verdict", "expect", "as_expected", "complete", "findings", "seed",
    "duration_s", "states", "transitions", "reduction", "counterexample",
}  # fmt: skip
# Everybody goes round for ever among very many states.
BIG = """
scenario: big
semaphores: {s: {a: {count: 12, value: 1}}}
processes:
  w: {count: 12, steps: [forever: [P: "a[me]", phase: here, V: "a[me]"]]}
"""


@pytest.fixture(autouse=True)
def big(folder: Path) -> None:
    (folder / "big.yaml").write_text(BIG)


def the_object(text: str) -> dict[str, Any]:
    data, end = json.JSONDecoder().raw_decode(text)
    assert text[end:] == "\n"
    assert isinstance(data, dict)
    return data


# --- verdicts and exit codes ---


def test_proved(ipcsim: Run) -> None:
    done = ipcsim("verify", "quick.yaml")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "Proved for every interleaving (weak semaphores)" in done.stdout
    assert "ipcsim replay" not in done.stdout


def test_an_expected_deadlock_and_the_line_that_replays_it(ipcsim: Run) -> None:
    done = ipcsim("verify", "stuck.yaml", "--no-trace")
    assert done.returncode == 0, done.stderr
    assert "deadlock, as expected" in done.stdout
    line = next(part for part in done.stdout.splitlines() if "ipcsim replay" in part)
    words = shlex.split(line[line.index("ipcsim replay") :])
    again = ipcsim(*words[1:])
    assert again.returncode == 0, again.stderr
    assert "deadlock, as expected" in again.stdout


def test_a_verdict_that_was_not_expected(ipcsim: Run, folder: Path) -> None:
    (folder / "stuck.yaml").write_text((folder / "stuck.yaml").read_text().replace("expect: deadlock", ""))
    done = ipcsim("verify", "stuck.yaml", "--no-trace")
    assert done.returncode == 1
    assert "deadlock, but ok was expected" in done.stdout


@pytest.mark.parametrize("search", ["breadth", "depth"])
@pytest.mark.parametrize(
    ("limit", "told"),
    [
        (("--max-states", "100"), "the limit of 100 states"),
        (("--timeout", "50ms"), "the limit of 0.05 s"),
        (("--max-memory", "1MB"), "the limit of 1 MiB"),
    ],
)
def test_a_limit_is_inconclusive_never_ok(
    ipcsim: Run, search: str, limit: tuple[str, str], told: str
) -> None:
    done = ipcsim("verify", "big.yaml", "--reduction", "none", "--search", search, "--json", *limit)
    assert done.returncode == 3, done.stdout
    data = the_object(done.stdout)
    assert data["verdict"] == "inconclusive"
    assert data["complete"] is False
    assert told in data["stopped"]
    assert told in data["findings"][0]["message"]
    assert f"{data['states']:,} states" in data["findings"][0]["message"]


def test_no_more_states_than_allowed(ipcsim: Run) -> None:
    done = ipcsim("verify", "big.yaml", "--reduction", "none", "--max-states", "100", "--json")
    assert 100 <= the_object(done.stdout)["states"] <= 200  # the last one is expanded to its end


def test_what_was_found_before_the_limit_counts(ipcsim: Run) -> None:
    done = ipcsim("verify", "transfer", "--max-states", "100", "--no-trace")
    assert done.returncode == 0
    assert "deadlock, as expected" in done.stdout


# --- JSON ---


@pytest.mark.parametrize("name", ["quick.yaml", "stuck.yaml", "lost-update", "polling"])
def test_json_is_one_object_with_every_key(ipcsim: Run, name: str) -> None:
    done = ipcsim("verify", name, "--json", "--no-trace")
    assert done.returncode == 0
    assert done.stderr == ""
    data = the_object(done.stdout)
    assert data.keys() >= LEAST
    assert "request" not in data
    assert (data["ipcsim"], data["command"], data["seed"]) == (__version__, "verify", None)
    assert isinstance(data["states"], int)
    assert isinstance(data["transitions"], int)
    assert isinstance(data["reduction"], str)
    if data["verdict"] == "ok":
        assert data["counterexample"] is None
        assert data["findings"] == []
    else:
        assert data["counterexample"].keys() == {"schedule", "length"}
        assert data["counterexample"]["length"] > 0
        for finding in data["findings"]:
            assert finding.keys() >= {"kind", "processes", "objects", "cycle", "at", "message"}


def test_the_same_twice(ipcsim: Run) -> None:
    """In two processes, with two seeds of Python's hashes."""
    told = []
    for seed in ("1", "2"):
        done = ipcsim(
            "verify", "lost-update", "--set", "payments=2", "--json", "--no-trace",
            env={**os.environ, "PYTHONHASHSEED": seed},
        )  # fmt: skip
        data = the_object(done.stdout)
        del data["duration_s"]
        told.append(data)
    assert told[0] == told[1]


# --- bad input ---


@pytest.mark.parametrize(
    "arguments",
    [
        ("--reduction", "some"),
        ("--semaphores", "strong"),
        ("--fairness", "unfair"),
        ("--search", "width"),
        ("--crashes", "-1"),
        ("--crashes", "101"),
        ("--crashes", "many"),
        ("--max-states", "0"),
        ("--max-states", "-5"),
        ("--max-states", "1.5"),
        ("--max-memory", "0"),
        ("--max-memory", "much"),
        ("--max-memory", "-1GB"),
        ("--timeout", "0s"),
        ("--timeout", "soon"),
        ("--timeout", "99999999999999999999h"),
        ("--set", "nothing=3"),
        ("--no-such-option",),
        ("--report", "here", "--no-trace"),
    ],
    ids=" ".join,
)
def test_usage_errors(ipcsim: Run, arguments: tuple[str, ...]) -> None:
    done = ipcsim("verify", "quick.yaml", *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--max-states", "9" * 60),
        ("--max-memory", "9" * 40 + "GB"),
        ("--crashes", "100"),
        ("--timeout", "10h"),
    ],
    ids=lambda a: a[0],
)
def test_huge_numbers_are_numbers(ipcsim: Run, arguments: tuple[str, ...]) -> None:
    done = ipcsim("verify", "quick.yaml", "--no-trace", "--json", *arguments)
    assert done.returncode in (0, 1), done.stderr
    assert the_object(done.stdout)["complete"] is True


@pytest.mark.parametrize("name", ["no-such-scenario", "no-such-file.yaml", "."])
def test_unknown_scenario(ipcsim: Run, name: str) -> None:
    done = ipcsim("verify", name)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    as_json = ipcsim("verify", name, "--json")
    assert as_json.returncode == 2
    assert the_object(as_json.stdout)["command"] == "verify"


# --- another finding, and again ---


def test_the_other_findings_have_numbers_and_schedules(ipcsim: Run) -> None:
    done = ipcsim("verify", "lost-update", "--set", "payments=1", "--no-trace")
    assert "On other ways (`--finding N` shows one):" in done.stdout
    assert re.search(r"^ +2  violation: At the end the property", done.stdout, re.MULTILINE)
    other = ipcsim("verify", "lost-update", "--set", "payments=1", "--no-trace", "--finding", "2", "--replay")
    assert other.stdout.split("\n\n")[2].strip().startswith("At the end the property")
    assert "ended in the same violation, at the same lines" in " ".join(other.stdout.split())
    line = re.search(r"again: +(ipcsim verify .*)", other.stdout)
    assert line is not None
    assert line[1] == "ipcsim verify lost-update --set payments=1 --finding 2"


def test_a_finding_that_is_not_there(ipcsim: Run) -> None:
    done = ipcsim("verify", "stuck.yaml", "--no-trace", "--finding", "7")
    assert done.returncode == 2
    assert "there is no finding 7: there is 1" in done.stderr
    assert the_object(ipcsim("verify", "stuck.yaml", "--finding", "7", "--json").stdout)["error"]


def test_again_drops_no_option(ipcsim: Run) -> None:
    said = [
        *("--semaphores", "kernel", "--fairness", "weak", "--crashes", "1", "--reduction", "none"),
        *("--search", "depth", "--max-states", "3000", "--max-memory", "1000000000"),
        *("--timeout", "37.5s", "--all"),
    ]
    done = ipcsim("verify", "stuck.yaml", "--no-trace", *said)
    line = re.search(r"again: +ipcsim verify stuck.yaml (.*)", done.stdout)
    assert line is not None
    assert shlex.split(line[1]) == said


# --- traces, and replays ---


def test_the_counterexample_is_a_trace(ipcsim: Run, folder: Path) -> None:
    done = ipcsim("verify", "stuck.yaml")
    (trace,) = (folder / "reports/stuck").iterdir()
    assert f"ipcsim report reports/stuck/{trace.name}" in done.stdout
    shown = ipcsim("report", os.fspath(trace))
    assert shown.returncode == 0, shown.stderr
    assert "deadlock" in shown.stdout


def test_replay_in_one_go(ipcsim: Run) -> None:
    done = ipcsim("verify", "stuck.yaml", "--replay", "--no-trace")
    assert done.returncode == 0, done.stderr
    assert "Real processes took the same 1 step" in done.stdout
    data = the_object(ipcsim("verify", "stuck.yaml", "--replay", "--no-trace", "--json").stdout)
    assert data["replay"]["verdict"] == "deadlock"
    assert data["replay"]["same"] is True


def test_replay_as_printed_for_a_shipped_scenario(ipcsim: Run) -> None:
    done = ipcsim("verify", "lost-update", "--set", "payments=1", "--no-trace")
    line = re.search(r"ipcsim replay .*", done.stdout)
    assert line is not None
    again = ipcsim(*shlex.split(line[0])[1:], "--json")
    assert the_object(again.stdout)["verdict"] == "race"


# --- Ctrl-C, and what ends a process in order ---


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_ctrl_c_prints_what_is_known(folder: Path, form: tuple[str, ...], number: signal.Signals) -> None:
    done = interrupted(["big.yaml", "--reduction", "none", *form], number)
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    if form:
        data = the_object(done.stdout)
        assert data["verdict"] == "inconclusive"
        assert data["complete"] is False
        assert data["states"] > 0
    else:
        assert re.search(r"You stopped it after [\d,]+ states", done.stdout)


def interrupted(arguments: list[str], number: signal.Signals) -> subprocess.CompletedProcess[str]:
    """The signal as soon as the search is under way."""
    child = subprocess.Popen(
        [sys.executable, "-m", "ipcsim", "verify", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # whoever started the tests in the background has had SIGINT ignored, which is inherited
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    wait_until_busy(child.pid)
    child.send_signal(number)
    out, err = child.communicate(timeout=40)
    return subprocess.CompletedProcess(child.args, child.returncode, out, err)


def wait_until_busy(pid: int, seconds: float = 1.5) -> None:
    """Until the process has computed for so long: it is past its imports then."""
    until = time.monotonic() + 40
    tick = os.sysconf("SC_CLK_TCK")
    while time.monotonic() < until:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        if (int(fields[11]) + int(fields[12])) / tick > seconds:
            return
        time.sleep(0.02)
    raise AssertionError("it does not compute")
