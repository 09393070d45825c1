"""Where the fields of segments are kept: a slot for each number or text (H-1).

Names of one segment share the slots of what they see alike: the same bytes as the same type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

from ipcsim.program.objects import Field, Segment

Elements = list[list[int]]  # by field: the slots of its elements, one for a text
Cell = tuple[int, str, int]  # offset, type, bytes: two names with the same one see the same value
MOST_ELEMENTS = 20_000  # numbers in all segments together


class Overlap(Exception):
    """Two names of one segment see the same bytes as different things."""


def count_of(field: Field) -> int:
    """How many slots a field has."""
    return 1 if field.is_text or field.count is None else field.count


def cell(field: Field, index: int) -> Cell:
    if field.is_text:
        return field.offset, "text", field.size
    return field.offset + index * field.width, field.type, field.width


def end_of(field: Field, index: int) -> int:
    """The byte behind an element, or behind the whole of a text."""
    offset, _, size = cell(field, index)
    return offset + size


def check_overlap(segments: Iterable[Segment]) -> None:
    """Raises `Overlap` where names of one segment divide its bytes in different ways."""
    cells = sorted({cell(f, i) for s in segments for f in s.struct.fields for i in range(count_of(f))})
    for (offset, _, size), (following, _, _) in pairwise(cells):
        if following < offset + size:
            raise Overlap


def place(segment: Segment, known: dict[Cell, int], new: Callable[[str], int]) -> Elements:
    """The slots of one name's fields; `known` are those that the segment has already, `new` makes one."""
    found: Elements = []
    for field in segment.struct.fields:
        slots = []
        for index in range(count_of(field)):
            where = cell(field, index)
            if where not in known:
                known[where] = new(f"{field.name}#{index}")
            slots.append(known[where])
        found.append(slots)
    return found


def items(value: Any) -> tuple[Any, ...]:
    """A field's value as one item a slot."""
    return value if isinstance(value, tuple) else (value,)
