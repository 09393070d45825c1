"""The Python face: the same as the command line, with objects instead of text.

    import ipcsim

    program = ipcsim.load("dining-philosophers", seats=3)
    outcome = ipcsim.run(program, seed=7)
    assert outcome.verdict == "deadlock"

Everything that a user can get wrong is raised as an `ipcsim.errors.IpcsimError`.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipcsim import shortages, verdict
from ipcsim.errors import Diagnostic, EnvironmentProblem, IpcsimError, ScenarioError, UsageError
from ipcsim.program import Program, RunSettings, Scheduler
from ipcsim.program.program import LONGEST_RUN
from ipcsim.schedule import Schedule
from ipcsim.verdict import Outcome

if TYPE_CHECKING:
    from ipcsim.catalogue import Entry
    from ipcsim.report.lists import Listed
    from ipcsim.runner.session import Progress
    from ipcsim.trace import Trace

Argument = int | str | bool
REPORTS = Path("reports")  # where the command line puts traces, in the current folder


class TraceDir(Enum):
    """`TraceDir.DEFAULT`: `./reports/<scenario>/`, or a temporary folder where that cannot be."""

    DEFAULT = "default"


Folder = str | os.PathLike[str] | TraceDir
Told = Callable[[str], None]


def _in_a_notebook(outcome: Outcome) -> str:
    from ipcsim.report import notebook

    return notebook.outcome(outcome)


verdict.html_renderer = _in_a_notebook


def load(
    name_or_path: str | os.PathLike[str],
    /,
    *,
    arguments: Mapping[str, Argument] | None = None,
    **parameters: Argument,
) -> Program:
    """The Program that a scenario or problem means, with these values for the problem's parameters.

    Parameters are given by name, or in `arguments` where Python would not take the name.
    """
    from ipcsim import catalogue

    with shortages.told():
        return catalogue.load(os.fspath(name_or_path), merged(arguments, parameters))


def run(
    what: str | os.PathLike[str] | Program,
    /,
    *,
    seed: int | None = None,
    scheduler: str | Scheduler | None = None,
    depth: int | None = None,
    timeout: float | None = None,
    duration: float | None = None,
    schedule: str | Schedule | None = None,
    trace_dir: Folder | None = None,
    progress: Callable[[Progress], None] | None = None,
    isolate: bool = False,
    shared: bool = False,
    arguments: Mapping[str, Argument] | None = None,
    **parameters: Argument,
) -> Outcome:
    """Run a scenario on real processes and real System V IPC, and say how it ended.

    What is None stays as the scenario says. Times are in seconds. `schedule` makes it a replay.
    `trace_dir` is where the trace goes; without it none is written. `progress` is called about ten
    times a second while the run goes on. `isolate` runs in a private IPC namespace, in a helper process: the
    calling process stays in its own. `shared` lets its processes use objects that others made, which is
    refused otherwise. A parameter of the problem that is called like one of these (`seed`) goes into
    `arguments`.

    An outcome of `ok` speaks of this run only.
    """
    given = merged(arguments, parameters)
    if isinstance(what, Program):
        if given:
            raise UsageError("a Program has its arguments already; give them to `load`")
        program, target, given = what, what.name, dict(what.arguments)
    else:
        program, target = load(what, arguments=given), os.fspath(what)
    request = Request(
        target,
        given,
        seed,
        scheduler,
        depth,
        timeout,
        duration,
        schedule,
        trace_dir,
        progress,
        isolate,
        shared=shared,
    )
    return execute(program, request)


@dataclass(frozen=True, slots=True)
class Request:
    """How a run was asked for: see `run`. `target` and `given` are what the user called it by.

    `may_move`: an isolated run may take the calling process along, which ends with it. `told` is called with
    what is to be said besides the outcome; without it that is among the outcome's remarks.
    """

    target: str
    given: Mapping[str, Argument] = field(default_factory=dict)
    seed: int | None = None
    scheduler: str | Scheduler | None = None
    depth: int | None = None
    timeout: float | None = None
    duration: float | None = None
    schedule: str | Schedule | None = None
    trace_dir: Folder | None = None
    progress: Callable[[Progress], None] | None = None
    isolate: bool = False
    may_move: bool = False
    shared: bool = False
    told: Told | None = None


def execute(program: Program, request: Request) -> Outcome:
    """Run `program`; `extra["request"]` of the outcome keeps what it takes to ask for it again."""
    schedule = request.schedule
    steps = Schedule.parse(schedule) if isinstance(schedule, str) else schedule
    settings = _settings(program.settings, request)
    if settings.scheduler is Scheduler.REPLAY and steps is None:
        raise UsageError("the scheduler `replay` needs a schedule to follow")
    folder, remark = trace_folder(request.trace_dir, program.name)

    supervise: Callable[..., Outcome]
    if request.isolate and not request.may_move:
        from ipcsim.runner.isolation import run_in_helper as supervise
    else:
        from ipcsim.runner import supervisor

        supervise = partial(supervisor.run, isolate=request.isolate)
    with shortages.told():
        outcome = supervise(
            program,
            settings=settings,
            schedule=steps,
            folder=folder,
            progress=request.progress,
            shared=request.shared,
        )
    said = spare_room(request.trace_dir, program.name, [outcome.extra.get("trace")], request.told)
    remarks = [*outcome.extra.get("remarks", ()), *([remark] if remark else []), *said]
    asked = {"target": request.target, "set": dict(request.given), "options": _options(request)}
    return replace(outcome, extra={**outcome.extra, "remarks": remarks, "request": asked})


def read_outcome(trace: str | os.PathLike[str]) -> Outcome:
    """The outcome that the trace of a run holds."""
    from ipcsim.trace import read_trace

    path = Path(trace)
    return outcome_of(read_trace(path), path)


def outcome_of(found: Trace, path: Path) -> Outcome:
    """The outcome that a trace holds, which was read from `path`; with what it takes to ask for it again."""
    from ipcsim import catalogue
    from ipcsim.report import stored

    outcome = stored.outcome(found, path)
    # a name that ships is run by its name, anything else by its file
    shown = found.program.sources[0].file if found.program.sources else outcome.scenario
    target = next((e.name for e in catalogue.entries() if e.display == shown), shown)
    request = {"target": target, "set": outcome.arguments, "options": _stored_options(found)}
    return replace(outcome, extra={**outcome.extra, "request": request})


def check(name_or_path: str | os.PathLike[str]) -> Program:
    """The Program, once the text has been read with its own arguments and as each of its variants.

    Raises `ScenarioError` with what is wrong in any of them.
    """
    from ipcsim import catalogue

    name = os.fspath(name_or_path)
    program = catalogue.load(name)
    wrong: list[Diagnostic] = []
    for variant in catalogue.describe(name).variants:
        try:
            catalogue.load(name, variant.arguments)
        except ScenarioError as error:
            wrong += error.diagnostics
        except UsageError as error:
            wrong.append(Diagnostic(variant.at, f"this variant cannot be: {error}"))
    if wrong:
        raise ScenarioError(wrong)
    return program


def listing() -> list[Listed]:
    """Every problem and scenario that ships, as the course goes."""
    from ipcsim import catalogue
    from ipcsim.report.lists import ordered

    return ordered(_listed(entry) for entry in catalogue.entries())


def _listed(entry: Entry) -> Listed:
    from ipcsim import catalogue
    from ipcsim.report.lists import Listed

    try:
        told = catalogue.describe(str(entry.path))
    except IpcsimError:
        return Listed(entry.name, entry.kind, broken=True)
    variants = tuple((v.arguments, str(v.expect_run)) for v in told.variants) if told.is_problem else ()
    return Listed(entry.name, entry.kind, told.title, told.course, str(told.expect_run), variants)


def merged(arguments: Mapping[str, Argument] | None, parameters: dict[str, Argument]) -> dict[str, Argument]:
    """What was given by name and in `arguments`, together."""
    if twice := sorted((arguments or {}).keys() & parameters.keys()):
        raise UsageError(f"`{twice[0]}` is given twice: by name and in `arguments`")
    return {**(arguments or {}), **parameters}


def _settings(base: RunSettings, request: Request) -> RunSettings:
    """`base` with what was said changed, and checked."""
    changes: dict[str, Any] = {}
    if request.seed is not None:
        changes["seed"] = _in_range("seed", request.seed, 0, 2**63 - 1)
    if request.depth is not None:
        changes["depth"] = _in_range("depth", request.depth, 1, 1000)
    for name, value in (("timeout", request.timeout), ("duration", request.duration)):
        if value is not None:
            changes[name] = _positive(name, value)
    if request.scheduler is not None:
        try:
            changes["scheduler"] = Scheduler(request.scheduler)
        except ValueError:
            known = ", ".join(s for s in Scheduler)
            raise UsageError(f"no scheduler is called `{request.scheduler}`; there are {known}") from None
    settings = replace(base, **changes)
    if settings.duration is not None and settings.duration > settings.timeout:
        raise UsageError(
            f"the run would be stopped by its `timeout` of {settings.timeout:g} s before its `duration` of "
            f"{settings.duration:g} s is over; give it a longer timeout, too (--timeout)"
        )
    return settings


def _in_range(name: str, value: int, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise UsageError(f"`{name}` is a whole number from {least} to {most}, not {value!r}")
    return value


def _positive(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= LONGEST_RUN:
        raise UsageError(f"`{name}` is a number of seconds above 0 and at most {LONGEST_RUN}, not {value!r}")
    return float(value)


def _options(request: Request) -> list[str]:
    """What was said, as options of the command line (the seed and the scheduler are in the outcome)."""
    return _said(request.depth, request.timeout, request.duration, request.isolate, request.shared)


def _said(
    depth: int | None, timeout: float | None, duration: float | None, isolate: bool, shared: bool
) -> list[str]:
    said: list[str] = [] if depth is None else ["--depth", str(depth)]
    for option, value in (("--timeout", timeout), ("--duration", duration)):
        if value is not None:
            said += [option, seconds_word(value)]
    return [*said, *["--isolate"] * isolate, *["--shared"] * shared]


def seconds_word(value: float) -> str:
    """`2.5` → `2.5s`, as an option takes it."""
    return f"{value:.6f}".rstrip("0").rstrip(".") + "s"


def _stored_options(found: Trace) -> list[str]:
    """The same from a trace: a verification's as they were said, a run's where the scenario says other."""
    header, usual = found.header, found.program.settings
    if isinstance(said := header.get("options"), list):
        return [str(word) for word in said]

    def other(name: str, kind: type) -> Any:
        value = header.get(name)
        known = isinstance(value, kind) and not isinstance(value, bool)
        return value if known and value != getattr(usual, name) else None

    numbers = other("depth", int), other("timeout", float), other("duration", float)
    return _said(*numbers, header.get("isolate") is True, header.get("shared") is True)


# --- where the trace goes ---


def trace_folder(wanted: Folder | None, scenario: str) -> tuple[Path | None, str]:
    """The folder, which exists then, and a remark where it is not the usual one."""
    if wanted is None:
        return None, ""
    if not isinstance(wanted, TraceDir):
        folder = Path(wanted)
        if problem := _unwritable(folder):
            raise EnvironmentProblem(
                f"cannot write to {folder}: {problem}; name another folder with --report DIR"
            )
        return folder, ""
    from ipcsim import budget

    budget.limit()  # a setting that makes no sense is told before the run
    usual = REPORTS / _file_name(scenario)
    problem = _unwritable(usual)
    if not problem:
        return usual, ""
    try:
        other = Path(tempfile.mkdtemp(prefix="ipcsim-"))
    except OSError as error:
        return None, f"no trace was written: {usual} ({problem}) and no temporary folder ({error.strerror})"
    return other, f"the trace is in {other} because {usual} cannot be written ({problem})"


def spare_room(
    wanted: Folder | None, scenario: str, written: Iterable[str | None], told: Told | None
) -> list[str]:
    """Keep the usual folder of the scenario within its budget, where that is where traces went; the remarks.
    What was `written` just now stays."""
    kept = [path for path in written if path is not None]
    usual = REPORTS / _file_name(scenario)
    if not isinstance(wanted, TraceDir) or not any(Path(path).parent == usual for path in kept):
        return []
    from ipcsim import budget

    said = budget.enforce(usual, scenario, kept)
    if said and told is not None:
        told(f"ipcsim: {said}")
        return []
    return [said] if said else []


def _unwritable(folder: Path) -> str:
    """Why no file can be made in `folder` (which is made where it is not there); empty where one can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except FileExistsError:
        return "it is a file"
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)


def _file_name(scenario: str) -> str:
    """`scenario` as the name of a folder, whatever stands in it."""
    return re.sub(r"[^\w.-]+", "_", scenario).lstrip(".")[:60] or "scenario"
