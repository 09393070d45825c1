"""msgsnd and msgrcv: what they may do (Q-1 to Q-20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipcsim.errors import EvaluationError
from ipcsim.facts.limits import MSGMAX, MSGMNB
from ipcsim.model import processes, queues
from ipcsim.model.effects import Act, Effects
from ipcsim.model.locals import Local
from ipcsim.model.queues import Asking, Message
from ipcsim.model.turn import SHOWN, Outcomes, Turn, queued, waits
from ipcsim.program.instructions import ObjectKind, Receive, Send
from ipcsim.program.objects import Queue

if TYPE_CHECKING:
    from ipcsim.model.machine import Machine

LONGEST = 2**20  # bytes that a receive may ask for


def send(turn: Turn, call: Send) -> Outcomes:
    machine, fx = turn.machine, turn.fx
    declared = machine.program.queues[call.queue]
    message = message_of(turn, call, declared)
    record = (message.type, message.length, message.raw[:SHOWN])
    if not turn.asleep and (message.type <= 0 or message.length > MSGMAX):
        yield turn.returned("EINVAL", begin=record)
        return
    slot = machine.queue[call.queue]
    # a sleeper's rights are looked at once more when it is woken, which is when there is room
    errno = None
    if not turn.asleep or turn.adrift or queues.fits(fx[slot], message.length, _capacity(turn, call.queue)):
        errno = turn.refusal(ObjectKind.QUEUE, call.queue, 2)
    if errno:
        if turn.asleep:
            processes.leave_queue(machine, fx, turn.process, turn.local)
        yield turn.returned(errno, begin=record)
        return
    if not queues.fits(fx[slot], message.length, _capacity(turn, call.queue)):  # before any receiver
        if call.nowait:
            yield turn.returned("EAGAIN", begin=record)
            return

        def enqueue() -> None:
            waiting = machine.senders[call.queue]
            fx[waiting] = queued(machine, fx[waiting], Waiting(turn.process, None))

        yield from waits(turn, call, record, enqueue)
        return
    if turn.asleep:
        processes.leave_queue(machine, fx, turn.process, turn.local)
    turn.returned(None, begin=record)
    if machine.living is not None:
        machine.living.touched(fx, ObjectKind.QUEUE, call.queue, "send", turn.process)
    _deposit(machine, fx, call.queue, message)
    yield fx


class Waiting(tuple[int, Asking | None]):
    """A process asleep in msgsnd (nothing asked) or msgrcv."""

    __slots__ = ()

    def __new__(cls, process: int, asking: Asking | None) -> Waiting:
        return super().__new__(cls, (process, asking))

    @property
    def process(self) -> int:
        return self[0]

    @property
    def asking(self) -> Asking | None:
        return self[1]


def message_of(turn: Turn, call: Send, declared: Queue) -> Message:
    struct = declared.message
    values = list(struct.unpack(b""))
    for number, expr in call.payload:
        values[number] = turn.value(expr)
    raw = struct.pack(tuple(values))
    kind = int(turn.value(call.type))
    length = struct.size
    if call.length is not None:
        length = int(turn.value(call.length))
        if not 0 <= length <= struct.size:
            raise EvaluationError(f"length {length} is outside 0 … {struct.size}, the size of the message")
    return Message(kind, raw[:length])


def _capacity(turn: Turn, number: int) -> int:
    if turn.machine.living is not None:
        return turn.machine.living.capacity(turn.fx, number)
    declared = turn.machine.program.queues[number].bytes
    return MSGMNB if declared is None else declared


def _deposit(machine: Machine, fx: Effects, number: int, message: Message) -> None:
    """Append, or under `kernel` hand to the first sleeping receiver that it fits (Q-3)."""
    if machine.kernel:
        slot = machine.receivers[number]
        for waiting in fx[slot]:
            asking = waiting.asking
            if not queues.takes_message(asking, message):
                continue
            local = fx[waiting.process]
            processes.leave_queue(machine, fx, waiting.process, local)
            if queues.too_long(message, asking):
                processes.returned(
                    machine, fx, waiting.process, local, "E2BIG", act=Act.WAKE, scheduled=False
                )
                continue
            own = machine.processes[waiting.process].code[local.pc]  # it may know the queue by another name
            assert isinstance(own, Receive)
            _receive(machine, fx, waiting.process, local, own.queue, message, asking, Act.WAKE)
            return
    fx[machine.queue[number]] = (*fx[machine.queue[number]], message)


def receive(turn: Turn, call: Receive) -> Outcomes:
    machine, fx = turn.machine, turn.fx
    asking = asking_of(turn, call)
    record = (asking.type, asking.size, b"")
    if asking.size < 0:
        yield turn.returned("EINVAL", begin=record)
        return
    if errno := turn.refusal(ObjectKind.QUEUE, call.queue, 4):
        if turn.asleep:
            processes.leave_queue(machine, fx, turn.process, turn.local)
        yield turn.returned(errno, begin=record)
        return
    messages = fx[machine.queue[call.queue]]
    place = queues.select(messages, asking)
    if place is None:
        if call.nowait:
            yield turn.returned("ENOMSG", begin=record)
            return

        def enqueue() -> None:
            slot = machine.receivers[call.queue]
            fx[slot] = queued(machine, fx[slot], Waiting(turn.process, asking))

        yield from waits(turn, call, record, enqueue)
        return
    if turn.asleep:
        processes.leave_queue(machine, fx, turn.process, turn.local)
    message = messages[place]
    if queues.too_long(message, asking):
        yield turn.returned("E2BIG", begin=record)
        return
    fx[machine.queue[call.queue]] = (*messages[:place], *messages[place + 1 :])
    act = Act.WAKE if turn.asleep else Act.CALL
    _receive(machine, fx, turn.process, turn.local, call.queue, message, asking, act)
    yield fx


def asking_of(turn: Turn, call: Receive) -> Asking:
    struct = turn.machine.program.queues[call.queue].message
    asked = struct.size if call.size is None else int(turn.value(call.size))
    if asked > LONGEST:
        raise EvaluationError(f"size {asked} is more than ipcsim gives a message: {LONGEST:,} bytes")
    return Asking(int(turn.value(call.type)), call.exclude, asked, call.noerror)


def _receive(
    machine: Machine,
    fx: Effects,
    process: int,
    local: Local,
    number: int,
    message: Message,
    asking: Asking,
    act: Act,
) -> None:
    """`process` gets the message, cut to its room (MSG_NOERROR)."""
    struct = machine.program.queues[number].message
    raw = message.raw[: asking.size]
    if machine.living is not None:
        machine.living.touched(fx, ObjectKind.QUEUE, number, "receive", process)
    processes.returned(
        machine,
        fx,
        process,
        local,
        None,
        received=(*struct.unpack(raw), message.type, len(raw)),
        act=act,
        begin=(asking.type, asking.size, b""),
        finish=(len(raw), message.type, raw[:SHOWN]),
        scheduled=act is Act.CALL,
    )
