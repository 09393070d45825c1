"""The kernel's rules for message queues, on the pure functions: Q-1, Q-3, Q-5."""

from __future__ import annotations

import pytest

from ipcsim.model.queues import Asking, Message, fits, select, takes_message, too_long

LONG_MIN = -(2**63)


def messages(*types: int) -> tuple[Message, ...]:
    return tuple(Message(t, bytes(4)) for t in types)


def asking(kind: int, exclude: bool = False, size: int = 100, noerror: bool = False) -> Asking:
    return Asking(kind, exclude, size, noerror)


@pytest.mark.parametrize(
    ("lengths", "length", "capacity", "enough"),
    [
        ([], 10, 10, True),
        ([], 11, 10, False),  # for ever, and no EINVAL
        ([4, 4], 2, 10, True),
        ([4, 4], 3, 10, False),
        ([0, 0], 0, 3, True),  # three empty ones
        ([0, 0, 0], 0, 3, False),
        ([], 0, 0, False),
        ([3], 0, 3, True),  # full by bytes, and yet an empty one goes in
        ([3, 0, 0], 0, 3, False),
    ],
)
def test_a_message_fits_by_bytes_and_by_number(
    lengths: list[int], length: int, capacity: int, enough: bool
) -> None:
    """Q-1."""
    assert fits(tuple(Message(1, bytes(n)) for n in lengths), length, capacity) is enough


@pytest.mark.parametrize(
    ("kind", "exclude", "place"),
    [
        (0, False, 0),
        (0, True, 0),  # MSG_EXCEPT counts only with a type above 0
        (2, False, 1),
        (9, False, None),
        (3, True, 1),
        (2, True, 0),
        (-1, False, 4),
        (-2, False, 4),  # the lowest type, not the first
        (-3, True, 4),
        (LONG_MIN, False, 4),
    ],
)
def test_which_message_is_taken(kind: int, exclude: bool, place: int | None) -> None:
    """Q-5."""
    assert select(messages(3, 2, 2, 3, 1, 1), asking(kind, exclude)) == place


def test_the_oldest_inside_of_a_type() -> None:
    """Q-5."""
    assert select(messages(3, 2, 2), asking(-3)) == 1
    assert select(messages(4, 5), asking(-3)) is None


@pytest.mark.parametrize(("size", "noerror", "much"), [(4, False, False), (3, False, True), (3, True, False)])
def test_too_long_for_the_room(size: int, noerror: bool, much: bool) -> None:
    """Q-5: E2BIG, except with MSG_NOERROR."""
    assert too_long(Message(1, bytes(4)), asking(0, size=size, noerror=noerror)) is much


@pytest.mark.parametrize(
    ("kind", "exclude", "arriving", "taken"),
    [
        (0, False, 5, True),
        (5, False, 5, True),
        (5, True, 5, False),
        (5, True, 6, True),
        (-5, False, 5, True),
        (-5, False, 6, False),
        (-5, True, 6, False),
        (LONG_MIN, False, 2**62, True),
    ],
)
def test_whom_an_arriving_message_fits(kind: int, exclude: bool, arriving: int, taken: bool) -> None:
    """Q-3; the room for it is looked at afterwards."""
    assert takes_message(asking(kind, exclude, size=0), Message(arriving, bytes(4))) is taken
