"""`ipcsim new`: a scenario to start from."""

from __future__ import annotations

import re

import click

from ipcsim import shortages
from ipcsim.cli import output
from ipcsim.cli.options import ScenarioName
from ipcsim.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9][\w-]*", re.ASCII)


@click.command()
@click.argument("name")
@click.option("--problem", is_flag=True, help="Write a problem: with parameters and variants.")
@click.option("--from", "origin", type=ScenarioName(), metavar="EXISTING", help="Start from one that exists.")
def new(name: str, problem: bool, origin: str | None) -> int:
    """Write NAME.yaml in this folder: a scenario with comments, that runs and ends ok.

    From a problem (--from) it is a scenario that takes that problem, with every parameter to change; from
    a scenario it is a copy. A file that exists is never overwritten.

    \b
    Examples:
      ipcsim new my-own && ipcsim run my-own.yaml
      ipcsim new crowded-table --from dining-philosophers
      ipcsim new my-problem --problem
    """
    if problem and origin is not None:
        raise click.UsageError("--problem and --from exclude each other")
    stem = name.removesuffix(".yaml")
    if not _NAME.fullmatch(stem):
        raise UsageError(f"`{name[:60]}` is no name for a scenario: letters, digits, - and _ only")
    from ipcsim.cli import starter

    text = starter.from_existing(stem, origin) if origin else starter.fresh(stem, problem)
    _write(f"{stem}.yaml", text)
    output.show(f"wrote {stem}.yaml; next:  ipcsim run {stem}.yaml")
    return 0


def _write(path: str, text: str) -> None:
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} exists already; it is not overwritten") from None
    except OSError as error:
        raise shortages.cannot(
            f"cannot write {path}", error, "go to a folder that you may write to"
        ) from None
