"""Reports for other programs: each a pure function from a trace and its outcome to text.

- `dot`, `graphml`: who waits for whom at the end (both draw the `waitgraph`);
- `mermaid`: the states of the processes, and the sequence of who woke whom;
- `trace_event`: the time line, for Perfetto and Chrome;
- `waits`: every wait with its duration, as CSV and as a table of the text;
- `annotations`: findings at their lines, for GitHub Actions.

`render` and `render_campaign` know the forms by name, text, JSON and HTML among them. A trace may come
from a stranger, and be damaged: `sound` leaves out what cannot be.
"""

# no `from __future__ import annotations`: the name is that of a module of this package
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from ipcsim.errors import TraceError
from ipcsim.trace import Trace
from ipcsim.verdict import Outcome

if TYPE_CHECKING:
    from ipcsim.report.campaign import Campaign

NAMES = (
    *("text", "json", "html", "dot", "mermaid", "sequence"),
    *("trace-event", "waits", "graphml", "annotations"),
)
Form = Callable[[Trace, Outcome], str]
_OF_DAMAGE = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)


def render(form: str, trace: Trace, outcome: Outcome, width: int = 100, color: bool = False) -> str:
    """`trace` in one of the forms of `NAMES`; `width` and `color` are those of the text."""
    trace = sound(trace)
    make = (lambda t, o: _text(t, o, width, color)) if form == "text" else _form(form)
    try:
        return make(trace, outcome)
    except _OF_DAMAGE as error:
        # what was read has been checked, but a file from outside can hold more nonsense than checks know of
        raise TraceError(
            f"the trace cannot be shown as {form} ({type(error).__name__}: {error!s:.200}): it is damaged, "
            "or this is a defect of ipcsim"
        ) from error


def render_campaign(form: str, campaign: "Campaign", width: int = 100, color: bool = False) -> str:
    """A campaign as text, json, html or annotations."""
    if form == "json":
        return json.dumps(campaign.as_json(), indent=2) + "\n"
    if form == "html":
        from ipcsim.report.html import render_campaign as page

        return page(campaign)
    if form == "annotations":
        from ipcsim.report.forms import annotations

        return annotations.render_all(campaign.firsts.values())
    from ipcsim.report import campaign_text

    return campaign_text.render(campaign, width, color)


def sound(trace: Trace) -> Trace:
    """The trace without events that its Program cannot have had; `TraceError` where that has no sense."""
    try:
        sizes = [len(trace.program.code(p.number)) for p in trace.program.processes]
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise TraceError(f"the program in the trace is damaged ({type(error).__name__}: {error})") from None
    if all(e.pc < sizes[e.process] for e in trace.events):
        return trace
    from dataclasses import replace

    problem = trace.problem or "the trace is damaged: some of its events are of no instruction"
    events = tuple(e for e in trace.events if e.pc < sizes[e.process])
    return replace(trace, events=events, problem=problem)


def _text(trace: Trace, outcome: Outcome, width: int, color: bool) -> str:
    from ipcsim.report import text
    from ipcsim.report.forms import waits

    return text.render(outcome, width, color) + waits.table(trace, width, color)


def _form(name: str) -> Form:
    """The function of a form, which is imported now: networkx and jinja2 take their time."""
    if name == "json":
        return _json
    if name == "html":
        from ipcsim.report.html import render as page

        return page
    if name in ("dot", "graphml"):
        from ipcsim.report.forms import dot, graphml

        return dot.render if name == "dot" else graphml.render
    if name in ("mermaid", "sequence"):
        from ipcsim.report.forms import sequence, states

        return states.render if name == "mermaid" else sequence.render
    if name == "trace-event":
        from ipcsim.report.forms import trace_event

        return trace_event.render
    if name == "waits":
        from ipcsim.report.forms import waits

        return waits.render
    from ipcsim.report.forms import annotations

    return lambda _, outcome: annotations.render(outcome)


def _json(_trace: Trace, outcome: Outcome) -> str:
    from ipcsim.report import json as outcome_json

    return json.dumps(outcome_json.render(outcome), indent=2) + "\n"
