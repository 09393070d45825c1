"""Reading YAML: positions, YAML 1.2 words, and what strangers might send."""

from __future__ import annotations

import pytest

from ipcsim.errors import Diagnostic
from ipcsim.language import yaml_reader
from ipcsim.language.nodes import Map, Problems, Scalar, Seq, show
from ipcsim.language.yaml_reader import MAX_BYTES, MAX_DEPTH, as_bool, as_int, read_yaml
from ipcsim.program import Source


def read(text: str) -> Map:
    problems = Problems()
    root = read_yaml(Source("t.yaml", text), problems)
    problems.stop_if_any()
    assert root is not None
    return root


def failure(text: str) -> Diagnostic:
    """The first of what is wrong with `text`."""
    problems = Problems()
    assert read_yaml(Source("t.yaml", text), problems) is None or problems.diagnostics
    return problems.diagnostics[0]


def fails(text: str) -> str:
    return failure(text).message


def scalar(text: str) -> Scalar:
    node = read(f"k: {text}\n")["k"]
    assert isinstance(node, Scalar)
    return node


@pytest.mark.parametrize("word", ["no", "on", "off", "yes", "y", "No", "ON", "1:30", "1_000", "tRue"])
def test_words_are_words(word: str) -> None:
    assert as_bool(scalar(word)) is None
    assert as_int(scalar(word)) is None
    assert scalar(word).text == word


@pytest.mark.parametrize(
    ("text", "value"), [("7", 7), ("-7", -7), ("+7", 7), ("0x1F", 31), ("0o17", 15), ("010", 10)]
)
def test_integers(text: str, value: int) -> None:
    assert as_int(scalar(text)) == value


def test_a_quoted_number_is_a_text() -> None:
    assert as_int(scalar('"7"')) is None
    assert as_bool(scalar("'true'")) is None


def test_positions() -> None:
    root = read("a: é\nlist:\n  - 'two words'\n  - {x: fork[left]}\n")
    items = root["list"]
    assert isinstance(items, Seq)
    first, second = items
    assert isinstance(first, Scalar)
    assert (first.mark.line, first.mark.column, first.mark.length) == (3, 5, 11)
    assert first.part(4, 5).column == 10
    assert isinstance(second, Map)
    assert isinstance(second["x"], Scalar)
    assert second["x"].text == "fork[left]"
    assert second["x"].part(5, 4).column == 14
    assert show(root) == "{a: é, list: [two words, {x: fork[left]}]}"


def test_brackets_of_names_inside_brackets() -> None:
    root = read('a: {slot: int[8], f: [min(a, b), "x[0]", fork[min(i, j)], [k]], c: x} # n[1, 2]\n')
    assert show(root) == "{a: {slot: int[8], f: [min(a, b), x[0], fork[min(i, j)], [k]], c: x}}"


def test_aliases_are_fine() -> None:
    assert show(read("a: &x [1, 2]\nb: *x\n")["b"]) == "[1, 2]"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a:\n\t- b", "tab"),
        ("\ta: b", "tab"),
        ("a: *x", "no anchor"),
        ("a: &x {b: *x}", "inside its own anchor"),
        ("a: 1\na: 2", "duplicate key `a`; it is already in line 1"),
        ("? [a]\n: b", "one word"),
        ("<<: {a: 1}", "merge keys"),
        ("a: !!str b", "tags"),
        ("a: !x b", "tags"),
        ("a: 1\n---\nb: 1", "second YAML document"),
        ("- a", "a mapping"),
        ("a", "a mapping"),
        ("", "empty"),
        ("# only a comment", "empty"),
        ("---\n...\n", "empty"),
        ("a: \0", "U+0000"),
        ("a: \x1b[31m", "U+001B"),
        ("a: \ud800", "U+D800"),
        ("%YAML 9.9\n---\na: b", "not valid YAML"),
        ("a: " + "[" * 5000, "levels of nesting"),
        ("{a: " * 5000, "levels of nesting"),
        ("- " * 5000, "levels of nesting"),
        ("a: &a " + "[" * 50 + "]" * 50 + "\nb: " + "[" * 30 + "*a" + "]" * 30, "alias is expanded"),
        ("a: b\n" * 300_000, "1 MiB"),
        ("a: [" + "1," * 100_001 + "]", "more than 100,000 values"),
    ],
)  # fmt: skip
def test_refused(text: str, words: str) -> None:
    assert words in fails(text)


# Where libyaml says that it cannot go on, which is all that is taken from it: its words are its own.
NO_YAML = [
    ("a: [1, 2", 1, 1),
    ("a: 'x", 1, 6),
    ("a: b: c", 1, 5),
    ("a: @b", 1, 4),
    ("a: {b: 1", 1, 1),
    ("a: 1\nb\nc: 1", 3, 1),
]


@pytest.mark.parametrize("words", ["as they are", "unheard of", "translated"])
@pytest.mark.parametrize(("text", "line", "column"), NO_YAML)
def test_what_is_no_yaml_is_told_at_its_place(
    text: str, line: int, column: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With libyaml's words in ours, passed on where they are new, and in ours again where all are alike."""
    if words != "as they are":
        monkeypatch.setattr(yaml_reader, "_WORDS", () if words == "unheard of" else (("", "in our words"),))
    found = failure(text)
    assert (found.at.line, found.at.column) == (line, column)
    assert found.message
    if words == "unheard of":
        assert found.message.startswith("not valid YAML: ")
    elif words == "translated":
        assert found.message == "in our words"


def test_an_alias_bomb_is_refused_before_it_costs_anything() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 50)]
    assert "once every alias is expanded" in fails("\n".join(lines))


def test_as_deep_as_allowed() -> None:
    depth = MAX_DEPTH - 2
    read("a: " + "[" * depth + "x" + "]" * depth)


def test_a_byte_order_mark_is_ignored() -> None:
    assert show(read("\ufeffa: b")) == "{a: b}"


def test_the_size_counts_bytes() -> None:
    assert "1 MiB" in fails("a: " + "é" * (MAX_BYTES // 2))


def test_crlf() -> None:
    root = read("a: b\r\nc: d\r\n")
    assert root["c"].mark.line == 2
    assert show(root) == "{a: b, c: d}"
