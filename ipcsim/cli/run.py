"""`ipcsim run` and `ipcsim replay`: scenarios on real processes, once or many times."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from ipcsim.cli import output
from ipcsim.cli.options import Duration, run_options, scenario_argument
from ipcsim.errors import EnvironmentProblem

if TYPE_CHECKING:
    from ipcsim.api import Request
    from ipcsim.program import Program
    from ipcsim.verdict import Outcome

INTERRUPTED = 130


@click.command()
@scenario_argument
@click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Seed of everything random.")
@click.option(
    "--scheduler",
    type=click.Choice(["free", "random", "pct"]),
    help="Who takes the next step: the kernel (free), chance (random), or few priority changes (pct).",
)
@click.option(
    "--depth", type=click.IntRange(1, 1000), metavar="N", help="Priority changes of --scheduler pct."
)
@click.option(
    "--duration", type=Duration(), metavar="2s", help="End on purpose after this and judge what was seen."
)
@click.option(
    "--repeat",
    type=click.IntRange(1, 1_000_000),
    metavar="N",
    help="Run it N times, with the seeds SEED, SEED+1, …, and tell how often each verdict came.",
)
@run_options
def run(name: str, as_json: bool, **options: Any) -> int:
    """Run a scenario on real processes and real System V IPC, and say how it ended.

    The trace goes to ./reports/<scenario>/, and beyond 2 GB (or what IPCSIM_REPORTS_LIMIT=500MB says) the
    oldest traces of the scenario go. With the schedulers random and pct, the processes take one
    step at a time, and the same seed gives the same run. With --repeat, the first trace of each verdict
    is kept, with --report all of them.

    \b
    Examples:
      ipcsim run dining-philosophers
      ipcsim run dining-philosophers --set strategy=ordered --set seats=7
      ipcsim run producer-consumer --scheduler random --seed 7
      ipcsim run transfer --scheduler random --repeat 100
      ipcsim run my-own.yaml --live
      ipcsim run my-own.yaml --json | jq .verdict

    \b
    Exit codes:
      0  the verdict is the one that the scenario expects (ok, unless it says otherwise)
      1  it is another one
      2  usage or scenario error
      3  inconclusive: the timeout struck
      4  this machine cannot do it; the message names the remedy
      130  interrupted
    """
    return _run(name, as_json, "run", **options)


@click.command()
@scenario_argument
@click.option(
    "--schedule", required=True, metavar="'0*3 1 2:1'", help="The steps to take, as `ipcsim run` prints them."
)
@run_options
def replay(name: str, as_json: bool, **options: Any) -> int:
    """Take the same steps again: real processes, one step at a time, as a schedule says.

    A schedule names the process of each step by its number: 0*3 is three steps of process 0, 2:1 takes
    alternative 1 of a `choose`, 0! lets a timeout strike. Exit codes are those of `ipcsim run`.

    \b
    Examples:
      ipcsim replay dining-philosophers --set seats=2 --schedule '0*3 1*3 0 1'
    """
    return _run(name, as_json, "replay", **options)


def _run(
    name: str,
    as_json: bool,
    command: str,
    arguments: dict[str, str],
    report_dir: str | None,
    no_trace: bool,
    live: bool,
    annotate: bool,
    repeat: int | None = None,
    **settings: Any,
) -> int:
    if no_trace and report_dir is not None:
        raise click.UsageError("--no-trace and --report exclude each other")
    if repeat is not None and live:
        raise click.UsageError("--live shows one run, --repeat makes many")
    with output.errors_as_json(as_json, command):
        from ipcsim import api

        program = api.load(name, arguments=arguments)
        place = None if no_trace else report_dir or api.TraceDir.DEFAULT
        request = api.Request(name, arguments, trace_dir=place, told=output.complain, **settings)
        if repeat is not None:
            return _many(program, request, repeat, as_json, annotate)
        return _one(program, request, live, as_json, annotate)


def _one(program: Program, request: Request, live: bool, as_json: bool, annotate: bool) -> int:
    from dataclasses import replace

    from ipcsim import api
    from ipcsim.cli.display import Display

    with Display(program, live) as display:
        outcome = api.execute(program, replace(request, progress=display, may_move=True))
        display.over(outcome)
    show(outcome, as_json)
    if annotate:
        show_annotations([outcome], as_json)
    if outcome.exit_code == EnvironmentProblem.exit_code:
        output.complain(f"ipcsim: this machine cannot do it. {outcome.extra['limit']}")
    return INTERRUPTED if outcome.extra.get("interrupted") else outcome.exit_code


def _many(program: Program, request: Request, repeat: int, as_json: bool, annotate: bool) -> int:
    from ipcsim import campaigns
    from ipcsim.api import TraceDir
    from ipcsim.cli.display import Counter

    keep_all = not isinstance(request.trace_dir, TraceDir)
    with Counter(repeat) as counter:
        campaign = campaigns.execute(program, request, repeat, keep_all=keep_all, after=counter)
    if as_json:
        output.show_json(campaign.as_json())
    else:
        from ipcsim.report import campaign_text

        output.show(campaign_text.render(campaign, output.width(), output.color()))
    if annotate:
        show_annotations(campaign.firsts.values(), as_json)
    return INTERRUPTED if campaign.interrupted else campaign.exit_code


def show(outcome: Outcome, as_json: bool) -> None:
    """The outcome on stdout."""
    if as_json:
        from ipcsim.report import json

        output.show_json(json.render(outcome))
    else:
        from ipcsim.report import text

        output.show(text.render(outcome, output.width(), output.color()))


def show_annotations(outcomes: Iterable[Outcome], as_json: bool) -> None:
    """The outcomes as workflow commands of GitHub, on stdout unless that holds the JSON object."""
    from ipcsim.report.forms import annotations

    text = annotations.render_all(outcomes)
    if as_json:
        output.complain(text.rstrip("\n"))
    else:
        output.show(text)
