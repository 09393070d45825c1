"""A node tree → the document's shape, and where the text had errors."""

from __future__ import annotations

from typing import Any

from ipcsim.language.nodes import Map, Mark, Node, Problems
from ipcsim.language.shape import DocumentShape
from ipcsim.language.spec import Path, Place, Reading, Shaped

_DOCUMENT = Shaped(DocumentShape)


class ScenarioText:
    """A document in shape, its nodes, and the paths of what was wrong and is cut out."""

    def __init__(self, shape: DocumentShape, root: Map[Node], cut: set[Path]) -> None:
        self.shape, self.root, self.cut = shape, root, cut

    def mark(self, *path: str) -> Mark:
        """The place of a key, by its path."""
        parent: Any = self.root
        for step in path[:-1]:
            parent = parent[step]
        found: Mark = parent.key_mark(path[-1])
        return found

    def was_cut(self, *path: str) -> bool:
        """Whether something at or under `path` was wrong, so that what follows from it is not told."""
        return any(c[: len(path)] == path or path[: len(c)] == c for c in self.cut)

    def cut_in(self, *path: str) -> list[str]:
        """The names under `path` of what is wrong itself, or in a part."""
        depth = len(path)
        return sorted({str(c[depth]) for c in self.cut if len(c) > depth and c[:depth] == path})


def shape_of(root: Map[Node], problems: Problems) -> ScenarioText:
    """The document in `root`. What is wrong is told, then cut out, so that the rest can be looked at."""
    reading = Reading(problems, listed=4)
    return ScenarioText(_DOCUMENT.read(Place(reading, root)), root, reading.cut)
