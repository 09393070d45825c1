"""Findings as annotations of GitHub Actions: workflow commands, one a line, at the lines of the scenario.

GitHub shows ten of each level a step; what is more is counted in the last one.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from ipcsim.errors import Location
from ipcsim.report import words
from ipcsim.verdict import Finding, Outcome, Verdict

MOST = 10  # of a level


def render(outcome: Outcome) -> str:
    """`::error file=a.yaml,line=3,title=…::message` for each finding; empty where all is as expected
    and nothing was found."""
    return render_all([outcome])


def render_all(outcomes: Iterable[Outcome]) -> str:
    """The annotations of several outcomes, each but once."""
    found: dict[str, list[str]] = {}
    for outcome in outcomes:
        for level, place, text in _of(outcome):
            lines = found.setdefault(level, [])
            line = f"::{level} {place}::{text}"
            if line not in lines:
                lines.append(line)
    return "".join(f"{line}\n" for level, lines in found.items() for line in _cut(level, lines))


def _cut(level: str, lines: list[str]) -> list[str]:
    if len(lines) <= MOST:
        return lines
    rest = len(lines) - MOST + 1
    return [*lines[: MOST - 1], f"::{level} title=ipcsim::and {rest:,} more, which the text of the run has"]


def _of(outcome: Outcome) -> list[tuple[str, str, str]]:
    """(level, properties, message) a finding; an unexpected `ok` has none, and gets one of its own."""
    judging = [f for f in outcome.findings if f.verdict is not None]
    found = [(_level(outcome, f), _place(outcome, f), _message(outcome, f)) for f in judging]
    if not judging and not outcome.as_expected:
        text = f"{outcome.scenario}: {outcome.verdict}, but {outcome.expect} was expected"
        found.append(("error", _properties(_scenario(outcome), str(outcome.verdict)), _data(text)))
    return found


def _level(outcome: Outcome, finding: Finding) -> str:
    if outcome.as_expected:
        return "notice"
    return "warning" if finding.verdict is Verdict.INCONCLUSIVE else "error"


def _place(outcome: Outcome, finding: Finding) -> str:
    return _properties(finding.at or _scenario(outcome), f"{finding.verdict}: {finding.kind}")


def _scenario(outcome: Outcome) -> Location | None:
    """The scenario's own file, where the outcome tells it."""
    request = outcome.extra.get("request") or {}
    target = str(request.get("target", ""))
    return Location(target, 1) if target.endswith((".yaml", ".yml")) else None


def _message(outcome: Outcome, finding: Finding) -> str:
    """The sentence, who was where, and the line that does it again."""
    lines = [finding.message]
    lines += ["   ".join(filter(None, detail)) for detail in finding.details]
    if (again := words.again(outcome)) is not None:
        lines.append(f"{again[0]}: {again[1]}")
    return _data("\n".join(lines))


def _properties(at: Location | None, title: str) -> str:
    place = [] if at is None else [f"file={_property(_path(at.file))}", f"line={max(1, at.line)}"]
    return ",".join([*place, f"title={_property(f'ipcsim: {title}')}"])


def _path(file: str) -> str:
    """The file as seen from the root of a repository: `./a.yaml` is not shown by GitHub, `a.yaml` is."""
    return posixpath.normpath(file) if file else file


# --- what GitHub reads back (its toolkit's escapeData and escapeProperty) ---


def _data(text: str) -> str:
    lines = (words.visible(line) for line in text.split("\n"))
    return "\n".join(lines).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(words.visible(text)).replace(":", "%3A").replace(",", "%2C")
