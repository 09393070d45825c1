"""SEM_UNDO: what each process would give back at its end (S-15 to S-18).

The slot of a process keeps ((set, number of the semaphore), semadj) pairs, the set used last at the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ipcsim.model.effects import Effects

if TYPE_CHECKING:
    from ipcsim.model.machine import Machine

_USED = -1  # in place of a semaphore's number: the process has used SEM_UNDO on the set
Adjustment = tuple[tuple[int, int], int]  # (set, number of the semaphore), semadj


def of(machine: Machine, fx: Effects, process: int, set_: int) -> dict[int, int]:
    """semadj of a process for one set."""
    slot, set_ = machine.undo.get(process), machine.one_set(set_)
    return {} if slot is None else {n: a for (s, n), a in fx[slot] if s == set_ and n != _USED}


def put(machine: Machine, fx: Effects, process: int, set_: int, new: dict[int, int]) -> None:
    slot, set_ = machine.undo.get(process), machine.one_set(set_)
    if slot is None:
        return
    kept = {key: a for key, a in fx[slot] if key[0] != set_ or key[1] == _USED}
    kept |= {(set_, n): a for n, a in sorted(new.items()) if a}
    fx[slot] = _in_order(machine, kept.items())


def note_use(machine: Machine, fx: Effects, process: int, set_: int) -> None:
    """The process makes a semop with SEM_UNDO, whatever comes of it: the set is its most recently used one
    (S-16), and from now on its exit touches the set (S-18), kept only where somebody could notice."""
    slot, set_ = machine.undo[process], machine.one_set(set_)
    used = [(key, a) for key, a in fx[slot] if key[0] == set_]
    if machine.undo_shows and ((set_, _USED), 0) not in used:
        used.append(((set_, _USED), 0))
    fx[slot] = _in_order(machine, [(key, a) for key, a in fx[slot] if key[0] != set_] + used)


def _in_order(machine: Machine, adjustments: Iterable[Adjustment]) -> tuple[Adjustment, ...]:
    """Linux undoes the most recently used set first; under `weak` the order must not tell states apart."""
    return tuple(adjustments) if machine.kernel else tuple(sorted(adjustments))


def forget(machine: Machine, fx: Effects, set_: int) -> None:
    """The set is removed, and with it everybody's undo (S-17)."""
    set_ = machine.one_set(set_)
    for slot in machine.undo.values():
        fx[slot] = tuple((key, a) for key, a in fx[slot] if key[0] != set_)
