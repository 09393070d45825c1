"""Every command in surroundings that lack something: it works, or says with exit code 4 what helps.

A table of surroundings times commands. None of them ends in a traceback or calls itself a defect, hangs, or
leaves an object or a process (see the fixture of all tests).
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from ipcsim import api
from ipcsim.cli.main import main
from tests.cli.surroundings import (
    UNMADE,
    Done,
    Surroundings,
    gone,
    in_turn,
    limited,
    little_memory,
    mounted,
    read_only,
    run,
    stranger,
)

KB, MB = 1 << 10, 1 << 20
MANY = "scenario: many\nsemaphores: {s: {a: 1}}\nprocesses:\n  w: {count: 120, steps: [P: a, V: a]}\n"
COMMANDS = {
    "run": ["run", "quick.yaml"],
    "isolated": ["run", "quick.yaml", "--isolate"],
    "json": ["run", "quick.yaml", "--json"],
    "many": ["run", "many.yaml"],
    "campaign": ["run", "quick.yaml", "--repeat", "2"],
    "replay": ["replay", "quick.yaml", "--schedule", "0*2"],
    "verify": ["verify", "quick.yaml"],
    "check": ["check", "quick.yaml"],
    "show": ["show", "quick.yaml"],
    "list": ["list"],
    "report": ["report", "kept.trace"],
    "ipcs": ["ipcs"],
    "clean": ["clean"],
    "doctor": ["doctor"],
    "new": ["new", "another"],
    "bytes": ["run", "\udcff.yaml"],
    "help": ["run", "--help"],
}
READERS = ("verify", "check", "show", "report", "ipcs", "clean", "doctor", "new", "bytes", "help")
RUNS = ("run", "isolated", "json", "campaign", "replay")
FEW = ("run", "verify", "report", "doctor", "clean")


@dataclass(frozen=True, slots=True)
class Row:
    """`refused`: the commands that must say `words`, with exit code 4; all others must not end with 4, but
    for those in `may`, for which it depends."""

    around: Surroundings
    commands: tuple[str, ...]
    refused: tuple[str, ...] = ()
    words: str = ""
    may: tuple[str, ...] = ()
    root: bool = False


def _limit(which: int, amount: int) -> Surroundings:
    return Surroundings(limited(which, amount))


def _few_processes(amount: int) -> Surroundings:
    return Surroundings(stranger(limited(resource.RLIMIT_NPROC, amount)))


TABLE = {
    "3 files": Row(
        _limit(resource.RLIMIT_NOFILE, 3), (*READERS, "run"), words="ulimit -n", may=(*READERS, "run")
    ),
    "6 files": Row(
        _limit(resource.RLIMIT_NOFILE, 6), (*READERS, *RUNS, "list"), RUNS, "ulimit -n", ("doctor",)
    ),
    "10 files": Row(_limit(resource.RLIMIT_NOFILE, 10), ("run", "json"), ("run", "json"), "ulimit -n"),
    "no memory": Row(Surroundings(little_memory(0)), (*READERS, "run"), ("run",), "ulimit -v", READERS),
    "empty files": Row(
        _limit(resource.RLIMIT_FSIZE, 0),
        ("run", "verify", "report", "new", "check", "doctor"),
        ("run", "verify", "new"),
        "ulimit -f",
    ),
    "small files": Row(_limit(resource.RLIMIT_FSIZE, 64 * KB), (*RUNS, "verify"), RUNS, "ulimit -f"),
    "small stack": Row(_limit(resource.RLIMIT_STACK, 256 * KB), ("run", "verify")),
    "no core": Row(_limit(resource.RLIMIT_CORE, 0), ("run",)),
    "no process": Row(
        _few_processes(1), (*FEW, "many"), ("run", "many"), "ulimit -u", ("doctor",), root=True
    ),
    "3 processes": Row(_few_processes(3), ("run", "doctor"), ("run",), "ulimit -u", root=True),
    "60 processes": Row(_few_processes(60), ("run", "many"), ("many",), "ulimit -u", root=True),
    "no /proc": Row(
        Surroundings(mounted(b"tmpfs", b"/proc")),
        (*READERS, *RUNS),
        (*RUNS, "ipcs", "clean", "doctor"),
        "mount",
        root=True,
    ),
    "hidepid": Row(
        # in a pid namespace of its own: before Linux 5.8 the option is that of all its mounts
        Surroundings(in_turn(mounted(b"proc", b"/proc", b"hidepid=2"), stranger()), own_pids=True),
        (*FEW, "ipcs"),
        root=True,
    ),
    "no /dev": Row(
        Surroundings(mounted(b"tmpfs", b"/dev")),
        (*FEW, "isolated"),
        ("run", "isolated"),
        "/dev/null",
        root=True,
    ),
    "folder is gone": Row(
        Surroundings(gone), ("list", "run", "ipcs", "clean", "doctor", "new"), may=("new",)
    ),
    "read-only folder": Row(
        Surroundings(stranger(read_only)),
        ("run", "verify", "new", "report"),
        ("new",),
        "Permission",
        root=True,
    ),
    "full output": Row(
        Surroundings(places={1: "/dev/full"}),
        (*READERS, *RUNS),
        tuple({*READERS, *RUNS} - {"bytes"}),
        "No space left",
    ),
    "full errors": Row(Surroundings(places={2: "/dev/full"}), ("run", "bytes", "check")),
    **{
        "closed " + " ".join(map(str, closed)): Row(Surroundings(closed=closed), commands)
        for closed, commands in {
            (0,): RUNS,
            (1,): (*READERS, *RUNS),
            (2,): (*READERS, *RUNS),
            (0, 1): ("run", "verify"),
            (0, 2): ("run", "report"),
            (1, 2): ("run", "doctor"),
            (0, 1, 2): (*READERS, *RUNS),
        }.items()
    },
}


@pytest.fixture
def kept(folder: Path) -> None:
    """What the commands read."""
    (folder / "many.yaml").write_text(MANY)
    (folder / "kept.trace").write_bytes(_trace().read_bytes())


@cache
def _trace() -> Path:
    """The trace of a run, made once; and every command has been done once, so that no child has to load what
    it needs."""
    folder = Path(tempfile.mkdtemp(prefix="ipcsim-trace-"))
    atexit.register(shutil.rmtree, folder)
    outcome = api.run("quick.yaml", trace_dir=folder)
    for words in ("verify", "check", "show", "list", "report", "ipcs", "doctor"):
        with contextlib.redirect_stdout(io.StringIO()):
            main([outcome.extra["trace"] if word == "kept.trace" else word for word in COMMANDS[words]])
    return Path(outcome.extra["trace"])


@pytest.mark.timeout(180)  # a dozen commands each
@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("name", TABLE)
def test_a_command_works_or_says_what_is_missing(name: str, folder: Path) -> None:
    row = TABLE[name]
    if row.root and os.geteuid() != 0:
        pytest.skip("needs root")
    wrong = []
    for command in row.commands:
        done = run(COMMANDS[command], row.around)
        if done.code == UNMADE:
            pytest.skip(f"not here: {done.err.splitlines()[-1]}")
        if problem := _wrong(row, command, done):
            wrong.append(f"{command}: {problem}: {done}")
        os.chmod(folder, 0o755)
        (folder / "another.yaml").unlink(missing_ok=True)
    assert not wrong, "\n".join(wrong)


def _wrong(row: Row, command: str, done: Done) -> str:
    """What is wrong with how it ended; empty where nothing is."""
    said = done.out + done.err
    if done.code is None:
        return "it hangs"
    if done.code not in (0, 1, 2, 3, 4):
        return f"exit code {done.code}"
    if "Traceback" in said or "defect" in said:
        return "it calls itself a defect"
    if command in row.may and done.code != 4:
        return ""
    if (done.code == 4) != (command in row.refused or command in row.may):
        return f"exit code {done.code}"
    told = 2 not in row.around.closed and row.around.places.get(2) is None
    return "no remedy" if done.code == 4 and told and row.words not in said else ""


# what no fork of a loaded interpreter shows: loading itself


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("limit", "amount", "words"),
    [(resource.RLIMIT_NOFILE, 5, "ulimit -n"), (resource.RLIMIT_AS, 34 * MB, "ulimit -v")],
)
def test_too_little_to_be_loaded(folder: Path, limit: int, amount: int, words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ipcsim", "run", "quick.yaml", "--json"],
        preexec_fn=limited(limit, amount),
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 4, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.timeout(180)
def test_memory_that_only_the_workers_lack(folder: Path) -> None:
    """Each segment by itself fits; a worker attaches all of them."""
    segments = "".join(f"  m{i}: {{t: 'char[8000000]'}}\n" for i in range(12))
    (folder / "wide.yaml").write_text(
        f"scenario: wide\nsegments:\n{segments}processes:\n  w: {{steps: [set: {{m0.t: \"'x'\"}}]}}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "ipcsim", "run", "wide.yaml"],
        preexec_fn=limited(resource.RLIMIT_AS, 100 * MB),
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 4, done.stderr
    assert "ulimit -v" in done.stderr
    assert "Traceback" not in done.stderr
