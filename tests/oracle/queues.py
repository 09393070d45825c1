"""msgsnd and msgrcv: whether a message fits, and which one a receive takes."""

from __future__ import annotations

from dataclasses import dataclass

from tests.oracle.world import Message

MSGMAX = 8192
Messages = tuple[Message, ...]


@dataclass(frozen=True)
class Request:
    """What a receive asks for."""

    type: int
    but: bool  # MSG_EXCEPT
    size: int
    noerror: bool

    def matches(self, message: Message) -> bool:
        """Q-5, but for which of several."""
        if self.type == 0:
            return True
        if self.type < 0:
            return message.type <= -self.type
        return (message.type == self.type) is not self.but

    def too_big(self, message: Message) -> bool:
        return message.length > self.size and not self.noerror

    def cut(self, message: Message) -> tuple[int, int, int]:
        """(n, type, length) of what is received; a field that is not there any more is 0."""
        length = min(message.length, self.size)
        if length not in (0, message.length):
            raise NotImplementedError("a field that is cut in the middle")
        return (message.n if length else 0, message.type, length)


def fits(messages: Messages, length: int, capacity: int) -> bool:
    """Q-1."""
    return sum(m.length for m in messages) + length <= capacity and len(messages) + 1 <= capacity


def pick(messages: Messages, request: Request) -> int | None:
    """The place of the message that is received (Q-5)."""
    places = [i for i, m in enumerate(messages) if request.matches(m)]
    if request.type < 0:
        return min(places, key=lambda i: (messages[i].type, i), default=None)
    return places[0] if places else None
