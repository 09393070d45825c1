"""Text → Python's syntax tree of an expression, never executed; and the places in the text of its parts."""

from __future__ import annotations

import ast
import re
import unicodedata
import warnings

from ipcsim.language.nodes import Mark, Scalar

MAX_LENGTH = 2000
MAX_DEPTH = 60

_QUOTED = re.compile(r"""'[^']*'|"[^"]*\"""")
# `buffer.in` is a fine field, but `in` a keyword to ast: letters that ast itself folds back to ASCII
# get it past, at the same length, so that the columns stay.
_KEYWORDS = (
    "and as assert async await break class continue def del elif else except finally for from global if"
    " import in is lambda nonlocal not or pass raise return try while with yield"
).replace(" ", "|")
_DOTTED_KEYWORD = re.compile(rf"""'[^']*'|"[^"]*"|\.(?:{_KEYWORDS})\b""")


def _disguise(match: re.Match[str]) -> str:
    found = match[0]
    if not found.startswith("."):
        return found
    return "." + "".join(chr(0x1D5BA + ord(c) - ord("a")) for c in found[1:])


class NotAnExpression(Exception):
    """The text is none; says where and why."""

    def __init__(self, mark: Mark, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.mark, self.hint = mark, hint


class ExpressionText:
    """The characters `start` to `end` of a scalar, as one expression."""

    def __init__(self, scalar: Scalar, start: int, end: int | None) -> None:
        text = scalar.text[start:end]
        self.scalar = scalar
        self.start = start + len(text) - len(text.lstrip())
        self.text = re.sub(r"\s", " ", text.strip())
        self.disguised = _DOTTED_KEYWORD.sub(_disguise, self.text)

    @property
    def whole(self) -> Mark:
        return self.scalar.part(self.start, len(self.text))

    def mark(self, node: ast.AST) -> Mark:
        """The place of a part of the tree."""
        if not isinstance(node, ast.expr):
            return self.whole
        raw = self.disguised.encode()
        first = len(raw[: node.col_offset].decode(errors="replace"))
        last = len(raw[: node.end_col_offset].decode(errors="replace"))
        return self.scalar.part(self.start + first, max(1, last - first))

    def written(self, node: ast.expr) -> str:
        """A part of the tree as the user wrote it."""
        raw = self.disguised.encode()[node.col_offset : node.end_col_offset]
        return unicodedata.normalize("NFKC", raw.decode(errors="replace"))

    def parse(self) -> ast.expr:
        """The tree; `NotAnExpression` for what is none, or too long or deep to be one."""
        if not self.text or (self.scalar.plain and self.scalar.is_null):
            raise NotAnExpression(self.whole, "an expression is missing")
        if len(self.text) > MAX_LENGTH:
            raise NotAnExpression(self.whole, f"an expression has at most {MAX_LENGTH} characters")
        if "#" in _QUOTED.sub("", self.text):
            raise NotAnExpression(self.whole, "a comment cannot stand inside an expression")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of odd escapes in texts: they go to nobody
                tree = ast.parse(self.disguised, mode="eval").body
        except SyntaxError as error:
            raise self._syntax_error(error) from None
        except (RecursionError, MemoryError):
            raise NotAnExpression(self.whole, "this expression is nested too deeply") from None
        except ValueError as error:
            raise NotAnExpression(self.whole, f"this is not an expression: {error}") from None
        self._check_depth(tree)
        return tree

    def _syntax_error(self, error: SyntaxError) -> NotAnExpression:
        offset = max(0, min((error.offset or 1) - 1, len(self.text) - 1))
        hint = ""
        if re.search(r"(?<![=!<>])=(?!=)", self.text):
            hint = "equality is written `==`"
        elif "&&" in self.text or "||" in self.text:
            hint = "write `and`, `or`, `not`"
        elif re.search(r"\b0\d", self.text):
            hint = "a number has no leading zeros"
        reason = (error.msg or "").removesuffix(". Perhaps you forgot a comma?")
        words = "" if reason in ("invalid syntax", "") else f" ({reason})"
        mark = self.scalar.part(self.start + offset, 1)
        return NotAnExpression(mark, f"`{self.text[:60]}` is not an expression{words}", hint)

    def _check_depth(self, tree: ast.expr) -> None:
        level: list[ast.AST] = [tree]
        depth = 0
        while level:
            depth += 1
            if depth > MAX_DEPTH:
                raise NotAnExpression(self.whole, f"an expression nests at most {MAX_DEPTH} deep")
            level = [c for n in level for c in ast.iter_child_nodes(n)]
