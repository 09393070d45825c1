"""Lives of objects that programs get wrong: run and verify say the same, and what a run did the model can do.

Everything happens in IPC namespaces of its own, so that keys may be plain numbers.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

import ipcsim
from ipcsim.explorer.follow import follow
from ipcsim.program import Program
from ipcsim.trace import read_trace

ONE_SET_TWO_NAMES = """
semaphores:
  a: {x: 0, key: 0x5a11}
  b: {y: 0, other: 0, key: 0x5a11}
  order: {made: 0, taken: 0}
"""
ONE_SEGMENT_TWO_NAMES = """
semaphores:
  order: {made: 0, done: 0}
segments:
  a: {n: int, key: 0x5a13}
  b: {m: int, more: "int[3]", key: 0x5a13}
"""
LIVES = {
    "another name wakes": (
        "ok",
        ONE_SET_TWO_NAMES
        + """
processes:
  one: {steps: [create: b, V: made, P: other, remove: b]}
  two: {steps: [P: made, open: a, pause: 100ms, V: x, open: b, P: y, V: other]}
""",
    ),
    "another name is waited at for ever": (
        "deadlock",
        ONE_SET_TWO_NAMES
        + """
processes:
  one: {steps: [create: b, V: made, P: y, V: x]}
  two: {steps: [P: made, open: a, P: x, open: b, V: y]}
""",
    ),
    "another name's undo": (
        "ok",
        ONE_SET_TWO_NAMES
        + """
processes:
  one: {steps: [create: b, V: y, V: made, P: taken, P: y, remove: b]}
  two: {steps: [P: made, open: a, {P: x, undo: true}, V: taken]}
""",
    ),
    "a race under two names": (
        "race",
        ONE_SEGMENT_TWO_NAMES
        + """
processes:
  one: {steps: [create: b, attach: b, V: made, set: {b.m: 1}, P: done, remove: b]}
  two: {steps: [P: made, open: a, attach: a, set: {a.n: 2}, V: done]}
""",
    ),
    "a value under two names": (
        "ok",
        ONE_SEGMENT_TWO_NAMES
        + """
processes:
  one:
    steps: [create: b, attach: b, set: {b.m: 7}, V: made, P: done, assert: b.m == 8, remove: b]
  two:
    steps: [P: made, open: a, attach: a, assert: a.n == 7, set: {a.n: 8}, V: done]
""",
    ),
    "messages under two names": (
        "violation",
        """
queues:
  a: {message: {n: int}, key: 0x5a12}
  b: {message: {m: long, k: int}, key: 0x5a12}
semaphores:
  order: {sent: 0}
processes:
  one: {steps: [create: a, {send: {queue: a, type: 1, message: {n: 3}}}, V: sent]}
  two:
    steps:
      - P: sent
      - create: b
      - receive: {queue: b, into: r}
      - remove: b
      - assert: r.length == 16
""",
    ),
    "larger than what another program made": (
        "error",
        """
queues:
  q: {message: {n: int}}
segments:
  old: {n: int, key: 0x5a14}
  new: {n: int, grown: "int[2]", key: 0x5a14}
processes:
  old: {steps: [create: old, {send: {queue: q, type: 1, message: {n: 1}}}]}
  new: {steps: [{receive: {queue: q}}, open: new, remove: new]}
""",
    ),
    "one semaphore more than there is": (
        "error",
        """
semaphores:
  s: {full: 0, slots: {count: 2}, key: 0x5a15}
processes:
  p: {steps: [{create: {object: s, size: 2}}, V: "slots[me]", V: "slots[1]", remove: s]}
""",
    ),
    "GETVAL beyond the end is handled": (
        "ok",
        """
semaphores:
  s: {full: 0, empty: 0, key: 0x5a16}
processes:
  p:
    locals: {absent: 0}
    steps:
      - create: {object: s, size: 1}
      - get: {value: empty, into: n}
        on_error: {EINVAL: [set: {absent: 1}]}
      - assert: absent == 1
      - get: {all: s, into: values}
      - assert: values[1] == 0
      - remove: s
""",
    ),
    "a set larger than declared": (
        "ok",
        """
semaphores:
  s: {one: 0, key: 0x5a17}
processes:
  p:
    steps:
      - create: {object: s, size: 20000}
      - set_value: {all: s, values: [4]}
      - get: {all: s, into: values}
      - assert: values[0] == 4
      - pause: 50ms
      - remove: s
  sleeper: {steps: [pause: 20ms]}
""",
    ),
    "an error gives back what a deadlock would keep": (
        "error",
        """
semaphores:
  run: {lock: 1, first: 0}
  s: {x: 0, y: 0, key: 0x5a1e}
processes:
  a:
    steps:
      - create: {object: s, size: 1}
      - P: lock
        undo: true
      - V: first
      - pause: 300ms
      - forever: [P: y]
  b: {steps: [P: first, P: lock]}
""",
    ),
    "a load behind the last page": (
        "error",
        """
segments:
  m: {a: int, big: "int[3000]", key: 0x5a18}
processes:
  p: {steps: [{create: {object: m, size: 4096}}, attach: m, assert: "m.big[1023] == 0"]}
""",
    ),
    "up to the end of the last page": (
        "leak",
        """
segments:
  m: {a: int, big: "int[3000]", key: 0x5a19}
processes:
  p: {steps: [{create: {object: m, size: 1}}, attach: m, assert: "m.big[1022] == 0"]}
""",
    ),
    "no room for what was not made here": (
        "ok",
        """
queues:
  q: {message: {n: int}, bytes: 4, key: 0x5a1a}
  found: {message: {n: int}, bytes: 400, key: 0x5a1a}
processes:
  p:
    locals: {full: 0}
    steps:
      - create: {object: q, mode: 0200}
      - create: {object: found, mode: 0200}
      - send: {queue: found, type: 1}
      - send: {queue: found, type: 1}
        nowait: true
        on_error: {EAGAIN: [set: {full: 1}]}
      - assert: full == 1
      - remove: q
""",
    ),
    "marked for destruction": (
        "ok",
        """
segments:
  m: {a: int, key: 0x5a1b}
processes:
  p:
    steps:
      - create: {object: m, mode: 0640}
      - stat: {object: m, field: lpid, into: nobody}
      - attach: m
      - remove: m
      - stat: {object: m, field: mode, into: mode}
      - stat: {object: m, field: dtime, into: never}
      - assert: mode == 512 + 416 and nobody == 0 and never == 0
      - detach: m
""",
    ),
}


def loaded(folder: Path, text: str) -> Program:
    path = folder / "it.yaml"
    path.write_text(dedent(text))
    return ipcsim.load(path)


@pytest.mark.parametrize(("wanted", "text"), LIVES.values(), ids=list(LIVES))
def test_run_and_verify_agree(tmp_path: Path, wanted: str, text: str) -> None:
    program = loaded(tmp_path, text)
    assert str(ipcsim.verify(program).verdict) == wanted
    assert str(ipcsim.verify(program, reduction="none", semaphores="kernel").verdict) == wanted
    assert str(ipcsim.run(program, isolate=True).verdict) == wanted
    ipcsim.run(program, isolate=True, scheduler="random", seed=1, trace_dir=tmp_path)
    trace = read_trace(next(tmp_path.glob("*.trace")))
    assert follow(trace.program, trace.events) is None


def test_what_persists_begins_with_first_values(tmp_path: Path) -> None:
    text = """
    semaphores:
      s: {a: 1, key: 0x5a1c, persist: true}
    queues:
      made: {key: 0x5a1c, persist: true}
      own: {persist: true}
    processes:
      p: {steps: [P: a, create: made]}
    """
    remarks = ipcsim.verify(loaded(tmp_path, text)).extra["remarks"]
    assert [r for r in remarks if "persist" in r] == [
        "`s` persists: an earlier run may have left other values; every interleaving here begins with the "
        "first values.",
        "`made` persists: an earlier run may have left one; every interleaving here begins without.",
    ]


def test_fields_that_two_names_divide_differently_have_no_answer(tmp_path: Path) -> None:
    """Said, and not guessed."""
    text = """
    segments:
      a: {n: long, key: 0x5a1d}
      b: {half: int, other: int, key: 0x5a1d}
    processes:
      p: {steps: [create: a, remove: a]}
    """
    outcome = ipcsim.verify(loaded(tmp_path, text))
    assert str(outcome.verdict) == "inconclusive"
    assert "`a` and `b` have the same key" in outcome.findings[0].message
