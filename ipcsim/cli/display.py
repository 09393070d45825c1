"""A run on the terminal while it goes on: one line, or with --live a picture. Erased when it is over;
after a deadlock that was watched with --live its circle is drawn.

The supervisor calls about ten times a second, from its own loop: no thread draws here, and nothing is
drawn before the workers are forked. A terminal that goes away in between ends the drawing, not the run.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from ipcsim.cli import output

if TYPE_CHECKING:
    from rich.live import Live

    from ipcsim.program import Program
    from ipcsim.runner.session import Progress
    from ipcsim.verdict import Outcome

QUIET = 0.25  # seconds: what is over by then needs no progress


class Display:
    """A context manager to be called with each Progress."""

    def __init__(self, program: Program, live: bool = False) -> None:
        self._program = program
        self._stream = _terminal(live)
        self._live_wanted = live and self._stream is not None
        self._live: Live | None = None
        self._drawn = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._erase()

    def _erase(self) -> None:
        """Once and for all: nothing is drawn after it."""
        stream, live = self._stream, self._live
        self._stream = self._live = None
        with suppress(OSError):
            if live is not None:
                live.stop()
            elif self._drawn and stream is not None:
                stream.write("\r\x1b[K")
                stream.flush()

    def over(self, outcome: Outcome) -> None:
        """The run has ended: what was drawn goes, and after a deadlock its circle comes."""
        stream = self._stream if self._live_wanted else None
        self._erase()
        if stream is None:
            return
        from ipcsim.report import cycle

        columns, _ = output.size(stream)
        with suppress(OSError):
            stream.write(cycle.render(outcome, columns, output.color(stream), plain=_is_plain(stream)))
            stream.flush()

    def __call__(self, progress: Progress) -> None:
        if self._stream is None:
            return
        try:
            if self._live_wanted:
                self._draw_table(self._stream, progress)
            elif progress.elapsed >= QUIET:
                self._draw_line(self._stream, progress)
        except OSError:
            self._stream = None

    def _head(self, progress: Progress) -> str:
        from ipcsim.report.live import status_line

        total = len(self._program.processes)
        return status_line(progress.elapsed, progress.events, progress.running, total)

    def _draw_line(self, stream: TextIO, progress: Progress) -> None:
        columns, _ = output.size(stream)
        stream.write(f"\r{self._head(progress)[: columns - 1]}\x1b[K")
        stream.flush()
        self._drawn = True

    def _draw_table(self, stream: TextIO, progress: Progress) -> None:
        from ipcsim.report.live import frame

        columns, lines = output.size(stream)
        picture = frame(
            self._program, progress.snapshot(), self._head(progress), columns, lines - 1, _is_plain(stream)
        )
        if self._live is None:
            self._live = _start(stream)
        self._live.update(picture, refresh=True)


class Counter:
    """A context manager to be called after each run of a campaign: one line, erased when it is over."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._verdicts: dict[str, int] = {}
        self._stream = _terminal(False)

    def __enter__(self) -> Self:
        self._draw()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._write("")

    def __call__(self, outcome: Outcome) -> None:
        self._verdicts[outcome.verdict] = self._verdicts.get(outcome.verdict, 0) + 1
        self._draw()

    def _draw(self) -> None:
        made = sum(self._verdicts.values())
        told = ", ".join(f"{verdict} {n:,}" for verdict, n in sorted(self._verdicts.items()))
        self._write(f"run {min(made + 1, self._total):,} of {self._total:,}   {told}")

    def _write(self, line: str) -> None:
        if self._stream is None:
            return
        columns, _ = output.size(self._stream)
        try:
            self._stream.write(f"\r{line[: columns - 1]}\x1b[K")
            self._stream.flush()
        except OSError:
            self._stream = None


def _is_plain(stream: TextIO) -> bool:
    """Whether the terminal cannot be told to show more than ASCII."""
    return "utf" not in (getattr(stream, "encoding", None) or "").lower()


def _start(stream: TextIO) -> Live:
    from rich.console import Console
    from rich.live import Live

    live = Live(
        console=Console(file=stream),
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    live.start()
    return live


def _terminal(live: bool) -> TextIO | None:
    """Where to draw: stderr, or for a table stdout where only that is a terminal."""
    if output.is_terminal(sys.stderr):
        return sys.stderr
    return sys.stdout if live and output.is_terminal(sys.stdout) else None
