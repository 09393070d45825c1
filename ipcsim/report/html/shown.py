"""How texts of a scenario, which may be hostile or endless, stand on the page."""

from __future__ import annotations

from ipcsim.report import words

LABEL, SENTENCE = 120, 2000  # characters


def label(text: str) -> str:
    """A name: what would hide or turn the text around it becomes visible, what has no end is cut."""
    return _cut(words.visible(text), LABEL)


def sentence(text: str) -> str:
    """A message or remark, or one line of a source."""
    return _cut(words.visible(text.expandtabs(4)), SENTENCE)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"
