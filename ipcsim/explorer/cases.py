"""What was found, as a case: its verdict, and how to tell it with the way that leads to it.

A case is told only when it is known that it will be shown; until then it is a few numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ipcsim.analysis.idle import progress_phases as progress_phases
from ipcsim.explorer import path as paths
from ipcsim.explorer import telling
from ipcsim.explorer.checks import field_access
from ipcsim.explorer.fairness import Fair, Lasso
from ipcsim.explorer.path import Path
from ipcsim.explorer.reduction import Ground
from ipcsim.explorer.search import Found, Result
from ipcsim.model.effects import Failure
from ipcsim.model.locals import LIVING
from ipcsim.program import Fairness, Property
from ipcsim.program.instructions import ObjectRef, Store
from ipcsim.verdict import Finding, Verdict

Told = tuple[Path, tuple[Finding, ...]]


@dataclass(frozen=True)
class Case:
    """One thing found; `length` is how many states are on the way to it. `verdict` is the one that it amounts
    to unless the telling shows that it is a consequence of something else."""

    verdict: Verdict
    length: int
    tell: Callable[[], Told]


def of(ground: Ground, result: Result, found: Found) -> Case:
    """Something seen in a state, or in a step."""
    length = len(result.graph.way(found.number))
    return Case(_verdict(found), length, lambda: _tell(ground, result, found))


def _verdict(found: Found) -> Verdict:
    match found.sort:
        case "deadlock":
            return Verdict.DEADLOCK
        case "race":
            return Verdict.RACE
        case "broken":
            assert isinstance(found.detail, tuple)
            return Verdict.ERROR if isinstance(found.detail[1], str) else Verdict.VIOLATION
        case "failure":
            assert found.action is not None
            failures = {s.failure for s in found.action.steps}
            return Verdict.VIOLATION if failures <= {None, Failure.ASSERTION} else Verdict.ERROR
        case _ if isinstance(found.detail, tuple):
            return Verdict.ERROR if isinstance(found.detail[1], str) else Verdict.VIOLATION
    return Verdict.LEAK


def _tell(ground: Ground, result: Result, found: Found) -> Told:
    path = paths.to(ground.machine, result.graph, found.number, ground.form)
    match found.sort:
        case "deadlock":
            return _tell_deadlock(path)
        case "failure":
            return _tell_failure(path, found)
        case "race":
            return _tell_race(path, found)
        case "broken":
            assert isinstance(found.detail, tuple)
            if not path.actions:  # broken at once: a run, too, looks at its beginning with its first step
                path.actions += path.machine.actions(path.final)[:1]
            part, verdict = found.detail
            return path, telling.property_judged(path, part.prop, _problem(verdict))
    if isinstance(found.detail, tuple):
        prop, verdict = found.detail
        final = telling.final_state(path)
        return path, telling.property_judged(path, prop, _problem(verdict), final)
    assert isinstance(found.detail, ObjectRef)
    return path, (telling.leak(path, found.detail),)


def _problem(verdict: object) -> str | None:
    """Why a property cannot be judged; None where it is broken."""
    return verdict if isinstance(verdict, str) else None


def _tell_deadlock(path: Path) -> Told:
    machine = path.machine
    who = [p.number for p in machine.processes if machine.local(path.final, p.number).mode in LIVING]
    paths.settle(path, who)
    return path, telling.deadlock(path, who)


def _tell_failure(path: Path, found: Found) -> Told:
    """The step that fails, or one that fails alike where interchangeable processes were sorted."""
    assert found.action is not None
    failing = [a for a in path.machine.actions(path.final) if a.failed]
    path.actions.append(next((a for a in failing if a == found.action), failing[0]))
    return path, telling.of_verdict(path, _verdict(found))


def _tell_race(path: Path, found: Found) -> Told:
    """The way stops where both accesses are the next steps. Loads come first: what they see is then the same
    whichever of the two is quicker."""
    assert isinstance(found.detail, tuple)
    field = str(found.key)
    racers = _racers(path, field) or found.detail
    by_hand = telling.race(path, racers, field)
    steps = [path.machine.actions_of(path.final, p)[0].steps[0] for p in racers]
    path.racing = sorted(steps, key=lambda s: isinstance(path.machine.processes[s.process].code[s.pc], Store))
    return path, telling.of_verdict(path, Verdict.RACE) or (by_hand,)


def _racers(path: Path, field: str) -> tuple[int, int] | None:
    """Two processes that are about to race for a field in the last state of a path."""
    machine, state = path.machine, path.final
    about = [(p.number, a) for p in machine.processes if (a := field_access(machine, state, p.number))]
    for p, (slot, stores, name) in about:
        for q, (other, _, _) in about:
            if p != q and slot == other and stores and name == field:
                return p, q
    return None


# --- what goes on for ever ---


def stuck(ground: Ground, result: Result, number: int, processes: list[int]) -> Case:
    """Processes that never step again, though others do."""

    def tell() -> Told:
        path = paths.to(ground.machine, result.graph, number, ground.form)
        paths.settle(path, processes)
        return path, telling.deadlock(path, processes)

    return Case(Verdict.DEADLOCK, len(result.graph.way(number)), tell)


def polling(ground: Ground, result: Result, component: Sequence[int]) -> Case:
    """A final component in which nothing ever changes."""
    inside = set(component)

    def tell() -> Told:
        lasso = Fair(ground.machine, result.graph, Fairness.STRONG).find(lambda n: n in inside)
        assert lasso is not None  # nobody in a final component is left out
        return _tell_endless(ground, result, lasso, Fairness.STRONG, None, polls=True)

    return Case(Verdict.LIVELOCK, len(result.graph.way(component[0])), tell)


def endless(
    ground: Ground, result: Result, lasso: Lasso, fairness: Fairness, starving: tuple[int, Property] | None
) -> Case:
    """A fair loop in which a process starves, or (None) nobody makes progress."""
    verdict = Verdict.LIVELOCK if starving is None else Verdict.STARVATION
    return Case(verdict, len(lasso.prefix), lambda: _tell_endless(ground, result, lasso, fairness, starving))


def _tell_endless(
    ground: Ground,
    result: Result,
    lasso: Lasso,
    fairness: Fairness,
    starving: tuple[int, Property] | None,
    polls: bool = False,
) -> Told:
    machine, graph = ground.machine, result.graph
    if ground.form is None:
        prefix = list(paths.along(machine, graph, lasso.prefix))
        path = Path(machine, [*prefix, *paths.labelled(machine, graph, lasso.loop)])
    else:
        way = [*lasso.prefix, *(target for *_, target in lasso.loop)]
        path = Path(machine, list(paths.along(machine, graph, way, ground.form)))
    path.loop = len(lasso.prefix) - 1
    words = f"{fairness} fairness"
    movers = sorted({a.process for a in path.actions[path.loop :]})
    if starving is not None:
        return path, (telling.starvation(path, *starving, movers, words),)
    phases = [] if polls else sorted(progress_phases(machine.program))
    return path, (telling.livelock(path, movers, phases, words),)
