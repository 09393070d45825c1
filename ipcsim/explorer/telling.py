"""Paths as findings: the same words as for a run, because the same analysis reads the path's events."""

from __future__ import annotations

from collections.abc import Iterable

from ipcsim.analysis import verdicts
from ipcsim.analysis.blame import to_blame_for_all
from ipcsim.analysis.graph import DeadlockReport, analyse
from ipcsim.analysis.may import MayAnalysis
from ipcsim.analysis.monitor import Monitor
from ipcsim.analysis.properties import FinalState
from ipcsim.analysis.waits import resolve_wait
from ipcsim.analysis.wording import listed
from ipcsim.explorer.checks import Seen
from ipcsim.explorer.path import Path, queue_state, status
from ipcsim.model.layout import View
from ipcsim.program import Property
from ipcsim.program.instructions import ObjectKind, ObjectRef
from ipcsim.snapshot import Snapshot, Status
from ipcsim.verdict import Finding, Kind, Verdict

FAILURES = (Kind.ASSERTION, Kind.ERRNO, Kind.EVALUATION, Kind.CRASH)  # findings of processes that failed


def monitor_of(path: Path) -> Monitor:
    """What a supervisor would know at the end of the path."""
    monitor = Monitor(path.machine.program, exact=True)
    for event in path.events():
        monitor.feed(event)
    return monitor


def snapshot(path: Path, monitor: Monitor) -> Snapshot:
    """The last state of the path, as the analysis sees a run."""
    machine, state = path.machine, path.final
    states = []
    for proc in machine.processes:
        states.append(monitor.process_state(proc.number, status(machine, state, proc.number)))
    world = Seen(machine)
    world.view = View(machine.layout, state)

    def there(kind: ObjectKind, number: int) -> bool:
        living = machine.living
        return living is None or living.present(world.view, ObjectRef(kind, number)) is not None

    sets = tuple(
        tuple(world.view[s] for s in slots) if there(ObjectKind.SEMAPHORES, n) else None
        for n, slots in enumerate(machine.sem)
    )
    queues = tuple(
        queue_state(machine, state, n) if there(ObjectKind.QUEUE, n) else None
        for n in range(len(machine.queue))
    )
    return Snapshot(len(path.actions), tuple(states), sets, queues)


def deadlock(path: Path, stuck: Iterable[int]) -> tuple[Finding, ...]:
    """Why these processes can never go on: circles, self-waits, and who waits for what nobody gives; before
    them the failures that brought it about."""
    program = path.machine.program
    monitor = monitor_of(path)
    seen = snapshot(path, monitor)
    report = analyse(program, seen, MayAnalysis(program))
    found = list(report.findings())
    # what the text alone does not rule out, the search has: nobody ever does what they wait for
    rest = [p for p in stuck if p not in report.deadlocked]
    if rest:
        found.append(_never(path, report, rest))
    blamed = {name for f in found for name in f.caused_by}
    causes = [f for f in monitor.finish(None) if f.kind in FAILURES and blamed.intersection(f.processes)]
    return (*causes, *found)


def _never(path: Path, report: DeadlockReport, stuck: list[int]) -> Finding:
    """Processes that wait for something that somebody could do by the text, but in no execution does."""
    program, seen = path.machine.program, report.snapshot
    blame = to_blame_for_all(report, {p: report.graph.needs.get(p, ()) for p in stuck})
    names = tuple(program.processes[p].name for p in stuck)
    details = []
    for p in stuck:
        state = seen.processes[p]
        instruction = program.instruction(p, state.pc)
        stopped = state.status is Status.RUNNING
        what = "is stopped, and nobody continues it" if stopped else f"waits in {instruction.text}"
        details.append((program.processes[p].name, what, str(instruction.at)))
    verb = "waits" if len(names) == 1 else "wait"
    return Finding(
        Kind.ORPHANED_WAIT,
        Verdict.DEADLOCK,
        f"{listed(list(names), 6)} {verb} for ever: from here on no execution brings what would end it.",
        processes=names,
        at=program.where(stuck[0], seen.processes[stuck[0]].pc),
        details=tuple(details[:12]),
        caused_by=tuple(program.processes[p].name for p in blame),
    )


def of_verdict(path: Path, verdict: Verdict, final: FinalState | None = None) -> tuple[Finding, ...]:
    """The findings with this verdict that the path's events amount to."""
    return tuple(f for f in monitor_of(path).finish(final) if f.verdict is verdict)


def final_state(path: Path) -> FinalState:
    """The values at the end of the path."""
    machine = path.machine
    world = Seen(machine)
    world.view = View(machine.layout, path.final)
    seen = snapshot(path, monitor_of(path))
    segments = tuple(
        tuple(world.segment(n, f) for f in range(len(s.struct.fields))) if _there(path, world, n) else None
        for n, s in enumerate(machine.program.segments)
    )
    lengths = tuple(None if q is None else q.messages for q in seen.queues)
    return FinalState(seen.semaphores, lengths, segments)


def _there(path: Path, world: Seen, segment: int) -> bool:
    living = path.machine.living
    return living is None or living.present(world.view, ObjectRef(ObjectKind.SEGMENT, segment)) is not None


def leak(path: Path, ref: ObjectRef) -> Finding:
    return verdicts.leak(path.machine.program, ref)


def property_judged(
    path: Path, prop: Property, problem: str | None, final: FinalState | None = None
) -> tuple[Finding, ...]:
    """A property that is broken at the end of the path, or cannot be judged there (`problem` says why)."""
    verdict = Verdict.VIOLATION if problem is None else Verdict.ERROR
    place = str(prop.at)
    found = of_verdict(path, verdict, final)
    told = tuple(f for f in found if f.kind not in FAILURES or any(d[2] == place for d in f.details))
    return told or (_judged_by_hand(prop, problem),)


def _judged_by_hand(prop: Property, problem: str | None) -> Finding:
    """The same where the events alone do not show it."""
    told = "is broken" if problem is None else f"cannot be judged: {problem}"
    return Finding(
        Kind.VIOLATION if problem is None else Kind.EVALUATION,
        Verdict.VIOLATION if problem is None else Verdict.ERROR,
        f"The property `{prop.name}` {told}.",
        at=prop.at,
        details=(("", f"the property: {prop.name}", str(prop.at)),),
    )


def race(path: Path, processes: tuple[int, int], field: str) -> Finding:
    """Two processes are about to access the same field at once."""
    program = path.machine.program
    places = []
    for p in processes:
        local = path.machine.local(path.final, p)
        instruction = program.instruction(p, local.pc)
        places.append((program.processes[p].name, f"is about to {instruction.text}", str(instruction.at)))
    first = program.instruction(processes[0], path.machine.local(path.final, processes[0]).pc)
    return Finding(
        Kind.RACE,
        Verdict.RACE,
        f"{places[0][0]} and {places[1][0]} are both about to access `{field}`, one of them stores, and "
        "nothing orders the two.",
        processes=(places[0][0], places[1][0]),
        objects=(field,),
        at=first.at,
        details=tuple(places),
    )


def starvation(path: Path, process: int, prop: Property, movers: list[int], fairness: str) -> Finding:
    """The loop of a path goes on for ever while a process never gets to a phase."""
    program = path.machine.program
    proc = path.machine.processes[process]
    local = path.machine.local(path.final, process)
    instruction = proc.code[local.pc]
    wait = resolve_wait(instruction, 0, 0, ((0, 0),))
    doing = "waits" if wait is not None and process not in movers else "goes round"
    others = [program.processes[p].name for p in movers if p != process]
    told = f"{proc.name} can stay out of `{prop.phase}` for ever"
    means = f" while {listed(others, 4)} {'goes' if len(others) == 1 else 'go'} on" if others else ""
    return Finding(
        Kind.STARVATION,
        Verdict.STARVATION,
        f"{told}: it {doing} at `{instruction.text}` ({instruction.at}){means}, and the steps marked as the "
        f"loop repeat without end ({fairness}).",
        processes=(proc.name,),
        at=instruction.at,
        details=(
            (proc.name, f"{doing} at {instruction.text}", str(instruction.at)),
            ("", f"the property: {prop.name}", str(prop.at)),
        ),
    )


def livelock(path: Path, movers: list[int], phases: list[str], fairness: str) -> Finding:
    """The loop of a path goes on for ever, and nobody gets anywhere."""
    program = path.machine.program
    names = [program.processes[p].name for p in movers]
    verb = "takes" if len(names) == 1 else "take"
    if phases:
        gets = f"nobody gets to {listed([f'`{p}`' for p in phases], last='or')}"
        told = f"{listed(names, 6)} can {verb.removesuffix('s')} steps for ever while {gets}"
    else:
        polls = "polls" if len(names) == 1 else "poll"
        told = f"{listed(names, 6)} {polls} for ever, and nothing changes any more"
    details = []
    for p in movers[:12]:
        local = path.machine.local(path.final, p)
        instruction = path.machine.processes[p].code[local.pc]
        details.append((program.processes[p].name, f"goes round {instruction.text}", str(instruction.at)))
    return Finding(
        Kind.LIVELOCK,
        Verdict.LIVELOCK,
        f"{told} ({fairness}).",
        processes=tuple(names),
        at=path.machine.program.where(movers[0], path.machine.local(path.final, movers[0]).pc),
        details=tuple(details),
    )
