"""`ipcsim report`: every form of a report, from nothing but the trace or the campaign file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ipcsim import shortages
from ipcsim.cli import output
from ipcsim.cli.options import annotations_option, json_option
from ipcsim.cli.run import show_annotations
from ipcsim.errors import IpcsimError
from ipcsim.files import write_beside

if TYPE_CHECKING:
    from ipcsim.campaigns import Stored

# the forms, and by what in its first lines a file is known as one: nothing else is written over
SIGNS = {
    "text": "report of ",
    "json": '{\n  "ipcsim": ',
    "html": '<meta name="generator" content="ipcsim ',
    "dot": 'digraph "wait for"',
    "mermaid": "stateDiagram-v2\n  %% ",
    "sequence": "sequenceDiagram\n  %% ",
    "trace-event": '"otherData":{"ipcsim":',
    "waits": "process,at,call,object,began,waited,unit,result,woken by",
    "graphml": 'xmlns="http://graphml.graphdrawing.org/xmlns"\n         xmlns:xsi=',
    "annotations": "title=ipcsim%3A ",
}
FORMATS = tuple(SIGNS)


@click.command()
@click.argument("trace", type=click.Path(dir_okay=False))
@click.option("--format", "form", type=click.Choice(FORMATS), help="Only this form; see below.")
@click.option(
    "--output",
    "place",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Where the form goes; - is stdout, where all but html go unless told.",
)
@json_option
@annotations_option
def report(trace: str, form: str | None, place: str | None, as_json: bool, annotate: bool) -> int:
    """Show what a run found, from its trace alone; or a campaign, from its .campaign.json.

    Without --format: the text, and the page NAME.html beside the trace, for a browser.

    \b
    Formats:
      text, json         what `ipcsim run` prints, and its --json
      html               the page
      dot, graphml       who waits for whom at the end (Graphviz; yEd, Gephi, networkx)
      mermaid, sequence  states of the processes; who woke whom, when (Markdown viewers)
      trace-event        the time line (ui.perfetto.dev, chrome://tracing)
      waits              each wait with its duration (CSV)
      annotations        findings at their lines (GitHub Actions)

    \b
    Examples:
      ipcsim report reports/dining-philosophers/20261122-091010.trace
      ipcsim report some.trace --format dot | dot -Tsvg > graph.svg
      ipcsim report some.trace --format trace-event --output time-line.json
    """
    if as_json and form not in (None, "json"):
        raise click.UsageError("--json is --format json; say one of the two")
    if place is not None and form is None:
        if not as_json:
            raise click.UsageError("--output is where a --format goes: say which")
        form = "json"
    as_json = as_json or form == "json"
    with output.errors_as_json(as_json, "report"):
        from ipcsim import campaigns

        stored = campaigns.read(trace)
        if form is None and not as_json:
            _text_and_page(stored)
        else:
            _form(stored, form or "json", place)
        if annotate and form != "annotations":
            show_annotations(stored.outcomes, as_json or form is not None)
    return 0


def _text_and_page(stored: Stored) -> None:
    """The text on stdout and the page beside the trace; where that cannot be, a remark says so."""
    page = _page(stored)
    try:
        _write(page, stored.render("html"), "html")
        last = f"  page: {page}\n"
    except IpcsimError as error:
        last = f"  remark: there is no page: {error}\n"
    output.show(stored.render("text", output.width(), output.color()) + last)


def _form(stored: Stored, form: str, place: str | None) -> None:
    if place is None and form == "html":
        place = str(_page(stored))
    if place is None or place == "-":
        output.show(stored.render(form, output.width(), output.color()))
        return
    _write(Path(place), stored.render(form), form)
    output.complain(f"{form}: {place}")


def _page(stored: Stored) -> Path:
    """The page beside the file; never the file itself, whatever it is called."""
    page = stored.path.with_suffix(".html")
    return page if page != stored.path else stored.path.with_name(f"{stored.path.name}.html")


def _write(path: Path, text: str, form: str) -> None:
    try:
        write_beside(path, text, SIGNS[form])
    except OSError as error:
        raise shortages.cannot(f"cannot write {path}", error, "name a file by --output") from None
