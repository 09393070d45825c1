"""What there is to run, for `ipcsim list`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ipcsim.report import words
from ipcsim.report.page import Page
from ipcsim.version import __version__


@dataclass(frozen=True, slots=True)
class Listed:
    """A problem or a scenario: `variants` are (arguments, verdict), of a problem only; `broken` says
    that its text has errors, which `ipcsim check` shows."""

    name: str
    kind: str
    title: str = ""
    course: str = ""
    expect: str = ""
    variants: tuple[tuple[dict[str, Any], str], ...] = ()
    broken: bool = False


def ordered(listed: Iterable[Listed]) -> list[Listed]:
    """As the course goes; what is in no chapter comes last; then by name."""

    def place(item: Listed) -> tuple[int, str, str]:
        number = re.match(r"\d+", item.course)
        return (int(number[0]) if number else 1000, item.course, item.name)

    return sorted(listed, key=place)


def render(listed: Iterable[Listed], width: int = 80, color: bool = False) -> str:
    """Scenarios with the verdict that each expects, then problems with their variants."""
    page = Page(width, color)
    everything = ordered(listed)
    for kind in ("scenario", "problem"):
        rows = [(i.name, _title(i), _expected(i)) for i in everything if i.kind == kind]
        if rows:
            page.blank()
            page.line((f"{kind}s", "bold"))
            page.columns(rows, indent=2, styles=("cyan", "", "bold"))
    page.blank()
    page.line(
        "run one:  ", ("ipcsim run NAME", "bold"), "     what it means:  ", ("ipcsim show NAME", "bold")
    )
    return page.text()


def as_json(listed: Iterable[Listed]) -> dict[str, Any]:
    """The same as one JSON object."""
    items = [
        {
            "name": i.name,
            "kind": i.kind,
            "title": i.title,
            "course": i.course,
            "expect": i.expect or None,
            "variants": [{"with": w, "verdict": v} for w, v in i.variants],
            "broken": i.broken,
        }
        for i in ordered(listed)
    ]
    return {"ipcsim": __version__, "command": "list", "entries": items}


def _title(item: Listed) -> str:
    return f"has errors: ipcsim check {item.name}" if item.broken else item.title


def _expected(item: Listed) -> str:
    """The verdict, or of a problem how many variants end in which: `2 ok, 1 deadlock`."""
    if not item.variants:
        return item.expect
    verdicts = [v for _, v in item.variants]
    return ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))


def cleaned(rows: Iterable[tuple[str, str, str, str]], width: int = 80, color: bool = False) -> str:
    """What `ipcsim clean` did: (action, object, run, reason)."""
    page = Page(width, color)
    told = list(rows)
    if not told:
        page.line("nothing to clean: no killed run has left an object")
    page.columns(told, styles=("bold", "cyan", "", "dim"), wrap=3)
    if told:
        done = sum(1 for action, *_ in told if action.endswith("removed"))
        page.blank()
        page.line(f"{words.count(len(told), 'object')} looked at, {done} {_verb(told)}")
    return page.text()


def _verb(rows: list[tuple[str, str, str, str]]) -> str:
    return "would be removed" if any(action.startswith("would") for action, *_ in rows) else "removed"
