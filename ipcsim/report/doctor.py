"""What this machine allows, as text or JSON, for `ipcsim doctor`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ipcsim.report import words
from ipcsim.report.page import Page
from ipcsim.runner.machine import Check, Status
from ipcsim.version import __version__

Groups = Iterable[tuple[str, Sequence[Check]]]
_SIGN = {Status.OK: "ok", Status.WARNING: "warning", Status.MISSING: "missing"}
_STYLE = {Status.OK: "green", Status.WARNING: "yellow", Status.MISSING: "bold red"}


def render(groups: Groups, width: int = 80, color: bool = False) -> str:
    """One line a check, its remedy below where it needs one; then the summary."""
    page = Page(width, color)
    everything = [(name, list(checks)) for name, checks in groups]
    longest = max((len(c.name) for _, checks in everything for c in checks), default=0)
    for name, checks in everything:
        page.blank()
        page.line((name, "bold"))
        for check in checks:
            page.paragraph(
                (f"{_SIGN[check.status]:<7}", _STYLE[check.status]),
                f"  {check.name:<{longest}}  {check.detail}",
                indent=2,
                hanging=longest + 11,
            )
            if check.status is not Status.OK and check.remedy:
                page.paragraph(f"remedy: {check.remedy}", indent=11, hanging=8)
    page.blank()
    page.line((_summary([c for _, checks in everything for c in checks]), "bold"))
    return page.text()


def _summary(checks: list[Check]) -> str:
    missing = sum(c.status is Status.MISSING for c in checks)
    warnings = sum(c.status is Status.WARNING for c in checks)
    if missing:
        return f"{words.count(missing, 'thing')} missing without which nothing runs"
    if warnings:
        return f"everything needed is there; {words.count(warnings, 'warning')}"
    return "everything is there"


def as_json(groups: Groups) -> dict[str, Any]:
    """The same as one JSON object."""
    checks = [
        {"group": name, "name": c.name, "status": str(c.status), "detail": c.detail, "remedy": c.remedy}
        for name, found in groups
        for c in found
    ]
    fit = all(c["status"] != str(Status.MISSING) for c in checks)
    return {"ipcsim": __version__, "command": "doctor", "fit": fit, "checks": checks}
