"""Brute force itself: small scenarios of which a rule says what can go wrong in them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from tests.oracle.explore import TooMany, explore
from tests.oracle.judge import Judgement, judge
from tests.oracle.machine import Discipline, Machine
from tests.oracle.scenario import read

# name: (scenario, kinds under `weak`, kinds under `kernel`; None: the same)
RULES: dict[str, tuple[str, set[str], set[str] | None]] = {
    "S-1: a later operation sees what an earlier one did": (
        """
        semaphores: {s: {a: 0}}
        processes: {p: {steps: [{semop: [{a: 1}, {a: -1}]}, {semop: [{a: 0}, {a: 1}]}]}}
        properties: {end: {at_end: a == 1}}
        """,
        set(),
        None,
    ),
    "S-1: what takes first has to wait": (
        "{semaphores: {s: {a: 0}}, processes: {p: {steps: [{semop: [{a: -1}, {a: 1}]}]}}}",
        {"deadlock"},
        None,
    ),
    "S-2: only the operation that decides is asked for nowait": (
        """
        semaphores: {s: {a: 0, b: 0}}
        processes: {p: {steps: [{semop: [{a: -1}, {b: -1, nowait: true}]}]}}
        """,
        {"deadlock"},
        None,
    ),
    "S-3: a sleeper is told EAGAIN when it is looked at again": (
        """
        semaphores: {s: {a: 0, b: 0}}
        processes:
          p: {steps: [{semop: [{a: -1}, {b: -1, nowait: true}]}]}
          q: {steps: [V: a]}
        """,
        {"error"},
        None,
    ),
    "S-4: the range is looked at in order": (
        "{semaphores: {s: {a: 32767, b: 0}}, processes: {p: {steps: [{semop: [{a: 1}, {b: -1}]}]}}}",
        {"error"},
        None,
    ),
    "S-5: the oldest first; weak lets any go first": (
        """
        semaphores: {s: {a: 0, b: 0}}
        processes:
          old: {steps: [P: a, V: b]}
          new:
            locals: {n: 0}
            steps:
              - while: n == 0
                steps: [get: {ncnt: a, into: n}]
              - P: a
          giver:
            locals: {n: 0}
            steps:
              - while: n < 2
                steps: [get: {ncnt: a, into: n}]
              - V: a
              - P: b
              - V: a
        """,
        {"deadlock"},
        set(),
    ),
    "S-8: a zero inside an array is not seen": (
        """
        semaphores: {s: {a: 1}}
        processes:
          p: {steps: [Z: a]}
          q: {steps: [{semop: [{a: -1}, {a: 1}]}]}
        """,
        {"deadlock"},
        None,
    ),
    "S-15: a waker's completion counts for the undo": (
        """
        semaphores: {s: {a: 0}}
        processes: {p: {steps: [{P: a, undo: true}]}, q: {steps: [V: a]}}
        properties: {end: {at_end: a == 1}}
        """,
        set(),
        None,
    ),
    "S-16: sets are undone one after the other": (
        """
        semaphores: {s: {a: 1, z: 1}, t: {b: 1}}
        processes: {p: {steps: [{P: a, undo: true}, {P: b, undo: true}, {P: z}]}}
        properties: {between: {never: z == 0 and b == 1 and a == 0}, end: {at_end: a == 1 and b == 1}}
        """,
        {"violation"},
        None,
    ),
    "S-16: the set used last is undone first": (
        """
        semaphores: {s: {a: 1, z: 1}, t: {b: 1}}
        processes:
          p: {steps: [{P: a, undo: true}, {P: b, undo: true}, {P: z}, {exit: 0}]}
        properties: {last: {never: z == 0 and a == 1 and b == 0}}
        """,
        {"violation"},
        set(),
    ),
    "S-17: SETVAL forgets the undo": (
        """
        semaphores: {s: {a: 1}}
        processes: {p: {steps: [{P: a, undo: true}, {set_value: {a: 0}}]}}
        properties: {end: {at_end: a == 0}}
        """,
        set(),
        None,
    ),
    "S-20: P with undo, V without": (
        """
        semaphores: {s: {a: 1}}
        processes: {p: {steps: [{P: a, undo: true}, {V: a}]}}
        properties: {end: {at_end: a == 2}}
        """,
        set(),
        None,
    ),
    "S-21: EIDRM to a sleeper, EINVAL to who comes later": (
        """
        semaphores: {s: {a: 0}}
        processes:
          p: {steps: [{P: a, on_error: {EIDRM: [], EINVAL: []}}]}
          q: {steps: [remove: s]}
        """,
        set(),
        None,
    ),
    "S-22, S-30: a signal and a unit": (
        """
        semaphores: {s: {a: 0, b: 0}}
        processes:
          p: {steps: [{P: a, on_error: {EINTR: [V: b]}}]}
          q:
            locals: {n: 0}
            steps:
              - while: n == 0
                steps: [get: {ncnt: a, into: n}]
              - signal: {to: p, name: SIGUSR1}
              - V: a
              - P: b
        """,
        {"deadlock"},
        None,
    ),
    "S-23: EINTR after SIGSTOP and SIGCONT, or the unit that came before": (
        """
        semaphores: {s: {a: 0}}
        processes:
          p: {steps: [{P: a, on_error: {EINTR: [phase: A]}}, {phase: B}]}
          q:
            locals: {n: 0}
            steps:
              - while: n == 0
                steps: [get: {ncnt: a, into: n}]
              - signal: {to: p, name: SIGSTOP}
              - V: a
              - signal: {to: p, name: SIGCONT}
        properties: {seen: {never: "at(p, 'A') and a == 1"}}
        """,
        {"violation"},
        None,
    ),
    "S-29: the unit of one who is killed comes back later": (
        """
        semaphores: {s: {a: 1, z: 0, w: 0}}
        processes:
          p: {steps: [{P: a, undo: true}, {V: z}, {P: w}]}
          q: {steps: [{P: z}, {signal: {to: p, name: SIGKILL}}, {P: a, nowait: true}]}
        """,
        {"error"},
        None,
    ),
    "S-29: kill(2) succeeds until the process was reaped": (
        """
        semaphores: {s: {a: 0}}
        processes:
          p: {steps: [V: a]}
          q: {steps: [{P: a}, {signal: {to: p, name: SIGCONT}, on_error: {ESRCH: [phase: gone]}}]}
        properties: {reaped: {never: "at(q, 'gone')"}, later: {always: not ended(p) or not ended(q)}}
        """,
        {"violation"},
        None,
    ),
    "Q-1: messages of no length": (
        """
        queues: {q: {message: {n: int}, bytes: 2}}
        processes: {p: {steps: [{repeat: 3, steps: [{send: {queue: q, type: 1, length: 0}}]}]}}
        """,
        {"deadlock"},
        None,
    ),
    "Q-3: to the oldest receiver that it suits": (
        """
        queues: {q: {message: {n: int}}}
        semaphores: {s: {go: 0}}
        processes:
          p: {steps: [{receive: {queue: q, type: -5, into: r}}, {assert: r.type == 2}]}
          q: {steps: [{send: {queue: q, type: 2}}, {send: {queue: q, type: 1}}]}
        """,
        {"violation"},
        None,
    ),
    "Q-5: E2BIG, and the message stays": (
        """
        queues: {q: {message: {n: int}}}
        processes:
          p:
            steps:
              - send: {queue: q, type: 1, message: {n: 7}}
              - receive: {queue: q, size: 0}
                on_error: {E2BIG: []}
              - receive: {queue: q, into: r}
              - assert: r.n == 7 and r.length == 4
              - send: {queue: q, type: 2, message: {n: 7}}
              - receive: {queue: q, size: 0, noerror: true, into: r}
              - assert: r.n == 0 and r.length == 0 and r.type == 2
        """,
        set(),
        None,
    ),
    "a phase ends where its unit is given back, not where a nested one is": (
        """
        semaphores: {s: {a: 1, l: 1}}
        processes:
          p:
            steps: [P: a, phase: A, P: l, V: l, P: l, V: l, V: a, phase: B]
        properties:
          inside: {never: "l == 0 and not at(p, 'A')"}
          outside: {never: "a == 1 and at(p, 'A')"}
        """,
        set(),
        None,
    ),
    "a race": (
        "{segments: {g: {x: int}}, processes: {p: {count: 2, steps: [{set: {g.x: 1}}]}}}",
        {"race"},
        None,
    ),
    "no race: a lock": (
        """
        segments: {g: {x: int}}
        semaphores: {s: {a: 1}}
        processes: {p: {count: 2, steps: [P: a, set: {g.x: g.x + 1}, V: a]}}
        properties: {end: {at_end: g.x == 2}}
        """,
        set(),
        None,
    ),
    "a race behind EAGAIN, which orders nothing": (
        """
        semaphores: {s: {a: 1}}
        segments: {g: {x: int}}
        processes:
          p: {steps: [{P: a, nowait: true, on_error: {EAGAIN: [{assert: g.x == 1}]}}]}
          q: {steps: [set: {g.x: 1}, P: a]}
        """,
        {"race", "deadlock"},
        None,
    ),
    "polling": (
        """
        segments: {g: {y: {type: int, atomic: true}}}
        processes: {p: {count: 2, steps: [{while: g.y == 0, steps: []}]}}
        """,
        {"livelock"},
        None,
    ),
    "time-outs that are tried again for ever": (
        """
        semaphores: {s: {a: 0}}
        processes: {p: {steps: [{forever: [{P: a, timeout: 1ms, on_error: {EAGAIN: []}}]}]}}
        """,
        {"livelock"},
        None,
    ),
    "a leak": (
        "{queues: {q: {message: {n: int}, key: 0x77}}, processes: {p: {steps: [{create: q}]}}}",
        {"leak"},
        None,
    ),
    "a property without a value": (
        """
        semaphores: {s: {a: 0}}
        processes: {p: {count: 2, steps: [phase: k]}}
        properties: {n: {never: "any(at(p[i], 'k') and at(p[i + 1], 'k') for i in range(2))"}}
        """,
        {"error"},
        None,
    ),
}


def judged(text: str, discipline: Discipline, crashes: int = 0, fairness: str = "strong") -> Judgement:
    machine = Machine(read(yaml.safe_load(text)), discipline, crashes, ordered=True)
    return judge(explore(machine, 5_000), fairness)


@pytest.mark.parametrize("name", RULES)
def test_what_a_rule_says(name: str) -> None:
    text, weak, kernel = RULES[name]
    assert judged(text, "weak").kinds == weak
    assert judged(text, "kernel").kinds == (weak if kernel is None else kernel)


WAITS = "{semaphores: {s: {a: 0}}, processes: {p: {steps: [P: a]}}}"
HOLDS = """
semaphores: {s: {a: 1}}
processes: {p: {count: 2, steps: [{P: a, undo: %s}, {V: a, undo: %s}]}}
"""


def test_nobody_is_obliged_to_die() -> None:
    assert judged(WAITS, "weak", crashes=1).kinds == {"deadlock"}
    assert not judged(HOLDS % ("false", "false"), "weak").kinds
    assert judged(HOLDS % ("false", "false"), "weak", crashes=2).kinds == {"deadlock"}
    assert not judged(HOLDS % ("true", "true"), "weak", crashes=2).kinds


@pytest.mark.parametrize(
    ("fairness", "kinds"), [("strong", set()), ("weak", {"starvation"}), ("none", {"starvation"})]
)
def test_fairness(fairness: str, kinds: set[str]) -> None:
    text = """
    semaphores: {s: {a: 1}}
    processes: {p: {count: 2, steps: [{forever: [P: a, phase: A, V: a]}]}}
    properties: {all: {always_eventually: A}}
    """
    assert judged(text, "weak", fairness=fairness).kinds == kinds


def test_too_many_states_are_said_to_be() -> None:
    text = "{semaphores: {s: {a: 0}}, processes: {p: {count: 3, steps: [V: a, V: a, V: a]}}}"
    with pytest.raises(TooMany):
        explore(Machine(read(yaml.safe_load(text))), 20)


def test_it_shares_nothing_with_ipcsim() -> None:
    """Only what compares the two imports both."""
    here = Path(__file__).parent
    seen = set()
    for path in here.glob("*.py"):
        if path.name.startswith("test_") or path.name == "compare.py":
            continue
        seen.add(path.stem)
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            foreign = [
                n for n in names if n.split(".")[0] not in sys_names() and not n.startswith("tests.oracle.")
            ]
            assert set(foreign) <= {"networkx", "yaml", "tests.oracle"}, path.name
            assert "tests.oracle.compare" not in names, path.name
    assert {"machine", "steps", "semaphores", "judge"} <= seen


def sys_names() -> frozenset[str]:
    import sys

    return sys.stdlib_module_names
