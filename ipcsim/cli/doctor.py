"""`ipcsim doctor`: what this machine allows."""

from __future__ import annotations

import click

from ipcsim.cli import output
from ipcsim.cli.options import json_option

UNFIT = 4


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """Say what this machine allows, and what helps where something is missing.

    Limits with their sysctls, the calls of System V IPC, private namespaces, looking at processes, and
    what the system around may remove. Exit code 0: everything that runs need is there; 4: it is not.

    \b
    Examples:
      ipcsim doctor
      ipcsim doctor --json | jq '.checks[] | select(.status != "ok")'
    """
    with output.errors_as_json(as_json, "doctor"):
        from ipcsim.report import doctor as report
        from ipcsim.runner import doctor as runner

        groups = runner.examine()
        if as_json:
            output.show_json(report.as_json(groups))
        else:
            output.show(report.render(groups, output.width(), output.color()))
    return 0 if runner.fit(groups) else UNFIT
