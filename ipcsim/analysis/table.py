"""What each record of a process means to the monitor, worked out once a process and record head.

A head (kind, pc, errno) recurs thousands of times in a run; its `Entry` says all that does not depend on
the rest of the record, so an uninteresting event costs one look-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from ipcsim.analysis.operations import Operations
from ipcsim.analysis.requests import Request, Requests
from ipcsim.facts import errnos
from ipcsim.kernel.effects import Give, Take
from ipcsim.kernel.observed import semop
from ipcsim.kernel.static import only_looks
from ipcsim.program import Program
from ipcsim.program.instructions import (
    Assert,
    Assign,
    Branch,
    Call,
    Choose,
    Crash,
    Exit,
    Instruction,
    Jump,
    KernelCall,
    Load,
    ObjectCall,
    Pause,
    Phase,
    Repeat,
    Semop,
    SetValue,
    Store,
)
from ipcsim.trace import EventKind

UNCHANGED = "\0"  # `Entry.phase` of a record that neither enters nor leaves a phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The meaning of one head for one process.

    - `steps`: counts as so many steps (a time-out as two: to fall asleep, and to wake); `dull`: and is
      nothing more than that;
    - `phase`: the phase entered, None where one ends, else `UNCHANGED`; `progress`: one marked so;
    - `change`: may change an object, as opposed to polling;
    - `locks`: units taken or given back; `request`: what the call competes for (BEGIN) or got (END);
    - `failure`: worth a finding, perhaps; `varying`: a semop whose operations stand in DATA records;
    - `control`: a set_value or an object call that succeeded.
    """

    kind: int
    pc: int
    errno: int
    steps: int
    dull: bool = False
    phase: str | None = UNCHANGED
    progress: bool = False
    change: bool = False
    locks: tuple[Take | Give, ...] = ()
    request: Request | None = None
    failure: bool = False
    varying: bool = False
    control: bool = False


class Table:
    """Entries by process and head, made when first met."""

    def __init__(self, program: Program, operations: Operations, requests: Requests) -> None:
        self._program = program
        self._operations = operations
        self._requests = requests
        self._shared: dict[tuple[int, int], Entry] = {}  # those that are the same for a whole family
        self.rows: list[dict[int, Entry]] = [{} for _ in program.processes]

    def entry(self, process: int, head: int) -> Entry:
        """The entry of a head, from `rows` or new."""
        found = self.rows[process].get(head)
        if found is None:
            found = self.rows[process][head] = self._find(process, head)
        return found

    def _find(self, process: int, head: int) -> Entry:
        kind, pc, errno = head & 0xFF, head >> 8 & 0xFFFFFFFF, head >> 40
        code = self._program.code(process)
        instruction = code[pc] if 0 <= pc < len(code) else None
        if isinstance(instruction, KernelCall) and not errno and kind in (EventKind.BEGIN, EventKind.END):
            return self._call(process, kind, pc, instruction)
        key = (self._program.processes[process].family, head)
        if key not in self._shared:
            self._shared[key] = _plain(kind, pc, errno, instruction)
        return self._shared[key]

    def _call(self, process: int, kind: int, pc: int, instruction: Call) -> Entry:
        """The BEGIN of a call, or its END with success."""
        pairs = self._operations.constant(process, pc) if isinstance(instruction, Semop) else None
        varying = isinstance(instruction, Semop) and pairs is None
        request = self._requests.constant(process, pc)
        if kind == EventKind.BEGIN:
            ends = isinstance(instruction, Semop) and instruction.ends_phase
            return Entry(
                kind=kind, pc=pc, errno=0, steps=0, phase=None if ends else UNCHANGED,
                request=request if request and request.wants else None,
                varying=varying, dull=not ends and not varying,
            )  # fmt: skip
        return Entry(
            kind=kind, pc=pc, errno=0, steps=1, change=not only_looks(instruction, self._program),
            locks=semop(instruction, pairs) if isinstance(instruction, Semop) and pairs else (),
            request=request, varying=varying, control=isinstance(instruction, SetValue | ObjectCall),
        )  # fmt: skip


def _plain(kind: int, pc: int, errno: int, instruction: Instruction | None) -> Entry:
    """Every other record: it means the same for all processes of a family."""
    if kind == EventKind.DIED:
        return Entry(kind=kind, pc=pc, errno=errno, steps=0, phase=None, change=True, failure=True)
    if kind not in (EventKind.END, EventKind.STEP) or instruction is None:
        return Entry(kind=kind, pc=pc, errno=errno, steps=0, dull=True)
    if isinstance(instruction, KernelCall):
        handled = instruction.handler(errnos.name(errno)) is not None
        # a call that failed has changed no object, whatever the error; but it may end its process
        return Entry(
            kind=kind, pc=pc, errno=errno, steps=2 if _timed_out(instruction, errno) else 1,
            change=not handled, failure=not handled, dull=handled,
        )  # fmt: skip
    if errno:
        return Entry(kind=kind, pc=pc, errno=errno, steps=1, change=True, failure=True)
    match instruction:
        case Phase(name=name, progress=progress):
            return Entry(kind=kind, pc=pc, errno=0, steps=1, phase=name, progress=progress)
        case Exit() | Crash():
            return Entry(kind=kind, pc=pc, errno=0, steps=1, phase=None, change=True, failure=True)
        case Assert():
            return Entry(kind=kind, pc=pc, errno=0, steps=1, failure=True)
        case Load() | Choose():
            return Entry(kind=kind, pc=pc, errno=0, steps=1, dull=True)
        case Store() | Assign() | Branch() | Jump() | Repeat() | Pause():
            return Entry(kind=kind, pc=pc, errno=0, steps=1, change=True)
        case _:
            assert_never(instruction)


def _timed_out(call: KernelCall, errno: int) -> bool:
    return call.timeout is not None and not call.nowait and errnos.name(errno) == "EAGAIN"
