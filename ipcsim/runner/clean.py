"""Removes what dead runs left: exactly the objects in their manifests, nothing else.

What a process was making when it was killed is found by what it had noted before (`intents`).
An id can be used again after its object is gone, and so can the number of a namespace. So an object is
only touched in the very namespace of the run, and only where it is certainly the one that was written
down (`identity`). What a run declared `persist: true` is left on purpose, and removed here as well.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ipcsim import shortages
from ipcsim.errors import EnvironmentProblem
from ipcsim.runner import identity, intents, manifest, objects
from ipcsim.runner.identity import Birth
from ipcsim.runner.manifest import Manifest
from ipcsim.runner.objects import Created
from ipcsim.sysv import namespaces, tables
from ipcsim.sysv.tables import SegmentRow, Tables


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was done about one object: `removed`, `would be removed`, `gone`, `kept`, `failed` (and why)."""

    run: str
    object: Created
    action: str
    reason: str = ""


def clean(dry_run: bool = False, keep_persistent: bool = False) -> list[Cleaned]:
    """Remove what dead runs of this user left in this IPC namespace; with `dry_run` only tell."""
    manifest.boot()  # without /proc nobody could tell the dead from the living
    dead = [m for m in manifest.all_manifests() if not m.alive]
    if not dead:
        return []
    now = kernel_tables()
    done: list[Cleaned] = []
    for found in dead:
        results: list[Cleaned] = []
        if found.here and not found.isolated:
            made = [*zip(found.objects, found.births, strict=True), *lost(found, now)]
            results = [_one(found, now, c, b, dry_run, keep_persistent) for c, b in made]
        elif not vanished(found):
            continue
        done += results
        if not dry_run and all(r.action != "failed" and not _stays(r) for r in results):
            found.path.unlink(missing_ok=True)
    return done


def remove_own(path: Path) -> None:
    """Remove what the run with this manifest has made, except what is meant to persist. No process of it
    makes anything any more."""
    for one in (path, manifest.beside(path)):  # there are two where a compaction was interrupted
        with suppress(OSError, ValueError):
            _remove_all(manifest.read(one))


def _remove_all(run: Manifest) -> None:
    made: list[tuple[Created, Birth | None]] = list(zip(run.objects, run.births, strict=True))
    now: Tables | None = None
    with suppress(OSError, ValueError):
        now = tables.read()
        made += lost(run, now)
    for created, born in made:
        if not created.new or created.persist:
            continue
        if now is not None:
            row = identity.row_of(now, created)
            if row is None or identity.stranger(created, born, row, float("inf")):
                continue
        with suppress(OSError):
            objects.remove(created.kind, created.id)


def lost(run: Manifest, now: Tables) -> list[tuple[Created, Birth]]:
    """What the run has made without noting its id: what fits its open intents and is nobody else's.

    `now` is older than what is read here of other runs: whatever one of them has made by then is noted.
    """
    found = intents.find(tuple(run.open.values()), now, run.touched)
    if not found:
        return []
    others = [m for m in manifest.all_manifests() if m.here]
    return [
        (created, born)
        for created, born in found
        if not any(_claims(m, created, now) or (m.alive and _may_claim(m, run, created, now)) for m in others)
    ]


def _claims(run: Manifest, created: Created, now: Tables) -> bool:
    """Whether a run has noted this object with its id."""
    row = identity.row_of(now, created)
    return row is not None and any(
        (c.kind, c.id) == (created.kind, created.id) and not identity.stranger(c, b, row, float("inf"))
        for c, b in zip(run.objects, run.births, strict=True)
    )


def _may_claim(run: Manifest, other: Manifest, created: Created, now: Tables) -> bool:
    """Whether a run that goes on may just have made it."""
    row = identity.row_of(now, created)
    if row is None or manifest.original(run.path) == manifest.original(other.path):
        return False
    return any(i.kind is created.kind and i.fits(row, float("inf")) for i in run.open.values())


def kernel_tables() -> Tables:
    """The tables of this namespace, or `EnvironmentProblem`."""
    try:
        return tables.read()
    except OSError as error:
        raise shortages.cannot("cannot read /proc/sysvipc", error, _MOUNT) from None
    except ValueError as error:
        raise EnvironmentProblem(f"cannot read /proc/sysvipc: {error}; {_MOUNT}") from None


_MOUNT = "mount /proc, on a kernel with CONFIG_SYSVIPC"


def vanished(run: Manifest) -> bool:
    """Whether the namespace of a dead run is certainly gone: the kernel has removed everything then.

    One that the run had for itself ends with its processes. Any other is gone where no process can be
    found in it, provided that all of them could be asked.
    """
    if run.owner["boot"] != manifest.boot():
        return True
    name = str(run.owner["namespace"])
    if name == manifest.namespace() and not run.here:
        return True  # its number is now that of another namespace
    inside, complete = namespaces.members(name, run.namespace_id)
    return not inside and (complete or run.isolated)


def _stays(result: Cleaned) -> bool:
    return result.action == "kept" and result.object.persist and result.reason == _PERSISTENT


_PERSISTENT = "it was declared `persist: true`"


def _one(
    run: Manifest, now: Tables, created: Created, born: Birth | None, dry_run: bool, keep_persistent: bool
) -> Cleaned:
    name = run.scenario
    if not created.new:
        return Cleaned(name, created, "kept", "the run found it, and did not make it")
    row = identity.row_of(now, created)
    if row is None:
        return Cleaned(name, created, "gone")
    if reason := identity.stranger(created, born, row, run.touched):
        return Cleaned(name, created, "kept", reason)
    if isinstance(row, SegmentRow) and row.dest:
        return Cleaned(name, created, "gone", "already removed; it lives until the last detach")
    if created.persist and keep_persistent:
        return Cleaned(name, created, "kept", _PERSISTENT)
    why = _PERSISTENT if created.persist else ""
    if dry_run:
        return Cleaned(name, created, "would be removed", why)
    try:
        return Cleaned(name, created, "removed" if objects.remove(created.kind, created.id) else "gone", why)
    except OSError as error:
        return Cleaned(name, created, "failed", str(error.strerror))
