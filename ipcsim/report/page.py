"""A page of text being laid out: paragraphs that wrap, lines that never do, columns that adapt.

The width is that of the terminal. What a person may want to copy (a path, a command, a file:line) is
never broken, even where it is longer than that.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from ipcsim.report.words import visible

Part = str | tuple[str, str]  # a text, or a text and its style ("bold red")
GAP = 2  # blanks between two columns
LEAST_ROOM = 26  # a column that wraps is not made narrower than this


class Page:
    """Collects lines; `text` gives them all."""

    def __init__(self, width: int = 80, color: bool = False) -> None:
        self.width = max(20, width)
        self._console = Console(
            file=io.StringIO(),
            width=self.width,
            force_terminal=color,
            color_system="standard" if color else None,
            no_color=not color,
            highlight=False,
            emoji=False,
            markup=False,
        )
        self._lines: list[Text] = []

    def blank(self) -> None:
        """An empty line, but never two, and none at the top."""
        if self._lines and self._lines[-1].plain:
            self._lines.append(Text())

    def line(self, *parts: Part, indent: int = 0) -> None:
        """One line that is never wrapped."""
        self._add(_assemble(parts), indent)

    def paragraph(self, *parts: Part, indent: int = 0, hanging: int = 0) -> None:
        """Wrapped to the width; every line but the first is indented by `hanging` more."""
        first, *rest = _wrap(_assemble(parts), self.width - indent, self.width - indent - hanging)
        self._add(first, indent)
        for line in rest:
            self._add(line, indent + hanging)

    def prose(self, text: str, indent: int = 0) -> None:
        """Text with its own lines: kept as they are where they fit, else filled anew."""
        lines = text.expandtabs(4).strip("\n").split("\n")
        if all(cell_len(visible(line)) <= self.width - indent for line in lines):
            for line in lines:
                self.line(line.rstrip(), indent=indent)
            return
        for block in _blocks(lines):
            if block is None:
                self.blank()
            else:
                self.paragraph(block.text, indent=indent + block.indent, hanging=block.hanging)

    def columns(
        self,
        rows: Iterable[Sequence[str]],
        indent: int = 0,
        styles: Sequence[str] = (),
        wrap: int = 1,
        least: int = LEAST_ROOM,
    ) -> None:
        """Rows of cells in aligned columns; column `wrap` gives way where there is not enough room.

        Where it would get narrower than `least`, the cells of a row stand below each other instead.
        """
        cells = [[visible(c) for c in row] for row in rows]
        if not cells:
            return
        number = max(map(len, cells))
        cells = [row + [""] * (number - len(row)) for row in cells]
        widths = [max(cell_len(row[i]) for row in cells) for i in range(number)]
        room = self.width - indent - _total(widths) + widths[wrap]
        if room < min(least, widths[wrap]):
            self._stack(cells, indent, styles, wrap)
            return
        widths[wrap] = min(widths[wrap], room)
        for row in cells:
            self._row(row, widths, indent, styles, wrap)

    def fits(self, rows: Sequence[Sequence[str]], indent: int = 0) -> bool:
        """Whether `columns` would show these rows (of equal length) one line each."""
        widths = [max(cell_len(visible(cell)) for cell in column) for column in zip(*rows, strict=True)]
        return indent + _total(widths) <= self.width

    def _row(self, row: list[str], widths: list[int], indent: int, styles: Sequence[str], wrap: int) -> None:
        wrapped = _wrap(Text(row[wrap], _style(styles, wrap)), widths[wrap])
        for number, part in enumerate(wrapped):
            line = Text()
            for i, width in enumerate(widths):
                if not width:
                    continue
                cell = Text(row[i] if number == 0 else "", _style(styles, i)) if i != wrap else part
                line.append_text(cell)
                line.append(" " * (width - cell_len(cell.plain) + GAP))
            line.rstrip()
            self._add(line, indent)

    def _stack(self, cells: list[list[str]], indent: int, styles: Sequence[str], wrap: int) -> None:
        for row in cells:
            for i, cell in enumerate(row):
                if not cell:
                    continue
                text = Text(cell, _style(styles, i))
                deeper = indent + (2 if i else 0)
                for line in _wrap(text, self.width - deeper) if i == wrap else [text]:
                    self._add(line, deeper)

    def _add(self, line: Text, indent: int) -> None:
        self._lines.append(Text(" " * indent).append_text(line) if line.plain else line)

    def text(self) -> str:
        """Everything, each line ended, no blanks at line ends."""
        out = self._console.file
        for line in self._lines:
            self._console.print(line, soft_wrap=True)
        assert isinstance(out, io.StringIO)
        return out.getvalue()


def _total(widths: Sequence[int]) -> int:
    """How wide columns are together; empty ones take no room."""
    return sum(widths) + GAP * (sum(1 for w in widths if w) - 1)


@dataclass
class _Block:
    """A paragraph, or an item of a list (whose further lines are indented by `hanging`)."""

    text: str
    indent: int
    item: bool
    hanging: int = 0


_ITEM = re.compile(r"[-*•] |\d+[.)] |\S+:\s{2,}")


def _blocks(lines: Sequence[str]) -> list[_Block | None]:
    """Lines that belong together, joined; None is an empty line."""
    found: list[_Block | None] = []
    for line in lines:
        words, indent = line.strip(), len(line) - len(line.lstrip(" "))
        block = found[-1] if found else None
        item = _ITEM.match(words) is not None
        if not words:
            found.append(None)
        elif block is None or item or not (indent > block.indent if block.item else indent == block.indent):
            found.append(_Block(words, min(indent, 8), item, 2 if item else 0))
        else:
            block.text = f"{block.text} {words}"
    return found


def _wrap(text: Text, width: int, further: int | None = None) -> list[Text]:
    """`text` broken between words into lines of at most `width` cells (`further` from the second on)."""
    breaks: list[int] = []
    used = 0
    for word in re.finditer(r"\S+\s*", text.plain):
        solid = cell_len(word[0].rstrip())
        if used and used + solid > width:
            breaks.append(word.start())
            used, width = 0, width if further is None else further
        used += cell_len(word[0])
    lines = list(text.divide(breaks))
    for line in lines:
        line.rstrip()
    return lines


def _assemble(parts: Sequence[Part]) -> Text:
    safe = ((visible(p), "") if isinstance(p, str) else (visible(p[0]), p[1]) for p in parts)
    return Text.assemble(*safe)


def _style(styles: Sequence[str], i: int) -> str:
    return styles[i] if i < len(styles) else ""
