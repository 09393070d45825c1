"""docs/semantics.md, made of the facts: `python -m ipcsim.facts > docs/semantics.md`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from ipcsim.facts import errnos, stats, sysctls
from ipcsim.facts.rules import FAMILIES, KERNEL, Rule

_WIDTH = 118
_MARK = "<!-- Made by `python -m ipcsim.facts > docs/semantics.md`: change ipcsim/facts, not this file. -->"
_HEAD = (
    "The rules of the kernel that ipcsim is faithful to, each with an id that code and tests cite. All were "
    f"measured on {KERNEL}. Where a manual page says so as well it is named; what the manual says otherwise "
    "is told. Each rule has tests on the real kernel in `tests/conformance`, which begin with its id. Where "
    "a rule and your kernel differ, the kernel is right, and `pytest tests/conformance` says so.",
    "What meets at one sleeper, with counts, is in [kernel-races.md](kernel-races.md); which result of a "
    "call orders what stands before and after it, in [language.md](language.md).",
    "What is free, so that every choice has to be reckoned with: which sleeping sender that fits comes next "
    "(Q-4), the order of receivers after IPC_SET (Q-10), whether a newcomer overtakes, and who wins a race "
    "(S-30 to S-38, Q-15 to Q-20). All else about semaphores follows from the order of arrival.",
)


def markdown() -> Iterator[str]:
    """The whole document, line by line."""
    yield from (_MARK, "", "# What System V IPC does on Linux")
    for paragraph in _HEAD:
        yield from ("", *_wrapped(paragraph))
    for family in FAMILIES:
        yield from ("", f"## {family.title}")
        for rule in family.rules:
            yield from ("", *_rule(rule))
    yield from ("", "## Limits", "", *sysctls.markdown())
    yield from ("", "## What an errno means", "", *errnos.markdown())
    yield from ("", "## What IPC_STAT tells", "", *stats.markdown())


def _rule(rule: Rule) -> Iterator[str]:
    yield from (f"### {rule.id}", "", *_wrapped(f"**{rule.title}.** {rule.text}"))
    remarks = [f"Said by {rule.source}." if rule.source else "In no manual."]
    if rule.differs:
        remarks.append(f"In the manual: {rule.differs}.")
    if rule.unseen:
        remarks.append(f"Not tested: {rule.unseen}.")
    yield from ("", *_wrapped(" ".join(remarks)))


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
