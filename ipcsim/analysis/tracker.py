"""Where every process is, kept up to date from its records at little cost.

Each process by itself: the order between processes does not matter here, so whole batches are taken in
by counting (see `batch`), and only the last record, the last phase and the net of what it took and gave
back are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ipcsim.analysis.operations import Operations, Pairs
from ipcsim.analysis.table import UNCHANGED, LockEffect, Table, forgets
from ipcsim.analysis.waits import is_timed, next_pc, resolve_wait
from ipcsim.errors import NOWHERE, Location
from ipcsim.program import Program
from ipcsim.snapshot import Holding, ProcessState, Status
from ipcsim.trace import Event, EventKind

_LASTING = (EventKind.BEGIN, EventKind.END, EventKind.STEP)


@dataclass(slots=True)
class _Held:
    """What a process took of a semaphore, net; `undo` is the part that its end gives back."""

    units: int = 0
    undo: int = 0
    since: Location = NOWHERE


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
    holds: dict[tuple[int, int], _Held] = field(default_factory=dict)

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

    def locks(self, process: int, effects: tuple[LockEffect, ...], times: int) -> None:
        """Semops that succeeded, `times` over."""
        holds = self.tracks[process].holds
        for effect in effects:
            held = holds.setdefault((effect.set, effect.number), _Held())
            held.units += effect.units * times
            if effect.undo:
                held.undo += effect.units * times
            if effect.units > 0:
                held.since = effect.at

    def control(self, process: int, pc: int) -> None:
        """A set_value or object call succeeded: it may void what everybody holds (S-17)."""
        void = forgets(self._program.instruction(process, pc))
        if void is None:
            return
        set_, number = void
        for track in self.tracks:
            for key in [k for k in track.holds if k[0] == set_ and number in (None, k[1])]:
                del track.holds[key]

    def died(self, process: int) -> None:
        """The process is gone; the kernel has undone its SEM_UNDO operations (S-16)."""
        track = self.tracks[process]
        track.died, track.phase = True, None
        for held in track.holds.values():
            held.units -= held.undo
            held.undo = 0

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
            tuple(self._holdings(track.holds)) if track.holds else (),
            track.time if wait is not None else None,
            track.failed,
        )

    @staticmethod
    def _holdings(holds: Mapping[tuple[int, int], _Held]) -> list[Holding]:
        return [Holding(s, n, h.units, h.since) for (s, n), h in sorted(holds.items()) if h.units > 0]
