"""`ipcsim.verify`: every interleaving on the model, and its counterexample on real processes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipcsim import api, shortages
from ipcsim.api import Argument, Folder
from ipcsim.errors import UsageError
from ipcsim.program import Discipline, Fairness, Program
from ipcsim.trace import new_trace
from ipcsim.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from ipcsim.explorer.limits import Progress
    from ipcsim.explorer.path import Path as Way

MEMORY = 2 * 2**30  # bytes, unless told otherwise


@dataclass(frozen=True, slots=True)
class Request:
    """How a verification was asked for: see `verify`. None: as the scenario says, or no limit."""

    target: str
    given: Mapping[str, Argument] = field(default_factory=dict)
    semaphores: str | Discipline | None = None
    fairness: str | Fairness | None = None
    crashes: int | None = None
    reduction: str = "all"
    search: str = "breadth"
    max_states: int | None = None
    max_memory: int | None = MEMORY
    timeout: float | None = None
    everything: bool = False
    replay: bool = False
    trace_dir: Folder | None = None
    progress: Callable[[Progress], None] | None = None
    finding: int | None = None
    told: api.Told | None = None


def verify(
    what: str | os.PathLike[str] | Program,
    /,
    *,
    semaphores: str | Discipline | None = None,
    fairness: str | Fairness | None = None,
    crashes: int | None = None,
    reduction: str = "all",
    search: str = "breadth",
    max_states: int | None = None,
    max_memory: int | None = MEMORY,
    timeout: float | None = None,
    everything: bool = False,
    replay: bool = False,
    trace_dir: Folder | None = None,
    progress: Callable[[Progress], None] | None = None,
    finding: int | None = None,
    arguments: Mapping[str, Argument] | None = None,
    **parameters: Argument,
) -> Outcome:
    """Explore every interleaving of a scenario on the model, and say what is proved or how it goes wrong.

    `semaphores` is `weak` or `kernel`, `fairness` `none`, `weak` or `strong`, `crashes` how many processes
    may die anywhere, `reduction` `none`, `stubborn`, `symmetry` or `all`, `search` `breadth` or `depth`.
    `max_memory` is in bytes, `timeout` in seconds; the limits are those of all searches together, and one
    that is reached makes the outcome `inconclusive`, unless something was found by then. After a finding the
    search goes on for a while, with `everything` to the end. `finding` shows the way of the finding with this
    number, counted from 1, instead of the one that gives the verdict. `replay` takes real processes along
    the way that is shown.
    """
    given = api.merged(arguments, parameters)
    if isinstance(what, Program):
        if given:
            raise UsageError("a Program has its arguments already; give them to `load`")
        program, target, given = what, what.name, dict(what.arguments)
    else:
        program, target = api.load(what, arguments=given), os.fspath(what)
    return execute(
        program,
        Request(
            target, given, semaphores, fairness, crashes, reduction, search, max_states, max_memory, timeout,
            everything, replay, trace_dir, progress, finding,
        ),
    )  # fmt: skip


def execute(program: Program, request: Request) -> Outcome:
    """Verify `program`; `extra["request"]` of the outcome keeps what it takes to ask for it again."""
    from ipcsim.explorer.verify import verify as explore

    options = _options(program, request)
    with shortages.told():
        found = explore(program, options, request.progress)
    outcome, way = found.outcome, found.path
    asked = {"target": request.target, "set": dict(request.given), "options": _words(program, request)}
    remarks = [*outcome.extra.get("remarks", ()), *_from_first_values(program)]
    outcome = replace(outcome, extra={**outcome.extra, "request": asked, "remarks": remarks})
    outcome = _traced(program, outcome, way, request)
    if way is not None and request.replay:
        outcome = _replayed(program, outcome, way, request)
    written = [outcome.extra.get("trace"), outcome.extra.get("replay", {}).get("trace")]
    said = api.spare_room(request.trace_dir, program.name, written, request.told)
    remarks = [*outcome.extra.get("remarks", ()), *said]
    return replace(outcome, extra={**outcome.extra, "remarks": remarks})


def _from_first_values(program: Program) -> list[str]:
    """What the exploration takes for granted of objects that an earlier run may have left."""
    from ipcsim.analysis.wording import listed

    found: dict[bool, list[str]] = {}
    for _, declared in program.objects():
        if declared.persist and not declared.key.private:
            found.setdefault(declared.created_by_run, []).append(f"`{declared.name}`")
    return [
        f"{listed(names, 6)} {'persists' if len(names) == 1 else 'persist'}: an earlier run may have left "
        f"{_LEFT[by_run]}."
        for by_run, names in found.items()
    ]


_LEFT = {  # by whether the run itself creates such an object
    True: "other values; every interleaving here begins with the first values",
    False: "one; every interleaving here begins without",
}


def _options(program: Program, request: Request) -> Any:
    from ipcsim.explorer.limits import Limits
    from ipcsim.explorer.reduction import Reduction
    from ipcsim.explorer.verify import Options

    said = program.verify
    crashes = said.crashes if request.crashes is None else request.crashes
    if isinstance(crashes, bool) or not 0 <= crashes <= 100:
        raise UsageError(f"`crashes` is a number from 0 to 100, not {crashes!r}")
    if request.search not in ("breadth", "depth"):
        raise UsageError(f"`search` is breadth or depth, not {request.search!r}")
    limits = Limits(request.max_states, request.max_memory, request.timeout)
    return Options(
        semaphores=_one(Discipline, "semaphores", request.semaphores or said.semaphores),
        fairness=_one(Fairness, "fairness", request.fairness or said.fairness),
        crashes=crashes,
        reduction=_one(Reduction, "reduction", request.reduction),
        depth_first=request.search == "depth",
        finding=request.finding,
        limits=replace(limits, after=None) if request.everything else limits,
    )


def _one(words: Any, name: str, value: Any) -> Any:
    try:
        return words(value)
    except ValueError:
        known = ", ".join(words)
        raise UsageError(f"`{name}` is one of {known}, not {value!r}") from None


def _words(program: Program, request: Request) -> list[str]:
    """What was said, as options of the command line."""
    said: list[str] = []
    for name in ("semaphores", "fairness", "crashes"):
        value = getattr(request, name)
        if value is not None and value != getattr(program.verify, name):
            said += [f"--{name}", str(value)]
    usual = Request(request.target)
    for name in ("reduction", "search", "max_states", "max_memory", "timeout", "finding"):
        value = getattr(request, name)
        if value is not None and value != getattr(usual, name):
            word = api.seconds_word(value) if name == "timeout" else str(value)
            said += [f"--{name.replace('_', '-')}", word]
    return [*said, "--all"] if request.everything else said


# --- the counterexample: kept, and tried on real processes ---


def _traced(program: Program, outcome: Outcome, way: Way | None, request: Request) -> Outcome:
    """Write the counterexample as a trace, as a run's; a proof as one without events."""
    folder, remark = api.trace_folder(request.trace_dir, program.name)
    remarks = [*outcome.extra.get("remarks", ()), *([remark] if remark else [])]
    if folder is None:
        return replace(outcome, extra={**outcome.extra, "trace": None, "remarks": remarks})
    words = outcome.extra["request"]["options"]
    header = {"source": "model", "semaphores": outcome.extra["semaphores"], "options": words}
    writer = new_trace(folder, program, **header) if way is None else way.write(folder, **header)
    outcome = replace(outcome, extra={**outcome.extra, "trace": str(writer.path), "remarks": remarks})
    try:
        writer.outcome(outcome.as_json())
        writer.close()
    except OSError as error:
        raise shortages.cannot(
            f"cannot write the trace {writer.path}", error, "name another folder with --report DIR"
        ) from None
    return outcome


def _replayed(program: Program, outcome: Outcome, way: Way, request: Request) -> Outcome:
    """Take real processes along the counterexample, and say whether they end in the same place."""
    with tempfile.TemporaryDirectory(prefix="ipcsim-") as spare:
        trace = outcome.extra["trace"]  # beside it, so that the replay itself removes no older one
        place = spare if trace is None else Path(trace).parent
        again = api.execute(
            program, api.Request(request.target, request.given, schedule=way.schedule, trace_dir=place)
        )
        told = _told(outcome, again, way)
    extra = {
        "verdict": str(again.verdict),
        "same": told.startswith("Real processes"),
        "trace": None if trace is None else again.extra.get("trace"),
        "findings": [f.as_json() for f in again.findings],
    }
    remarks = [told, *outcome.extra.get("remarks", ())]
    return replace(outcome, extra={**outcome.extra, "replay": extra, "remarks": remarks})


def _told(outcome: Outcome, again: Outcome, way: Way) -> str:
    steps = len(way.schedule)
    wanted = Verdict(outcome.extra["shown"]["verdict"])
    mine, theirs = ({str(f.at) for f in o.findings if f.verdict is wanted} for o in (outcome, again))
    if mine & theirs or (again.verdict is wanted and not theirs):
        place = f"the same {wanted}, at the same lines"
        return f"Real processes took the same {steps:,} steps and ended in {place}."
    if way.hurried:
        return (
            "The replay on real processes ended differently: this way needs somebody to be quicker than the "
            "end of a process, or than a signal on its way, and a replay waits for both. In a free run it "
            "may happen."
        )
    refused = [f for f in again.findings if "is not possible" in f.message]
    if refused:
        return f"The kernel does not follow: {refused[0].message}"
    if (departure := _departure(way, again)) is not None:
        return f"The kernel does not follow. {departure}"
    if way.loop is not None and again.verdict is Verdict.INCONCLUSIVE:
        return (
            f"Real processes took the same {steps:,} steps: the way there and the loop once. That it can "
            "go on so for ever no run can show."
        )
    if wanted is Verdict.DEADLOCK and again.verdict is Verdict.INCONCLUSIVE:
        return (
            f"Real processes took the same {steps:,} steps and sleep in the same calls. That nobody ever "
            "wakes them a run cannot see: by the text alone others still could."
        )
    reason = again.findings[0].message if again.findings else ""
    return f"The replay on real processes ended differently: {again.verdict}. {reason}".rstrip()


def _departure(way: Way, again: Outcome) -> str | None:
    """At which step the real processes left the way; None where that cannot be told."""
    from ipcsim.explorer import departure
    from ipcsim.trace import read_trace

    trace = again.extra.get("trace")
    return None if trace is None else departure.describe(way, read_trace(Path(trace)).events)
