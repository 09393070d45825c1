"""Finds problems and scenarios: by the name of one that ships with ipcsim, or by a path.

catalogue.load("dining-philosophers", {"seats": 3})
catalogue.load("./mine.yaml")
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import ipcsim
from ipcsim import language, shortages
from ipcsim.errors import UsageError
from ipcsim.files import open_plain
from ipcsim.language import Description
from ipcsim.program import Program, Source

SUFFIX = ".yaml"
MAX_BYTES = 1 << 20

Kind = Literal["scenario", "problem"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A shipped text: `path` is where it lies, `display` how its name is shown (`scenarios/x.yaml`)."""

    name: str
    kind: Kind
    path: Path
    display: str


def _data() -> Path:
    """The folder with problems/ and scenarios/: inside the package in a wheel, beside it in a checkout."""
    package = Path(ipcsim.__file__).parent
    return package / "_data" if (package / "_data").is_dir() else package.parent


def entries() -> list[Entry]:
    """Everything that ships, scenarios first, each kind by name."""
    kinds: tuple[tuple[Kind, str], ...] = (("scenario", "scenarios"), ("problem", "problems"))
    return [
        Entry(path.stem, kind, path, f"{folder}/{path.name}")
        for kind, folder in kinds
        for path in sorted((_data() / folder).glob(f"*{SUFFIX}"))
    ]


def find(name_or_path: str) -> Source:
    """The text of a scenario or else a problem of that name, or of the file at that path."""
    known = entries()
    for entry in known:
        if entry.name == name_or_path:
            return Source(entry.display, _read(entry.path, entry.display))
    if _is_path(name_or_path):
        return Source(name_or_path, _read(Path(name_or_path), name_or_path))
    raise UsageError(_unknown("scenario", name_or_path, [e.name for e in known]))


def resolver(source: Source) -> Callable[[str], Source]:
    """How the text `source` finds its `problem:`: a shipped one, or a file in the folder of its own.

    Nothing else is read, wherever a `..`, an absolute path or a link leads: what stands in a file can be
    seen in the messages about it, and a scenario may come from a stranger.
    """

    def resolve(name: str) -> Source:
        problems = [e for e in entries() if e.kind == "problem"]
        if name.endswith((SUFFIX, ".yml")):
            return _beside(source, name)
        for entry in problems:
            if entry.name == name:
                return Source(entry.display, _read(entry.path, entry.display))
        raise UsageError(_unknown("problem", name, [e.name for e in problems]))

    return resolve


def _beside(source: Source, name: str) -> Source:
    """The text of the file `name` in the folder of `source`, or in one that lies in it."""
    folder = Path(source.file).parent
    path = folder / name
    try:
        real = path.resolve()
        inside = real.is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        inside = False
    if not inside:
        raise UsageError(
            f"the problem `{name[:100]}` is not in the folder of this text; copy it there, or name one that "
            "ships (`ipcsim list`)"
        )
    return Source(str(path), _read(real, str(path)))


def load(name_or_path: str, arguments: Mapping[str, int | str | bool] | None = None) -> Program:
    """The compiled Program of a scenario or problem; `arguments` override its own."""
    source = find(name_or_path)
    return language.load_program(source, arguments, resolver(source))


def describe(name_or_path: str) -> Description:
    """What a scenario or problem says of itself, without compiling it."""
    source = find(name_or_path)
    return language.describe(source, resolver(source))


def _is_path(text: str) -> bool:
    return "/" in text or text.endswith((SUFFIX, ".yml"))


def _unknown(what: str, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name[:100], known, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else ""
    ways = f"`ipcsim list` shows them; a path has a `/` or ends in {SUFFIX}"
    return f"unknown {what} `{name[:100]}`{hint} ({ways})"


def _read(path: Path, shown: str) -> str:
    try:
        with open_plain(path) as file:
            raw = file.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise UsageError(f"`{shown}` is a folder; name a file in it") from None
    except FileNotFoundError:
        raise UsageError(f"there is no file `{shown}`") from None
    except (OSError, ValueError) as error:
        if (problem := shortages.explain(error)) is not None:
            raise problem from None
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot read `{shown}`: {reason}") from None
    if len(raw) > MAX_BYTES:
        raise UsageError(f"`{shown}` is larger than 1 MiB: that is no scenario")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{shown}:{line}: this is not UTF-8 text (byte 0x{raw[error.start]:02x})") from None
