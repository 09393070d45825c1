"""How commands answer: text or one JSON object on stdout, everything else on stderr."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from ipcsim import shortages
from ipcsim.errors import EnvironmentProblem, IpcsimError, ScenarioError, UsageError

WIDEST = 120  # text is hard to read on wider lines
PIPED = 100  # columns where nobody says how wide it is


def width() -> int:
    """How wide text may be: as wide as stdout, up to a point."""
    return min(WIDEST, _extent("COLUMNS", sys.stdout, 0) or PIPED)


def size(stream: TextIO) -> tuple[int, int]:
    """Columns and lines of a terminal."""
    return _extent("COLUMNS", stream, 0) or 80, _extent("LINES", stream, 1) or 24


def _extent(variable: str, stream: TextIO | None, axis: int) -> int:
    """What the environment says, else the terminal; 0 where neither does."""
    said = os.environ.get(variable, "")
    if said.isdecimal() and int(said) > 0:
        return int(said)
    try:
        return os.get_terminal_size(stream.fileno())[axis] if stream is not None else 0
    except (OSError, ValueError):
        return 0


def color(stream: TextIO | None = None) -> bool:
    """Whether `stream` (stdout) shows colours and the user wants them (no-color.org)."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream if stream is not None else sys.stdout)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether `stream` is a terminal that understands escape sequences."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


_BREAKS = re.compile(r"[\n\t]|\r\n")
_HARMLESS = re.compile(r"\x1b\[[0-9;]*m|[\n\t]|\r\n")  # colours are ours: `report.words` lets no others in


def harmless(text: str, colored: bool = False) -> str:
    """`text` without what could steer a terminal: names, file names and traces may be hostile. `colored`
    text keeps its colours."""
    if all(line.isprintable() for line in text.split("\n")):
        return text
    from ipcsim.report.words import visible

    kept, parts, at = _HARMLESS if colored else _BREAKS, [], 0
    for found in kept.finditer(text):
        parts += [visible(text[at : found.start()]), found[0]]
        at = found.end()
    return "".join([*parts, visible(text[at:])])


def show(text: str) -> None:
    """`text` on stdout. A reader that has gone (`| head`) is no error, and changes no exit code."""
    if sys.stdout is None:
        return
    text = harmless(text, color())
    try:
        sys.stdout.write(text if text.endswith("\n") or not text else f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        forget(sys.stdout)
    except OSError as error:
        forget(sys.stdout)
        raise EnvironmentProblem(f"cannot write the output: {error.strerror}") from None


def show_json(data: object, indent: int | None = 2) -> None:
    """`data` as one JSON object on stdout."""
    import json

    show(json.dumps(data, indent=indent))


def complain(text: str) -> None:
    """`text` on stderr, as far as that works."""
    if sys.stderr is None:
        return
    try:
        print(harmless(text), file=sys.stderr, flush=True)
    except OSError:
        forget(sys.stderr)


def explain(error: IpcsimError) -> None:
    """An error in its own words."""
    # a diagnostic names its file and says by itself that it is an error
    complain(str(error) if isinstance(error, ScenarioError) else f"ipcsim: {error}")


def forget(stream: TextIO) -> None:
    """Let what is still unwritten go nowhere, so that Python does not complain when it ends."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
    except (OSError, ValueError):
        pass


def prepare_streams() -> None:
    """Characters that the locale cannot show, or that are none, become escapes instead of errors."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def flush() -> None:
    """Write what click has left to write."""
    for stream in (sys.stdout, sys.stderr):
        if stream is None:
            continue
        try:
            stream.flush()
        except OSError as error:
            forget(stream)
            if error.errno != errno.EPIPE:
                complain(f"ipcsim: cannot write the output: {error.strerror}")


@contextmanager
def errors_as_json(wanted: bool, command: str) -> Iterator[None]:
    """With --json, an error is the one object on stdout too; the message still goes to stderr."""
    try:
        with shortages.told():
            yield
    except Exception as error:
        if wanted and not isinstance(error, BrokenPipeError):
            show_json(_error(command, error))
        raise


def show_usage_error(command: str, message: str) -> None:
    """A wrong option or argument as the one JSON object."""
    show_json(_error(command, UsageError(message)))


def _error(command: str, error: Exception) -> dict[str, Any]:
    from ipcsim.report.json import render_error

    return render_error(command, error)
