"""What each process holds over time: units that it took of a semaphore and has not given back.

Only of semaphores that its family uses like a lock (`table.lock_like`), as for the findings. Whether what
was taken is really *held* depends on the values as well: see `graph.WaitForGraph.held`.
"""

from __future__ import annotations

from ipcsim.analysis.operations import Pairs
from ipcsim.analysis.table import lock_like
from ipcsim.program import Program

Held = tuple[tuple[int, str, int], ...]  # (process, semaphore, units from now on)


class Holds:
    """Every change is returned as it happens."""

    def __init__(self, program: Program, labels: list[list[str]]) -> None:
        self._labels = labels
        like = [lock_like(program, number) for number in range(len(program.families))]
        self._like = [like[p.family] for p in program.processes]
        self._units: list[dict[tuple[int, int], int]] = [{} for _ in program.processes]
        self._undo: list[dict[tuple[int, int], int]] = [{} for _ in program.processes]

    def semop(self, process: int, set_: int, pairs: Pairs, undo: tuple[bool, ...]) -> Held:
        """The operations of `process` succeeded."""
        like = self._like[process]
        if not like:
            return ()
        changed: list[tuple[int, str, int]] = []
        for i, (number, delta) in enumerate(pairs):
            place = (set_, number)
            if not delta or place not in like:
                continue
            units = self._units[process].get(place, 0) - delta
            self._units[process][place] = units
            if i < len(undo) and undo[i]:
                self._undo[process][place] = self._undo[process].get(place, 0) - delta
            changed.append((process, self._labels[set_][number], units))
        return tuple(changed)

    def forget(self, set_: int, numbers: list[int]) -> Held:
        """These semaphores were given a value, or are gone: nobody holds anything of them (S-17)."""
        changed: list[tuple[int, str, int]] = []
        for process, units in enumerate(self._units):
            for number in numbers:
                if units.pop((set_, number), 0):
                    changed.append((process, self._labels[set_][number], 0))
                self._undo[process].pop((set_, number), None)
        return tuple(changed)

    def ended(self, process: int) -> Held:
        """The kernel has given back what was taken with SEM_UNDO; the rest stays taken for ever."""
        if not 0 <= process < len(self._undo):
            return ()  # a damaged record
        changed: list[tuple[int, str, int]] = []
        for (set_, number), amount in self._undo[process].items():
            if amount:
                left = self._units[process].get((set_, number), 0) - amount
                self._units[process][set_, number] = left
                changed.append((process, self._labels[set_][number], left))
        self._undo[process].clear()
        return tuple(changed)
