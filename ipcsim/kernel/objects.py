"""The life of objects: *get, IPC_STAT, IPC_SET, IPC_RMID, shmat, shmdt (K-1 to K-7, H-2, H-6)."""

from __future__ import annotations

from collections.abc import Callable

from ipcsim.kernel.effects import Attach, Change, Create, Detach, Find, Inspect, OnObject, Remove
from ipcsim.program.instructions import Lifecycle, ObjectCall, ObjectRef

_EFFECTS: dict[Lifecycle, Callable[[ObjectRef], OnObject]] = {
    Lifecycle.CREATE: Create,
    Lifecycle.OPEN: Find,
    Lifecycle.ATTACH: Attach,
    Lifecycle.DETACH: Detach,
    Lifecycle.REMOVE: Remove,
    Lifecycle.CHANGE: Change,
    Lifecycle.STAT: Inspect,
}
assert _EFFECTS.keys() == set(Lifecycle), "what does the new call do?"


def object_call(call: ObjectCall) -> tuple[OnObject, ...]:
    """Nothing where the process asks for its own handle: that asks nobody."""
    return () if call.field == "id" else (_EFFECTS[call.action](call.object),)
