"""The YAML beside the banner: its lines, those that findings name marked, and links into it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ipcsim.program import Program
from ipcsim.report.html.shown import label, sentence
from ipcsim.verdict import Finding

MOST_LINES = 3000
# a key with its colon, a comment: enough colour to find one's way
_PARTS = re.compile(r"(?P<b>(?:^|(?<=[\s{,(\[-]))[A-Za-z_][\w .-]*:(?=\s|$))|(?P<i>(?:^|(?<=\s))#.*$)")
_BLOCK = re.compile(r":\s+[|>][-+]?\d?\s*$")
_PLACE = re.compile(r"^(?P<file>.*):(?P<line>\d+)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """`text` as shown; `href` "" where it leads nowhere."""

    text: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    marked: bool
    parts: tuple[tuple[str, str], ...]  # (element or "", text)


@dataclass(frozen=True, slots=True)
class Text:
    """One file. Lines are `#L31` in the one that matters, `#f2-L31` in the second …"""

    file: str
    prefix: str
    lines: tuple[Line, ...]
    cut: str


class Sources:
    def __init__(self, program: Program, findings: Iterable[Finding]) -> None:
        self._sources = program.sources
        self._lines = [s.text.count("\n") + 1 for s in program.sources]
        self._marked: set[tuple[int, int]] = set()
        for finding in findings:
            for text in (str(finding.at or ""), *(where for _, _, where in finding.details)):
                if (found := self._find(text)) is not None:
                    self._marked.add(found)
        marks = [file for file, _ in self._marked]
        code = [i.at.file for f in program.families for i in f.code]
        # the file beside the findings, or that of the processes: its lines need no name
        self._main = max(
            range(len(program.sources)),
            key=lambda n: (marks.count(n), code.count(program.sources[n].file), -n),
            default=0,
        )
        self.prefixes = ["" if n == self._main else f"f{n + 1}-" for n in range(len(program.sources))]

    def place(self, text: str) -> Place:
        """`problems/x.yaml:31` with a link, where there is such a line."""
        found = self._find(text)
        shown = label(text) if found is None or found[0] != self._main else f"line {found[1]}"
        return Place(shown, "" if found is None else f"#{self.prefixes[found[0]]}L{found[1]}")

    def _find(self, text: str) -> tuple[int, int] | None:
        """(file, line) of a place; a place may come without its folder."""
        match = _PLACE.match(text)
        if match is None:
            return None
        file, line = match["file"], int(match["line"])
        for number, source in enumerate(self._sources):
            same = source.file == file or source.file.rpartition("/")[2] == file
            if same and 1 <= line <= min(self._lines[number], MOST_LINES):
                return number, line
        return None

    def texts(self) -> list[Text]:
        """Every file; the one that matters first."""
        numbers = sorted(range(len(self._sources)), key=lambda n: n != self._main)
        return [self._text(number) for number in numbers]

    def _text(self, number: int) -> Text:
        source = self._sources[number]
        lines = source.text.splitlines()
        prose = _block_lines(lines)
        cut = "" if len(lines) <= MOST_LINES else f"{len(lines) - MOST_LINES:,} more lines are not shown."
        return Text(
            label(source.file),
            self.prefixes[number],
            tuple(
                Line(
                    i,
                    (number, i) in self._marked,
                    (("", sentence(line)),) if i in prose else _coloured(sentence(line)),
                )
                for i, line in enumerate(lines[:MOST_LINES], 1)
            ),
            cut,
        )


def _block_lines(lines: list[str]) -> set[int]:
    """The numbers of the lines inside block scalars (`description: |`): prose, whatever it looks like."""
    found: set[int] = set()
    indent: int | None = None  # of the key whose block goes on
    for number, line in enumerate(lines, 1):
        depth = len(line) - len(line.lstrip(" "))
        if indent is not None and (not line.strip() or depth > indent):
            found.add(number)
            continue
        indent = depth if _BLOCK.search(line) else None
    return found


def _coloured(line: str) -> tuple[tuple[str, str], ...]:
    parts: list[tuple[str, str]] = []
    at = 0
    for match in _PARTS.finditer(line):
        if match.start() > at:
            parts.append(("", line[at : match.start()]))
        parts.append((match.lastgroup or "", match[0]))
        at = match.end()
    parts.append(("", line[at:]))
    return tuple(parts)
