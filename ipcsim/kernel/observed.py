"""The effects of what has been done, as the record of it tells them."""

from __future__ import annotations

from dataclasses import replace

from ipcsim.kernel import effects
from ipcsim.kernel.effects import Attach, Create, Detach, Effect, Find, Give, Set, Start, Take
from ipcsim.kernel.static import effects_of
from ipcsim.kernel.values import written
from ipcsim.program import Program
from ipcsim.program.instructions import Instruction, Semop
from ipcsim.trace import Event

Pairs = tuple[tuple[int, int], ...]  # (semaphore number, delta) in array order


def semop(call: Semop, pairs: Pairs) -> tuple[Take | Give, ...]:
    """A semop that succeeded with these operations; a Z changes nothing."""
    undo = [o.undo for o in call.operations] + [False] * len(pairs)
    return tuple(
        Give(call.set, range(n, n + 1), delta, u) if delta > 0 else Take(call.set, range(n, n + 1), -delta, u)
        for (n, delta), u in zip(pairs, undo, strict=False)
        if delta
    )


def observed(program: Program, event: Event, instruction: Instruction, pairs: Pairs) -> tuple[Effect, ...]:
    """What the instruction did, by the event of its success; `pairs` are the operations of a semop."""
    if isinstance(instruction, Semop):
        return semop(instruction, pairs)
    return tuple(_told(program, event, e) for e in effects_of(instruction, program, written))


def _told(program: Program, event: Event, effect: Effect) -> Effect:
    """The effect, with what the event tells of it."""
    match effect:
        case Set() if event.data:
            told = dict(event.pairs())
            numbers = effect.numbers if effect.every else range(min(told), max(told) + 1)
            return replace(effect, numbers=numbers, values=tuple([told.get(n) for n in numbers]))
        case Create() | Find():
            return replace(effect, id=event.a)
        case Attach():
            return replace(effect, address=event.a)
        case Detach() if event.data:
            return replace(effect, address=event.pairs()[0][0])
        case effects.Store():
            return _stored(program, event, effect)
        case Start():
            return Start(range(event.a, event.a + 1))
        case _:
            return effect


def _stored(program: Program, event: Event, effect: effects.Store) -> effects.Store:
    declared = program.segments[effect.segment].struct.fields[effect.field]
    if not declared.is_text:
        return replace(effect, elements=range(event.b, event.b + 1), value=event.a)
    whole = len(event.data) >= declared.size  # a record has room for a short text only
    return replace(effect, value=declared.decode_text(event.data[: declared.size]) if whole else None)
