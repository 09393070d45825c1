"""Message queues: msgsnd(2) and msgrcv(2) (Q-1 to Q-20)."""

from __future__ import annotations

from ipcsim.kernel import effects
from ipcsim.kernel.values import Value
from ipcsim.program.instructions import Receive, Send


def send(call: Send, value: Value) -> effects.Send:
    return effects.Send(call.queue, value(call.type))


def receive(call: Receive, value: Value) -> effects.Receive:
    return effects.Receive(call.queue, value(call.type), call.exclude)
