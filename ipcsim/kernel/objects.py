"""The life of objects: *get, IPC_STAT, IPC_SET, IPC_RMID, shmat, shmdt (K-1 to K-7, H-2, H-6)."""

from __future__ import annotations

from typing import assert_never

from ipcsim.kernel.effects import Attach, Change, Create, Detach, Find, Inspect, OnObject, Remove
from ipcsim.program.instructions import Lifecycle, ObjectCall


def object_call(call: ObjectCall) -> tuple[OnObject, ...]:
    """Nothing where the process asks for its own handle: that asks nobody."""
    if call.field == "id":
        return ()
    match call.action:
        case Lifecycle.CREATE:
            return (Create(call.object, call.exclusive, call.size),)
        case Lifecycle.OPEN:
            return (Find(call.object, call.id is not None),)
        case Lifecycle.ATTACH:
            return (Attach(call.object),)
        case Lifecycle.DETACH:
            return (Detach(call.object),)
        case Lifecycle.REMOVE:
            return (Remove(call.object),)
        case Lifecycle.CHANGE:
            return (Change(call.object),)
        case Lifecycle.STAT:
            return (Inspect(call.object),)
        case _:
            assert_never(call.action)
