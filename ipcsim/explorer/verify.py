"""From a Program to the verdict on all its interleavings.

First the states: deadlock, errors, races, broken properties, objects left behind, processes that poll for
ever. Then, if none of that was found and anybody can go on for ever, the fair loops: starvation and
livelock. What is said of a program that was explored completely is proved, for the discipline and the
fairness that the outcome names; the model is compared with the kernel in tests/model.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ipcsim.explorer import path as paths
from ipcsim.explorer import telling
from ipcsim.explorer.fairness import Fair, Lasso
from ipcsim.explorer.path import Path
from ipcsim.explorer.reduction import Ground, Reduction, prepare
from ipcsim.explorer.search import Found, Limits, Progress, Result, final_components
from ipcsim.model.effects import Failure
from ipcsim.model.layout import Overflow
from ipcsim.model.living import Unsupported
from ipcsim.model.locals import LIVING
from ipcsim.program import Discipline, Fairness, Program, Property, PropertyKind
from ipcsim.program.instructions import Phase
from ipcsim.verdict import PRECEDENCE, Finding, Kind, Outcome, Verdict, conclude

MOST_CASES = 20  # different things found of which the way is told
CHECK_STATES = 200_000  # states to spend on whether Linux's order excludes a finding


@dataclass(frozen=True, slots=True)
class Options:
    """How to verify; see `VerifySettings` and `Limits`."""

    semaphores: Discipline = Discipline.WEAK
    fairness: Fairness = Fairness.STRONG
    crashes: int = 0
    reduction: Reduction = Reduction.ALL
    depth_first: bool = False
    limits: Limits = Limits()
    compare: bool = True  # whether to look if the kernel's own order excludes what was found


@dataclass
class Verification:
    """The outcome, and the counterexample as a path where there is one."""

    outcome: Outcome
    path: Path | None = None


@dataclass
class _Case:
    """One finding's evidence, to be told."""

    verdict: Verdict
    length: int
    tell: Callable[[], tuple[Path, tuple[Finding, ...]]]


@dataclass
class _Tally:
    """What the searches amount to together."""

    states: int = 0
    transitions: int = 0
    stopped: str = ""
    interrupted: bool = False
    notes: list[str] = field(default_factory=list)

    def add(self, result: Result) -> None:
        self.states += len(result.graph)
        self.transitions += result.graph.transitions
        self.stopped = self.stopped or result.stopped
        self.interrupted = self.interrupted or result.interrupted


def verify(
    program: Program, options: Options, progress: Callable[[Progress], None] | None = None
) -> Verification:
    """Explore every interleaving of `program` and judge it."""
    started = time.monotonic()
    widths: dict[str, int] = {}
    while True:
        try:
            return _Verifier(program, options, progress, widths, started).run()
        except Overflow as overflow:  # once more, with more bits for what did not fit
            widths[overflow.name] = overflow.width * 2


class _Verifier:
    def __init__(
        self,
        program: Program,
        options: Options,
        progress: Callable[[Progress], None] | None,
        widths: dict[str, int],
        started: float,
    ) -> None:
        self._program, self._options, self._progress = program, options, progress
        self._widths, self._started = widths, started
        self._tally = _Tally()
        self._cases: list[_Case] = []
        self._fair = False  # whether fair loops were looked for
        self._used = "none"
        self._loops_used = ""
        self._deadlocks = 0

    def run(self) -> Verification:
        try:
            ground = self._prepare(liveness=False)
            self._used = ground.used
            result = ground.search(ground.endless, self._options.limits, self._progress)
            self._take(ground, result)
            if self._wants_loops(ground, result):
                self._loops()
        except Unsupported as problem:
            return self._not_modelled(str(problem))
        return self._conclude()

    def _prepare(self, liveness: bool) -> Ground:
        o = self._options
        return prepare(self._program, o.semaphores, o.crashes, o.reduction, self._widths, liveness)

    # --- states ---

    def _take(self, ground: Ground, result: Result) -> None:
        self._tally.add(result)
        self._deadlocks = result.deadlocks
        for found in result.found.values():
            self._cases.append(self._case(ground, result, found))
        if ground.endless and not result.stopped:
            self._final(ground, result)

    def _case(self, ground: Ground, result: Result, found: Found) -> _Case:
        verdict = _verdict_of(found)
        length = len(result.graph.way(found.number))
        return _Case(verdict, length, lambda: self._tell(ground, result, found))

    def _path(self, ground: Ground, result: Result, number: int) -> Path:
        return paths.to(ground.machine, result.graph, number, ground.symmetry)

    def _tell(self, ground: Ground, result: Result, found: Found) -> tuple[Path, tuple[Finding, ...]]:
        path = self._path(ground, result, found.number)
        machine = ground.machine
        if found.sort == "deadlock":
            stuck = [p.number for p in machine.people if machine.local(path.final, p.number).mode in LIVING]
            paths.settle(path, stuck)
            return path, telling.deadlock(path, stuck)
        if found.sort == "failure":
            assert found.action is not None
            like = [a for a in machine.actions(path.final) if a.failed]
            path.actions.append(next((a for a in like if a == found.action), like[0]))
            return path, telling.of_verdict(path, _verdict_of(found))
        if found.sort == "race":
            return self._tell_race(path, found)
        if found.sort == "broken":
            assert isinstance(found.detail, tuple)
            told = tuple(f for v in (Verdict.VIOLATION, Verdict.ERROR) for f in telling.of_verdict(path, v))
            return path, told or (telling.broken(path, found.detail[0].prop),)
        if isinstance(found.detail, Property):
            told = telling.of_verdict(path, Verdict.VIOLATION, telling.final_state(path))
            return path, told or (telling.broken(path, found.detail),)
        return path, (telling.leak(path, found.detail),)  # type: ignore[arg-type]

    def _tell_race(self, path: Path, found: Found) -> tuple[Path, tuple[Finding, ...]]:
        """Both accesses are the next steps: let them follow each other."""
        machine, pair = path.machine, found.detail
        assert isinstance(pair, tuple)
        racers = _racers(path, str(found.key)) or pair
        plain = telling.race(path, racers, str(found.key))
        for process in racers:
            actions = machine.actions_of(path.final, process)
            if actions:
                path.actions.append(actions[0])
        return path, telling.of_verdict(path, Verdict.RACE) or (plain,)

    # --- processes that never get on, though others do ---

    def _final(self, ground: Ground, result: Result) -> None:
        """Final components: who never steps there is stuck; where nothing ever changes, it is a livelock."""
        machine, graph = ground.machine, result.graph
        for component in final_components(graph):
            if not graph.targets(component[0]):
                continue  # an end, or a deadlock of all
            inside = set(component)
            steps = [(n, s) for n in component for s in graph.steps(n)]
            movers = {s[0] for _, s in steps}
            first = min(component)
            state = graph.states[first]
            stuck = [
                p.number
                for p in machine.people
                if p.number not in movers and machine.local(state, p.number).mode in LIVING
            ]
            length = len(graph.way(first))
            if stuck and ground.symmetry is None:
                self._deadlocks += 1
                self._cases.append(
                    _Case(Verdict.DEADLOCK, length, _stuck(self, ground, result, first, stuck))
                )
            elif stuck:
                self._cases.append(_Case(Verdict.DEADLOCK, length, _stuck(self, ground, result, first, [])))
            elif not self._changes(ground, graph, steps) and not _progress_phases(self._program):
                self._cases.append(
                    _Case(Verdict.LIVELOCK, length, _polling(self, ground, result, sorted(inside)))
                )

    @staticmethod
    def _changes(ground: Ground, graph: Any, steps: list[Any]) -> bool:
        """Whether any of these steps changes an object."""
        machine = ground.machine
        people = len(machine.people)
        for number, (process, alternative, _) in steps:
            for action in machine.actions_of(graph.states[number], process):
                if action.alternative == alternative and any(slot >= people for slot in action.writes):
                    return True
        return False

    # --- fair loops ---

    def _wants_loops(self, ground: Ground, result: Result) -> bool:
        if result.interrupted or not ground.endless:
            return False
        wanted = _progress_phases(self._program) or any(
            p.kind is PropertyKind.ALWAYS_EVENTUALLY for p in self._program.properties
        )
        worse = any(PRECEDENCE.index(c.verdict) < PRECEDENCE.index(Verdict.LIVELOCK) for c in self._cases)
        return bool(wanted) and not worse

    def _loops(self) -> None:
        ground = self._prepare(liveness=True)
        limits = replace(self._options.limits, after=None)
        result = ground.search(True, limits, self._progress)
        self._tally.add(result)
        self._loops_used = ground.used
        self._fair = not result.stopped
        fair = Fair(ground.machine, result.graph, self._options.fairness)
        phases = _progress_phases(self._program)
        if phases:
            lasso = fair.find(lambda _: True, lambda n, s: not _enters(ground, result, n, s, phases))
            if lasso is not None:
                self._cases.append(
                    _Case(Verdict.LIVELOCK, len(lasso.prefix), _lasso(self, ground, result, lasso, None))
                )
        for prop in self._program.properties:
            if prop.kind is PropertyKind.ALWAYS_EVENTUALLY and prop.phase:
                self._starving(ground, result, fair, prop)

    def _starving(self, ground: Ground, result: Result, fair: Fair, prop: Property) -> None:
        """The first process that can be kept out of a phase for ever, if any."""
        machine = ground.machine
        for person in machine.people:
            ahead = _can_reach(ground, person.number, str(prop.phase))
            if not any(ahead):
                continue

            def hungry(n: int, who: int = person.number, ahead: list[bool] = ahead) -> bool:
                local = machine.local(result.graph.states[n], who)
                return local.mode in LIVING and local.phase != prop.phase and ahead[local.pc]

            lasso = fair.find(hungry)
            if lasso is not None:
                self._cases.append(
                    _Case(
                        Verdict.STARVATION,
                        len(lasso.prefix),
                        _lasso(self, ground, result, lasso, (person.number, prop)),
                    )
                )
                return

    # --- the end ---

    def _conclude(self) -> Verification:
        order = sorted(self._cases, key=lambda c: (PRECEDENCE.index(c.verdict), c.length))
        path: Path | None = None
        findings: list[Finding] = []
        others: list[dict[str, Any]] = []
        for case in order[:MOST_CASES]:
            way, told = case.tell()
            fresh = [f for f in told if f not in findings]
            if path is None:
                path = way
            elif fresh:
                others.append({"findings": len(fresh), "schedule": str(way.schedule)})
            findings += fresh
        stopped = self._tally.stopped
        if stopped and not findings:
            findings.append(_inconclusive(stopped, self._tally))
        verdict = conclude(tuple(findings))
        notes = [*self._tally.notes, *self._excluded(verdict)]
        outcome = self._outcome(verdict, findings, path, notes)
        return Verification(replace(outcome, extra={**outcome.extra, "others": others}), path)

    def _outcome(
        self, verdict: Verdict, findings: list[Finding], path: Path | None, notes: list[str]
    ) -> Outcome:
        o, tally = self._options, self._tally
        schedule = None if path is None else path.schedule
        extra: dict[str, Any] = {
            "states": tally.states,
            "transitions": tally.transitions,
            "deadlocks": self._deadlocks,
            "reduction": self._used,
            "semaphores": str(o.semaphores),
            "fairness": str(o.fairness) if self._fair else None,
            "crashes": o.crashes,
            "counterexample": None
            if schedule is None
            else {"schedule": str(schedule), "length": len(schedule)},
            "steps": [] if path is None else path.rows(),
            "stopped": tally.stopped,
            "interrupted": tally.interrupted,
            "remarks": notes,
        }
        return Outcome(
            command="verify",
            scenario=self._program.name,
            verdict=verdict,
            expect=self._program.expect_verify,
            complete=not tally.stopped,
            findings=tuple(findings),
            seed=None,
            duration_s=time.monotonic() - self._started,
            arguments=dict(self._program.arguments),
            extra=extra,
        )

    def _excluded(self, verdict: Verdict) -> list[str]:
        """Whether a finding under `weak` is none under Linux's own order."""
        o = self._options
        weak = o.semaphores is Discipline.WEAK and o.compare and not self._tally.interrupted
        from ipcsim.model.machine import sleep_shows

        depends = sleep_shows(self._program) or verdict in (Verdict.STARVATION, Verdict.LIVELOCK)
        if not weak or not depends or verdict in (Verdict.OK, Verdict.INCONCLUSIVE):
            return []
        limits = replace(o.limits, states=CHECK_STATES, after=0)
        other = replace(o, semaphores=Discipline.KERNEL, limits=limits, compare=False)
        again = verify(self._program, other).outcome
        if again.verdict is verdict:
            return []
        if again.verdict is Verdict.OK and again.complete:
            return [
                f"On Linux this {verdict} cannot happen: it hands semaphores and messages over in its own order "
                "(proved with `--semaphores kernel`). It can on a system that promises no more than POSIX."
            ]
        return []

    def _not_modelled(self, problem: str) -> Verification:
        text = f"The model has no answer for this scenario: {problem}."
        finding = Finding(Kind.ENVIRONMENT, Verdict.INCONCLUSIVE, text)
        self._tally.stopped = "not modelled"
        return Verification(self._outcome(Verdict.INCONCLUSIVE, [finding], None, []))


# --- evidence, told when it is known to be wanted ---

_Told = Callable[[], tuple[Path, tuple[Finding, ...]]]


def _stuck(verifier: _Verifier, ground: Ground, result: Result, number: int, stuck: list[int]) -> _Told:
    def tell() -> tuple[Path, tuple[Finding, ...]]:
        path = verifier._path(ground, result, number)
        who = [p for p in stuck or _blocked(ground, path)]
        paths.settle(path, who)
        return path, telling.deadlock(path, who)

    return tell


def _blocked(ground: Ground, path: Path) -> list[int]:
    """With symmetry it is not known by number who never steps: whoever cannot step now and lives."""
    machine, state = ground.machine, path.final
    return [
        p.number
        for p in machine.people
        if machine.local(state, p.number).mode in LIVING and not machine.actions_of(state, p.number)
    ]


def _polling(verifier: _Verifier, ground: Ground, result: Result, component: list[int]) -> _Told:
    def tell() -> tuple[Path, tuple[Finding, ...]]:
        fair = Fair(ground.machine, result.graph, Fairness.STRONG)
        inside = set(component)
        lasso = fair.find(lambda n: n in inside)
        if lasso is None:
            path = verifier._path(ground, result, component[0])
            return path, (telling.livelock(path, [0], [], ""),)
        return _lasso(verifier, ground, result, lasso, None, polls=True)()

    return tell


def _lasso(
    verifier: _Verifier,
    ground: Ground,
    result: Result,
    lasso: Lasso,
    starving: tuple[int, Property] | None,
    polls: bool = False,
) -> _Told:
    def tell() -> tuple[Path, tuple[Finding, ...]]:
        machine, graph = ground.machine, result.graph
        if ground.symmetry is None:
            prefix = list(paths.along(machine, graph, lasso.prefix))
            path = Path(machine, [*prefix, *paths.labelled(machine, graph, lasso.loop)])
        else:
            way = [*lasso.prefix, *(target for *_, target in lasso.loop)]
            path = Path(machine, list(paths.along(machine, graph, way, ground.symmetry)))
        path.loop = len(lasso.prefix) - 1
        words = f"{verifier._options.fairness} fairness"
        movers = sorted({a.process for a in path.actions[path.loop :]})
        if starving is not None:
            return path, (telling.starvation(path, *starving, movers, words),)
        phases = [] if polls else sorted(_progress_phases(ground.machine.program))
        return path, (telling.livelock(path, movers, phases, words),)

    return tell


def _verdict_of(found: Found) -> Verdict:
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
        case _:
            return Verdict.VIOLATION if isinstance(found.detail, Property) else Verdict.LEAK


def _racers(path: Path, field: str) -> tuple[int, int] | None:
    """Two processes that are about to race for a field in the last state of a path."""
    from ipcsim.explorer.checks import field_access

    machine, state = path.machine, path.final
    about = [(p.number, a) for p in machine.people if (a := field_access(machine, state, p.number))]
    for p, (slot, stores, name) in about:
        for q, (other, _, _) in about:
            if p != q and slot == other and stores and name == field:
                return p, q
    return None


def _progress_phases(program: Program) -> frozenset[str]:
    return frozenset(i.name for f in program.families for i in f.code if isinstance(i, Phase) and i.progress)


def _enters(
    ground: Ground, result: Result, number: int, step: tuple[int, int, int], phases: frozenset[str]
) -> bool:
    """Whether a step enters one of these phases."""
    process, alternative, _ = step
    actions = ground.machine.actions_of(result.graph.states[number], process)
    return any(a.alternative == alternative and any(n in phases for _, n in a.entered) for a in actions)


def _can_reach(ground: Ground, process: int, phase: str) -> list[bool]:
    """By pc: whether the process may yet enter the phase."""
    code = ground.machine.people[process].code
    follow = ground.accesses[process].follow
    found = [isinstance(i, Phase) and i.name == phase for i in code]
    changed = True
    while changed:
        changed = False
        for pc in reversed(range(len(code))):
            if not found[pc] and any(found[t] for t in follow[pc] if t < len(code)):
                found[pc] = changed = True
    return found


def _inconclusive(stopped: str, tally: _Tally) -> Finding:
    reached = "You stopped it" if tally.interrupted else f"It was stopped by {stopped}"
    text = (
        f"{reached} after {tally.states:,} states and {tally.transitions:,} steps; nothing wrong was found in those, "
        "and nothing is known of the rest."
    )
    return Finding(Kind.TIMEOUT, Verdict.INCONCLUSIVE, text)
