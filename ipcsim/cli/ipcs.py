"""`ipcsim ipcs`: what there is in the kernel, whose it is, and who sleeps on it."""

from __future__ import annotations

import click

from ipcsim.cli import output
from ipcsim.cli.options import json_option


@click.command()
@click.option(
    "--run",
    "which",
    metavar="PID_OR_NAME",
    help="The IPC namespace of this run: the pid of its supervisor, or its scenario.",
)
@json_option
def ipcs(which: str | None, as_json: bool) -> int:
    """Show the System V objects of this machine: whose they are, and who sleeps on them for what.

    The tables of ipcs(1), and for each object the run of yours that made it and its name in the
    scenario. Sleepers are read from /proc, without disturbing anybody. A run with --isolate has a
    namespace of its own: --run looks into it.

    \b
    Examples:
      ipcsim ipcs
      ipcsim ipcs --json | jq '.semaphores[] | {id, object, values}'
      ipcsim ipcs --run dining-philosophers
    """
    with output.errors_as_json(as_json, "ipcs"):
        from ipcsim.report import ipcs as report
        from ipcsim.runner import inventory

        found = inventory.look(which)
        users = _users()
        if as_json:
            output.show_json(report.as_json(found, users))
        else:
            output.show(report.render(found, users, output.width(), output.color()))
    return 0


def _users() -> dict[int, str]:
    """The users that this machine knows by name."""
    import pwd

    return {entry.pw_uid: entry.pw_name for entry in pwd.getpwall()}
