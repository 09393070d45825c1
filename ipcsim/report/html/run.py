"""The page of one run, replay or verification."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ipcsim.analysis.history import History, Lane, history
from ipcsim.analysis.history_fairness import fairness
from ipcsim.report import proof, words
from ipcsim.report.html import tables
from ipcsim.report.html.payload import Payload
from ipcsim.report.html.shown import label, sentence
from ipcsim.report.html.source import Place, Sources
from ipcsim.report.html.template import fill
from ipcsim.report.html.wording import banner
from ipcsim.trace import Trace
from ipcsim.verdict import Finding, Outcome

MOST_FINDINGS, MOST_DETAILS, MOST_CYCLE, MOST_LOOP = 20, 40, 24, 60


@dataclass(frozen=True, slots=True)
class Told:
    """A finding as the page shows it; `cycle` are (name, is a process, verb to the next)."""

    message: str
    kind: str
    cycle: tuple[tuple[str, bool, str], ...]
    rows: tuple[tuple[str, str, Place], ...]
    at: Place | None
    notes: tuple[str, ...]


def page(trace: Trace, outcome: Outcome) -> str:
    """The whole file."""
    with _no_collection():
        past = history(trace)
        fair = fairness(past)
        sources = Sources(trace.program, outcome.findings)
        payload = Payload(past)
        data = payload.text() if trace.events else ""
    judging = [f for f in outcome.findings if f.verdict is not None]
    command = command_of(trace, outcome)
    return fill(
        "report.html.j2",
        title=f"{label(outcome.scenario)}: {outcome.verdict} – ipcsim",
        heading=label(outcome.scenario) if command == "run" else f"{command} of {label(outcome.scenario)}",
        about=_about(trace, outcome),
        problem=_problem(trace, payload),
        banner=banner(outcome, command),
        why="Why" if judging else "What was found",
        findings=[tell(f, past, sources) for f in judging[:MOST_FINDINGS]],
        more=_more(len(judging)),
        remarks=_remarks(outcome),
        description=_prose(trace.program.description),
        loop_from=f"step {past.loop}",
        loop_steps=_loop(past, sources),
        sources=sources.texts(),
        prefixes=json.dumps(sources.prefixes),
        timeline=_timeline(past),
        cycle=json.dumps([label(n) for n in next((f.cycle for f in judging if f.cycle), ())]),
        jain=[] if past.by_steps else tables.jain(fair),  # a counterexample is no sample
        processes=tables.processes(past, fair, sources),
        fewer=_fewer(past),
        ipcs=[("At the start", tables.ipcs(past, past.start)), ("At the end", tables.ipcs(past, past.end))],
        commands=commands(outcome, command),
        data=data,
    )


@contextmanager
def _no_collection() -> Iterator[None]:
    """A million small objects that all stay: looking for garbage among them costs as much as making them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def command_of(trace: Trace, outcome: Outcome) -> str:
    """What was done: run, replay, verify; an outcome read from a trace says `report` of itself."""
    stored = trace.outcome.get("command")
    if trace.header.get("source") == "model":
        return "verify"
    command = stored if isinstance(stored, str) else outcome.command
    return command if command in ("run", "replay", "verify") else "run"


def _about(trace: Trace, outcome: Outcome) -> list[str]:
    parts = [trace.program.title, words.assignments(outcome.arguments)]
    if outcome.seed is not None:
        parts.append(f"seed {outcome.seed}")
    scheduler = str(outcome.extra.get("scheduler") or "free")
    if scheduler not in ("free", "replay"):
        parts.append(f"scheduler {scheduler}")
    parts.append(words.count(len(trace.events), "event"))
    return [label(p) for p in parts if p]


def _prose(text: str) -> str:
    """A description with its lines filled anew; tables and lists keep theirs."""
    lines = [sentence(line) for line in text.strip().split("\n")[:40]]
    out = lines[0]
    for before, line in pairwise(lines):
        own = not before or not line or line.lstrip()[0] in "-*•" or "  " in line.strip()
        out += ("\n" if own else " ") + line.strip()
    return out


def _problem(trace: Trace, payload: Payload) -> str:
    said = [trace.problem] if trace.problem else []
    if payload.dropped:
        said.append(f"the first {payload.dropped:,} steps are left out of timeline and table")
    return sentence("; ".join(said))


def _remarks(outcome: Outcome) -> list[str]:
    found = [f.message for f in outcome.findings if f.verdict is None]
    extra = outcome.extra.get("remarks") or ()
    return [sentence(str(text)) for text in [*found, *extra][:MOST_FINDINGS]]


def _more(number: int) -> str:
    more = number - MOST_FINDINGS
    return f"And {words.count(more, 'more finding')} (all with --json)." if more > 0 else ""


def _fewer(past: History) -> str:
    hidden = len(past.program.processes) - tables.MOST_PROCESSES
    return (
        f"The {tables.MOST_PROCESSES} that waited longest; {hidden:,} more are not listed."
        if hidden > 0
        else ""
    )


# --- findings ---


def tell(finding: Finding, past: History, sources: Sources) -> Told:
    """A finding with its links."""
    rows = [d for d in finding.details if d[0] or d[2]]
    shown = tuple((label(s), sentence(t), sources.place(w)) for s, t, w in rows[:MOST_DETAILS])
    notes = [sentence(t) for s, t, w in finding.details if not s and not w]
    if len(rows) > MOST_DETAILS:
        notes.insert(0, f"… and {len(rows) - MOST_DETAILS:,} more lines.")
    at = None
    if finding.at is not None and not rows:
        at = sources.place(str(finding.at))
    return Told(sentence(finding.message), str(finding.kind), _cycle(finding, past), shown, at, tuple(notes))


def _cycle(finding: Finding, past: History) -> tuple[tuple[str, bool, str], ...]:
    """The circle as a chain that ends where it began."""
    names = {p.name for p in past.program.processes}
    cycle = finding.cycle
    if cycle and cycle[0] != cycle[-1]:
        cycle = (*cycle, cycle[0])
    if len(cycle) > MOST_CYCLE:
        cycle = (*cycle[: MOST_CYCLE - 1], "…", cycle[-1])
    chain: list[tuple[str, bool, str]] = []
    for at, name in enumerate(cycle):
        after = cycle[at + 1] if at + 1 < len(cycle) else ""
        given = "held by" if _holds(finding, after, name) else "awaited from"
        chain.append((label(name), name in names, "waits for" if name in names else given))
    return tuple(chain)


def _holds(finding: Finding, process: str, thing: str) -> bool:
    """Whether a line of the finding says so: `holds fork[0] since line 36, waits for fork[1]`."""
    for subject, text, _ in finding.details:
        held, waits, _ = text.partition("waits for")
        if subject == process and waits and held.startswith("holds ") and thing in held:
            return True
    return False


def _loop(past: History, sources: Sources) -> list[tuple[str, Place]]:
    """The steps of a fair loop."""
    if past.loop is None:
        return []
    steps = [s for s in past.steps if s.time >= past.loop]
    names = past.program.processes
    shown = [
        (f"{label(names[s.process].name)}: {label(s.text)}", sources.place(str(s.at)))
        for s in steps[:MOST_LOOP]
    ]
    if len(steps) > MOST_LOOP:
        shown.append((f"… and {len(steps) - MOST_LOOP:,} more steps", Place("")))
    return shown


def _timeline(past: History) -> str:
    """The timeline for those who cannot see it."""
    number = len(past.program.processes)
    blocked = [p.name for p in past.program.processes if past.spans[p.number][-1].lane is Lane.BLOCKED]
    said = f"{words.count(number, 'process', 'processes')}, {words.count(len(past.steps), 'step')}."
    if not blocked:
        return f"{said} At the end nobody is blocked."
    names = ", ".join(map(label, blocked[:8]))
    more = f" and {len(blocked) - 8:,} more" if len(blocked) > 8 else ""
    return f"{said} At the end blocked: {names}{more}."


# --- commands ---


def commands(outcome: Outcome, command: str) -> list[tuple[str, str]]:
    """(label, command line) to copy."""
    request = outcome.extra.get("request") or {}
    target = str(request.get("target", outcome.scenario))
    target = f"./{target}" if target.startswith("-") else target
    given = request.get("set", outcome.arguments)
    call = [target, *(w for k, v in dict(given).items() for w in ("--set", f"{k}={words.value(v)}"))]
    found: list[tuple[str, str]] = []
    if command == "verify":
        found.append(("verify it again", proof.again(outcome)))
        found += _counterexample(outcome.extra.get("counterexample"), call)
        found.append(("run it", words.command_line("ipcsim", "run", *call)))
    else:
        if (line := words.again(outcome)) is not None:
            found.append(line)
        schedule = outcome.extra.get("schedule")
        if isinstance(schedule, str) and len(schedule) >= words.LONGEST_SCHEDULE and not outcome.seed:
            found.append(("again, step by step", "the schedule is too long to paste; it is in the trace"))
        found.append(("every interleaving", words.command_line("ipcsim", "verify", *call)))
    if isinstance(trace := outcome.extra.get("trace"), str):
        found.append(("this report", words.command_line("ipcsim", "report", trace)))
    return found


def _counterexample(told: Any, call: list[str]) -> list[tuple[str, str]]:
    schedule = told.get("schedule") if isinstance(told, dict) else None
    if not isinstance(schedule, str) or not schedule:
        return []
    line = words.command_line("ipcsim", "replay", *call, "--schedule", schedule)
    return [("on real processes", line)]
