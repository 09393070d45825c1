"""What one process knows of the kernel objects: their ids, and its attachments.

Every process starts with what the launcher created (inherited over fork, as ids are); `create`,
`open`, `attach` and `detach` change only the process's own handles.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Any

from ipcsim.errors import EvaluationError
from ipcsim.program import Program
from ipcsim.program.instructions import Lifecycle, ObjectCall, ObjectKind, ObjectRef
from ipcsim.program.objects import Struct
from ipcsim.runner.objects import key_of
from ipcsim.runner.owned import Owned
from ipcsim.sysv import segments
from ipcsim.sysv.segments import Attachment

UNKNOWN = -1  # the id of an object that the process has neither inherited nor found: EINVAL


class Handles:
    """`ids[kind][number]` is the id of each declared object, `UNKNOWN` where the process has none."""

    def __init__(self, program: Program, created: Mapping[ObjectRef, int], owned: Owned) -> None:
        self._program, self.owned = program, owned
        self.ids: dict[ObjectKind, list[int]] = {
            kind: [created.get(ObjectRef(kind, i), UNKNOWN) for i in range(len(objects))]
            for kind, objects in (
                (ObjectKind.SEMAPHORES, program.sets),
                (ObjectKind.QUEUE, program.queues),
                (ObjectKind.SEGMENT, program.segments),
            )
        }
        # attachments by segment, the latest last; the latest is the one that fields are read from
        self._attached: list[list[Attachment]] = [[] for _ in program.segments]
        self._arrays: list[list[Any]] = [[] for _ in program.segments]

    def take(self, ref: ObjectRef, found: int) -> int:
        """An object that the process has come by, as its handle; EvaluationError where that is another's."""
        declared = self._program.object(ref)
        if not self.owned.ours(ref.kind, found):
            self.owned.check(declared.name, ref.kind, found, key_of(declared.key), declared.persist)
        self.ids[ref.kind][ref.number] = found
        return found

    def attach_all(self, process: int) -> None:
        """Attach what the launcher created, except segments that this process attaches by a step."""
        code = self._program.code(process)
        by_hand = {
            i.object.number
            for i in code
            if isinstance(i, ObjectCall)
            and i.action is Lifecycle.ATTACH
            and i.object.kind is ObjectKind.SEGMENT
        }
        for number, segment_id in enumerate(self.ids[ObjectKind.SEGMENT]):
            if segment_id != UNKNOWN and number not in by_hand:
                self.attach(number, False)

    def attach(self, number: int, readonly: bool) -> int:
        """shmat: the address; OSError as the kernel gives it."""
        struct = self._program.segments[number].struct
        attachment = segments.attach(self.ids[ObjectKind.SEGMENT][number], readonly, struct.size)
        self._attached[number].append(attachment)
        self._use_latest(number)
        return attachment.address

    def detach(self, number: int, address: int | None = None) -> None:
        """shmdt of the latest attachment, or of that at `address`; EINVAL where there is none (H-5)."""
        attached = self._attached[number]
        for place in reversed(range(len(attached))):
            if address is None or attached[place].address == address:
                gone = attached.pop(place)
                self._use_latest(number)
                gone.detach()
                return
        raise OSError(errno.EINVAL, "shmdt: nothing is attached there")

    def _use_latest(self, number: int) -> None:
        attached = self._attached[number]
        struct = self._program.segments[number].struct
        self._arrays[number] = field_arrays(attached[-1], struct) if attached else []

    def attachment(self, number: int) -> Attachment:
        """The latest attachment of segment `number`; `EvaluationError` while there is none."""
        if not self._attached[number]:
            name = self._program.segments[number].name
            raise EvaluationError(f"segment `{name}` is not attached: in C this is a SIGSEGV")
        return self._attached[number][-1]

    def arrays(self, number: int) -> list[Any]:
        """One array a field of segment `number`; `EvaluationError` while it is not attached."""
        return self._arrays[number] or self._no_arrays(number)

    def _no_arrays(self, number: int) -> list[Any]:
        self.attachment(number)
        return self._arrays[number]


def field_arrays(attachment: Attachment, struct: Struct) -> list[Any]:
    """Each field of `struct` as an array over the attached memory: an access is one load or store."""
    return [attachment.values(f.type, f.count or 1, f.offset) for f in struct.fields]
