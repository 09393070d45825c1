"""Files, names and arguments that mean harm, given to the real command."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ipcsim.cli import output
from ipcsim.cli.report import FORMATS
from ipcsim.trace import CHUNK, RECORDS
from tests.cli.conftest import QUICK, Run

PROBLEM = QUICK.replace("scenario:", "problem:")
SECRET = "root:very-secret-hash:\n"
ESC = "\x1b[31mred\x07"


@pytest.fixture
def trace(ipcsim: Run, folder: Path) -> Path:
    assert ipcsim("run", "quick.yaml", "--report", "kept").returncode == 0
    (found,) = (folder / "kept").glob("*.trace")
    return found


# --- what is read ---


READERS = ["run", "verify", "check", "show", "report", "replay"]
SPECIAL = [
    *((command, "fifo.yaml") for command in READERS),
    *((command, name) for command in ("run", "report") for name in ("/dev/zero", "/dev/tty", "link.yaml")),
]


@pytest.mark.parametrize(("command", "what"), SPECIAL)
def test_special_files_are_refused_at_once(ipcsim: Run, folder: Path, command: str, what: str) -> None:
    os.mkfifo(folder / "fifo.yaml")
    (folder / "link.yaml").symlink_to("/dev/zero")
    more = ["--schedule", "0"] if command == "replay" else []
    done = ipcsim(command, what, *more, timeout=20)
    assert done.returncode == 2, done.stderr
    assert "only plain files are read" in done.stderr
    assert "Traceback" not in done.stderr


def _outside(folder: Path) -> dict[str, str]:
    """Ways out of `folder`, by which a scenario may try to have `secret.yaml` read."""
    (folder / "in").mkdir()
    (folder / "secret.yaml").write_text(SECRET)
    (folder / "in" / "link.yaml").symlink_to("../secret.yaml")
    (folder / "in" / "way").symlink_to("..")
    return {
        "up": "../secret.yaml",
        "absolute": str(folder / "secret.yaml"),
        "link": "link.yaml",
        "folder": "way/secret.yaml",
        "there and back": "../in/../secret.yaml",
        "nothing": "../nothing.yaml",
    }


@pytest.mark.parametrize("way", ["up", "absolute", "link", "folder", "there and back", "nothing"])
def test_a_scenario_cannot_have_files_elsewhere_read(ipcsim: Run, folder: Path, way: str) -> None:
    name = _outside(folder)[way]
    (folder / "in" / "s.yaml").write_text(f"scenario: s\nproblem: {name}\n")
    done = ipcsim("check", "in/s.yaml")
    assert done.returncode == 2
    assert "is not in the folder of this text" in done.stderr
    assert "secret-hash" not in done.stdout + done.stderr


def test_a_problem_beside_or_below_is_read(ipcsim: Run, folder: Path) -> None:
    (folder / "below").mkdir()
    for place in ("p.yaml", "below/p.yaml"):
        (folder / place).write_text(PROBLEM)
        (folder / "s.yaml").write_text(f"scenario: s\nproblem: {place}\n")
        for name in ("s.yaml", "./s.yaml", str(folder / "s.yaml")):
            assert ipcsim("check", name).returncode == 0


# --- what is written ---


@pytest.mark.parametrize("form", FORMATS)
def test_each_form_is_written_over_itself_only(ipcsim: Run, trace: Path, folder: Path, form: str) -> None:
    if form == "annotations":
        assert ipcsim("run", "stuck.yaml", "--report", "stuck").returncode == 0
        (trace,) = (folder / "stuck").glob("*.trace")
    words = ("report", str(trace), "--format", form, "--output", "out")
    assert ipcsim(*words).returncode == 0
    first = (folder / "out").read_text()
    done = ipcsim(*words)
    assert done.returncode == 0, done.stderr
    assert (folder / "out").read_text() == first
    (folder / "out").write_text("a diary\n")
    done = ipcsim(*words)
    assert done.returncode == 4
    assert "has not written" in done.stderr
    assert (folder / "out").read_text() == "a diary\n"


def test_the_page_beside_a_trace_takes_nobodys_place(ipcsim: Run, trace: Path, folder: Path) -> None:
    page = trace.with_suffix(".html")
    (folder / "victim").write_text("a diary\n")
    page.symlink_to(folder / "victim")
    done = ipcsim("report", str(trace))
    assert done.returncode == 0
    assert "there is no page" in done.stdout
    assert (folder / "victim").read_text() == "a diary\n"
    assert page.is_symlink()


# --- what reaches a terminal ---


def _clean(done: subprocess.CompletedProcess[str]) -> None:
    said = done.stdout + done.stderr
    assert said
    assert not [c for c in said if ord(c) < 32 and c not in "\n\t"], said


HOSTILE: dict[str, list[str]] = {
    "command": [f"run{ESC}"],
    "option": ["run", f"--{ESC}"],
    "set": ["run", "quick.yaml", "--set", ESC],
    "argument": ["run", "quick.yaml", "--set", f"{ESC}=1"],
    "file": ["run", f"{ESC}.yaml"],
    "bad file": ["run", f"bad{ESC}.yaml"],
    "trace": ["report", ESC],
    "folder": ["run", "quick.yaml", "--report", f"quick.yaml/{ESC}"],
    "schedule": ["replay", "quick.yaml", "--schedule", ESC],
    "name": ["new", ESC],
    "run": ["run", "named.yaml", "--no-trace"],
    "show": ["show", "named.yaml"],
    "check": ["check", "wrong.yaml"],
}


def failing(message: str) -> str:
    return f"processes: {{w: {{steps: [{{assert: me == 1, message: {message}}}]}}}}\n"


def _hostile_files(folder: Path) -> None:
    quoted = '"\\e[31mred\\a"'
    (folder / f"bad{ESC}.yaml").write_text("nonsense: [\n")
    (folder / "named.yaml").write_text(f"title: {quoted}\ndescription: {quoted}\n{failing(quoted)}")
    (folder / "wrong.yaml").write_text(f"problem: {quoted}\n{quoted}: {quoted}\n")


@pytest.mark.parametrize("words", HOSTILE.values(), ids=HOSTILE)
def test_no_escape_gets_through(ipcsim: Run, folder: Path, words: list[str]) -> None:
    _hostile_files(folder)
    _clean(ipcsim(*words))


@pytest.mark.parametrize("which", ["run", "show", "check", "file"])
def test_none_hides_among_our_own_colours(
    ipcsim: Run, folder: Path, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    _hostile_files(folder)
    done = ipcsim(*HOSTILE[which])
    said = done.stdout + done.stderr
    assert "red" in said
    assert "\x1b[31mred" not in said
    assert "\x07" not in said


@pytest.mark.parametrize("colored", [False, True])
def test_only_colours_of_our_own_pass(colored: bool) -> None:
    hostile = "a\x1b]0;title\x07b\x1b[2Jc\x9b2Jd\re\u202ef\n\tg"
    said = output.harmless(hostile, colored)
    assert said == "a\\x1b]0;title\\x07b\\x1b[2Jc\\x9b2Jd\\x0de\\u202ef\n\tg"
    assert output.harmless("\x1b[1mbold\x1b[0m", colored) == (
        "\x1b[1mbold\x1b[0m" if colored else "\\x1b[1mbold\\x1b[0m"
    )


# --- how much is taken ---


def test_a_chunk_that_claims_gigabytes_takes_none(ipcsim: Run, trace: Path) -> None:
    """Under a limit of 1 GB, where 4 GiB cannot be had."""
    line = trace.read_bytes().split(b"\n", 1)[0]
    trace.write_bytes(line + b"\n" + CHUNK.pack(RECORDS, 0, 2**32 - 1) + b"x" * 100)
    limit: Any = {"preexec_fn": _one_gigabyte}
    done = ipcsim("report", str(trace), **limit)
    assert done.returncode == 0, done.stderr
    assert "cut off or damaged" in " ".join(done.stdout.split())


def _one_gigabyte() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (10**9, 10**9))


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"ipcsim-trace":1,"program":' + b"[" * 100_000])
def test_a_header_that_nests_without_end(ipcsim: Run, folder: Path, raw: bytes) -> None:
    (folder / "x.trace").write_bytes(raw + b"\n" + struct.pack("<III", 1, 0, 0))
    done = ipcsim("report", "x.trace")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["run", "quick.yaml", "--timeout", "8d"], ["run", "long.yaml"]])
def test_a_timeout_has_a_bound(ipcsim: Run, folder: Path, words: list[str]) -> None:
    (folder / "long.yaml").write_text(f"{QUICK}run: {{timeout: 10081min}}\n")
    done = ipcsim(*[w.replace("8d", "169h") for w in words])
    assert done.returncode == 2
    assert "at most a week" in done.stderr
