"""YAML text → nodes with positions, for texts from strangers.

PyYAML only supplies the event stream; the tree is built here, so that duplicate keys, aliases,
nesting and size are under control, and scalars mean what YAML 1.2 says (`no` and `on` are words).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import yaml

from ipcsim.language.nodes import Document, Map, Mark, Node, Problems, Scalar, Seq
from ipcsim.program import Source

MAX_BYTES = 1 << 20
MAX_DEPTH = 60
MAX_NODES = 100_000

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FORBIDDEN = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NO_YAML = (yaml.scanner.ScannerError, yaml.parser.ParserError)  # not a name that is not there: that is YAML
# The words of libyaml, which know nothing of the reader, in ours. Nothing else hangs on them.
_WORDS = (
    ("could not find expected ':'", "a `:` is missing after this key"),
    ("mapping values are not allowed", "a `:` followed by a space is not allowed here; quote the text, or check the indentation"),  # noqa: E501
    ("did not find expected ',' or ']'", "a `,` or `]` is missing in this list"),
    ("did not find expected ',' or '}'", "a `,` or `}` is missing in this mapping"),
    ("did not find expected key", "a key was expected here; check the indentation"),
    ("did not find expected '-' indicator", "a `- ` was expected here; check the indentation"),
    ("found undefined alias", "this alias (`*name`) has no anchor (`&name`) before it"),
    ("found unexpected end of stream", "the text ends inside a quotation"),
    ("found character '@'", "a text cannot start with `@`: quote it"),
    ("found character that cannot start any token", "a text cannot start with this character: quote it"),
)  # fmt: skip


# `{slot: int[8]}` and `[P: fork[left]]` are no YAML, and `{count: min(a, b)}` is a mapping of two:
# inside {…} and […] a text cannot have brackets or commas. Everybody writes them, so what brackets and
# parentheses right after a name enclose goes past the parser as other characters of the same width; in
# every other place that makes no difference.
_HIDDEN = {"[": "\uf8d0", "]": "\uf8d1", ",": "\uf8d2"}
_HIDE, _SHOWN = str.maketrans(_HIDDEN), str.maketrans({v: k for k, v in _HIDDEN.items()})
_BRACKETS = re.compile(r"[\[\](){}\r\n]")


def _hide_brackets(text: str) -> str:
    if any(c in text for c in _HIDDEN.values()):
        return text
    parts: list[str] = []
    done = 0
    for start, end in sorted(_after_names(text)):
        if start >= done:  # else inside the one before
            parts += [text[done:start], text[start:end].translate(_HIDE)]
            done = end
    return "".join([*parts, text[done:]])


def _after_names(text: str) -> Iterator[tuple[int, int]]:
    """Where a bracket opens right after a name, and where it has closed on the same line."""
    opened: list[int] = []
    for match in _BRACKETS.finditer(text):
        char, place = match[0], match.start()
        if char in "[(":
            opened.append(place)
        elif char in "])" and opened and text[opened[-1]] == ("[" if char == "]" else "("):
            start = opened.pop()
            if start and (text[start - 1].isalnum() or text[start - 1] == "_"):
                yield start, place + 1
        else:
            opened.clear()


class _Stop(Exception):
    """The rest of the text cannot be read; the reason is already among the problems."""


def read_yaml(source: Source, problems: Problems) -> Map[Node] | None:
    """The top-level mapping of `source`; None, with the reasons in `problems`, where there is none."""
    if len(source.text) > MAX_BYTES or len(source.text.encode("utf-8", "replace")) > MAX_BYTES:
        problems.add(_mark_at(Document(Source(source.file, "")), 1, 1), "the file is larger than 1 MiB")
        return None
    text = source.text.removeprefix("\ufeff")
    document = Document(Source(source.file, text))
    if bad := _FORBIDDEN.search(text):
        before = text[: bad.start()].splitlines() or [""]
        problems.add(
            _mark_at(document, len(before), len(before[-1]) + 1),
            f"the character U+{ord(bad[0]):04X} cannot stand in a YAML text",
            "is this a text file in UTF-8?",
        )
        return None
    reader = _Reader(document, problems)
    try:
        return reader.read(_hide_brackets(text))
    except _Stop:
        return None
    except yaml.YAMLError as error:
        reader.report(error)
        return None


def _mark_at(document: Document, line: int, column: int, length: int = 1) -> Mark:
    return Mark(document, line, column, length)


class _Reader:
    def __init__(self, document: Document, problems: Problems) -> None:
        self.document = document
        self.problems = problems
        self.anchors: dict[str, tuple[Node, int, int]] = {}  # node, size, height
        self.open_anchors: dict[str, int] = {}
        self.nodes = 0
        self.deepest = 0

    def read(self, text: str) -> Map[Node] | None:
        loader = _LOADER(text)
        try:
            root = self._documents(loader)
        finally:
            loader.dispose()
        if root is None or (isinstance(root, Scalar) and root.is_null):
            self.problems.add(_mark_at(self.document, 1, 1), "the file is empty")
            return None
        if not isinstance(root, Map):
            self.problems.add(
                root.mark,
                "a scenario is a mapping: lines of the form `key: value`",
                "start from `ipcsim new`",
            )
            return None
        return root

    def _documents(self, loader: Any) -> Node | None:
        root: Node | None = None
        while loader.check_event():
            event = loader.get_event()
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                self._fail(event, "a second YAML document (`---`) in the same file; one scenario a file")
            if isinstance(event, yaml.DocumentStartEvent):
                root = self._node(loader.get_event(), loader, 1)
        return root

    def _node(self, event: Any, loader: Any, depth: int) -> Node:
        """One node, whose first event is `event`. Recursion is bounded by MAX_DEPTH."""
        if depth > MAX_DEPTH:
            self._fail(event, f"more than {MAX_DEPTH} levels of nesting")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        # `!` alone is the non-specific tag of a quoted scalar; anything else names a type
        if event.tag is not None and event.tag != "!":
            self._fail(event, f"tags such as `{event.tag[:40]}` are not allowed")
        before, deepest = self.nodes, self.deepest
        self._count(event, 1)
        self.deepest = depth
        if event.anchor is not None:
            self.open_anchors[event.anchor] = before
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = Seq(self._mark(event))
            while not isinstance(inner := loader.get_event(), yaml.SequenceEndEvent):
                node.append(self._node(inner, loader, depth + 1))
        else:
            node = self._map(event, loader, depth)
        if event.anchor is not None:
            del self.open_anchors[event.anchor]
            self.anchors[event.anchor] = (node, self.nodes - before, self.deepest - depth)
        self.deepest = max(self.deepest, deepest)
        return node

    def _map(self, event: Any, loader: Any, depth: int) -> Map[Node]:
        node: Map[Node] = Map(self._mark(event))
        while not isinstance(inner := loader.get_event(), yaml.MappingEndEvent):
            key = self._node(inner, loader, depth + 1)
            value = self._node(loader.get_event(), loader, depth + 1)
            if not isinstance(key, Scalar):
                self.problems.add(key.mark, "a key must be one word, not a list or a mapping", "quote it")
            elif key.text in node:
                first = node.keys_at[key.text].mark.line
                self.problems.add(key.mark, f"duplicate key `{key.text}`; it is already in line {first}")
            elif key.text == "<<" and key.plain:
                self.problems.add(key.mark, "merge keys (`<<`) are not in YAML 1.2: write the keys out")
            else:
                node[key.text] = value
                node.keys_at[key.text] = key
        return node

    def _alias(self, event: Any, depth: int) -> Node:
        if event.anchor in self.open_anchors:
            self._fail(event, f"the alias `*{event.anchor}` stands inside its own anchor")
        if event.anchor not in self.anchors:
            self._fail(event, f"the alias `*{event.anchor}` has no anchor `&{event.anchor}` before it")
        node, size, height = self.anchors[event.anchor]
        if depth + height > MAX_DEPTH:
            self._fail(event, f"more than {MAX_DEPTH} levels of nesting once this alias is expanded")
        self.deepest = max(self.deepest, depth + height)
        self._count(event, size)
        return node

    def _count(self, event: Any, size: int) -> None:
        self.nodes += size
        if self.nodes > MAX_NODES:
            self._fail(event, f"more than {MAX_NODES:,} values once every alias is expanded")

    def _mark(self, event: Any, length: int = 1) -> Mark:
        start = event.start_mark
        return _mark_at(self.document, start.line + 1, start.column + 1, length)

    def _scalar(self, event: Any) -> Scalar:
        start, end = event.start_mark, event.end_mark
        text, one_line = event.value.translate(_SHOWN), start.line == end.line
        line = self.document.line(start.line + 1)
        mark = self._mark(event, max(1, (end.column if one_line else len(line)) - start.column))
        plain = event.style is None or event.style == ""
        column = start.column if plain else start.column + 1
        # a quoted text with escapes in it, and a folded or block one, has no simple positions
        exact = one_line and line[column : column + len(text)] == text
        first = _mark_at(self.document, start.line + 1, column + 1)
        return Scalar(text, plain, mark, first, exact)

    def _fail(self, event: Any, message: str) -> None:
        start, end = event.start_mark, event.end_mark
        length = end.column - start.column if start.line == end.line else 1
        self.problems.add(self._mark(event, max(1, length)), message)
        raise _Stop

    def report(self, error: yaml.YAMLError) -> None:
        """An error of the YAML parser as a diagnostic."""
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        words = str(getattr(error, "problem", None) or error).strip()
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        line = min(line, max(1, len(self.document.lines)))
        text = self.document.line(line)
        column = min(column, len(text) + 1)
        message = next((ours for theirs, ours in _WORDS if theirs in words), f"not valid YAML: {words}")
        if _too_deep(self.document.source.text):  # some versions of the parser give up before we do
            message = f"more than {MAX_DEPTH} levels of nesting"
        hint = ""
        if "\t" in text[: len(text) - len(text.lstrip())]:
            message, column = "a tab in the indentation: YAML wants spaces", text.index("\t") + 1
        elif isinstance(error, _NO_YAML) and re.search(r"[\[{].*\w[\[(]", text):
            hint = 'inside […] and {…} quote what has brackets or commas: "min(a, b)"'
        self.problems.add(_mark_at(self.document, line, column), message, hint)


def _too_deep(text: str) -> bool:
    """Whether more brackets are open somewhere than a text may nest, where it cannot be read anyway."""
    depths = accumulate((char in "[{") - (char in "]}") for char in text)
    return any(depth > MAX_DEPTH for depth in depths)


_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|[-+]?0x[0-9a-fA-F]+")


def as_int(scalar: Scalar) -> int | None:
    """The integer that a plain scalar is (YAML 1.2: decimal, 0o17, 0x1f), else None."""
    text = scalar.text
    if not scalar.plain or len(text) > 40 or not _INT.fullmatch(text):
        return None
    if text.startswith("0o"):
        return int(text[2:], 8)
    return int(text, 16) if "x" in text else int(text)


def as_bool(scalar: Scalar) -> bool | None:
    """True or false where a plain scalar is `true` or `false`, else None."""
    if scalar.plain and scalar.text in ("true", "True", "TRUE"):
        return True
    return False if scalar.plain and scalar.text in ("false", "False", "FALSE") else None
