"""What each instruction may do: one function an instruction, each gives its possible outcomes.

`begin` is the turn of a process that is ready, `resume_or_strike` that of one asleep in a call. The
function of a call first looks at what the kernel checks at the entry, then does it, fails, or waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ipcsim.errors import EvaluationError
from ipcsim.model import processes, queues, semaphores
from ipcsim.model.effects import Act, Effects, Failure, Step
from ipcsim.model.layout import View
from ipcsim.model.locals import Local, Mode
from ipcsim.model.processes import pid_of
from ipcsim.model.queues import Asking, Message
from ipcsim.model.semaphores import Operation, Operations, Sleeper, Sleeps
from ipcsim.program.expressions import Locals, element, position
from ipcsim.program.instructions import (
    Assert,
    Choose,
    Crash,
    Exit,
    GetValue,
    KernelCall,
    Load,
    ObjectCall,
    ObjectKind,
    Phase,
    Receive,
    SemaphoreQuestion,
    Semop,
    Send,
    SetValue,
    Signal,
    Spawn,
    Store,
)
from ipcsim.program.objects import SEMVMX, Queue
from ipcsim.trace import pairs_bytes

if TYPE_CHECKING:
    from ipcsim.model.machine import Machine

Outcomes = Iterator[Effects]
SHOWN = 64  # bytes of a message that a step keeps
LONGEST = 2**20  # bytes that a receive may ask for


class Turn:
    """One process's turn: everything its rule needs."""

    def __init__(self, machine: Machine, view: View, process: int, local: Local) -> None:
        self.machine, self.view, self.process, self.local = machine, view, process, local
        self.person = machine.people[process]
        self.env: Locals = self.person.env(local)
        self.asleep = local.mode is Mode.ASLEEP
        self.fx = Effects(view)
        self.adrift = self.asleep and processes.adrift(machine, self.fx, process, local)

    def value(self, expr: Any) -> Any:
        return self.person.evaluate(expr, self.env)

    def number(self, index: Any) -> int | None:
        return None if index is None else int(self.value(index))

    def after(self, fx: Effects) -> None:
        """Go on with the next instruction."""
        processes.go_on(self.machine, fx, self.process, self.local.pc + 1, self.env, self.local.phase)

    def stepped(self, a: int = 0, b: int = 0, data: bytes = b"") -> Effects:
        """A step that is no call has been done: record it and go on."""
        self.fx.steps.append(Step(self.process, self.local.pc, Act.STEP, end=(a, b, data), scheduled=True))
        self.after(self.fx)
        return self.fx

    def returned(self, errno: str | None, **more: Any) -> Effects:
        """The call is over; by a scheduled turn, or because what a sleeper waited for is there."""
        if self.asleep:
            more |= {"act": Act.WAKE, "scheduled": False}
        processes.returned(self.machine, self.fx, self.process, self.local, errno, **more)
        return self.fx

    def refusal(self, kind: ObjectKind, number: int, need: int) -> str | None:
        """The errno of an object that is not there, or not for this process."""
        living = self.machine.living
        return None if living is None else living.refusal(self.fx, self.process, kind, number, need)


def begin(machine: Machine, view: View, process: int, local: Local) -> Outcomes:
    """The outcomes of the instruction that the process is about to do."""
    turn = Turn(machine, view, process, local)
    instruction = turn.person.code[local.pc]
    if not instruction.visible:  # it failed on the way here, before any step: see `processes.arrive`
        processes.go_on(machine, turn.fx, process, local.pc, turn.env, local.phase)
        yield turn.fx
        return
    rule = _RULES[type(instruction)]
    try:
        yield from rule(turn, instruction)
    except EvaluationError as error:
        fx = Effects(view)
        processes.fail(machine, fx, process, local.pc, Failure.EVALUATION, str(error), scheduled=True)
        yield fx


def resume_or_strike(machine: Machine, view: View, process: int, local: Local) -> Outcomes:
    """A sleeper: its call goes on where that is not somebody else's step, or its timeout strikes."""
    turn = Turn(machine, view, process, local)
    instruction = turn.person.code[local.pc]
    assert isinstance(instruction, KernelCall)
    handed = machine.kernel and isinstance(instruction, Semop | Receive)
    if not handed or turn.adrift:
        yield from _RULES[type(instruction)](turn, instruction)
    if instruction.timeout is not None:
        yield _struck(Turn(machine, view, process, local))


def _struck(turn: Turn) -> Effects:
    """The timeout of the call strikes: EAGAIN (S-24)."""
    if turn.asleep:
        processes.leave_queue(turn.machine, turn.fx, turn.process, turn.local)
    processes.returned(
        turn.machine, turn.fx, turn.process, turn.local, "EAGAIN", act=Act.STRIKE, scheduled=True
    )
    return turn.fx


def _waits(
    turn: Turn, call: KernelCall, record: tuple[int, int, bytes], enqueue: Callable[[], None]
) -> Outcomes:
    """The call cannot be done now."""
    if turn.adrift:
        enqueue()  # sleeps again, at the tail; nothing that a run would record
        yield turn.fx
        return
    if turn.asleep:
        return  # sleeps on
    if turn.machine.explicit:
        processes.fall_asleep(turn.machine, turn.fx, turn.process, record)
        enqueue()
        yield turn.fx
    elif call.timeout is not None:
        yield _struck(turn)


def begin_record(turn: Turn, call: Any) -> tuple[int, int, bytes]:
    """The (a, b, data) that the record of beginning this call carries."""
    match call:
        case Semop():
            return (0, 0, _pairs(operations(turn, call)))
        case Send():
            message = _message(turn, call, turn.machine.program.queues[call.queue])
            return (message.type, message.length, message.raw[:SHOWN])
        case Receive():
            asking = _asking(turn, call)
            return (asking.type, asking.size, b"")
        case _:
            return (0, 0, b"")


# --- semaphores ---


def semop(turn: Turn, call: Semop) -> Outcomes:
    machine, fx = turn.machine, turn.fx
    array = operations(turn, call)
    record = (0, 0, _pairs(array))
    alters = any(o.delta for o in array)
    if not turn.asleep:  # rights are looked at on entry only (S-26)
        if not all(-32768 <= o.delta <= 32767 for o in array):
            raise EvaluationError("an operation does not fit sem_op, a short")
        errno = turn.refusal(ObjectKind.SEMAPHORES, call.set, 2 if alters else 4)
        if errno != "EINVAL" and any(o.undo for o in array):
            processes.note_undo(machine, fx, turn.process, call.set)
        if errno:
            yield turn.returned(errno, begin=record)
            return
    slots = machine.sem[call.set]
    values = {o.number: fx[slots[o.number]] for o in array}
    full = dict(values)
    adjustments = processes.adjustments_of(machine, fx, turn.process, call.set)
    result = semaphores.attempt(array, full, adjustments)
    if isinstance(result, Sleeps):
        blocker = result.blocker

        def enqueue() -> None:
            slot = machine.sleepers[call.set]
            fx[slot] = _queued(machine, fx[slot], Sleeper(turn.process, array, blocker))

        yield from _waits(turn, call, record, enqueue)
        return
    if turn.asleep:
        processes.leave_queue(machine, fx, turn.process, turn.local)
    if result is not None:
        yield turn.returned(result, begin=record)
        return
    for number, value in full.items():
        if value != values[number]:
            fx[slots[number]] = value
    for operation in array:
        processes.note_pid(machine, fx, call.set, operation.number, turn.process)
    if any(o.undo for o in array):
        processes.put_adjustments(machine, fx, turn.process, call.set, adjustments)
    processes.note_otime(machine, fx, call.set)
    turn.returned(None, begin=record)
    if alters:
        processes.hand_over(machine, fx, call.set, tuple(o.number for o in array))
    yield fx


def operations(turn: Turn, call: Semop) -> Operations:
    """The array of a semop in the process's present state."""
    return tuple(
        Operation(
            position(o.base, o.count, turn.number(o.index)),
            int(turn.value(o.delta)),
            o.nowait or call.nowait,
            o.undo,
        )
        for o in call.operations
    )


def _pairs(operations: Operations) -> bytes:
    return pairs_bytes((o.number, o.delta) for o in operations)


def _queued(machine: Machine, sleepers: tuple[Any, ...], new: Any) -> tuple[Any, ...]:
    """Under `kernel` the order of arrival counts; under `weak` it must not tell states apart."""
    if machine.kernel:
        return (*sleepers, new)
    return tuple(sorted((*sleepers, new), key=lambda s: s.process))


def get_value(turn: Turn, call: GetValue) -> Outcomes:
    machine, fx = turn.machine, turn.fx
    if errno := turn.refusal(ObjectKind.SEMAPHORES, call.set, 4):
        yield turn.returned(errno)
        return
    slots = machine.sem[call.set]
    if call.question is SemaphoreQuestion.ALL:
        yield turn.returned(None, result=tuple(fx[s] for s in slots))
        return
    number = position(call.base, call.count, turn.number(call.index))
    match call.question:
        case SemaphoreQuestion.VALUE:
            value = fx[slots[number]]
        case SemaphoreQuestion.PID:
            value = pid_of(fx[machine.pid[call.set][number]])
        case question:
            sleepers = fx[machine.sleepers[call.set]]
            if not machine.kernel:
                sleepers = _still_blocked(machine, fx, call.set, sleepers)
            value = semaphores.count(sleepers, number, question is SemaphoreQuestion.ZCNT)
    yield turn.returned(None, result=value, finish=(value, 0, b""))


def _still_blocked(machine: Machine, fx: Effects, set_: int, sleepers: tuple[Sleeper, ...]) -> list[Sleeper]:
    """Under `weak` who could go on is on its way and is not counted; the others count where they are now."""
    found = []
    for sleeper in sleepers:
        values = {o.number: fx[machine.sem[set_][o.number]] for o in sleeper.operations}
        adjustments = processes.adjustments_of(machine, fx, sleeper.process, set_)
        result = semaphores.attempt(sleeper.operations, values, adjustments)
        if isinstance(result, Sleeps):
            found.append(sleeper._replace(blocker=result.blocker))
    return found


def set_value(turn: Turn, call: SetValue) -> Outcomes:
    """SETVAL and SETALL: range first (S-4), every undo of it forgotten (S-17), then whoever can go on."""
    machine, fx = turn.machine, turn.fx
    size = turn.machine.program.sets[call.set].size
    first = 0 if call.all else position(call.base, call.count, turn.number(call.index))
    numbers = range(first, size if call.all else first + 1)
    asked = [int(turn.value(v)) for v in call.values]
    # SETALL takes unsigned shorts, SETVAL an int
    new = [v & 0xFFFF if call.all else _as_int(v) for v in asked]
    out_of_range = not all(0 <= v <= SEMVMX for v in new)
    refused = turn.refusal(ObjectKind.SEMAPHORES, call.set, 2)
    errno = "ERANGE" if out_of_range and not (call.all and refused) else refused
    if errno:
        yield turn.returned(errno)
        return
    for number, value in zip(numbers, new, strict=True):
        fx[machine.sem[call.set][number]] = value
        processes.note_pid(machine, fx, call.set, number, turn.process)
        for process in machine.undo:
            adjustments = processes.adjustments_of(machine, fx, process, call.set)
            if adjustments.pop(number, None) is not None:
                processes.put_adjustments(machine, fx, process, call.set, adjustments)
    turn.returned(None, finish=(0 if call.all else asked[0], 0, b""))
    processes.hand_over(machine, fx, call.set, None)
    yield fx


def _as_int(value: int) -> int:
    """What C makes of a number that does not fit an int."""
    return (value + 2**31) % 2**32 - 2**31


# --- queues ---


def send(turn: Turn, call: Send) -> Outcomes:
    machine, fx = turn.machine, turn.fx
    declared = machine.program.queues[call.queue]
    message = _message(turn, call, declared)
    record = (message.type, message.length, message.raw[:SHOWN])
    if not turn.asleep and (message.type <= 0 or message.length > queues.MSGMAX):
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
            fx[waiting] = _queued(machine, fx[waiting], Waiting(turn.process, None))

        yield from _waits(turn, call, record, enqueue)
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


def _message(turn: Turn, call: Send, declared: Queue) -> Message:
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
    return queues.MSGMNB if declared is None else declared


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
            _receive(machine, fx, waiting.process, local, number, message, asking, Act.WAKE)
            return
    fx[machine.queue[number]] = (*fx[machine.queue[number]], message)


def receive(turn: Turn, call: Receive) -> Outcomes:
    machine, fx = turn.machine, turn.fx
    asking = _asking(turn, call)
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
            fx[slot] = _queued(machine, fx[slot], Waiting(turn.process, asking))

        yield from _waits(turn, call, record, enqueue)
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


def _asking(turn: Turn, call: Receive) -> Asking:
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


# --- shared memory ---


def load(turn: Turn, access: Load) -> Outcomes:
    slots, index = _elements(turn, access)
    if slots is None:
        return
    value = turn.fx[slots[index]]
    turn.env[access.into] = value
    shown = (value, index, b"") if isinstance(value, int) else (0, 0, value.encode()[:SHOWN])
    yield turn.stepped(*shown)


def store(turn: Turn, access: Store) -> Outcomes:
    field = turn.machine.program.segments[access.segment].struct.fields[access.field]
    if field.is_text and access.index is None:
        raw = field.encode_text(turn.value(access.value))
        value: Any = field.decode_text(raw)
        shown = (0, 0, raw[:SHOWN])
    else:
        value = field.check(int(turn.value(access.value)))
        shown = (value, 0, b"")
    slots, index = _elements(turn, access)
    living = turn.machine.living
    if living is not None and living.faults(turn.fx, turn.process, access.segment, field):
        place = (turn.process, turn.local.pc)
        processes.fail(
            turn.machine, turn.fx, *place, Failure.FAULT, "SIGSEGV", True, (shown[0], index, shown[2])
        )
        yield turn.fx
        return
    turn.fx[slots[index]] = value
    yield turn.stepped(shown[0], index, shown[2])


def _elements(turn: Turn, access: Load | Store) -> tuple[list[int], int]:
    """The slots of the field's elements, and which one is meant."""
    machine = turn.machine
    generation = (
        0 if machine.living is None else machine.living.generation(turn.fx, turn.process, access.segment)
    )
    slots = machine.element[access.segment][generation][access.field]
    field = machine.program.segments[access.segment].struct.fields[access.field]
    if field.is_text and access.index is None:
        return slots, 0
    index = 0 if access.index is None else int(turn.value(access.index))
    last = (field.count or 1) - 1
    if not 0 <= index <= last:
        raise EvaluationError(f"index {index} of `{field.name}` is outside 0 … {last}")
    return slots, index


# --- a process with itself, and with others ---


def phase(turn: Turn, mark: Phase) -> Outcomes:
    kept = processes.enter(turn.machine, turn.fx, turn.process, turn.local.pc, mark)
    processes.go_on(turn.machine, turn.fx, turn.process, turn.local.pc + 1, turn.env, kept)
    yield turn.fx


def choose(turn: Turn, choice: Choose) -> Outcomes:
    for alternative, target in enumerate(choice.targets):
        fx = Effects(turn.view)
        fx.steps.append(
            Step(turn.process, turn.local.pc, Act.STEP, end=(alternative, 0, b""), scheduled=True)
        )
        processes.go_on(turn.machine, fx, turn.process, target, list(turn.env), turn.local.phase)
        yield fx


def claim(turn: Turn, assertion: Assert) -> Outcomes:
    if processes.check(turn.machine, turn.fx, turn.process, turn.local.pc, assertion, turn.env):
        turn.after(turn.fx)
    yield turn.fx


def leave(turn: Turn, exit_: Exit) -> Outcomes:
    processes.leave(turn.machine, turn.fx, turn.process, turn.local.pc, exit_, turn.env)
    yield turn.fx


def crash(turn: Turn, crash_: Crash) -> Outcomes:
    turn.fx.steps.append(Step(turn.process, turn.local.pc, Act.STEP, scheduled=True))
    processes.end(turn.machine, turn.fx, turn.process, Mode.DEAD)
    yield turn.fx


def signal(turn: Turn, call: Signal) -> Outcomes:
    """kill(2): see `Signal`, S-22, S-23, Q-12."""
    machine, fx = turn.machine, turn.fx
    target = _target(turn, call.family, call.index)
    record = (target, 0, b"")
    other: Local = fx[target]
    if other.mode in (Mode.UNBORN, Mode.ENDED, Mode.FAILED, Mode.DEAD):
        yield turn.returned("ESRCH", begin=record)
        return
    if target == turn.process and call.signal in ("SIGKILL", "SIGSTOP"):
        fx.steps.append(Step(target, other.pc, Act.CALL, begin=record, scheduled=True))
        if call.signal == "SIGKILL":
            _killed(machine, fx, target)
        else:
            turn.after(fx)
            fx[target] = fx[target]._replace(mode=Mode.STOPPED)
        yield fx
        return
    turn.returned(None, begin=record)
    other = fx[target]
    match call.signal:
        case "SIGKILL":
            _killed(machine, fx, target)
        case "SIGSTOP":
            _stopped(machine, fx, target, other)
        case "SIGCONT":
            _continued(machine, fx, target, other)
        case _ if other.mode is Mode.ASLEEP:
            processes.leave_queue(machine, fx, target, other)
            processes.returned(machine, fx, target, other, "EINTR", act=Act.WAKE, scheduled=False)
        case _ if other.mode is Mode.STOPPED_ASLEEP:
            fx[target] = other._replace(mode=Mode.STOPPED_CAUGHT)
    yield fx


def _killed(machine: Machine, fx: Effects, target: int) -> None:
    fx.steps.append(Step(target, fx[target].pc, Act.DIE, end=(-9, 0, b"")))
    processes.end(machine, fx, target, Mode.DEAD)


def _stopped(machine: Machine, fx: Effects, target: int, other: Local) -> None:
    if other.mode is Mode.READY:
        fx[target] = other._replace(mode=Mode.STOPPED)
    elif other.mode is Mode.ASLEEP:
        processes.leave_queue(machine, fx, target, other)
        fx[target] = other._replace(mode=Mode.STOPPED_ASLEEP)


def _continued(machine: Machine, fx: Effects, target: int, other: Local) -> None:
    if other.mode is Mode.STOPPED:
        fx[target] = other._replace(mode=Mode.READY)
    elif other.mode in (Mode.STOPPED_ASLEEP, Mode.STOPPED_CAUGHT):
        local = fx[target] = other._replace(mode=Mode.ASLEEP)
        # a semop ends with EINTR, handler or not (S-23); msgsnd and msgrcv begin again by themselves, except
        # where a handler has to run first
        semop_ = isinstance(machine.people[target].code[other.pc], Semop)
        if semop_ or other.mode is Mode.STOPPED_CAUGHT:
            processes.returned(machine, fx, target, local, "EINTR", act=Act.WAKE, scheduled=False)


def spawn(turn: Turn, call: Spawn) -> Outcomes:
    machine, fx = turn.machine, turn.fx
    target = _target(turn, call.family, call.index)
    record = (target, 0, b"")
    if fx[target].mode is not Mode.UNBORN:
        yield turn.returned("EAGAIN", begin=record)
        return
    person = machine.people[target]
    handles = turn.local.handles
    if machine.living is not None:
        machine.living.inherited(fx, handles)
    fx[target] = processes.arrive(person, 0, list(person.initial), None, handles)
    yield turn.returned(None, begin=record, finish=(target, 0, b""))


def _target(turn: Turn, family: int, index: Any) -> int:
    program = turn.machine.program
    first = next(p.number for p in program.processes if p.family == family)
    if index is None:
        return first
    return int(element(range(first, first + program.families[family].size), int(turn.value(index))))


def object_call(turn: Turn, call: ObjectCall) -> Outcomes:
    assert turn.machine.living is not None
    yield from turn.machine.living.call(turn, call)


_RULES: dict[type, Callable[[Turn, Any], Outcomes]] = {
    Semop: semop,
    GetValue: get_value,
    SetValue: set_value,
    Send: send,
    Receive: receive,
    Load: load,
    Store: store,
    ObjectCall: object_call,
    Signal: signal,
    Spawn: spawn,
    Phase: phase,
    Choose: choose,
    Assert: claim,
    Exit: leave,
    Crash: crash,
}
