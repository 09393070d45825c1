"""Removes what killed runs left: exactly the objects in the manifests of dead runs, nothing else.

An id can be used again after its object is gone. So an object is only removed where it still looks like
the one that was written down (key, creator, and not changed after the run's last sign of life).
"""

from __future__ import annotations

from dataclasses import dataclass

from ipcsim.runner import manifest, objects
from ipcsim.runner.manifest import Manifest
from ipcsim.runner.objects import Created

GRACE = 5.0  # seconds after the last sign of life in which the run may still have changed an object


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was done (or would be) about one object: `removed`, `gone`, `kept` (and why)."""

    run: str
    object: Created
    action: str
    reason: str = ""


def clean(dry_run: bool = False) -> list[Cleaned]:
    """Remove what dead runs of this user left in this IPC namespace; with `dry_run` only tell."""
    done: list[Cleaned] = []
    for found in manifest.all_manifests():
        if found.alive:
            continue
        here = found.owner.get("boot") == manifest.boot()
        if here and found.owner.get("namespace") != manifest.namespace():
            continue  # its objects live in a namespace that only a process inside can see
        results = [_clean_one(found, created, dry_run) for created in found.objects] if here else []
        done += results
        if not dry_run and all(r.action != "failed" for r in results):
            found.path.unlink(missing_ok=True)
    return done


def _clean_one(run: Manifest, created: Created, dry_run: bool) -> Cleaned:
    name = str(run.owner.get("scenario", "?"))
    if created.persist:
        return Cleaned(name, created, "kept", "it was declared `persist: true`")
    try:
        stat = objects.STAT[created.kind](created.id)
    except PermissionError:
        return Cleaned(name, created, "kept", "the id now belongs to an object of somebody else")
    except OSError:
        return Cleaned(name, created, "gone")
    if reason := _stranger(run, created, stat):
        return Cleaned(name, created, "kept", reason)
    if dry_run:
        return Cleaned(name, created, "would be removed")
    try:
        return Cleaned(name, created, "removed" if objects.remove(created.kind, created.id) else "gone")
    except OSError as error:
        return Cleaned(name, created, "failed", str(error.strerror))


def _stranger(run: Manifest, created: Created, stat: dict[str, int]) -> str:
    """Why the object with this id is not the one that the run made; empty where it is."""
    # a removed segment that somebody still has attached shows key 0 (H-6)
    if stat["key"] & 0xFFFFFFFF not in (created.key & 0xFFFFFFFF, 0):
        return "the id now belongs to an object with another key"
    if stat["ctime"] > run.touched + GRACE:
        return "the id now belongs to an object that is younger than the run"
    return ""
