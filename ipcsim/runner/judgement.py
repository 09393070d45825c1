"""What a run amounts to: the last look at the objects, and the outcome made of everything seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ipcsim.analysis import verdicts
from ipcsim.analysis.properties import FinalState
from ipcsim.program.instructions import ObjectRef
from ipcsim.program.objects import Segment
from ipcsim.runner import ceilings, objects
from ipcsim.runner.deadlock import DeadlockWatch
from ipcsim.runner.manifest import Manifest
from ipcsim.runner.session import Session
from ipcsim.runner.turns import Turns
from ipcsim.snapshot import Status
from ipcsim.verdict import Finding, Kind, Outcome, Verdict, conclude, ranked

SHOWN = 12  # processes that a finding lists one by one


@dataclass(frozen=True)
class FinalLook:
    """The objects after the last process is gone and before they are removed.

    `left` are the objects that processes of the scenario created and that are still there.
    """

    state: FinalState
    left: tuple[ObjectRef, ...]

    @classmethod
    def take(cls, session: Session, manifest: Manifest) -> FinalLook:
        program, state = session.program, values(session)
        own = {(o.kind, o.name): o.id for o in manifest.objects}
        left = []
        for ref, declared in program.objects():
            made = own.get((ref.kind, declared.name))
            if made is None or declared.created_by_run or declared.persist:
                continue
            if objects.exists(ref.kind, made):
                left.append(ref)
        return cls(state, tuple(left))


def values(session: Session) -> FinalState:
    """What the kernel says of every object now, when nobody changes any."""
    snapshot = session.snapshot()
    segments = tuple(
        _segment(segment, session.ids.get(ref))
        for ref, segment in session.program.objects()
        if isinstance(segment, Segment)
    )
    lengths = tuple(None if q is None else q.messages for q in snapshot.queues)
    return FinalState(snapshot.semaphores, lengths, segments)


def _segment(segment: Segment, segment_id: int | None) -> Any:
    return None if segment_id is None else objects.segment_values(segment, segment_id)


def conclude_run(
    session: Session, watch: DeadlockWatch, turns: Turns | None, final: FinalLook, duration: float
) -> Outcome:
    """The outcome of a run that has been stopped; also the last chunk of its trace."""
    program, ending = session.program, session.ending
    finished = not ending.early and not session.killed
    findings = list(watch.findings)
    findings += session.monitor.finish(final.state if finished else None)
    if not ending.early:
        findings += [verdicts.leak(program, ref) for ref in final.left]
    found = any(f.verdict is not None for f in findings)
    if not (ending.schedule and found and turns is not None and turns.refused is None):
        findings += _endings(session, turns)  # else the schedule led to what it was to show
    extra: dict[str, Any] = {
        "trace": None if session.trace is None else str(session.trace.path),
        "detected_after_s": watch.announced_after,
        "events": session.events,
        "schedule": None if turns is None else str(turns.schedule),
        "scheduler": str(session.settings.scheduler),
        "remarks": [
            *([session.trace_problem] if session.trace_problem else []),
            *session.monitor.not_judged(finished),
        ],
        "interrupted": ending.interrupted,
    }
    findings, limit = ceilings.blame(program, ranked(findings), session.monitor.uncaught, session.unborn)
    if limit:
        extra["limit"] = limit
    outcome = Outcome(
        command="replay" if session.settings.scheduler == "replay" else "run",
        scenario=program.name,
        verdict=conclude(tuple(findings)),
        expect=program.expect_run,
        complete=finished,
        findings=tuple(findings),
        seed=session.seed,
        duration_s=round(duration, 6),  # as the trace keeps it
        arguments=dict(program.arguments),
        extra=extra,
    )
    return session.seal(outcome)


def _endings(session: Session, turns: Turns | None) -> list[Finding]:
    """Why the run was stopped before its time, where no other finding says it."""
    program, ending = session.program, session.ending
    still = tuple(program.processes[p].name for p in session.killed)
    there = f"{len(still)} of {len(program.processes)} processes had not ended"
    if ending.interrupted:
        text = f"Interrupted after {session.stopped_after:.1f} s: {there}."
        return [_inconclusive(text, still, _places(session))]
    if ending.launcher:
        text = "The launcher of the workers was killed from outside; the run could not go on."
        return [Finding(Kind.ENVIRONMENT, Verdict.ERROR, text)]
    if ending.timeout:
        limit = f"{session.settings.timeout:g} s"
        text = f"The run was stopped by its timeout of {limit}: {there}, and no deadlock was found."
        return [_inconclusive(text, still, _places(session))]
    if ending.schedule and turns is not None:
        return [_schedule_over(session, turns, still)]
    return []


def _schedule_over(session: Session, turns: Turns, still: tuple[str, ...]) -> Finding:
    """The schedule to replay has no (possible) next step, and nobody is deadlocked."""
    program, refused = session.program, turns.refused
    if refused is None:
        text = f"The schedule ends after {len(turns.taken)} steps, and {_names(still)} could still go on."
        return _inconclusive(text, still)
    step, choice = refused
    if choice.process >= len(program.processes):
        why = f"there is no process {choice.process}, only 0 to {len(program.processes) - 1}"
        return _inconclusive(f"Step {step} of the schedule, `{choice}`, is not possible: {why}.", still)
    name = program.processes[choice.process].name
    why, where = turns.explain_refusal()
    text = f"Step {step} of the schedule, `{choice}`, is not possible: {name} {why}."
    return Finding(Kind.TIMEOUT, Verdict.INCONCLUSIVE, text, processes=(name,), at=where)


def _names(names: tuple[str, ...]) -> str:
    some = ", ".join(names[:5])
    return some if len(names) <= 5 else f"{some} and {len(names) - 5:,} more"


def _places(session: Session) -> tuple[tuple[str, str, str], ...]:
    """Where those who had not ended were, as lines of a finding."""
    program, lines = session.program, []
    for process in session.killed[:SHOWN]:
        state = session.last_seen[process]
        code = program.code(process)
        if not session.written(process):
            lines.append((program.processes[process].name, "had not done a step that others can see", ""))
            continue
        instruction = code[min(state.pc, len(code) - 1)]
        what = {Status.BLOCKED: "in", Status.STOPPED: "stopped at"}.get(state.status, "at or after")
        lines.append((program.processes[process].name, f"{what} {instruction.text}", str(instruction.at)))
    if len(session.killed) > SHOWN:
        lines.append(("", f"and {len(session.killed) - SHOWN:,} more", ""))
    return tuple(lines)


def _inconclusive(
    message: str, processes: tuple[str, ...], details: tuple[tuple[str, str, str], ...] = ()
) -> Finding:
    return Finding(Kind.TIMEOUT, Verdict.INCONCLUSIVE, message, processes=processes, details=details)
