"""The outcome of a verification as a person reads it: what is proved, or the way to what is wrong."""

from __future__ import annotations

from typing import Any

from ipcsim.report import words
from ipcsim.report.page import Page
from ipcsim.verdict import Outcome, Verdict

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


def own(outcome: Outcome) -> int:
    """How many of the findings belong to the counterexample that is shown."""
    told = sum(int(o.get("findings", 0)) for o in outcome.extra.get("others") or ())
    return max(1, sum(f.verdict is not None for f in outcome.findings) - told)


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
    """What was found besides, on other ways."""
    told = sum(int(o.get("findings", 0)) for o in outcome.extra.get("others") or ())
    findings = [f for f in outcome.findings if f.verdict is not None]
    if not told or told >= len(findings):
        return
    page.blank()
    page.paragraph("On other ways (their schedules: --json):", indent=2)
    for finding in findings[len(findings) - told :][:MOST_OTHERS]:
        page.paragraph(f"{finding.verdict}: {finding.message}", indent=4, hanging=2)


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
    longest = max((len(label) for label, _ in commands), default=0)
    for label, command in commands:
        page.line(f"{label}:".ljust(longest + 2), (command, "bold"), indent=2)


def replay_line(outcome: Outcome) -> str | None:
    """`ipcsim replay … --schedule '…'`; None where there is no counterexample."""
    found = outcome.extra.get("counterexample")
    if not isinstance(found, dict) or not found.get("schedule"):
        return None
    return words.command_line(
        "ipcsim", "replay", *words.target(outcome), "--schedule", str(found["schedule"])
    )
