"""Processes among themselves: signal, spawn, `spawned:`, `as:`."""

from __future__ import annotations

import pytest

from ipcsim.language import describe
from ipcsim.program import Identity, Program, Source
from ipcsim.program.expressions import Binary, Const, Expr, Local
from ipcsim.program.instructions import KernelCall, Load, Semop, Signal, Spawn
from tests.language.helpers import HEAD, kinds, load, messages_of, problems_of


def system(steps: str, *, head: str = HEAD, more: str = "") -> str:
    """One process `p` of these steps (YAML, in a flow sequence) beside others."""
    return f"""{head}
processes:
  p: {{count: 3, locals: {{next: (me + 1) % 3}}, steps: [{steps}]}}
  consumer: {{count: 2, steps: []}}
  writer: {{steps: []}}
{more}"""


def first(program: Program) -> KernelCall:
    found = program.families[0].code[0]
    assert isinstance(found, KernelCall)
    return found


@pytest.mark.parametrize(
    ("to", "family", "index"),
    [
        ("consumer[0]", 1, Const(0)),
        ("consumer[me % 2]", 1, Binary("%", Local(0, "me"), Const(2))),
        ("'consumer [ 1 ]'", 1, Const(1)),
        ("writer", 2, None),
        ("p[next]", 0, Local(1, "next")),
    ],
)
def test_signal(to: str, family: int, index: Expr | None) -> None:
    call = first(load(system(f"signal: {{to: {to}, name: SIGUSR1}}")))
    assert isinstance(call, Signal)
    assert (call.family, call.index, call.signal) == (family, index, "SIGUSR1")
    assert call.text == f"signal: {{to: {to.strip(chr(39))}, name: SIGUSR1}}"
    assert call.visible


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSTOP", "SIGCONT", "SIGUSR1", "SIGTERM", "SIGALRM"])
def test_signal_names(name: str) -> None:
    call = first(load(system(f"signal: {{to: writer, name: {name}}}")))
    assert isinstance(call, Signal)
    assert call.signal == name


def test_the_dead_are_told_by_esrch() -> None:
    steps = "{signal: {to: writer, name: SIGUSR1}, on_error: {ESRCH: [exit: 1], EPERM: [exit: 2]}}, exit: 3"
    code = load(system(steps)).families[0].code
    call = code[0]
    assert isinstance(call, Signal)
    assert {name: code[pc].text for name, pc in call.handlers} == {"ESRCH": "exit: 1", "EPERM": "exit: 2"}


def test_an_index_in_shared_memory_is_loaded_first() -> None:
    code = load(system("signal: {to: 'consumer[s.a]', name: SIGCONT}")).families[0].code
    assert kinds(code) == ["Load", "Signal", "Exit"]
    assert isinstance(code[0], Load)
    assert isinstance(code[1], Signal)
    assert code[1].index == Local(code[0].into, ".1")


HELPERS = """
  helper: {spawned: true, steps: [V: mutex]}
  child: {count: 3, spawned: true, steps: []}
"""


def test_spawn() -> None:
    more = HELPERS + "properties: {later: {never: ended(helper) and ended(child[1])}}"
    program = load(system("{spawn: helper, on_error: {EAGAIN: [exit: 1]}}, spawn: child[me]", more=more))
    single = first(program)
    assert isinstance(single, Spawn)
    assert (single.family, single.index, single.text) == (3, None, "spawn: helper")
    assert single.handler("EAGAIN") is not None
    [several] = [i for i in program.families[0].code if isinstance(i, Spawn) and i.family == 4]
    assert several.index == Local(0, "me")
    assert [f.spawned for f in program.families] == [False, False, False, True, True]


def test_spawn_in_a_procedure_and_from_a_spawned_one() -> None:
    program = load("""
procedures: {start: {arguments: [which], steps: [spawn: child[which]]}}
processes:
  p: {steps: [spawn: helper]}
  helper: {spawned: true, steps: [call: {start: {which: 1}}]}
  child: {count: 2, spawned: true, steps: [{if: me == 1, then: [spawn: child[0]]}]}
""")
    call = program.families[1].code[0]
    assert isinstance(call, Spawn)
    assert call.index == Const(1)


def test_a_variant_that_does_not_spawn_is_no_error() -> None:
    text = """
parameters: {alone: {type: bool, default: true}}
processes:
  p: {steps: [{if: not alone, then: [spawn: helper]}]}
  helper: {spawned: true, steps: []}
"""
    assert kinds(load(text).families[0].code) == ["Exit"]
    assert kinds(load(text, {"alone": False}).families[0].code) == ["Spawn", "Exit"]


def test_a_step_left_out_may_count_on_more() -> None:
    text = "parameters: {n: {type: int, default: 1}}\nprocesses: {p: {count: n, steps: [STEP]}}"
    step = "{if: n > 1, then: [{signal: {to: p[1], name: SIGKILL}}]}"
    assert kinds(load(text.replace("STEP", step)).families[0].code) == ["Exit"]
    assert messages_of(text.replace("STEP", "{signal: {to: p[1], name: SIGKILL}}")) == [
        "there is no `p[1]`: the last is `p[0]`"
    ]


@pytest.mark.parametrize("family", ["p: {steps: []}", "p: {count: 2, steps: []}"])
def test_nobody_spawns(family: str) -> None:
    [found] = problems_of(f"processes: {{{family}, child: {{count: 2, spawned: true, steps: []}}}}")
    assert found.message == "nobody spawns `child`"
    assert found.hint.startswith("write `spawn: child[0]` into a process that the run starts")


def test_those_who_spawn_only_each_other_never_run() -> None:
    found = messages_of("""
processes:
  a: {spawned: true, steps: [spawn: b]}
  b: {spawned: true, steps: [spawn: a]}
""")
    assert found == [f"only processes that never run spawn `{name}`" for name in "ab"]


def test_an_uncalled_procedure_spawns_nobody() -> None:
    assert messages_of("""
procedures: {start: {steps: [spawn: child]}}
processes: {p: {steps: []}, child: {spawned: true, steps: []}}
""") == ["nobody spawns `child`"]


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ("{uid: 65534}", Identity(65534, 65534)),
        ("{uid: 65534, gid: 100}", Identity(65534, 100)),
        ("{uid: 0, gid: 0xfffffffe}", Identity(0, 2**32 - 2)),
        ("{uid: who, gid: who + 1}", Identity(7, 8)),
    ],
)
def test_identity(identity: str, expected: Identity) -> None:
    program = load(
        f"constants: {{who: 7}}\nprocesses: {{p: {{as: {identity}, steps: []}}, q: {{steps: []}}}}"
    )
    assert [f.identity for f in program.families] == [expected, None]


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        ("{uid: -1}", "`uid` is -1; it must be from 0 to 4,294,967,294"),
        ("{uid: 1, gid: 0xffffffff}", "`gid` is 4,294,967,295; it must be from 0 to 4,294,967,294"),
        ("{uid: me}", "`me` has a value only inside a process"),
        ("{uid: nobody}", "unknown name `nobody`"),
        ("{gid: 1}", "`uid:` is missing in `as`"),
        ("{uid: 1, gdi: 1}", "unknown key `gdi`"),
        ("65534", "expected a mapping, not `65534`"),
    ],
)
def test_wrong_identity(identity: str, message: str) -> None:
    assert messages_of(f"processes: {{p: {{as: {identity}, steps: []}}}}") == [message]


def test_indexes_are_checked_for_each_instance() -> None:
    steps = "{if: me < 2, then: [{signal: {to: 'consumer[me]', name: SIGKILL}}]}"
    load(system(f"{steps}, spawn: 'child[me]', spawn: helper", more=HELPERS))
    steps = "signal: {to: 'consumer[me]', name: SIGKILL}, spawn: 'child[next + 1]', spawn: helper"
    assert messages_of(system(steps, more=HELPERS)) == [
        "for p[2] this is `consumer[2]`: it must be from 0 to 1",
        "for p[1] this is `child[3]`: it must be from 0 to 2",
    ]


def test_a_loop_that_signals_is_no_silent_one() -> None:
    load(system("forever: [{signal: {to: writer, name: SIGUSR1}}]"))
    load(system("forever: [{spawn: helper, on_error: {EAGAIN: []}}], spawn: child[0]", more=HELPERS))


def test_phases_go_on_over_signals_and_spawns() -> None:
    """They neither give anything back nor end what was taken."""
    program = load("""
semaphores: {s: {mutex: 1, log: 1}}
processes:
  p:
    steps:
      - P: mutex
      - phase: busy
      - P: log
      - spawn: helper
        on_error: {EAGAIN: [V: log, exit: 0]}
      - signal: {to: helper, name: SIGUSR1}
        on_error: {ESRCH: []}
      - V: log
      - V: mutex
  helper: {spawned: true, steps: []}
""")
    code = program.families[0].code
    assert [i.text for i in code if isinstance(i, Semop) and i.ends_phase] == ["V: mutex"]


def test_a_description_needs_no_processes() -> None:
    text = "title: x\n" + system("spawn: helper, spawn: child[0]", more=HELPERS)
    assert describe(Source("t.yaml", text)).title == "x"
