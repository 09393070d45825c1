"""`ipcsim report`: every form, from the trace alone."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

import ipcsim as package
from ipcsim.cli.main import main
from ipcsim.cli.report import FORMATS
from ipcsim.report import forms
from tests.cli.conftest import Run
from tests.cli.test_run import the_object


@pytest.fixture
def ipcsim(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command in this process: a tenth of the time, and the same but for the streams."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, out, err)

    return run


@pytest.fixture
def trace(folder: Path) -> str:
    """Of the scenario `stuck`, in the usual place."""
    return str(package.run("stuck.yaml", trace_dir="reports/stuck").extra["trace"])


def test_as_a_process_of_its_own(trace: str) -> None:
    command = [sys.executable, "-m", "ipcsim", "report", trace, "--format", "dot"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("digraph")


def test_the_text_and_the_page_beside_the_trace(ipcsim: Run, trace: str) -> None:
    done = ipcsim("report", trace)
    assert done.returncode == 0, done.stderr
    page = trace.replace(".trace", ".html")
    assert done.stdout.endswith(f"  page: {page}\n")
    assert "deadlock, as expected" in done.stdout
    assert "waiting (calls that can sleep" in done.stdout
    assert Path(page).read_text().lstrip().lower().startswith("<!doctype html>")


def test_nothing_but_the_trace_is_needed(ipcsim: Run, trace: str, folder: Path) -> None:
    (folder / "stuck.yaml").unlink()
    moved = folder / "elsewhere" / "x.trace"
    moved.parent.mkdir()
    Path(trace).rename(moved)
    assert "stuck.yaml:5" in ipcsim("report", "elsewhere/x.trace", "--format", "text").stdout


def test_a_page_that_cannot_be_written_is_a_remark(ipcsim: Run, trace: str, folder: Path) -> None:
    Path(trace.replace(".trace", ".html")).mkdir()
    done = ipcsim("report", trace)
    assert done.returncode == 0
    assert "deadlock, as expected" in done.stdout
    assert "remark: there is no page: cannot write" in done.stdout


def test_a_trace_is_never_overwritten_by_its_page(ipcsim: Run, trace: str, folder: Path) -> None:
    Path(trace).rename(folder / "x.html")
    done = ipcsim("report", "x.html")
    assert done.stdout.endswith("page: x.html.html\n")
    assert (folder / "x.html").read_bytes().startswith(b'{"ipcsim-trace"')


def test_the_command_and_the_package_know_the_same_forms() -> None:
    assert FORMATS == forms.NAMES


@pytest.mark.parametrize("form", [f for f in FORMATS if f != "html"])
def test_every_form_on_stdout(form: str, ipcsim: Run, trace: str) -> None:
    done = ipcsim("report", trace, "--format", form)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.startswith(
        {
            "text": "report of stuck",
            "json": "{\n",
            "dot": 'digraph "wait for" {',
            "mermaid": "stateDiagram-v2\n",
            "sequence": "sequenceDiagram\n",
            "trace-event": '{"displayTimeUnit":"ms"',
            "waits": "process,at,call,object,began,waited,unit,result,woken by\n",
            "graphml": "<?xml version",
            "annotations": "::notice file=stuck.yaml,line=5,",
        }[form]
    )
    if form in ("json", "trace-event"):
        json.loads(done.stdout)
    if form == "waits":
        (row,) = csv.DictReader(done.stdout.splitlines())
        assert row["result"] == "never ended"


def test_output(ipcsim: Run, trace: str, folder: Path) -> None:
    done = ipcsim("report", trace, "--format", "dot", "--output", "x.dot")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "dot: x.dot\n")
    assert (folder / "x.dot").read_text() == ipcsim("report", trace, "--format", "dot").stdout
    assert ipcsim("report", trace, "--json", "--output", "x.json").returncode == 0
    the_object((folder / "x.json").read_text())
    done = ipcsim("report", trace, "--format", "html", "--output", "-")
    assert "<html" in done.stdout
    assert not Path(trace.replace(".trace", ".html")).exists()
    done = ipcsim("report", trace, "--format", "dot", "--output", "/proc/x")
    assert done.returncode == 4
    assert "cannot write /proc/x" in done.stderr


@pytest.mark.parametrize(
    "options", [["--json", "--format", "dot"], ["--output", "x"], ["--format", "pdf"], ["--format", ""]]
)
def test_what_cannot_be(options: list[str], ipcsim: Run, trace: str) -> None:
    done = ipcsim("report", trace, *options)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_annotations_go_where_they_do_not_disturb(ipcsim: Run, trace: str, folder: Path) -> None:
    plain = ipcsim("report", trace, "--annotations")
    assert "\n::notice file=stuck.yaml,line=5,title=" in plain.stdout
    done = ipcsim("report", trace, "--annotations", "--json")
    the_object(done.stdout)
    assert done.stderr.startswith("::notice ")
    done = ipcsim("run", "stuck.yaml", "--annotations", "--no-trace")
    assert "\n::notice file=stuck.yaml,line=5,title=" in done.stdout
    done = ipcsim("run", "stuck.yaml", "--annotations", "--no-trace", "--json")
    the_object(done.stdout)
    assert done.stderr.startswith("::notice ")


def test_a_damaged_trace_is_told_in_words(ipcsim: Run, trace: str, folder: Path) -> None:
    raw = Path(trace).read_bytes()
    (folder / "cut.trace").write_bytes(raw[:-30])
    done = ipcsim("report", "cut.trace", "--format", "text")
    assert done.returncode == 0
    assert "damaged" in done.stdout
    (folder / "new.trace").write_bytes(raw.replace(b'"ipcsim-trace":1', b'"ipcsim-trace":9', 1))
    done = ipcsim("report", "new.trace", "--json")
    assert done.returncode == 2
    assert "trace format 9" in the_object(done.stdout)["error"]["message"]
    assert "Traceback" not in done.stderr


def test_hostile_names_in_every_form(ipcsim: Run, trace: str, folder: Path) -> None:
    """A stranger's trace: names steer neither the terminal nor the viewers."""
    line, _, rest = Path(trace).read_bytes().partition(b"\n")
    nasty = "</script><b>\"'\x1b[31m\u202e" + "x" * 10_000
    header = json.loads(line)
    header["program"]["families"][0]["name"] = nasty
    (folder / "nasty.trace").write_bytes(json.dumps(header).encode() + b"\n" + rest)
    for form in FORMATS:
        done = ipcsim("report", "nasty.trace", "--format", form, "--output", "-")
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout
        assert "\u202e" not in done.stdout
        if form in ("dot", "mermaid", "sequence", "waits", "trace-event"):
            assert "xxxx" in done.stdout
