"""What is seen on a terminal while a run goes on."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

SLOW = """
scenario: slow
semaphores: {locks: {a: 1, b: 0}}
queues: {box: {message: {n: int}, bytes: 64}}
processes:
  worker:
    count: 2
    steps:
      - repeat: 20
        steps: [P: a, phase: inside, pause: 15ms..20ms, V: a]
      - V: b
  sleeper: {steps: [phase: waiting, P: {b: 2}]}
"""


@pytest.fixture(autouse=True)
def slow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "slow.yaml").write_text(SLOW)
    monkeypatch.setenv("TERM", "xterm-256color")


class Terminal:
    """A terminal of 100 × 24 with a command in it."""

    def __init__(self, *arguments: str, stdout: int | None = None) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ipcsim", *arguments],
            stdin=slave, stdout=slave if stdout is None else stdout, stderr=slave, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.seen = ""

    def read(self, until: str | None = None) -> str:
        """Everything up to the end of the command, or until `until` is seen."""
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline and not (until and until in self.seen):
            if not select.select([self._master], [], [], 0.1)[0]:
                continue
            try:
                raw = os.read(self._master, 65536)
            except OSError:
                break
            if not raw:
                break
            self.seen += raw.decode()
        return self.seen

    def close(self) -> int:
        self.read()
        os.close(self._master)
        return self.process.wait(20)


def test_a_line_that_is_erased_again() -> None:
    terminal = Terminal("run", "slow.yaml")
    seen = terminal.read()
    assert terminal.close() == 0
    assert re.search(r"\r0\.\d\d s   [\d,]+ events   3 of 3 processes alive\x1b\[K", seen)
    assert "\r\x1b[K\x1b[1mslow\x1b[0m" in seen  # erased, then the report, in colour
    assert "\x1b[1;32mok\x1b[0m, as expected" in seen


def test_live_shows_processes_and_objects() -> None:
    terminal = Terminal("run", "slow.yaml", "--live")
    seen = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", terminal.read())
    assert terminal.close() == 0
    assert re.search(r"worker\[\d\] +running +inside", seen)
    assert re.search(r"worker\[\d\] +blocked +.*P a", seen)
    assert re.search(r"sleeper +blocked +waiting +P b: 2", seen)
    assert re.search(r"box +[░.]{16}  0 messages, 0 of 64 bytes", seen)
    assert "ok, as expected" in seen


def test_the_cursor_comes_back_after_an_interruption() -> None:
    terminal = Terminal("run", "slow.yaml", "--live")
    terminal.read(until="inside")
    terminal.process.send_signal(signal.SIGINT)
    seen = terminal.read()
    assert terminal.close() == 130
    assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h") == 1
    assert "interrupted" in seen


def test_progress_goes_to_stderr_while_stdout_is_a_file(folder: Path) -> None:
    with (folder / "out").open("w") as out:
        terminal = Terminal("run", "slow.yaml", "--live", "--json", stdout=out.fileno())
        seen = terminal.read()
        assert terminal.close() == 0
    assert "worker[1]" in seen
    assert (folder / "out").read_text().startswith("{\n")


@pytest.mark.parametrize(("variable", "value"), [("TERM", "dumb"), ("NO_COLOR", "1")])
def test_terminals_that_want_no_colour(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    terminal = Terminal("run", "slow.yaml")
    seen = terminal.read()
    assert terminal.close() == 0
    assert not re.search(r"\x1b\[[\d;]*m", seen)
    if variable == "TERM":
        assert "\x1b" not in seen
        assert "alive" not in seen


def test_a_terminal_that_goes_away_does_not_end_the_run(folder: Path) -> None:
    with (folder / "out").open("w") as out:
        terminal = Terminal("run", "slow.yaml", "--json", stdout=out.fileno())
        terminal.read(until="alive")
        os.close(terminal._master)
        assert terminal.process.wait(20) == 0
    assert '"verdict": "ok"' in (folder / "out").read_text()
