"""Nothing that a text says can eat the machine: what takes too long meets pytest's timeout."""

from __future__ import annotations

import pytest

from tests.language.helpers import load, messages_of


def nested(depth: int) -> str:
    text = "      - V: a\n"
    lines = ["semaphores: {s: {a: 1}}", "processes:", "  p:", "    steps:"]
    pad = "      "
    for _ in range(depth):
        lines += [f"{pad}- forever:"]
        pad += "    "
    return "\n".join([*lines, pad + text.strip()])


def test_nested_steps() -> None:
    load(nested(20))
    assert "levels of nesting" in messages_of(nested(40))[0]


def chain(length: int, calls: int) -> str:
    """Procedures that each call the next one some times."""
    lines = ["semaphores: {s: {a: 1}}", "procedures:"]
    for i in range(length):
        body = ", ".join([f"call: p{i + 1}"] * calls) if i < length - 1 else "V: a"
        lines.append(f"  p{i}: {{steps: [{body}]}}")
    return "\n".join([*lines, "processes: {q: {steps: [call: p0]}}"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (chain(40, 2), "more than 300,000 steps to compile"),
        (chain(40, 2).replace("V: a", ""), "more than 300,000 steps to compile"),
        (chain(2, 101).replace("[V: a]", f"[{'V: a, ' * 1000}]"), "more than 100,000 instructions"),
        (chain(300, 1), "nest more than 60 deep"),
        ("processes: {p: {count: 6000, steps: []}, q: {count: 6000, steps: []}}", "10,000 processes in all"),
        ("processes: {p: {count: 9999999999, steps: []}}", "`count` is 9,999,999,999"),
        ("semaphores: {s: {a: {count: 20000}, b: {count: 20000}}}\nprocesses: {p: {steps: []}}", "32,000"),
        ("segments: {s: {a: 'char[40000000]', b: 'char[40000000]'}}\nprocesses: {p: {steps: []}}", "64 MiB"),
        ("segments: {s: {a: 'int[16000000]'}}\nprocesses: {p: {steps: []}}", "elements"),
        ("queues: {q: {message: {a: 'int[16000000]'}}}\nprocesses: {p: {steps: []}}", "elements"),
        ("segments: {s: {a: 'int[5000]'}}\nprocesses: {p: {steps: [assert: sum(s.a) > 1]}}", "than 1000"),
        ("processes: {p: {count: 5000, locals: {x: sum(i for i in range(9000))}, steps: []}}", None),
        (f"processes: {{p: {{locals: {{x: [{'sum(i for i in [me]), ' * 200}]}}, steps: []}}}}", None),
        ("processes: {p: {count: 9000, locals: {x: sum(me for i in range(9000))}, steps: []}}", "to compute"),
    ],
)  # fmt: skip
def test_limits(text: str, words: str | None) -> None:
    if words is None:
        load(text)
    else:
        assert any(words in m for m in messages_of(text)), messages_of(text)


def test_at_most_a_hundred_errors_are_told() -> None:
    text = "processes:\n  p:\n    steps:\n" + "      - nonsense: 3\n" * 500
    assert len(messages_of(text)) == 100


def test_two_thousand_philosophers_load() -> None:
    text = """
semaphores: {table: {fork: {count: 2000, value: 1}}}
processes:
  p:
    count: 2000
    locals: {left: me, right: (me + 1) % 2000}
    steps: [{forever: [P: fork[left], P: fork[right], V: [fork[left], fork[right]]]}]
"""
    assert len(load(text).processes) == 2000
