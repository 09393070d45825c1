"""An outcome as a few lines of HTML for a notebook: no script, no style sheet, nothing to load."""

from __future__ import annotations

from ipcsim.report.html.shown import label, sentence
from ipcsim.report.html.template import fill
from ipcsim.report.html.wording import banner
from ipcsim.report.words import again, assignments
from ipcsim.verdict import Outcome

MOST_FINDINGS, MOST_DETAILS = 5, 12
# readable on the white and on the black pages that notebooks have
_COLOURS = {"good": "#2e8b57", "bad": "#d0494d", "warn": "#b07a10"}


def fragment(outcome: Outcome) -> str:
    """The verdict, why, and the command that does it again."""
    command = outcome.command if outcome.command in ("run", "replay", "verify") else "run"
    told = banner(outcome, command)
    findings = [
        (
            sentence(f.message),
            [(label(s), sentence(t), label(w)) for s, t, w in f.details if s or w][:MOST_DETAILS],
        )
        for f in outcome.findings
        if f.verdict is not None
    ]
    return fill(
        "fragment.html.j2",
        banner=told,
        colour=_COLOURS[told.look],
        scenario=label(outcome.scenario),
        arguments=sentence(assignments(outcome.arguments)),
        findings=findings[:MOST_FINDINGS],
        more=max(0, len(findings) - MOST_FINDINGS),
        again=again(outcome) if command != "verify" else None,
    )
