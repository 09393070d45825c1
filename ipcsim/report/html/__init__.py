"""Outcomes as HTML: one self-contained file that opens offline, or a fragment for a notebook.

- `run`: the page of one run, replay or verification; `campaign`: of many runs; `fragment`: for a notebook;
- `payload` (with `columns`, `waiting`): what the page's scripts read; `tables`, `source`, `wording`,
  `shown`: what stands in the page without them;
- `template` fills what is in `page/`: templates, style sheets, scripts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipcsim.report.campaign import Campaign
    from ipcsim.trace import Trace
    from ipcsim.verdict import Outcome


def render(trace: Trace, outcome: Outcome) -> str:
    """The report of one run, replay or verification."""
    from ipcsim.report.html.run import page

    return page(trace, outcome)


def render_campaign(campaign: Campaign) -> str:
    """The report of several runs of one scenario."""
    from ipcsim.report.html.campaign import page

    return page(campaign)


def fragment(outcome: Outcome) -> str:
    """An outcome for a notebook: no script, styles inline."""
    from ipcsim.report.html.fragment import fragment as made

    return made(outcome)
