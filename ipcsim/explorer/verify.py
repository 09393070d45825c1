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

from ipcsim.errors import UsageError
from ipcsim.explorer import cases, conclusion, linux, races, rounds, telling
from ipcsim.explorer.cases import Case, progress_phases
from ipcsim.explorer.components import can_reach, changes, enters, somebody_waits
from ipcsim.explorer.conclusion import Conclusion, Way
from ipcsim.explorer.fairness import Fair, OutOfTime
from ipcsim.explorer.graph import final_components
from ipcsim.explorer.known import DEEP, Known, Tally
from ipcsim.explorer.limits import ENOUGH, NO_LIMITS, Limits, Progress, deadline, stopped_by
from ipcsim.explorer.path import Path
from ipcsim.explorer.reduction import WANTED, Ground, Reduction, plain, prepare, uncounted
from ipcsim.explorer.search import Result
from ipcsim.model.features import Saving, sleep_shows
from ipcsim.model.layout import Overflow
from ipcsim.model.living import Unsupported
from ipcsim.model.locals import LIVING
from ipcsim.program import Discipline, Fairness, Program, Property, PropertyKind
from ipcsim.verdict import PRECEDENCE, Finding, Kind, Outcome, Verdict

_WITHOUT_SYMMETRY = {
    Reduction.NONE: Reduction.NONE,
    Reduction.STUBBORN: Reduction.STUBBORN,
    Reduction.SYMMETRY: Reduction.NONE,
    Reduction.ALL: Reduction.STUBBORN,
}


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
    finding: int | None = None  # the number of the finding whose way is shown; None: the one for the verdict


@dataclass
class Verification:
    """The outcome, the counterexample as a path where there is one, what was settled, and all the ways."""

    outcome: Outcome
    path: Path | None = None
    known: Known = field(default_factory=Known)
    ways: tuple[Way, ...] = ()


def verify(
    program: Program, options: Options, progress: Callable[[Progress], None] | None = None
) -> Verification:
    """Explore every interleaving of `program` and judge it. The limits are those of all searches together."""
    started = time.monotonic()
    limits = options.limits
    if limits.seconds is not None and limits.until is None:
        options = replace(options, limits=replace(limits, until=started + limits.seconds))
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
        self._tally = Tally()
        self._cases: list[Case] = []
        self._fair = False  # whether fair loops were looked for
        self._known = Known()
        self._used = "none"
        self._deadlocks = 0

    def run(self) -> Verification:
        try:
            with deadline(self._options.limits):
                if not self._without_counting():
                    self._explore()
        except Unsupported as problem:
            return self._not_modelled(str(problem))
        except KeyboardInterrupt as end:  # between two searches
            self._interrupt(end)
        return self._conclude()

    def _explore(self) -> None:
        """All states, then the loops."""
        ground = self._prepare(liveness=False)
        self._used = ground.used
        deep = self._options.depth_first
        result = ground.search(ground.endless and not deep, self._limits(), self._progress, depth_first=deep)
        if ground.symmetry is not None and not result.stopped and somebody_waits(ground, result):
            self._tally.spent += result.states
            ground = self._prepare(liveness=False, alike=False)  # who it is must be known
            self._used = ground.used
            result = ground.search(ground.endless, self._limits(), self._progress)
        self._take(ground, result)
        if not result.stopped:
            ends = not ground.endless
            self._known.states(stuck=ends or not deep, polling=ends or not (deep or self._has_progress))
            if races.needed(ground):
                self._races(result)
            if deep and ground.endless:
                self._tally.stopped = DEEP
        if self._wants_loops(ground, result):
            self._loops(ground, result)
        elif not ground.endless and not result.stopped:
            self._known.loops(Verdict.LIVELOCK, Verdict.STARVATION)

    def _limits(self) -> Limits:
        """What the searches before have left of the limits."""
        return replace(self._options.limits, spent=self._tally.spent)

    def _interrupt(self, end: KeyboardInterrupt) -> None:
        stopped, interrupted = stopped_by(end, self._options.limits)
        self._tally.stopped = self._tally.stopped or stopped
        self._tally.interrupted = self._tally.interrupted or interrupted

    @property
    def _has_progress(self) -> bool:
        return bool(progress_phases(self._program))

    def _without_counting(self) -> bool:
        """Whether the program that goes round for ever gave the answer (see `rounds`)."""
        o = self._options
        if o.depth_first or Saving.ROUNDS not in WANTED[o.reduction]:
            return False
        endless = uncounted(self._program, o.crashes, self._widths)
        if endless is None:
            return False
        ground = prepare(endless, Discipline.WEAK, 0, o.reduction, self._widths, False)
        result = ground.search(True, self._limits(), self._progress)
        self._take(ground, result)
        self._used = f"{ground.used}, rounds not counted"
        if not result.stopped:
            self._known.states(stuck=True, polling=True)
            self._known.loops(Verdict.LIVELOCK, Verdict.STARVATION)
        if not self._cases:  # where a limit was reached nothing is left for the program itself
            return True
        if any(c.verdict is not Verdict.DEADLOCK for c in self._cases):
            return self._forget()
        worst = min(self._cases, key=lambda c: c.length)
        way, _ = worst.tell()
        real = rounds.concrete(plain(self._program, self._widths), way)
        if real is None:
            return self._forget()
        stuck = sorted({s.process for s in way.asleep})
        self._cases = [Case(Verdict.DEADLOCK, worst.length, lambda: (real, telling.deadlock(real, stuck)))]
        return True

    def _forget(self) -> bool:
        """Begin again, with the program itself."""
        self._cases, self._tally, self._deadlocks = [], Tally(spent=self._tally.spent), 0
        self._used, self._known = "none", Known()
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
        found = races.RaceSearch(ground, known, self._limits(), self._progress, bool(self._cases)).run()
        if found.stopped:
            self._known.reopen(Verdict.RACE)
        self._cases += found.cases()
        self._tally.states += found.nodes
        self._tally.spent += found.nodes
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
                for p in machine.processes
                if p.number not in movers and machine.local(state, p.number).mode in LIVING
            ]
            if stuck:
                self._deadlocks += 1
                self._cases.append(cases.stuck(ground, result, first, stuck))
            elif not progress_phases(self._program) and not changes(ground, result, component):
                self._cases.append(cases.polling(ground, result, component))

    # --- fair loops ---

    def _wants_loops(self, ground: Ground, result: Result) -> bool:
        if result.stopped not in ("", ENOUGH) or not ground.endless or self._options.depth_first:
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
            result = ground.search(True, replace(self._limits(), after=None), self._progress)
            self._tally.add(result)
        limits = self._options.limits
        self._fair = not result.stopped
        if result.interrupted:
            return
        try:
            self._fair_loops(
                ground, result, Fair(ground.machine, result.graph, self._options.fairness, limits.until)
            )
        except KeyboardInterrupt as end:
            self._interrupt(end)
            self._fair = False
        except OutOfTime:
            self._tally.stopped, self._fair = f"the limit of {limits.seconds:g} s", False

    def _fair_loops(self, ground: Ground, result: Result, fair: Fair) -> None:
        phases = progress_phases(self._program)
        if phases:
            lasso = fair.find(lambda _: True, lambda n, s: not enters(ground, result, n, s, phases))
            if lasso is not None:
                self._cases.append(cases.endless(ground, result, lasso, self._options.fairness, None))
            if not result.stopped:
                self._known.loops(Verdict.LIVELOCK)
        for prop in self._program.properties:
            if prop.kind is PropertyKind.ALWAYS_EVENTUALLY and prop.phase:
                self._starving(ground, result, fair, prop)
        if not result.stopped:
            self._known.loops(Verdict.STARVATION)

    def _starving(self, ground: Ground, result: Result, fair: Fair, prop: Property) -> None:
        """The first process that can be kept out of a phase for ever, if any."""
        machine = ground.machine
        for proc in machine.processes:
            ahead = can_reach(ground, proc.number, str(prop.phase))
            if not any(ahead):
                continue

            def hungry(n: int, who: int = proc.number, ahead: list[bool] = ahead) -> bool:
                local = machine.local(result.graph.states[n], who)
                return local.mode in LIVING and local.phase != prop.phase and ahead[local.pc]

            lasso = fair.find(hungry)
            if lasso is not None:
                starving = (proc.number, prop)
                self._cases.append(cases.endless(ground, result, lasso, self._options.fairness, starving))
                return

    # --- the end ---

    def _conclude(self) -> Verification:
        drawn = conclusion.draw(self._cases)
        notes: list[str] = []
        try:
            if self._comparable(drawn) and not drawn.interrupted:
                notes = linux.compare(
                    drawn, linux.limits_of(self._options.limits, self._started), self._linux
                )
        except KeyboardInterrupt:
            drawn.interrupted = True
        if drawn.interrupted:
            self._interrupt(KeyboardInterrupt())
        shown = self._shown(drawn)
        if shown is not None and not notes:
            notes = linux.remark(shown)
        findings = drawn.findings
        if self._tally.stopped and not findings:
            findings.append(self._known.inconclusive(self._tally, self._asked))
        verdict = drawn.verdict if drawn.ways else Verdict.INCONCLUSIVE if findings else Verdict.OK
        notes += [
            f"{count:,} more cases of {v} were found and are not told." for v, count in drawn.left_out.items()
        ]
        path = None if shown is None else shown.path
        outcome = self._outcome(verdict, findings, path, notes)
        extra = {
            **outcome.extra,
            "others": [] if shown is None else drawn.as_json(shown),
            "shown": None
            if shown is None
            else {"finding": drawn.number_of(shown), "verdict": str(shown.verdict)},
        }
        return Verification(replace(outcome, extra=extra), path, self._known, tuple(drawn.ways))

    def _shown(self, drawn: Conclusion) -> Way | None:
        number = self._options.finding
        if number is None:
            return drawn.ways[0] if drawn.ways else None
        way = drawn.chosen(number)
        if way is None:
            count = len(drawn.findings)
            there = f"there {'is' if count == 1 else 'are'} {count}" if count else "nothing was found"
            raise UsageError(f"there is no finding {number}: {there}")
        return way

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
            "proved": [str(v) for v in self._known.proved(findings)],
            "open": [str(v) for v in self._known.open(findings, self._asked)],
            "interrupted": tally.interrupted,
            "remarks": notes,
            "others": [],
            "shown": None,
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

    def _comparable(self, drawn: Conclusion) -> bool:
        """Whether what was found under `weak` may be impossible in Linux's own order."""
        o, verdict = self._options, drawn.verdict
        if o.semaphores is not Discipline.WEAK or not o.compare or self._tally.interrupted:
            return False
        depends = sleep_shows(self._program) or verdict in (Verdict.STARVATION, Verdict.LIVELOCK)
        return bool(drawn.ways) and depends

    def _linux(self, limits: Limits) -> linux.Compared:
        """The same, in Linux's order."""
        options = replace(
            self._options, semaphores=Discipline.KERNEL, limits=limits, compare=False, finding=None
        )
        found = verify(self._program, options)
        if found.outcome.extra["interrupted"]:
            self._interrupt(KeyboardInterrupt())
        verdicts = frozenset(f.verdict for f in found.outcome.findings if f.verdict is not None)
        return linux.Compared(
            found.outcome.complete,
            verdicts - {Verdict.INCONCLUSIVE},
            frozenset(found.known.settled),
            found.ways,
        )

    @property
    def _asked(self) -> frozenset[Verdict]:
        """What this program is asked for besides what every program is."""
        starving = any(p.kind is PropertyKind.ALWAYS_EVENTUALLY for p in self._program.properties)
        return frozenset((Verdict.STARVATION,) if starving else ())

    def _not_modelled(self, problem: str) -> Verification:
        text = f"The model has no answer for this scenario: {problem}."
        finding = Finding(Kind.ENVIRONMENT, Verdict.INCONCLUSIVE, text)
        self._tally.stopped = "not modelled"
        return Verification(self._outcome(Verdict.INCONCLUSIVE, [finding], None, []))
