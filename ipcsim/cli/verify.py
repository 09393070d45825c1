"""`ipcsim verify`: every interleaving of a scenario, on the model."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from ipcsim.cli import output
from ipcsim.cli.options import (
    Duration,
    ParamType,
    annotations_option,
    json_option,
    scenario_argument,
    set_option,
)

if TYPE_CHECKING:
    from ipcsim.explorer.limits import Progress

INTERRUPTED = 130
_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}


class Size(ParamType):
    """`500MB`, `2GiB`, `800000` → bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?", str(value).strip().lower())
        if match is None or not float(match[1]):
            self.fail(f"{value!r} is no size such as 500MB or 2GB", param, ctx)
        return int(float(match[1]) * _UNITS[match[2]])


@click.command()
@scenario_argument
@set_option
@click.option(
    "--semaphores",
    type=click.Choice(["weak", "kernel"]),
    help="Who is next among those who wait: anyone (weak, what POSIX promises), or Linux's order.",
)
@click.option(
    "--fairness",
    type=click.Choice(["none", "weak", "strong"]),
    help="Which endless executions count as starvation or livelock; strong unless told.",
)
@click.option(
    "--crashes", type=click.IntRange(0, 100), metavar="N", help="Let up to N processes die anywhere."
)
@click.option(
    "--reduction",
    type=click.Choice(["none", "stubborn", "symmetry", "all"]),
    default="all",
    show_default=True,
    help="What may be left out because it cannot show anything new.",
)
@click.option(
    "--search",
    type=click.Choice(["breadth", "depth"]),
    default="breadth",
    show_default=True,
    help="Breadth first: a shortest counterexample. Depth first: less memory.",
)
@click.option(
    "--max-states",
    type=click.IntRange(min=1),
    metavar="N",
    help="Stop after so many states, of all searches together.",
)
@click.option(
    "--max-memory", type=Size(), default="2GB", show_default=True, help="Stop when it takes so much memory."
)
@click.option("--timeout", type=Duration(), metavar="60s", help="Stop the whole after this time.")
@click.option("--all", "everything", is_flag=True, help="After a finding, go on until every state was seen.")
@click.option(
    "--finding",
    type=click.IntRange(min=1),
    metavar="N",
    help="Show the way to the Nth of the findings, as they are numbered, instead of the gravest.",
)
@click.option("--replay", is_flag=True, help="Then take real processes along the way that is shown.")
@click.option(
    "--report",
    "report_dir",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Where the counterexample's trace goes, instead of ./reports/<scenario>/.",
)
@click.option("--no-trace", is_flag=True, help="Write no trace.")
@json_option
@annotations_option
def verify(
    name: str, as_json: bool, annotate: bool, report_dir: str | None, no_trace: bool, **options: Any
) -> int:
    """Explore every interleaving of a scenario on the model of System V IPC.

    Either it is proved that none of them goes wrong, or a shortest one that does is shown, step by step,
    with a line that takes real processes the same way. The trace goes where those of `ipcsim run` go.

    \b
    Examples:
      ipcsim verify dining-philosophers
      ipcsim verify dining-philosophers --set strategy=ordered --set seats=100
      ipcsim verify lost-update --set variant=mutex --crashes 1
      ipcsim verify readers-writers --set rounds=0 --fairness weak
      ipcsim verify transfer --replay
      ipcsim verify transfer --all --finding 2

    \b
    Exit codes:
      0  the verdict is the one that the scenario expects (ok, unless it says otherwise)
      1  it is another one
      2  usage or scenario error
      3  inconclusive: a limit was reached
      4  this machine cannot do it; the message names the remedy
      130  interrupted; what is known by then is printed
    """
    if no_trace and report_dir is not None:
        raise click.UsageError("--no-trace and --report exclude each other")
    arguments = options.pop("arguments")
    with output.errors_as_json(as_json, "verify"):
        from ipcsim import api, verification
        from ipcsim.cli.run import show, show_annotations

        program = api.load(name, arguments=arguments)
        place = None if no_trace else report_dir or api.TraceDir.DEFAULT
        with _Line() as line, _terminated_is_interrupted():
            request = verification.Request(
                name, arguments, trace_dir=place, progress=line, told=output.complain, **options
            )
            outcome = verification.execute(program, request)
        show(outcome, as_json)
        if annotate:
            show_annotations([outcome], as_json)
    return INTERRUPTED if outcome.extra.get("interrupted") else outcome.exit_code


@contextmanager
def _terminated_is_interrupted() -> Iterator[None]:
    """SIGTERM ends a search as SIGINT does: what is known by then is printed."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Line:
    """How far the search is, on one line of the terminal; erased when it is over."""

    def __init__(self) -> None:
        self._stream = sys.stderr if output.is_terminal(sys.stderr) else None
        self._drawn = False
        self._last = 0.0

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *_: object) -> None:
        if self._drawn and self._stream is not None:
            with suppress(OSError):
                self._stream.write("\r\x1b[K")
                self._stream.flush()

    def __call__(self, progress: Progress) -> None:
        if self._stream is None or progress.elapsed < 0.25 or progress.elapsed - self._last < 0.1:
            return
        self._last = progress.elapsed
        rate = progress.states / max(progress.elapsed, 1e-6)
        told = (
            f"{progress.states:,} states   {rate:,.0f}/s   {progress.queue:,} to do   "
            f"depth {progress.depth:,}   {progress.memory / 2**20:,.0f} MiB   {progress.elapsed:.0f} s"
        )
        columns, _ = output.size(self._stream)
        with suppress(OSError):
            self._stream.write(f"\r{told[: columns - 1]}\x1b[K")
            self._stream.flush()
            self._drawn = True
