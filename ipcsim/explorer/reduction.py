"""Which reductions a verification may use, and the search that uses them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ipcsim.explorer import rounds, stubborn
from ipcsim.explorer.accesses import Accesses
from ipcsim.explorer.checks import Checks
from ipcsim.explorer.depth import DepthSearch
from ipcsim.explorer.forms import Form
from ipcsim.explorer.invariants import Invariants
from ipcsim.explorer.limits import Limits, Progress
from ipcsim.explorer.quiet import Quiet
from ipcsim.explorer.search import Result, Search
from ipcsim.explorer.symmetry import Symmetry
from ipcsim.model.features import FAIR_LOOPS, Saving
from ipcsim.model.layout import Overflow
from ipcsim.model.machine import Machine
from ipcsim.program import Discipline, Program, PropertyKind
from ipcsim.program.instructions import Assert, Exit, Phase


class Reduction(StrEnum):
    """What `--reduction` says."""

    NONE = "none"
    STUBBORN = "stubborn"
    SYMMETRY = "symmetry"
    ALL = "all"


_BY_TEXT = frozenset((Saving.JOINED, Saving.STUBBORN, Saving.ROUNDS))
WANTED: dict[Reduction, frozenset[Saving]] = {
    Reduction.NONE: frozenset(),
    Reduction.STUBBORN: _BY_TEXT,
    Reduction.SYMMETRY: frozenset((Saving.SYMMETRY,)),
    Reduction.ALL: _BY_TEXT | {Saving.SYMMETRY},
}


@dataclass
class Ground:
    """A machine with all that is known of its text; `used` tells the reductions at work, in words."""

    machine: Machine
    accesses: list[Accesses]
    checks: Checks
    stubborn: stubborn.Stubborn | None
    quiet: Quiet | None
    symmetry: Symmetry | None
    used: str

    @property
    def form(self) -> Form | None:
        """Which states stand for others; the machines that `quiet` is for have no symmetry."""
        return self.quiet or self.symmetry

    @property
    def endless(self) -> bool:
        """Whether some process may go on for ever."""
        return any(p.endless for p in self.machine.processes)

    def search(
        self,
        keep: bool,
        limits: Limits,
        progress: Callable[[Progress], None] | None,
        depth_first: bool = False,
    ) -> Result:
        search = (DepthSearch if depth_first else Search)(
            self.machine, self.accesses, self.checks, stubborn=self.stubborn, form=self.form,
            keep=keep, limits=limits, progress=progress,
        )  # fmt: skip
        return search.run()


def prepare(
    program: Program,
    discipline: Discipline,
    crashes: int,
    reduction: Reduction,
    widths: dict[str, int],
    liveness: bool = False,
) -> Ground:
    """The ground of a search for what is wrong in a state, or (`liveness`) of one for fair loops.

    A fair loop is looked for among all states: leaving steps out may leave out the loop.
    """
    machine = _machine(program, discipline, crashes, widths, frozenset(), None)
    if reduction is Reduction.NONE:  # the baseline of every comparison: nothing but the machine
        checks, accesses = _checks(machine, Invariants(machine, trusted=False), plain=True)
        return Ground(
            machine, accesses, checks, None, None, None, _told(machine, False, liveness, None, None)
        )
    invariants = Invariants(machine)
    checks, _ = _checks(machine, invariants)
    used = WANTED[reduction] - machine.off - (FAIR_LOOPS.off if liveness else frozenset())
    shorter = Saving.JOINED in used
    if shorter:
        asked = checks.phases | _eventual(program) if liveness else checks.phases
        chained = _chained(machine, invariants, asked, checks.asks_for_ends)
        machine = _machine(program, discipline, crashes, widths, chained, asked)
    checks, accesses = _checks(machine, invariants)
    small = stubborn.Stubborn(machine, accesses, checks) if Saving.STUBBORN in used else None
    alike = None
    if Saving.SYMMETRY in used and (small is None or Saving.BOTH not in machine.off):
        alike = Symmetry(machine, checks)
        alike = alike if alike.families else None
    quiet = None
    if not shorter and Saving.JOINED in WANTED[reduction] and machine.reaping:
        quiet = Quiet(machine, accesses, checks)
    return Ground(
        machine, accesses, checks, small, quiet, alike, _told(machine, shorter, liveness, quiet, alike)
    )


def uncounted(program: Program, crashes: int, widths: dict[str, int]) -> Program | None:
    """See `rounds`."""
    machine = _machine(program, Discipline.WEAK, crashes, widths, frozenset(), None)
    if Saving.ROUNDS in machine.off:
        return None
    invariants = Invariants(machine)
    checks, _ = _checks(machine, invariants)
    if checks.parts or checks.racing:
        return None  # only deadlocks are the same
    return rounds.uncounted(machine, invariants)


def plain(program: Program, widths: dict[str, int]) -> Machine:
    """The machine of a program, each step by itself."""
    return _machine(program, Discipline.WEAK, 0, widths, frozenset(), None)


def _machine(
    program: Program,
    discipline: Discipline,
    crashes: int,
    widths: dict[str, int],
    chained: frozenset[tuple[int, int]],
    watched: frozenset[str] | None,
) -> Machine:
    while True:
        try:
            return Machine(program, discipline, crashes, chained, watched, widths)
        except Overflow as overflow:
            widths[overflow.name] = overflow.width * 2


def _checks(machine: Machine, invariants: Invariants, plain: bool = False) -> tuple[Checks, list[Accesses]]:
    accesses = [
        Accesses(machine, p, invariants.overflowing, _shown(machine, invariants, p.number))
        for p in machine.processes
    ]
    return Checks(machine, invariants, accesses, plain), accesses


def _shown(machine: Machine, invariants: Invariants, process: int) -> frozenset[int]:
    """The pcs at which a process may be in a phase that somebody looks at."""
    places = (invariants.places_of(process, phase) for phase in machine.watched)
    return frozenset().union(*places)


def _eventual(program: Program) -> frozenset[str]:
    return frozenset(
        p.phase for p in program.properties if p.kind is PropertyKind.ALWAYS_EVENTUALLY and p.phase
    )


def _chained(
    machine: Machine, invariants: Invariants, asked: frozenset[str], ends: bool
) -> frozenset[tuple[int, int]]:
    """The instructions that nobody else notices: they are done together with the step before them."""
    found: set[tuple[int, int]] = set()
    first = {p.family: p.number for p in reversed(machine.processes)}
    for number, family in enumerate(machine.program.families):
        # where a process may be in a phase that is asked for, entering another one, or ending, leaves it
        inside = frozenset(pc for a in asked for pc in invariants.places_of(first[number], a))
        for pc, instruction in enumerate(family.code):
            match instruction:
                case Phase(name=name) if name not in asked and pc not in inside:
                    found.add((number, pc))
                case Assert() if not ends and pc not in inside:  # one that fails ends the process
                    found.add((number, pc))
                case Exit() if not ends and pc not in inside:
                    found.add((number, pc))
    return frozenset(found)


def _told(
    machine: Machine, shorter: bool, liveness: bool, quiet: Quiet | None, alike: Symmetry | None
) -> str:
    parts = []
    if quiet is not None:
        parts.append("ends that nobody sees")
    if shorter:
        parts.append("steps of one process joined" if liveness else "stubborn sets")
    if alike is not None:
        names = ", ".join(machine.program.families[f].name for f in alike.families)
        parts.append(f"symmetry ({names})")
    return " and ".join(parts) or "none"
