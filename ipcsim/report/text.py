"""An outcome as a person reads it.

First what was run, then the verdict in one line, then why: one paragraph a finding with its processes
in columns. Remarks explain and do not judge. The last lines are there to be copied.
"""

from __future__ import annotations

from collections.abc import Sequence

from ipcsim.report import proof, words
from ipcsim.report.page import Page, Part
from ipcsim.verdict import Finding, Outcome, Verdict

MOST, MOST_REMARKS = 20, 5  # findings that are told; the rest is counted
_SUBJECT, _PLACE = "cyan", "dim"


def render(outcome: Outcome, width: int = 80, color: bool = False) -> str:
    """The whole report of a run, a replay or a stored run, `width` columns wide where that is possible."""
    page = Page(width, color)
    _heading(page, outcome)
    page.blank()
    _verdict(page, outcome)
    judging = [f for f in outcome.findings if f.verdict is not None]
    if proof.is_one(outcome):
        judging = list(proof.own(outcome))
    for finding in judging[:MOST]:
        page.blank()
        tell(page, finding)
    if len(judging) > MOST:
        page.blank()
        page.paragraph(f"And {words.count(len(judging) - MOST, 'more finding')} (all with --json).", indent=2)
    if proof.is_one(outcome):
        proof.way(page, outcome)
        proof.others(page, outcome)
    _remarks(page, outcome)
    page.blank()
    if proof.is_one(outcome):
        proof.footer(page, outcome)
    else:
        _footer(page, outcome)
    return page.text()


def _heading(page: Page, outcome: Outcome) -> None:
    name = outcome.scenario if outcome.command == "run" else f"{outcome.command} of {outcome.scenario}"
    parts: list[Part] = [(name, "bold")]
    if outcome.arguments:
        parts.append(f"   {words.assignments(outcome.arguments)}")
    if outcome.seed is not None:
        parts.append(f"   seed {outcome.seed}")
    if (scheduler := outcome.extra.get("scheduler", "free")) not in ("free", "replay"):
        parts.append(f"   scheduler {scheduler}")
    if proof.is_one(outcome):
        parts.append(f"   {outcome.extra.get('semaphores', 'weak')} semaphores")
    page.paragraph(*parts, hanging=2)


# --- the verdict ---


def _verdict(page: Page, outcome: Outcome) -> None:
    interrupted = bool(outcome.extra.get("interrupted"))
    if interrupted and outcome.verdict in (Verdict.OK, Verdict.INCONCLUSIVE):
        page.paragraph(("interrupted", "bold yellow"), f", no verdict (after {_spent(outcome)})", hanging=2)
        return
    said = ", as expected" if outcome.as_expected else f", but {outcome.expect} was expected"
    stopped = "; interrupted" if interrupted else ""
    page.paragraph(
        (str(outcome.verdict), verdict_style(outcome)), said, f" ({_times(outcome)}){stopped}", hanging=2
    )
    if outcome.verdict is Verdict.OK:
        told = proof.claim(outcome) if proof.is_one(outcome) else _only_this_run(outcome)
        page.paragraph(told, indent=2)


def verdict_style(outcome: Outcome) -> str:
    if outcome.as_expected:
        return "bold green"
    return "bold yellow" if outcome.verdict is Verdict.INCONCLUSIVE else "bold red"


def _spent(outcome: Outcome) -> str:
    return words.seconds(outcome.duration_s)


def _times(outcome: Outcome) -> str:
    after = f"after {_spent(outcome)}"
    if proof.is_one(outcome):
        return f"{after}; {proof.effort(outcome)}"
    detected = outcome.extra.get("detected_after_s")
    if detected is None or outcome.verdict is not Verdict.DEADLOCK:
        return after
    return f"{after}; seen {words.delay(detected)} after the last process blocked"


def _only_this_run(outcome: Outcome) -> str:
    """`ok` never speaks of more than it knows."""
    if outcome.complete:
        return "This run ended well, which proves nothing about other interleavings."
    return (
        f"Nothing was wrong until the run was stopped after {_spent(outcome)}, "
        "which proves nothing about other interleavings."
    )


# --- the reasons ---


def tell(page: Page, finding: Finding, indent: int = 2) -> None:
    """One finding: its sentence, its processes in columns, what else there is to say."""
    page.paragraph(finding.message, indent=indent)
    table = [d for d in finding.details if d[0] or d[2]]
    if table:
        page.blank()
        _table(page, table, indent + 2)
    elif finding.at is not None and str(finding.at) not in finding.message:
        page.line((f"at {finding.at}", _PLACE), indent=indent + 2)
    notes = [text for subject, text, place in finding.details if not subject and not place]
    if notes and table:
        page.blank()
    for note in notes:
        page.paragraph(note, indent=indent)


def _table(page: Page, details: Sequence[tuple[str, str, str]], indent: int) -> None:
    """Subject, text and place; a place goes without its folder where that saves the lines from wrapping."""
    if not page.fits(details, indent):
        details = [(subject, text, place.rpartition("/")[2]) for subject, text, place in details]
    page.columns(details, indent=indent, styles=(_SUBJECT, "", _PLACE))


def _remarks(page: Page, outcome: Outcome) -> None:
    """What does not judge: a crash that the scenario asked for, a trace that could not be written."""
    findings = [f for f in outcome.findings if f.verdict is None]
    texts = [str(t) for t in outcome.extra.get("remarks") or ()]
    page.blank()
    for finding in findings[:MOST_REMARKS]:
        page.paragraph(("remark: ", "bold"), finding.message, indent=2, hanging=2)
        _table(page, finding.details, 6)
    if len(findings) > MOST_REMARKS:
        more = words.count(len(findings) - MOST_REMARKS, "more remark")
        page.paragraph(f"and {more} (all with --json)", indent=2)
    for text in texts:
        page.paragraph(("remark: ", "bold"), text, indent=2, hanging=2)


# --- where to go from here ---


def _footer(page: Page, outcome: Outcome) -> None:
    events = words.count(int(outcome.extra.get("events", 0)), "event")
    trace = outcome.extra.get("trace")
    if trace is None:
        page.line(f"{events}; no trace was written", indent=2)
    else:
        page.line(f"{events} in {trace}", indent=2)
    commands = []
    if trace is not None and outcome.command != "report":
        commands.append(("see it", words.command_line("ipcsim", "report", trace)))
    if (line := words.again(outcome)) is not None:
        commands.append(line)
    if outcome.command == "run":
        commands.append(
            ("every interleaving", words.command_line("ipcsim", "verify", *words.target(outcome)))
        )
    longest = max((len(label) for label, _ in commands), default=0)
    for label, command in commands:
        page.line(f"{label}:".ljust(longest + 2), (command, "bold"), indent=2)
