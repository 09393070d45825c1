"""What a YAML text consists of, with positions: Scalar, Map, Seq; and the diagnostics collected so far."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ipcsim.errors import Diagnostic, Location, ScenarioError
from ipcsim.program import Source


class Document:
    """A source text split into lines, so that a diagnostic can quote one."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.lines = source.text.splitlines()

    def line(self, number: int) -> str:
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """A stretch of one line of a document; line and column count from 1."""

    document: Document
    line: int
    column: int
    length: int = 1

    @property
    def location(self) -> Location:
        return Location(self.document.source.file, self.line, self.column)


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A text in the document. `plain` means unquoted; `first` is the mark of its first character, and
    `exact` says that its characters stand one after the other in the source from there on."""

    text: str
    plain: bool
    mark: Mark
    first: Mark
    exact: bool

    @property
    def is_null(self) -> bool:
        return self.plain and self.text in ("", "~", "null", "Null", "NULL")

    def part(self, start: int, length: int) -> Mark:
        """The mark of `length` characters from offset `start`; of the whole where that is not known."""
        if not self.exact:
            return self.mark
        shown = max(1, min(length, len(self.text) - start))
        return Mark(self.first.document, self.first.line, self.first.column + start, shown)


T = TypeVar("T")


class Map(dict[str, T], Generic[T]):
    """A mapping of nodes, or of what they were read as; `keys_at` are the keys as scalars."""

    __slots__ = ("keys_at", "mark")

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.mark = mark
        self.keys_at: dict[str, Scalar] = {}

    def key_mark(self, key: str) -> Mark:
        return self.keys_at[key].mark if key in self.keys_at else self.mark


class Seq(list[T], Generic[T]):
    """A list of nodes, or of what they were read as."""

    __slots__ = ("mark",)

    def __init__(self, mark: Mark) -> None:
        super().__init__()
        self.mark = mark


Node = Scalar | Map["Node"] | Seq["Node"]
Value = Scalar | Seq[Node] | Seq[Scalar]  # an expression, or a list of them


def kind_of(node: object) -> str:
    """What `node` is, in the words of an error message."""
    if isinstance(node, Map):
        return "a mapping"
    if isinstance(node, Seq):
        return "a list"
    if isinstance(node, Scalar):
        return "nothing" if node.is_null else f"`{shorten(node.text, 40)}`"
    return "this"


def shorten(text: str, most: int = 80) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def show(node: Node) -> str:
    """`node` on one line, as a reader would write it."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Seq):
        return "[" + ", ".join(map(show, node)) + "]"
    return "{" + ", ".join(f"{k}: {show(v)}" for k, v in node.items()) + "}"


def suggest(name: str, known: Iterable[str], *, many: int = 8) -> str:
    """A hint: the known name nearest to `name`, or else all of them where they are few."""
    names = list(dict.fromkeys(itertools.islice(known, 500)))  # more would take too long to compare
    near = difflib.get_close_matches(name[:100], names, n=1, cutoff=0.6)
    if not near:
        near = [n for n in names if n.lower() == name.lower()]
    if near:
        return f"did you mean `{near[0]}`?"
    if names and len(names) <= many:
        return "there is " + ", ".join(f"`{n}`" for n in names)
    return ""


MAX_COLUMN = 150


def _printable(text: str, also: str) -> str:
    """`text` as a terminal can show it."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c in also else "·" for c in text)


class Problems:
    """Collects diagnostics, so that all errors are told at once. LIMIT of them are enough."""

    LIMIT = 100

    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []
        self.count = 0

    def add(self, mark: Mark, message: str, hint: str = "") -> None:
        line = _printable(mark.document.line(mark.line), "\t")
        message, hint = _printable(message, "\n"), _printable(hint, "\n")
        if mark.column > MAX_COLUMN:
            line = ""  # the caret would stand far outside of any screen
        self.count += 1
        self.diagnostics.append(Diagnostic(mark.location, message, line, mark.length, hint))
        if self.count >= self.LIMIT:
            self.stop_if_any()

    def stop_if_any(self) -> None:
        if self.diagnostics:
            raise ScenarioError(self.diagnostics)
