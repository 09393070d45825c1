"""What a scenario means, for `ipcsim show`; expressions back as text."""

from __future__ import annotations

import pytest

from ipcsim import language
from ipcsim.program import Source
from ipcsim.report import expressions, meaning
from tests.report.promoted import compare

TEXT = """
problem: market
title: A market
titre: Un marché
source: nobody, 2026
course: 3. Message queues
description: |
  Sellers sell, buyers buy, and this line is a rather long one that does not fit narrow terminals.
parameters:
  sellers: {type: int, default: 2, min: 1, description: how many sell}
  kind:    {type: choice, default: fresh, choices: [fresh, stale]}
semaphores:
  locks: {mutex: 1, place: {count: 3, value: [1, 2, 3]}}
queues:
  goods: {message: {price: int, name: 'char[8]'}, bytes: 128, key: 0x1234}
segments:
  books: {total: {type: long, value: 5}, seen: {type: int, atomic: true}, last: 'int[4]'}
processes:
  seller:
    count: sellers
    locals: {mine: me + 1}
    steps:
      - repeat: 3
        steps:
          - P: mutex
            on_error: {EIDRM: [exit: 1]}
          - if: kind == 'fresh'
            then: [set: {books.total: books.total + mine}]
          - V: mutex
      - choose: [[phase: selling], [pause: 1ms..2ms]]
  buyer:
    steps:
      - receive: {queue: goods, type: -3, into: card}
        nowait: true
        on_error: {ENOMSG: []}
properties:
  never too much: {never: books.total > 100}
  one at a time: {always: "mutex <= 1 and not (len(goods) > 3 or books.last[2] == -1)"}
  all sold: {at_end: all(at(seller[i], 'selling') for i in range(sellers) if i != 1)}
  they sell: {always_eventually: selling}
expect:
  - {with: {kind: fresh}, verdict: ok}
  - {with: {kind: stale}, verdict: {run: ok, verify: deadlock}}
"""
SOURCE = Source("market.yaml", TEXT)


@pytest.mark.parametrize("width", [50, 100])
def test_everything_is_there(width: int) -> None:
    shown = meaning.render(language.describe(SOURCE), language.load_program(SOURCE), width)
    compare(shown, f"show-{width}")


def test_arguments_change_what_is_shown() -> None:
    program = language.load_program(SOURCE, {"sellers": 4})
    shown = meaning.render(language.describe(SOURCE), program)
    assert "sellers = 4" in shown
    assert "seller[0..3]" in shown


def test_who_starts_it_and_with_which_rights() -> None:
    source = Source(
        "t.yaml",
        """
processes:
  parent: {steps: [{spawn: child[1], on_error: {EAGAIN: []}}, signal: {to: guest, name: SIGUSR1}]}
  child: {count: 2, spawned: true, as: {uid: 5}, steps: []}
  guest: {as: {uid: 5, gid: 6}, steps: []}
""",
    )
    shown = meaning.render(language.describe(source), language.load_program(source), 100)
    lines = [line.strip() for line in shown.splitlines()]
    assert "started by `spawn:`, not by the run; as user 5, group 5" in lines
    assert "as user 5, group 6" in lines
    assert any("spawn: child[1]" in line and line.endswith("EAGAIN: go to 2") for line in lines)
    assert any("signal: {to: guest, name: SIGUSR1}" in line for line in lines)


def test_summary() -> None:
    assert meaning.summary(language.load_program(SOURCE)) == (
        "3 processes, 1 semaphore set, 1 queue, 1 segment, 4 properties"
    )


@pytest.mark.parametrize(
    "expression",
    [
        "mutex + 1 <= 2",
        "not (mutex == 1 or place[2] == 2)",
        "mutex - (mutex - 1) == 1",
        "(mutex + 1) * 2 == -3",
        "mutex == (1 if mutex > 0 else 2)",
        "any(at(seller[i], 'selling') for i in range(2) if i != 1)",
        "books.total == 5 and books.last[1] == 0 and len(goods) == 0",
        "mutex in [1, 2, 3]",
        "max(mutex, place[0]) > 0",
        "(mutex > 0) == (place[0] > 0)",
        "sum(books.last[i] for i in range(4)) == 0",
    ],
)
def test_expressions_come_back_and_mean_the_same(expression: str) -> None:
    program = _with_property(expression)
    condition = program.properties[0].condition
    assert condition is not None
    written = expressions.text(condition, program)
    assert _with_property(written).properties[0].condition == condition


def _with_property(expression: str) -> language.Program:
    text = TEXT[: TEXT.index("properties:")] + f'properties: {{it: {{always: "{expression}"}}}}\n'
    return language.load_program(Source("market.yaml", text))
