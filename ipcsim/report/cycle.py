"""The cycle of a deadlock drawn in text, for the moment when it closes."""

from __future__ import annotations

from ipcsim.report import words
from ipcsim.report.page import Page
from ipcsim.verdict import Finding, Kind, Outcome, Verdict

MOST = 8  # processes of a cycle that are drawn one by one
_LINES = {  # corner, bar, arrow head, line, back up
    False: ("╭─▶ ", "│   ", "▼", "│", "╰─────╯"),
    True: ("+-> ", "|   ", "v", "|", "+-----+"),
}


def render(outcome: Outcome, width: int = 80, color: bool = False, plain: bool = False) -> str:
    """Each cycle and each thing that nobody gives; empty where the verdict is no deadlock."""
    if outcome.verdict is not Verdict.DEADLOCK:
        return ""
    page = Page(width, color)
    for finding in outcome.findings:
        if finding.cycle:
            page.blank()
            _cycle(page, finding, plain)
        elif finding.kind is Kind.ORPHANED_WAIT and finding.processes:
            page.blank()
            _orphan(page, finding, plain)
    page.blank()
    return page.text()


def _cycle(page: Page, finding: Finding, plain: bool) -> None:
    first, side, head, line, back = _LINES[plain]
    pairs = list(zip(finding.cycle[:-1:2], finding.cycle[1::2], strict=False))
    shown, left = pairs, 0
    if len(pairs) > MOST:
        shown, left = [*pairs[: MOST - 1], pairs[-1]], len(pairs) - MOST
    for i, (process, thing) in enumerate(shown):
        last = i == len(shown) - 1
        if left and last:
            page.line((side, "red"), f"  … {words.count(left, 'more process', 'more processes')} …", indent=2)
            page.line((side, "red"), (f"  {head}", "red"), indent=2)
        page.line((first if i == 0 else side, "red"), (_short(process), "bold cyan"), indent=2)
        page.line((side, "red"), (f"  {line} ", "red"), f"waits for {_short(thing)}", indent=2)
        if last:
            page.line((back, "red"), indent=2)
        elif not (left and i == len(shown) - 2):
            page.line((side, "red"), (f"  {head}", "red"), indent=2)


def _orphan(page: Page, finding: Finding, plain: bool) -> None:
    arrow = "-->" if plain else "──▶"
    names = ", ".join(map(_short, finding.processes[:3]))
    if len(finding.processes) > 3:
        names += f" and {len(finding.processes) - 3:,} more"
    thing = _short(finding.details[0][1].rpartition("waits for ")[2] if finding.details else "it")
    page.line((names, "bold cyan"), (f" {arrow} ", "red"), thing, (f" {arrow} nobody", "red"), indent=2)


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:59]}…"
