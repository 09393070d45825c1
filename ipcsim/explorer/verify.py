"""From a Program to the verdict on all its interleavings.

First the states: deadlock, errors, races, broken properties, objects left behind, processes that poll for
ever. Then, if none of that was found and anybody can go on for ever, the fair loops: starvation and
livelock. What is said of a program that was explored completely is proved, for the discipline and the
fairness that the outcome names; the model is compared with the kernel in tests/model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ipcsim.explorer import cases, races, rounds, telling
from ipcsim.explorer.cases import Case, progress_phases
from ipcsim.explorer.fairness import Fair, OutOfTime
from ipcsim.explorer.path import Path
from ipcsim.explorer.reduction import Ground, Reduction, plain, prepare, uncounted
from ipcsim.explorer.search import NO_LIMITS, Limits, Progress, Result, final_components
from ipcsim.model.layout import Overflow
from ipcsim.model.living import Unsupported
from ipcsim.model.locals import LIVING
from ipcsim.model.machine import sleep_shows
from ipcsim.program import Discipline, Fairness, Program, Property, PropertyKind
from ipcsim.program.instructions import Phase
from ipcsim.verdict import PRECEDENCE, Finding, Kind, Outcome, Verdict, conclude

DEEP = "that depth first nothing is known of what goes on for ever"
MOST_CASES = 20  # different things found of which the way is told
_WITHOUT_SYMMETRY = {
    Reduction.NONE: Reduction.NONE,
    Reduction.STUBBORN: Reduction.STUBBORN,
    Reduction.SYMMETRY: Reduction.NONE,
    Reduction.ALL: Reduction.STUBBORN,
}
CHECK_STATES = 200_000  # states to spend on whether Linux's order excludes a finding


@dataclass(frozen=True, slots=True)
class Options:
    """How to verify; see `VerifySettings` and `Limits`."""

    semaphores: Discipline = Discipline.WEAK
    fairness: Fairness = Fairness.STRONG
    crashes: int = 0
    reduction: Reduction = Reduction.ALL
    depth_first: bool = False
    limits: Limits = NO_LIMITS
    compare: bool = True  # whether to look if the kernel's own order excludes what was found


@dataclass
class Verification:
    """The outcome, and the counterexample as a path where there is one."""

    outcome: Outcome
    path: Path | None = None


@dataclass
class _Tally:
    """What the searches amount to together."""

    states: int = 0
    transitions: int = 0
    stopped: str = ""
    interrupted: bool = False

    def add(self, result: Result) -> None:
        self.states += result.states
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
        self._cases: list[Case] = []
        self._fair = False  # whether fair loops were looked for
        self._used = "none"
        self._deadlocks = 0

    def run(self) -> Verification:
        try:
            if self._without_counting():
                return self._conclude()
            ground = self._prepare(liveness=False)
            self._used = ground.used
            deep = self._options.depth_first
            result = ground.search(
                ground.endless and not deep, self._options.limits, self._progress, depth_first=deep
            )
            if ground.symmetry is not None and not result.stopped and _somebody_waits(ground, result):
                ground = self._prepare(liveness=False, alike=False)  # who it is must be known
                self._used = ground.used
                result = ground.search(ground.endless, self._options.limits, self._progress)
            self._take(ground, result)
            if deep and ground.endless and not result.stopped:
                self._tally.stopped = DEEP
            if not result.stopped and races.needed(ground):
                self._races(result)
            if self._wants_loops(ground, result):
                self._loops(ground, result)
        except Unsupported as problem:
            return self._not_modelled(str(problem))
        return self._conclude()

    def _without_counting(self) -> bool:
        """Whether the program that goes round for ever gave the answer (see `rounds`)."""
        o = self._options
        if o.reduction not in (Reduction.STUBBORN, Reduction.ALL) or o.crashes or o.depth_first:
            return False
        endless = uncounted(self._program, self._widths)
        if endless is None:
            return False
        ground = prepare(endless, Discipline.WEAK, 0, o.reduction, self._widths, False)
        if ground.checks.parts or ground.checks.racing:
            return False
        result = ground.search(True, o.limits, self._progress)
        self._take(ground, result)
        self._used = f"{ground.used}, rounds not counted"
        if not self._cases:
            return not result.stopped or result.interrupted or self._forget()
        worst = min(self._cases, key=lambda c: (PRECEDENCE.index(c.verdict), c.length))
        way, _ = worst.tell()
        real = rounds.concrete(plain(self._program, self._widths), way)
        if real is None or worst.verdict is not Verdict.DEADLOCK:
            return self._forget()
        stuck = sorted({s.process for s in way.asleep})
        self._cases = [Case(Verdict.DEADLOCK, worst.length, lambda: (real, telling.deadlock(real, stuck)))]
        return True

    def _forget(self) -> bool:
        """Begin again, with the program itself."""
        self._cases, self._tally, self._deadlocks, self._used = [], _Tally(), 0, "none"
        return False

    def _prepare(self, liveness: bool, alike: bool = True) -> Ground:
        o = self._options
        reduction = o.reduction if alike else _WITHOUT_SYMMETRY[o.reduction]
        return prepare(self._program, o.semaphores, o.crashes, reduction, self._widths, liveness)

    # --- states ---

    def _take(self, ground: Ground, result: Result) -> None:
        self._tally.add(result)
        self._deadlocks = result.deadlocks
        for found in result.found.values():
            self._cases.append(cases.of(ground, result, found))
        if ground.endless and not result.stopped and result.visited is None:
            self._final(ground, result)

    def _races(self, result: Result) -> None:
        """Races that no state shows, among all states, every step by itself."""
        o = self._options
        ground = prepare(self._program, o.semaphores, o.crashes, Reduction.NONE, self._widths)
        known = {str(found.key) for found in result.found.values() if found.sort == "race"}
        until = None if o.limits.seconds is None else self._started + o.limits.seconds
        found = races.RaceSearch(ground, known, o.limits, until, self._progress, bool(self._cases)).run()
        self._cases += found.cases()
        self._tally.states += found.nodes
        self._tally.transitions += found.steps
        self._tally.stopped = self._tally.stopped or found.stopped
        self._tally.interrupted = self._tally.interrupted or found.interrupted

    # --- processes that never get on, though others do ---

    def _final(self, ground: Ground, result: Result) -> None:
        """Final components: who never steps there is stuck; where nothing ever changes, it is a livelock."""
        machine, graph = ground.machine, result.graph
        for component in final_components(graph):
            if not graph.targets(component[0]):
                continue  # an end, or a deadlock of all
            movers = {process for n in component for process, _, _ in graph.steps(n)}
            first = min(component)
            state = graph.states[first]
            stuck = [
                p.number
                for p in machine.people
                if p.number not in movers and machine.local(state, p.number).mode in LIVING
            ]
            if stuck:
                self._deadlocks += 1
                self._cases.append(cases.stuck(ground, result, first, stuck))
            elif not progress_phases(self._program) and not _changes(ground, result, component):
                self._cases.append(cases.polling(ground, result, component))

    # --- fair loops ---

    def _wants_loops(self, ground: Ground, result: Result) -> bool:
        if self._tally.interrupted or not ground.endless or self._options.depth_first:
            return False
        wanted = progress_phases(self._program) or any(
            p.kind is PropertyKind.ALWAYS_EVENTUALLY for p in self._program.properties
        )
        worse = any(PRECEDENCE.index(c.verdict) < PRECEDENCE.index(Verdict.LIVELOCK) for c in self._cases)
        return bool(wanted) and not worse

    def _loops(self, ground: Ground, result: Result) -> None:
        """Look for fair loops: in what was explored if nothing was left out, else in all states."""
        if self._options.reduction is not Reduction.NONE:
            ground = self._prepare(liveness=True)
            limits = replace(self._options.limits, after=None)
            result = ground.search(True, limits, self._progress)
            self._tally.add(result)
        self._fair = not result.stopped
        seconds = self._options.limits.seconds
        until = None if seconds is None else self._started + seconds
        try:
            self._fair_loops(
                ground, result, Fair(ground.machine, result.graph, self._options.fairness, until)
            )
        except KeyboardInterrupt:
            self._tally.stopped, self._tally.interrupted, self._fair = "interrupted", True, False
        except OutOfTime:
            self._tally.stopped, self._fair = f"the limit of {seconds:g} s", False

    def _fair_loops(self, ground: Ground, result: Result, fair: Fair) -> None:
        phases = progress_phases(self._program)
        if phases:
            lasso = fair.find(lambda _: True, lambda n, s: not _enters(ground, result, n, s, phases))
            if lasso is not None:
                self._cases.append(cases.endless(ground, result, lasso, self._options.fairness, None))
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
                starving = (person.number, prop)
                self._cases.append(cases.endless(ground, result, lasso, self._options.fairness, starving))
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
        outcome = self._outcome(verdict, findings, path, self._excluded(verdict))
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
                f"On Linux this {verdict} cannot happen: it hands semaphores and messages over in its own "
                "order (proved with `--semaphores kernel`). It can on a system that promises no more than "
                "POSIX."
            ]
        return []

    def _not_modelled(self, problem: str) -> Verification:
        text = f"The model has no answer for this scenario: {problem}."
        finding = Finding(Kind.ENVIRONMENT, Verdict.INCONCLUSIVE, text)
        self._tally.stopped = "not modelled"
        return Verification(self._outcome(Verdict.INCONCLUSIVE, [finding], None, []))


def _somebody_waits(ground: Ground, result: Result) -> bool:
    """Whether in some final component that goes on somebody may wait for ever, or nothing ever changes.

    Among processes that are sorted it shows only that somebody waits in each state at the same place.
    """
    machine, graph = ground.machine, result.graph
    if not ground.endless or result.visited is not None:
        return False
    for component in final_components(graph):
        if not graph.targets(component[0]):
            continue
        waiting: set[tuple[int, object]] | None = None
        for n in component:
            state = graph.states[n]
            here: set[tuple[int, object]] = {
                (p.family, machine.local(state, p.number))
                for p in machine.people
                if machine.local(state, p.number).mode in LIVING
                and not any(a.obliged for a in machine.actions_of(state, p.number))
            }
            waiting = here if waiting is None else waiting & here
        if waiting or not _changes(ground, result, component):
            return True
    return False


def _changes(ground: Ground, result: Result, component: Sequence[int]) -> bool:
    """Whether any step inside a final component changes an object; who sleeps there is no change."""
    machine, graph = ground.machine, result.graph
    same = {*range(len(machine.people)), *machine.sleepers, *machine.receivers, *machine.senders}
    return any(
        slot not in same
        for number in component
        for process, alternative, _ in graph.steps(number)
        for slot in machine.actions_of(graph.states[number], process)[alternative].writes
    )


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
    entering = [isinstance(i, Phase) and i.name == phase for i in code]
    return ground.accesses[process].reaching(entering)


def _inconclusive(stopped: str, tally: _Tally) -> Finding:
    if stopped == DEEP:
        text = (
            f"All {tally.states:,} states were seen, depth first, and nothing is wrong in any of them. "
            "Whether some process never gets on while others go on for ever is not known so: "
            "`--search breadth` tells."
        )
        return Finding(Kind.TIMEOUT, Verdict.INCONCLUSIVE, text)
    reached = "You stopped it" if tally.interrupted else f"It was stopped by {stopped}"
    text = (
        f"{reached} after {tally.states:,} states and {tally.transitions:,} steps; nothing wrong was found "
        "in those, and nothing is known of the rest."
    )
    return Finding(Kind.TIMEOUT, Verdict.INCONCLUSIVE, text)
