"""The outcome that a trace holds, ready to be rendered: `ipcsim report` needs nothing but the trace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ipcsim.report import json
from ipcsim.trace import Trace
from ipcsim.verdict import Finding, Kind, Outcome, Verdict


def outcome(trace: Trace, path: Path) -> Outcome:
    """What the run said when it ended. A run that was cut off said nothing: that is `inconclusive`."""
    if not trace.outcome:
        return _cut_off(trace, path)
    stored = json.parse(trace.outcome)
    return replace(stored, command="report", extra={**stored.extra, "trace": str(path)})


def _cut_off(trace: Trace, path: Path) -> Outcome:
    program, events = trace.program, trace.events
    spent = (events[-1].time - events[0].time) / 1e9 if events else 0.0
    still = Finding(
        Kind.ENVIRONMENT,
        Verdict.INCONCLUSIVE,
        f"There is no verdict: {trace.problem}. What was recorded until then is in the trace.",
    )
    seed, scheduler = trace.header.get("seed"), trace.header.get("scheduler")
    return Outcome(
        command="report",
        scenario=program.name,
        verdict=Verdict.INCONCLUSIVE,
        expect=program.expect_run,
        complete=False,
        findings=(still,),
        seed=seed if isinstance(seed, int) else None,
        duration_s=spent,
        arguments=dict(program.arguments),
        extra={"trace": str(path), "events": len(events), "scheduler": str(scheduler or "free")},
    )
