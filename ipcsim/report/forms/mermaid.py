"""What both Mermaid diagrams share: texts that its grammars take for nothing else, and its limits.

Viewers refuse a text of more than 50,000 characters (maxTextSize) or with more than 500 edges (maxEdges).
"""

from __future__ import annotations

from ipcsim.report import words

MOST_CHARACTERS = 50_000
MOST_EDGES = 500
ROOM = 1_000  # characters kept free for the notes of what was left out
LONGEST = 120  # characters of one label
_PLAIN = frozenset(" _.,()[]+-*/=!?'@×–→…")


def text(said: str, plain: str = "") -> str:
    """`said` as a label: what the grammars could take for something else stands as an entity. `plain` are
    further characters that mean nothing where this label stands."""
    shown = words.visible(said)
    if len(shown) > LONGEST:
        shown = f"{shown[:LONGEST]}… ({len(shown):,} characters)"
    kept = _PLAIN.union(plain)
    return "".join(c if c.isalnum() or c in kept else f"#{ord(c)};" for c in shown) or "#8211;"


def whole(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
