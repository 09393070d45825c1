"""`reports/` has a budget: the oldest traces of a scenario go, and nothing else does."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from multiprocessing import get_context
from pathlib import Path

import pytest

from ipcsim import api, budget, campaigns, verification
from ipcsim.errors import UsageError
from tests.cli.conftest import Run

KIB = 1024


@pytest.fixture
def reports(folder: Path) -> Path:
    """`reports/quick` with five traces of 10 KiB, from the oldest on: 0.trace … 4.trace."""
    place = folder / "reports" / "quick"
    place.mkdir(parents=True)
    for number in range(5):
        write(place / f"{number}.trace", age=100 - number)
    return place


def write(path: Path, scenario: str = "quick", age: float = 0, size: int = 10 * KIB) -> None:
    """A file that begins as a trace does."""
    head = json.dumps({"ipcsim-trace": 1, "scenario": scenario, "program": {}}, separators=(",", ":"))
    path.write_bytes(head.encode() + b"\n" + bytes(size - len(head) - 1))
    now = path.stat().st_mtime
    os.utime(path, (now - age, now - age))


def names(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()}


def limited(monkeypatch: pytest.MonkeyPatch, kilobytes: int) -> None:
    monkeypatch.setenv(budget.SETTING, f"{kilobytes}kB")


def enforce(*kept: str) -> str:
    return budget.enforce(Path("reports/quick"), "quick", [f"reports/quick/{name}" for name in kept])


def test_the_oldest_go_and_are_told(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, 31)
    assert "removed the 2 oldest traces of quick from reports/quick (20.5 kB)" in enforce()
    assert names(reports) == {"2.trace", "3.trace", "4.trace"}
    assert enforce() == ""


def test_what_was_just_written_stays(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, 1)
    enforce("0.trace", "3.trace")
    assert names(reports) == {"0.trace", "3.trace"}


def test_nothing_else_goes(reports: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is called: what is no trace, of another scenario, reached by a link, in another folder."""
    limited(monkeypatch, 0)
    (reports / "5.trace").write_bytes(b"a diary\n" + bytes(50 * KIB))
    (reports / "6.trace").write_text('{"ipcsim-trace":1,"scenario":["quick"]}\n')
    write(reports / "7.trace", "other", age=500)
    write(folder / "victim.trace", age=500)
    (reports / "8.trace").symlink_to(folder / "victim.trace")
    (reports / "9.trace").mkdir()
    write(reports / "9.trace" / "inner.trace", age=500)
    os.mkfifo(reports / "10.trace")
    shutil.copy(reports / "0.trace", reports / "page.html")  # a trace, though not called one
    stay = {f"{n}.trace" for n in range(5, 11)}
    enforce()
    assert names(reports) == stay
    assert (folder / "victim.trace").exists()
    assert (reports / "9.trace" / "inner.trace").exists()


@pytest.mark.parametrize("which", ["reports", "reports/quick"])
def test_no_link_is_followed(
    reports: Path, folder: Path, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, 0)
    os.rename(which, "elsewhere")
    Path(which).symlink_to(folder / "elsewhere")
    assert enforce() == ""
    assert len(list(folder.glob("elsewhere/**/*.trace"))) == 5


def test_the_trace_of_a_live_run_stays(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts, but others go for it; when its run has ended it may go, too."""
    limited(monkeypatch, 21)
    with (reports / "0.trace").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        enforce()
        assert names(reports) == {"0.trace", "4.trace"}
    write(reports / "5.trace", age=-10)
    enforce()
    assert names(reports) == {"4.trace", "5.trace"}


def test_a_run_holds_its_trace_while_it_lasts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, 0)
    seen: list[set[str]] = []

    def look(_: object) -> None:
        assert budget.enforce(Path("reports/endless"), "endless", []) == ""
        seen.append(names(folder / "reports" / "endless"))

    api.run("endless.yaml", duration=0.5, trace_dir=api.TraceDir.DEFAULT, progress=look)
    assert seen
    assert all(len(found) == 1 for found in seen)
    assert "removed the oldest trace" in budget.enforce(Path("reports/endless"), "endless", [])


def test_runs_campaigns_and_verifications_keep_to_it(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each removes the five older ones and what the one before it wrote, never its own."""
    limited(monkeypatch, 0)
    told: list[str] = []
    request = api.Request("quick.yaml", trace_dir=api.TraceDir.DEFAULT, told=told.append)
    program = api.load("quick.yaml")
    outcome = api.execute(program, request)
    assert names(reports) == {Path(outcome.extra["trace"]).name}
    assert told == [words for words in told if words.startswith("ipcsim: removed the 5 oldest traces")]
    campaign = campaigns.execute(program, request, 2)
    (kept,) = campaign.firsts.values()
    assert names(reports) == {Path(kept.extra["trace"]).name, Path(campaign.path or "").name}
    stuck = verification.verify("stuck.yaml", replay=True, trace_dir=api.TraceDir.DEFAULT)
    written = (stuck.extra["trace"], stuck.extra["replay"]["trace"])
    assert names(reports.parent / "stuck") == {Path(path).name for path in written}
    verified = verification.verify("quick.yaml", trace_dir=api.TraceDir.DEFAULT)
    assert [r for r in verified.extra["remarks"] if "removed the oldest trace of quick" in r]


def test_the_trace_says_whose_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A named folder keeps everything; what is written there is known as a trace all the same."""
    limited(monkeypatch, 0)
    for _ in range(2):
        api.run("quick.yaml", trace_dir="reports/quick")
    assert len(names(folder / "reports" / "quick")) == 2
    assert "2 oldest traces" in enforce()


def _enforce(_: int) -> str:
    return enforce()


def test_many_at_a_time_remove_no_more_than_one_would(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, 1025)
    for number in range(5, 200):
        write(reports / f"{number}.trace", age=1000 - number)
    with get_context("fork").Pool(4) as pool:
        said = pool.map(_enforce, range(4), chunksize=1)
    assert any(said)
    assert len(names(reports)) == 100


@pytest.mark.parametrize("value", ["lots", "-1MB", "1", "1 TB"])
def test_a_setting_that_makes_no_sense(ipcsim: Run, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(budget.SETTING, value)
    with pytest.raises(UsageError, match=budget.SETTING):
        api.run("quick.yaml", trace_dir=api.TraceDir.DEFAULT)
    assert not Path("reports/quick").exists()


def test_off(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(budget.SETTING, "off")
    assert enforce() == ""
    assert len(names(reports)) == 5


def test_the_command_tells_it_on_stderr(ipcsim: Run, reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limited(monkeypatch, 0)
    done = ipcsim("run", "quick.yaml", "--json")
    assert done.returncode == 0
    assert len(done.stderr.splitlines()) == 1
    assert "5 oldest traces of quick" in done.stderr
    assert Path(json.loads(done.stdout)["trace"]).exists()
