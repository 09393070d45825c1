"""`ipcsim clean`: remove what runs left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ipcsim.cli import output
from ipcsim.cli.options import json_option

if TYPE_CHECKING:
    from ipcsim.runner.clean import Cleaned

FAILED = 4


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--keep-persistent", is_flag=True, help="Leave what scenarios declare `persist: true`.")
@json_option
def clean(dry_run: bool, keep_persistent: bool, as_json: bool) -> int:
    """Remove the IPC objects that runs of yours left, and nothing else.

    A killed run leaves its objects, any other what its scenario declares `persist: true`. A run writes
    down each object that it makes. Only what stands there, of a run that is over, and certainly is what
    the run made, is removed: never an object of another program, as `ipcrm -a` would.

    \b
    Examples:
      ipcsim clean --dry-run
      ipcsim clean
      ipcsim clean --keep-persistent
    """
    with output.errors_as_json(as_json, "clean"):
        from ipcsim.report import lists
        from ipcsim.runner.clean import clean as remove

        done = remove(dry_run, keep_persistent)
        if as_json:
            output.show_json(_as_json(done, dry_run))
        else:
            output.show(lists.cleaned(map(_row, done), output.width(), output.color()))
    return FAILED if any(c.action == "failed" for c in done) else 0


def _row(cleaned: Cleaned) -> tuple[str, str, str, str]:
    what = f"{cleaned.object.kind} {cleaned.object.name}"
    return cleaned.action, what, f"id {cleaned.object.id} of {cleaned.run}", cleaned.reason


def _as_json(done: list[Cleaned], dry_run: bool) -> dict[str, Any]:
    from ipcsim.version import __version__

    objects = [
        {
            "run": c.run,
            "kind": str(c.object.kind),
            "name": c.object.name,
            "id": c.object.id,
            "key": c.object.key,
            "action": c.action,
            "reason": c.reason,
        }
        for c in done
    ]
    return {"ipcsim": __version__, "command": "clean", "dry_run": dry_run, "objects": objects}
