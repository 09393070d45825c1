"""Message queues as the kernel treats them: pure rules over messages (Q-1 to Q-9)."""

from __future__ import annotations

from typing import NamedTuple

from ipcsim.facts.selectors import first, takes


class Message(NamedTuple):
    type: int
    raw: bytes  # a text cut off in the middle of a letter must stay what it is

    @property
    def length(self) -> int:
        return len(self.raw)


Messages = tuple[Message, ...]


class Asking(NamedTuple):
    """A receive: selector, flags and the room for the text."""

    type: int
    exclude: bool
    size: int
    noerror: bool


def fits(messages: Messages, length: int, capacity: int) -> bool:
    """Whether a message of `length` may be deposited (Q-1)."""
    used = sum(m.length for m in messages)
    return used + length <= capacity and len(messages) + 1 <= capacity


def select(messages: Messages, asking: Asking) -> int | None:
    """The index of the message that a receive takes: see Q-5."""
    return first(asking.type, asking.exclude, [m.type for m in messages])


def too_long(message: Message, asking: Asking) -> bool:
    """E2BIG: judged on the selected message only, which stays (Q-5)."""
    return message.length > asking.size and not asking.noerror


def takes_message(asking: Asking, message: Message) -> bool:
    """Whether a sleeping receiver is given this message as it arrives (Q-3)."""
    return takes(asking.type, asking.exclude, message.type)
