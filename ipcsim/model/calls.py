"""What each instruction may do: the table of rules, one function an instruction.

Each gives the possible outcomes. `begin` is the turn of a process that is ready, `resume_or_strike` that of
one asleep in a call. The rule of a call first looks at what the kernel checks at the entry, then does
it, fails, or waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ipcsim.errors import EvaluationError
from ipcsim.model import other_calls, processes, queue_calls, semaphore_calls
from ipcsim.model.effects import Effects, Failure
from ipcsim.model.layout import View
from ipcsim.model.locals import Coming, Local
from ipcsim.model.turn import SHOWN, Outcomes, Record, Turn, struck
from ipcsim.program.instructions import (
    Assert,
    Choose,
    Crash,
    Exit,
    GetValue,
    KernelCall,
    Load,
    ObjectCall,
    Phase,
    Receive,
    Semop,
    Send,
    SetValue,
    Signal,
    Spawn,
    Store,
)

if TYPE_CHECKING:
    from ipcsim.model.machine import Machine


def begin(machine: Machine, view: View, process: int, local: Local) -> Outcomes:
    """The outcomes of the instruction that the process is about to do, and of what has been sent to it."""
    if local.coming is not None:
        yield other_calls.reached(Turn(machine, view, process, local))
    turn = Turn(machine, view, process, local)
    instruction = turn.proc.code[local.pc]
    if not instruction.visible:  # it fails: see `processes.arrive`
        processes.stick(machine, turn.fx, process, local.pc, turn.env)
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
    """A sleeper: its call goes on where that is not somebody else's step, or its sleep is ended."""
    turn = Turn(machine, view, process, local)
    instruction = turn.proc.code[local.pc]
    assert isinstance(instruction, KernelCall)
    handed = machine.kernel and isinstance(instruction, Semop | Receive)
    # a sender that room has woken looks for signals before it looks for room
    handed = handed or (machine.kernel and isinstance(instruction, Send) and local.coming is not None)
    if not handed or turn.adrift:
        yield from _RULES[type(instruction)](turn, instruction)
    if local.coming is not None:
        yield other_calls.disturbed(Turn(machine, view, process, local))
    if instruction.timeout is not None and local.coming is not Coming.KILL:  # whichever came first
        yield struck(Turn(machine, view, process, local))


def begin_record(turn: Turn, call: Any) -> Record:
    """The (a, b, data) that the record of beginning this call carries."""
    match call:
        case Semop():
            return (0, 0, semaphore_calls.pairs_of(semaphore_calls.operations(turn, call)))
        case Send():
            message = queue_calls.message_of(turn, call, turn.machine.program.queues[call.queue])
            return (message.type, message.length, message.raw[:SHOWN])
        case Receive():
            asking = queue_calls.asking_of(turn, call)
            return (asking.type, asking.size, b"")
        case _:
            return (0, 0, b"")


def object_call(turn: Turn, call: ObjectCall) -> Outcomes:
    assert turn.machine.living is not None
    yield from turn.machine.living.call(turn, call)


_RULES: dict[type, Callable[[Turn, Any], Outcomes]] = {
    Semop: semaphore_calls.semop,
    GetValue: semaphore_calls.get_value,
    SetValue: semaphore_calls.set_value,
    Send: queue_calls.send,
    Receive: queue_calls.receive,
    Load: other_calls.load,
    Store: other_calls.store,
    ObjectCall: object_call,
    Signal: other_calls.signal,
    Spawn: other_calls.spawn,
    Phase: other_calls.phase,
    Choose: other_calls.choose,
    Assert: other_calls.claim,
    Exit: other_calls.leave,
    Crash: other_calls.crash,
}
