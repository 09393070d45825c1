"""What a notebook shows for an outcome or a campaign (`_repr_html_`): a fragment, styled by itself."""

from __future__ import annotations

from html import escape

from ipcsim.report import campaign_text, words
from ipcsim.report.campaign import Campaign
from ipcsim.verdict import Outcome

_CELL = "padding:.1em .8em .1em 0;text-align:left"
_BAR = "display:inline-block;height:.8em;background:#5b7fb4"
_WIDEST = 16  # em, of a bar
_COLUMNS = 90  # of the text below


def outcome(shown: Outcome) -> str:
    """The outcome's page without its frame."""
    from ipcsim.report.html import fragment

    return fragment(shown)


def campaign(shown: Campaign) -> str:
    """The verdicts as a table with bars; the text with the first run of each is folded below."""
    made = max(1, len(shown.outcomes))
    rows = "".join(
        f'<tr><td style="{_CELL}"><b>{escape(verdict)}</b></td><td style="{_CELL}">{number:,}</td>'
        f'<td style="{_CELL}"><span style="{_BAR};width:{_WIDEST * number / made:.2f}em"></span></td></tr>'
        for verdict, number in shown.counts.items()
    )
    said = "as expected" if shown.as_expected else f"{shown.expect} was expected"
    head = f"{_text(shown.scenario)}: {words.count(len(shown.outcomes), 'run')}, {escape(said)}"
    whole = _text(campaign_text.render(shown, _COLUMNS), lines=True)
    return (
        f'<div class="ipcsim"><p><b>{head}</b></p><table>{rows}</table>'
        f"<details><summary>the first run of each verdict</summary><pre>{whole}</pre></details></div>"
    )


def _text(text: str, lines: bool = False) -> str:
    """`text` as HTML shows it, with what could steer it as escapes."""
    return escape(text if lines else words.visible(text))
