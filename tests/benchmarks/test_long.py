"""The sums of long runs: they add up over calls, however those end, and never over versions of the code."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks import long, sums
from benchmarks.sums import ROOT, Failure, State, Unit

UNTIL = 30.0  # seconds that a call may take to begin


def call(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.long", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50)


def sums_in(file: Path) -> dict[str, Any]:
    (version,) = json.loads(file.read_text())["versions"].values()
    return dict(version)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kernel.json"


def test_each_call_goes_on_where_the_last_one_ended(file: Path) -> None:
    for count, sum_ in ((2, 2), (1, 3)):
        result = call("kernel", "--count", count, "--state", file)
        assert result.returncode == 0, result.stderr
        assert sums_in(file)["next"] == sums_in(file)["counts"]["programs"] == sum_
    shown = call("kernel", "--show", "--state", file)
    assert shown.returncode == 0
    assert "kernel: 3 programs" in shown.stdout
    assert "0 disagreements" in shown.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_call_may_be_ended_at_any_moment(file: Path, number: signal.Signals) -> None:
    """What was counted stays, and the next call begins with the unit that was not finished."""
    command = [sys.executable, "-m", "benchmarks.long", "kernel", "--minutes", "5", "--state", str(file)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as popen:
        deadline = time.monotonic() + UNTIL
        while not (file.exists() and sums_in(file)["next"] >= 2):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        popen.send_signal(number)
        out, _ = popen.communicate(timeout=UNTIL)
    before = sums_in(file)
    assert before["counts"]["programs"] == before["next"] >= 2
    assert popen.returncode == (0 if number != signal.SIGKILL else -signal.SIGKILL)
    if number != signal.SIGKILL:
        assert "ended by a signal" in out
    assert call("kernel", "--count", 1, "--state", file).returncode == 0
    assert sums_in(file)["next"] == before["next"] + 1


def test_two_calls_do_not_count_into_one_file(file: Path) -> None:
    with State(file, "kernel").locked():
        result = call("kernel", "--count", 1, "--state", file)
    assert result.returncode == 2
    assert "another call counts into" in result.stderr
    assert not file.exists()


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"format": 1, "kind": "soak", "versions": {}}'])
def test_a_file_of_something_else_is_refused(file: Path, text: str) -> None:
    file.write_text(text)
    result = call("kernel", "--count", 1, "--state", file)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr
    assert str(file) in result.stderr
    assert "--state" in result.stderr
    assert file.read_text() == text


# --- the sums themselves ---


def test_failures_are_remembered_with_a_line_that_does_it_again(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = State(file, "free")
    state.present.add(Unit({"runs": 1}, (Failure(7, "it departed", "kept.trace"),)), 1.0)
    state.save()
    later = State(file, "free")
    later.present.add(Unit({"runs": 1}), 1.0)
    assert long.show(later) == 1
    shown = capsys.readouterr().out
    assert "free: 2 runs" in shown
    assert "seed 7: it departed" in shown
    assert "kept.trace" in shown
    assert "python -m benchmarks.long free --seed 7" in shown


def test_what_another_version_found_is_kept_apart(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as other:
        other.setattr(sums, "digest", lambda: "of another version")
        state = State(file, "soak")
        state.present.add(Unit({"runs": 5}, (Failure(3, "a false alarm"),)), 1.0)
        state.save()
    state = State(file, "soak")
    state.present.add(Unit({"runs": 1}), 1.0)
    state.save()
    assert State(file, "soak").present.counts == {"runs": 1}
    assert long.show(State(file, "soak")) == 0
    assert "not counted: soak: 5 runs" in capsys.readouterr().out


def test_the_version_is_that_of_the_code_not_of_the_prose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sums, "ROOT", tmp_path)
    (tmp_path / "ipcsim").mkdir()
    code, prose = tmp_path / "ipcsim" / "it.py", tmp_path / "ipcsim" / "it.md"
    found = []
    for path, text in ((code, "1"), (prose, "words"), (code, "2"), (code, "1")):
        path.write_text(text)
        found.append(sums.digest.__wrapped__())
    assert found[0] == found[1] == found[3] != found[2]


def test_a_unit_that_breaks_off_is_a_disagreement_and_stops_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(seed: int) -> Unit:
        raise ValueError(f"no {seed}")

    monkeypatch.setitem(long.KINDS, "free", lambda folder: contextlib.nullcontext(broken))
    state = State(file, "free")
    long.work(state, "free", 1.0, 2)
    assert state.present.counts == {"units that broke off": 2}
    assert [f.seed for f in state.present.failures] == [0, 1]
    assert "ValueError: no 1" in state.present.failures[1].words


def test_the_cores_are_busy_only_as_long_as_they_should_be() -> None:
    from benchmarks.soak import busy

    def children() -> set[int]:
        text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
        return {int(pid) for pid in text.split()}

    before = children()
    with busy():
        burners = children() - before
        assert len(burners) == len(os.sched_getaffinity(0))
    assert children() == before
    assert not any(Path(f"/proc/{pid}").exists() for pid in burners)
