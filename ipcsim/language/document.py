"""A node tree → DocumentShape, and pydantic's errors → diagnostics at the right place in the text."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ipcsim.language.nodes import Map, Mark, Node, Problems, Scalar, Seq, kind_of, suggest
from ipcsim.language.shape import DocumentShape

Path = tuple[str | int, ...]


class ScenarioText:
    """A document in shape: its models, its nodes, and where it had errors that were cut out."""

    def __init__(self, shape: DocumentShape, root: Map, cut: set[Path]) -> None:
        self.shape, self.root, self.cut = shape, root, cut

    def mark(self, *path: str | int) -> Mark:
        """The place of a key (or of an item of a list)."""
        parent: Any = self.root
        for step in path[:-1]:
            parent = parent[step]
        if isinstance(parent, Map):
            return parent.key_mark(str(path[-1]))
        found: Mark = parent[path[-1]].mark
        return found

    def node(self, *path: str | int) -> Any:
        found: Any = self.root
        for step in path:
            found = found[step]
        return found

    def was_cut(self, *path: str | int) -> bool:
        """Whether something at or under `path` was wrong, so that what follows from it is not told."""
        return any(c[: len(path)] == path or path[: len(c)] == c for c in self.cut)


def shape_of(root: Map, problems: Problems) -> ScenarioText:
    """The document in `root`. What is wrong is told, then cut out, so that the rest can be looked at."""
    cut: set[Path] = set()
    while True:
        try:
            return ScenarioText(DocumentShape.model_validate(root), root, cut)
        except ValidationError as error:
            found = [(_path(e["loc"]), e) for e in error.errors(include_url=False, include_input=False)]
        for path, one in found:
            if one["type"] != "missing" or path not in cut:
                _tell(one, path, root, problems)
        # from the end, so that cutting one item of a list leaves the numbers of those before it
        now: set[Path] = set()
        for path, one in reversed(found):
            wrong = path[:-1] if one["type"] == "missing" else path
            if not any(wrong[: len(c)] == c for c in now):
                _cut(root, wrong)
                now.add(wrong)
        cut |= now


def _path(place: tuple[int | str, ...]) -> Path:
    """Where in the text; pydantic also names the alternative of a union that it tried."""
    return tuple(p for p in place if p not in ("<mapping>", "<list>", "<word>"))


def _cut(root: Map, path: Path) -> None:
    """Takes the value at `path` out, so that it is not looked at again."""
    if not path:
        root.clear()
        return
    parent, done = _follow(root, path[:-1])
    if done < len(path) - 1:
        # a shorthand (`mutex: 1` for `{value: 1}`) has one more name in its path than in the text
        _cut(root, path[:done])
    elif isinstance(parent, Map) and path[-1] in parent:
        del parent[str(path[-1])]
    elif isinstance(parent, Seq) and isinstance(path[-1], int) and path[-1] < len(parent):
        del parent[path[-1]]
    else:
        _cut(root, path[:-1])


def _follow(root: Map, path: Path) -> tuple[Node, int]:
    """The node at `path` as far as it goes, and how far that is."""
    node: Any = root
    for done, step in enumerate(path):
        if isinstance(node, Map) and step in node:
            node = node[str(step)]
        elif isinstance(node, Seq) and isinstance(step, int) and step < len(node):
            node = node[step]
        else:
            return node, done
    return node, len(path)


def _tell(found: Any, path: Path, root: Map, problems: Problems) -> None:
    node, key = _locate(root, path)
    mark = key.mark if key is not None else node.mark
    match found["type"]:
        case "extra_forbidden":
            known = _keys_at(path[:-1])
            problems.add(mark, f"unknown key `{path[-1]}`", suggest(str(path[-1]), known, many=4))
        case "missing":
            problems.add(
                mark, f"`{path[-1]}:` is missing" + (f" in `{path[-2]}`" if isinstance(path[-2], str) else "")
            )
        case "dict_type" | "model_type" | "model_attributes_type":
            problems.add(_value_mark(node, mark), f"expected a mapping, not {kind_of(node)}")
        case "list_type":
            problems.add(_value_mark(node, mark), f"expected a list, not {kind_of(node)}")
        case _:
            problems.add(_value_mark(node, mark), found["msg"])


def _value_mark(node: Node, key: Mark) -> Mark:
    return key if isinstance(node, Scalar) and node.is_null else node.mark


def _locate(root: Map, path: Path) -> tuple[Node, Scalar | None]:
    """The node at `path` (as far as it goes) and the key that leads to it."""
    node, done = _follow(root, path)
    parent, _ = _follow(root, path[: max(0, done - 1)])
    key = parent.keys_at.get(str(path[done - 1])) if done and isinstance(parent, Map) else None
    return node, key


def _keys_at(path: Path) -> list[str]:
    """The keys that may stand in the mapping at `path`, by walking the models."""
    annotation: Any = DocumentShape
    for step in path:
        models = _models_in(annotation)
        fields = {(f.alias or n): f for m in models for n, f in m.model_fields.items()}
        if str(step) in fields:
            annotation = fields[str(step)].annotation
        else:  # a name that the user chose
            extra = [a for m in models if (a := m.__annotations__.get("__pydantic_extra__")) is not None]
            annotation = extra[0] if extra else annotation
    return [(f.alias or n) for m in _models_in(annotation) for n, f in m.model_fields.items()]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for part in get_args(annotation) for m in _models_in(part)]
