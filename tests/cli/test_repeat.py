"""`run --repeat` and `ipcsim.repeat`: many runs, one answer."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ipcsim as package
from ipcsim import campaigns
from ipcsim.cli.main import main
from ipcsim.errors import EnvironmentProblem, UsageError
from ipcsim.report.campaign import Campaign
from ipcsim.verdict import Outcome, Verdict
from tests.cli.conftest import Run
from tests.cli.test_run import the_object

# a deadlock or not, as chance has it
SOMETIMES = """
scenario: sometimes
semaphores: {locks: {a: 1, b: 1}}
processes:
  one: {steps: [P: a, P: b, V: [a, b]]}
  other: {steps: [P: b, P: a, V: [a, b]]}
run: {scheduler: random}
expect: deadlock
"""
SEEDS = 8  # from 1 on, both verdicts come among them


@pytest.fixture
def ipcsim(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command in this process: a tenth of the time, and the same but for the streams."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, out, err)

    return run


@pytest.fixture(autouse=True)
def sometimes(folder: Path) -> None:
    (folder / "sometimes.yaml").write_text(SOMETIMES)


def test_text_json_and_files(ipcsim: Run, folder: Path) -> None:
    command = ("run", "sometimes.yaml", "--repeat", str(SEEDS), "--seed", "1")
    done = ipcsim(*command)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith(f"sometimes   {SEEDS} runs, seeds 1 to {SEEDS}   scheduler random\n")
    assert f"of {SEEDS} runs, and was expected in each" in done.stdout
    assert "first deadlock: run " in done.stdout
    assert "first ok: run " in done.stdout
    assert "ipcsim replay sometimes.yaml --schedule" in done.stdout
    assert done.stderr == ""
    kept = sorted((folder / "reports/sometimes").iterdir())
    assert [p.suffix for p in kept].count(".trace") == 2
    (file,) = (p for p in kept if p.name.endswith(".campaign.json"))
    again = ipcsim("report", str(file.relative_to(folder)), "--format", "text")
    assert again.returncode == 0, again.stderr
    assert again.stdout == done.stdout
    data = the_object(ipcsim(*command, "--json", "--report", "all").stdout)
    assert data["verdict"] == "deadlock"
    assert data["repeat"] == SEEDS == sum(data["verdicts"].values())
    assert [r["seed"] for r in data["runs"]] == list(range(1, SEEDS + 1))
    assert all(Path(r["trace"]).is_file() for r in data["runs"])
    assert Path(data["campaign"]).parent == Path("all")
    assert data["seed"] == next(r["seed"] for r in data["runs"] if r["verdict"] == "deadlock")


def test_exit_codes(ipcsim: Run) -> None:
    assert ipcsim("run", "stuck.yaml", "--repeat", "2", "--no-trace").returncode == 0
    done = ipcsim("run", "endless.yaml", "--repeat", "2", "--timeout", "100ms", "--no-trace", "--json")
    assert done.returncode == 3
    assert the_object(done.stdout)["trace"] is None


@pytest.mark.parametrize("options", [["--repeat", "0"], ["--repeat", "x"], ["--repeat", "2", "--live"]])
def test_what_cannot_be(options: list[str], ipcsim: Run) -> None:
    done = ipcsim("run", "quick.yaml", *options)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_annotations_of_each_verdict_once(ipcsim: Run) -> None:
    done = ipcsim("run", "sometimes.yaml", "--repeat", str(SEEDS), "--seed", "1", "--annotations", "--json")
    the_object(done.stdout)
    assert done.stderr.count("::notice file=sometimes.yaml,line=") == 1
    assert done.stderr.count("::error file=sometimes.yaml,line=1,") == 1


def test_interrupted_with_what_is_known(folder: Path) -> None:
    command = [sys.executable, "-m", "ipcsim", "run", "quick.yaml", "--repeat", "100000", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not list(folder.glob("reports/quick/*.trace")):
            time.sleep(0.02)
        time.sleep(0.7)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert err == ""
    data = the_object(out)
    assert data["interrupted"] is True
    assert data["repeat"] == 100_000
    assert data["verdicts"].keys() <= {"ok"}


def test_from_python(folder: Path) -> None:
    seen: list[Outcome] = []
    campaign = package.repeat("sometimes.yaml", SEEDS, seed=1, progress=seen.append)
    assert isinstance(campaign, Campaign)
    assert campaign.path is None
    assert tuple(seen) == campaign.outcomes
    assert campaign.counts.keys() == {Verdict.DEADLOCK, Verdict.OK}
    assert campaign.seeds == tuple(range(1, SEEDS + 1))
    again = package.run("sometimes.yaml", seed=campaign.firsts[Verdict.OK].seed)
    assert again.verdict is Verdict.OK
    program = package.load("quick.yaml")
    assert package.repeat(program, 1).verdict is Verdict.OK
    chance = package.repeat("quick.yaml", 2, trace_dir=folder / "here", keep_all=True)
    first, second = chance.seeds
    assert (first or 0) + 1 == second
    assert len(list((folder / "here").glob("*.trace"))) == 2
    assert isinstance(campaigns.read(chance.path or "").found, Campaign)


def test_python_says_what_cannot_be(folder: Path) -> None:
    for number in (0, -1, True, 2.0, 10**9):
        with pytest.raises(UsageError, match="number of runs"):
            package.repeat("quick.yaml", number)  # type: ignore[arg-type]
    for seed in (-1, 2**63 - 1, "x"):
        with pytest.raises(UsageError, match="`seed` is a whole number"):
            package.repeat("quick.yaml", 2, seed=seed)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="arguments already"):
        package.repeat(package.load("quick.yaml"), 2, n=3)
    with pytest.raises(EnvironmentProblem, match="it is a file"):
        package.repeat("quick.yaml", 2, trace_dir="quick.yaml")


def test_a_damaged_campaign_file(ipcsim: Run, folder: Path) -> None:
    path = folder / "x.campaign.json"
    path.write_text('{"ipcsim-campaign": 7}')
    done = ipcsim("report", "x.campaign.json")
    assert done.returncode == 2
    assert "campaign format 7" in done.stderr
    campaign = package.repeat("quick.yaml", 1, trace_dir=folder)
    done = ipcsim("report", campaign.path or "", "--format", "dot")
    assert done.returncode == 2
    assert "dot is of one trace" in done.stderr
    assert json.loads(ipcsim("report", campaign.path or "", "--json").stdout)["verdicts"] == {"ok": 1}
