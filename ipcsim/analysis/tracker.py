"""Where every process is, kept up to date from its records at little cost.

Each process by itself: the order between processes does not matter here, so whole batches are taken in
by counting (see `batch`), and only the last record, the last phase and the net of what it took and gave
back are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ipcsim.analysis.operations import Operations, Pairs
from ipcsim.analysis.resolve import Constants
from ipcsim.analysis.table import UNCHANGED, Table
from ipcsim.analysis.waits import is_timed, next_pc, resolve_wait
from ipcsim.kernel.effects import Give, Take
from ipcsim.kernel.holdings import Holdings
from ipcsim.kernel.observed import semop
from ipcsim.kernel.static import effects_of
from ipcsim.program import Program
from ipcsim.program.instructions import Semop
from ipcsim.snapshot import ProcessState, Status
from ipcsim.trace import Event, EventKind

_LASTING = (EventKind.BEGIN, EventKind.END, EventKind.STEP)


@dataclass(slots=True)
class Track:
    """One process: its last BEGIN, END or STEP (kind 0: none yet), and what has come of it."""

    kind: int = 0
    pc: int = 0
    errno: int = 0
    time: int = 0
    a: int = 0
    b: int = 0
    pairs: Pairs = ()
    phase: str | None = None
    exited: bool = False
    crashing: bool = False
    failed: bool = False
    died: bool = False

    @property
    def in_call(self) -> bool:
        return self.kind == EventKind.BEGIN

    @property
    def seen(self) -> bool:
        """Whether the process has done anything yet."""
        return self.kind != 0 or self.died


class Tracker:
    """The tracks of all processes."""

    def __init__(self, program: Program, operations: Operations, table: Table) -> None:
        self._program = program
        self._operations = operations
        self._table = table
        self.holdings = Holdings(program)
        self._constants: dict[int, Constants] = {}  # by family
        self.tracks = [Track() for _ in program.processes]

    def last(self, event: Event) -> None:
        """`event` is the process's latest one."""
        if event.kind not in _LASTING:
            return
        track = self.tracks[event.process]
        track.kind, track.pc, track.errno = event.kind, event.pc, event.errno
        track.time, track.a, track.b = event.time, event.a, event.b
        if event.kind is EventKind.BEGIN:
            track.pairs = self._operations.of(event)

    def phase(self, process: int, phase: str | None) -> None:
        if phase is not UNCHANGED:
            self.tracks[process].phase = phase

    def locks(self, process: int, pc: int, done: Sequence[Take | Give], times: int) -> None:
        """The semop at `pc` succeeded, `times` over."""
        self.holdings.apply(process, done, self._program.where(process, pc), times)

    def varying(self, event: Event) -> None:
        """The BEGIN or END of a semop whose operations are known from its BEGIN only."""
        pairs = self._operations.of(event)
        instruction = self._program.instruction(event.process, event.pc)
        if event.kind is EventKind.END and not event.errno and isinstance(instruction, Semop):
            self.locks(event.process, event.pc, semop(instruction, pairs), 1)

    def control(self, process: int, pc: int) -> None:
        """A set_value or object call succeeded: it may void what everybody holds (S-17)."""
        p = self._program.processes[process]
        family = self._program.families[p.family]
        constants = self._constants.get(p.family)
        if constants is None:
            constants = self._constants[p.family] = Constants(family)
        value = constants.of(family.initial[p.instance])
        for effect in effects_of(family.code[pc], self._program, value):
            self.holdings.forget(effect)

    def died(self, process: int) -> None:
        """The process is gone; the kernel has undone its SEM_UNDO operations (S-16)."""
        track = self.tracks[process]
        track.died, track.phase = True, None
        self.holdings.ended(process)

    def state(self, process: int, status: Status) -> ProcessState:
        """The process as a snapshot shows it, given what the caller knows of its status."""
        track = self.tracks[process]
        code = self._program.code(process)
        instruction = code[track.pc] if track.in_call and track.pc < len(code) else None
        wait, timed = None, False
        if instruction is not None and not track.died:
            wait = resolve_wait(instruction, track.a, track.b, track.pairs)
            timed = is_timed(instruction)
        return ProcessState(
            process,
            status,
            next_pc(code, track.kind, track.pc, track.errno, track.a) if track.kind else 0,
            wait,
            timed,
            track.phase,
            self.holdings.of(process),
            track.time if wait is not None else None,
            track.failed,
        )
