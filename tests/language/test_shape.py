"""What is said of a document whose shape is wrong, where more than one thing might have been meant."""

from __future__ import annotations

import pytest

from ipcsim.verdict import Verdict
from tests.language.helpers import messages_of, problems_of

END = "\nprocesses: {p: {steps: []}}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("test: {seeds: {a: 1}}", "expected a whole number from 1 to 10,000, not a mapping"),
        ("test: {seeds: [1, x]}", "expected a whole number, 0 or more, not `x`"),
        ("test: [1]", "expected `true` or `false`, not a list"),
        (
            "segments: {s: {a: [1]}}",
            "expected a type such as `int`, `long`, `int[8]` or `char[30]`, not a list",
        ),
        ("semaphores: {s: {a: 1, b: }}", "expected a value or a list of values, not nothing"),
        (
            "semaphores: {s: {a: 1, key: [1]}}",
            "expected `private`, a number, or {path: …, id: …}, not a list",
        ),
        ("queues: {q: 1}", "expected a mapping, not `1`"),
        ("expect: [{verdict: [ok]}]", f"expected a verdict: {', '.join(Verdict)}, not a list"),
        (
            "parameters: {n: {type: [int], default: 1}}",
            "expected a type: int, choice, bool, text, not a list",
        ),
    ],
)
def test_each_is_told_once(text: str, message: str) -> None:
    """In words of the language, and nothing that only follows from it: that `verdict:` is missing, too."""
    assert messages_of(text + END) == [message]


@pytest.mark.parametrize("where", ["expect: {wiht: {n: 1}, run: ok}", "expect: [{vredict: ok, verdict: ok}]"])
def test_the_keys_to_choose_from_are_those_of_this_place(where: str) -> None:
    """`expect:` is a word, a mapping or a list of mappings, each with keys of its own."""
    hints = [d.hint for d in problems_of(where + END) if d.message.startswith("unknown key")]
    assert hints == ["there is `run`, `verify`" if "wiht" in where else "did you mean `verdict`?"]
