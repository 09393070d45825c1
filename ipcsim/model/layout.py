"""A state as one integer: every slot of the system has its own bits.

    state = …| queue belt | fork[1] | fork[0] | philosopher[1] | philosopher[0] |

A slot holds the number of its value in a table of all values met so far (a semaphore's value is its own
number). So equal states are equal integers, a step is an addition, and what a step depends on is one
bitwise AND. A slot that runs out of bits raises `Overflow`; the search then starts again with a wider one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class Overflow(Exception):
    """The slot called `name` needs more bits than its `width`."""

    def __init__(self, name: str, width: int) -> None:
        super().__init__(f"`{name}` does not fit {width} bits")
        self.name, self.width = name, width


@dataclass(slots=True)
class Table:
    """The values of one slot (or of several alike), numbered in the order in which they were met."""

    values: list[Any] = field(default_factory=list)
    numbers: dict[Hashable, int] = field(default_factory=dict)

    def number(self, value: Hashable) -> int:
        found = self.numbers.get(value)
        if found is None:
            found = self.numbers[value] = len(self.values)
            self.values.append(value)
        return found


@dataclass(frozen=True, slots=True)
class Slot:
    """Bits `shift` … of a state. Without a `table` the value is a small number, written as it is."""

    number: int
    name: str
    shift: int
    width: int
    mask: int  # in place
    table: Table | None


class Layout:
    """The slots of a system, and how values get in and out of a state."""

    def __init__(self) -> None:
        self.slots: list[Slot] = []
        self._bits = 0

    def add(self, name: str, width: int, table: Table | None = None) -> int:
        """A new slot of `width` bits; its number."""
        number = len(self.slots)
        mask = ((1 << width) - 1) << self._bits
        self.slots.append(Slot(number, name, self._bits, width, mask, table))
        self._bits += width
        return number

    def get(self, state: int, number: int) -> Any:
        slot = self.slots[number]
        raw = (state & slot.mask) >> slot.shift
        return raw if slot.table is None else slot.table.values[raw]

    def put(self, number: int, value: Any) -> int:
        """`value` as the bits of a slot, in place. Raises `Overflow`."""
        slot = self.slots[number]
        raw = value if slot.table is None else slot.table.number(value)
        if raw >> slot.width:
            raise Overflow(slot.name, slot.width)
        return int(raw) << slot.shift

    def pack(self, values: Sequence[Any]) -> int:
        """The state in which slot i has `values[i]`."""
        return sum(self.put(i, v) for i, v in enumerate(values))

    def change(self, state: int, writes: Mapping[int, Any]) -> int:
        """What to add to `state` so that the slots hold what is written."""
        return sum(self.put(n, v) - (state & self.slots[n].mask) for n, v in writes.items())

    def mask(self, numbers: Iterable[int]) -> int:
        """The bits of all these slots."""
        total = 0
        for n in numbers:
            total |= self.slots[n].mask
        return total


class View:
    """One state as the rules read it; keeps which slots they looked at."""

    __slots__ = ("_layout", "read", "state")

    def __init__(self, layout: Layout, state: int) -> None:
        self._layout = layout
        self.state = state
        self.read: set[int] = set()

    def __getitem__(self, slot: int) -> Any:
        self.read.add(slot)
        return self._layout.get(self.state, slot)
