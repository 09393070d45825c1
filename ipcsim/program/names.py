"""Several names for one kernel object: declarations whose keys are equal (K-1).

Two programs that think that they have a queue of their own, and one ftok key, are described so. Whoever
reasons about what a call does to whom must know that these names mean one thing.
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import PurePosixPath

from ipcsim.program.instructions import ObjectKind, ObjectRef
from ipcsim.program.objects import Key
from ipcsim.program.program import Program


def key_number(number: int) -> int:
    """A key as the kernel has it, an int of 32 bits: 0xFFFFFFFF and −1 are one key."""
    return (number + 2**31) % 2**32 - 2**31


def identity(key: Key) -> Hashable | None:
    """What two keys have in common that certainly find the same object; None for `private`, which never does.

    Paths are compared as texts, since none is looked at: ./a and a are one file. That two files give one
    ftok key by accident (16 bits of the inode's number) is not foreseen.
    """
    if key.number is not None:
        return key_number(key.number)
    if key.path is None:
        return None
    return plain_path(key.path), key.project & 0xFF


def plain_path(path: str) -> str:
    """A path without what certainly means nothing: `./a//b` is `a/b`; `..` stays, it may follow a link."""
    return str(PurePosixPath(path))


def leaders(program: Program) -> dict[ObjectRef, ObjectRef]:
    """For each declared object the first one of its kind with the same key: itself, where it is alone."""
    first: dict[tuple[ObjectKind, Hashable], ObjectRef] = {}
    found: dict[ObjectRef, ObjectRef] = {}
    for ref, declared in program.objects():
        known = identity(declared.key)
        found[ref] = ref if known is None else first.setdefault((ref.kind, known), ref)
    return found
