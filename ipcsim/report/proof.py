"""The outcome of a verification as a person reads it: what is proved, or the way to what is wrong."""

from __future__ import annotations

from typing import Any

from ipcsim.report import words
from ipcsim.report.page import Page
from ipcsim.verdict import Finding, Outcome, Verdict

MOST_STEPS = 60  # of a longer way, the beginning and the end are shown
MOST_OTHERS = 6
_HEAD = 12
_CUTS = (30, 24, 18, 12, 9)  # characters that a step may have where the table would not fit


def is_one(outcome: Outcome) -> bool:
    """Whether this is the outcome of a verification (or of the trace of one)."""
    return "states" in outcome.extra


def effort(outcome: Outcome) -> str:
    """`20,532 states`."""
    return words.count(int(outcome.extra["states"]), "state")


def own(outcome: Outcome) -> tuple[Finding, ...]:
    """The findings that belong to the counterexample that is shown."""
    judging = tuple(f for f in outcome.findings if f.verdict is not None)
    told = sum(int(o.get("findings", 0)) for o in outcome.extra.get("others") or ())
    first = int((outcome.extra.get("shown") or {}).get("finding", 1)) - 1
    return judging[first : first + max(1, len(judging) - told)]


def claim(outcome: Outcome) -> str:
    """What `ok` says, and of what."""
    extra = outcome.extra
    under = [f"{extra.get('semaphores', 'weak')} semaphores"]
    if extra.get("fairness"):
        under.append(f"{extra['fairness']} fairness")
    if extra.get("crashes"):
        under.append(f"up to {words.count(int(extra['crashes']), 'crash', 'crashes')} anywhere")
    judged = "no deadlock, no error, no race, no broken property, nothing left behind"
    if extra.get("fairness"):
        judged += ", no starvation, no livelock"
    return f"Proved for every interleaving ({', '.join(under)}): {judged}."


def way(page: Page, outcome: Outcome) -> None:
    """The counterexample, step by step: who, what, what changed, where."""
    steps: list[dict[str, Any]] = list(outcome.extra.get("steps") or [])
    if not steps:
        return
    page.blank()
    loop = next((i for i, s in enumerate(steps) if s.get("loop")), None)
    told = words.count(len(steps), "step")
    tail = "" if loop is None else f"; from step {loop + 1} on it repeats for ever"
    page.paragraph(f"The way there, {told}{tail}:", indent=2)
    page.blank()
    rows: list[tuple[str, ...]] = [_row(i, s, loop) for i, s in enumerate(steps)]
    if len(rows) > MOST_STEPS:
        left_out = len(rows) - MOST_STEPS
        gap = ("", "", f"… {words.count(left_out, 'step')} more (all with --json) …", "", "")
        rows = [*rows[:_HEAD], gap, *rows[_HEAD + left_out :]]
    if not page.fits(rows, 4):
        rows = [(*r[:4], r[4].rpartition("/")[2]) for r in rows]
    if not page.fits(rows, 4) and len({r[4].rpartition(":")[0] for r in rows if r[4]}) == 1:
        rows = [(*r[:4], f"line {r[4].rpartition(':')[2]}" if r[4] else "") for r in rows]
    for longest in _CUTS:
        if page.fits(rows, 4):
            break
        rows = [(*r[:2], _cut(r[2], longest), _cut(r[3], longest), r[4]) for r in rows]
    page.columns(rows, indent=4, styles=("dim", "cyan", "", "bold", "dim"), wrap=3)


def _row(number: int, step: dict[str, Any], loop: int | None) -> tuple[str, ...]:
    mark = "↻" if loop is not None and number >= loop else " "
    changes = ", ".join(str(c) for c in step.get("changes", ()))
    return (
        f"{number + 1:>3}{mark}",
        str(step.get("process", "")),
        str(step.get("text", "")),
        changes,
        str(step.get("at", "")),
    )


def _cut(text: str, longest: int) -> str:
    gap = text.startswith("… ")  # the row that counts what is left out
    return text if gap or len(text) <= longest else text[: longest - 1] + "…"


def others(page: Page, outcome: Outcome) -> None:
    """What was found besides, on other ways: its number, and the schedule that leads there."""
    ways: list[dict[str, Any]] = list(outcome.extra.get("others") or ())
    findings = [f for f in outcome.findings if f.verdict is not None]
    if not ways:
        return
    page.blank()
    page.paragraph("On other ways (`--finding N` shows one):", indent=2)
    for way in ways[:MOST_OTHERS]:
        first, many = int(way.get("first", 1)), int(way.get("findings", 0))
        for number in range(first, min(first + many, len(findings) + 1)):
            page.paragraph(f"{number}  {_other(findings[number - 1])}", indent=4, hanging=3)
        page.paragraph(_leads_there(way), indent=7, hanging=2)
    if len(ways) > MOST_OTHERS:
        page.paragraph(f"And {words.count(len(ways) - MOST_OTHERS, 'more way')} (all with --json).", indent=4)


def _other(finding: Finding) -> str:
    consequence = ", in consequence" if finding.caused_by else ""
    return f"{finding.verdict}{consequence}: {finding.message}"


def _leads_there(way: dict[str, Any]) -> str:
    """The schedule of a way, if it is not too long to read."""
    schedule = str(way.get("schedule", ""))
    steps = words.count(int(way.get("length", 0)), "step")
    told = f"{steps}: {words.shell_word(schedule)}" if len(schedule) < words.LONGEST_SCHEDULE else steps
    return told if way.get("linux", True) else f"{told} (Linux cannot go this way)"


def footer(page: Page, outcome: Outcome) -> None:
    """What it took, and the line that takes real processes the same way."""
    extra = outcome.extra
    took = f"{effort(outcome)}, {words.count(int(extra.get('transitions', 0)), 'step')}"
    rate = int(extra["states"]) / max(outcome.duration_s, 1e-6)
    speed = f", {rate:,.0f} states/s" if int(extra["states"]) > 10_000 else ""
    page.paragraph(f"{took}{speed}; reduction: {extra.get('reduction', 'none')}", indent=2)
    if not outcome.complete and outcome.verdict is not Verdict.INCONCLUSIVE:
        page.paragraph(f"Not every state was seen. The search ended at {extra.get('stopped')}.", indent=2)
    commands = []
    if (trace := extra.get("trace")) is not None and outcome.command != "report":
        commands.append(("see it", words.command_line("ipcsim", "report", str(trace))))
    if (line := replay_line(outcome)) is not None:
        commands.append(("on real processes", line))
    commands.append(("again", again(outcome)))
    longest = max((len(label) for label, _ in commands), default=0)
    for label, command in commands:
        page.line(f"{label}:".ljust(longest + 2), (command, "bold"), indent=2)


def again(outcome: Outcome) -> str:
    """The line that verifies the same in the same way."""
    request = outcome.extra.get("request") or {}
    options = [str(o) for o in request.get("options", ())]
    return words.command_line("ipcsim", "verify", *words.target(outcome), *options)


def replay_line(outcome: Outcome) -> str | None:
    """`ipcsim replay … --schedule '…'`; None where there is no counterexample."""
    found = outcome.extra.get("counterexample")
    if not isinstance(found, dict) or not found.get("schedule"):
        return None
    return words.command_line(
        "ipcsim", "replay", *words.target(outcome), "--schedule", str(found["schedule"])
    )
