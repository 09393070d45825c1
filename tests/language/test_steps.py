"""Steps → instructions."""

from __future__ import annotations

import pytest

from ipcsim.program.expressions import Const, Index, Local, Unary
from ipcsim.program.flow import Flow
from ipcsim.program.instructions import (
    Assign,
    Branch,
    Choose,
    Code,
    GetValue,
    Jump,
    ObjectCall,
    Pause,
    Phase,
    Receive,
    Repeat,
    SemaphoreOperation,
    Semop,
    Send,
    SetValue,
)
from tests.language.helpers import HEAD, Machine, code_of, compile_steps, kinds, load


def targets_exist(code: Code) -> bool:
    return all(0 <= t < len(code) for targets in Flow(code).next for t in targets)


def test_every_code_ends_with_exit() -> None:
    code = code_of("- V: mutex")
    assert kinds(code) == ["Semop", "Exit"]
    assert code[-1].text == "end"


def semop(text: str) -> Semop:
    found = code_of(text)[0]
    assert isinstance(found, Semop)
    return found


def test_amounts_and_order() -> None:
    assert semop('- semop: {mutex: -1, "fork[2]": 0, "fork[0]": 2}').operations == (
        SemaphoreOperation(0, None, None, Const(-1)),
        SemaphoreOperation(1, 5, Const(2), Const(0)),
        SemaphoreOperation(1, 5, Const(0), Const(2)),
    )
    assert [o.delta for o in semop("- P: {mutex: 3}").operations] == [Const(-3)]
    assert [o.delta for o in semop("- P: {mutex: me + 1}").operations] == [Unary("-", code_binary("me + 1"))]
    assert [o.delta for o in semop("- Z: [mutex, fork[1]]").operations] == [Const(0), Const(0)]


def code_binary(text: str) -> object:
    found = code_of(f"- exit: {text}")[0]
    return found.code  # type: ignore[attr-defined]


def test_flags_of_the_step_and_of_one_operation() -> None:
    step = semop("- P: [mutex, fork[0]]\n  nowait: true\n  undo: true\n  timeout: 50ms")
    assert [(o.nowait, o.undo) for o in step.operations] == [(True, True)] * 2
    assert step.nowait
    assert step.timeout == pytest.approx(0.05)
    one = semop("- semop: [{mutex: -1, nowait: true}, {mutex: 1, undo: true}]")
    assert [(o.nowait, o.undo) for o in one.operations] == [(True, False), (False, True)]
    assert not one.nowait


def test_qualified_names() -> None:
    program = load("""
semaphores: {a: {s: 1}, b: {s: 2, t: 0}}
processes: {p: {steps: [P: a.s, P: b.s, P: t, P: b.t]}}
""")
    code = program.families[0].code
    found = [(i.set, i.operations[0].base) for i in code if isinstance(i, Semop)]
    assert found == [(0, 0), (1, 0), (1, 1), (1, 1)]


def test_repeat_counts_down() -> None:
    code = code_of("- repeat: 3\n  steps: [V: mutex]")
    assert kinds(code) == ["Assign", "Semop", "Repeat", "Exit"]
    assert isinstance(code[2], Repeat)
    assert code[2].target == 1
    machine = Machine(
        compile_steps(
            "- repeat: n\n  steps: [repeat: 2, set: {x: 1}]".replace(
                "[repeat: 2, set: {x: 1}]", "[{repeat: 2, steps: [set: {x: x + 1}]}]"
            ),
            locals_="{n: 3, x: 0}",
        )
    )
    machine.run()
    assert machine.local("x") == 6


def test_repeat_of_a_variable_may_do_nothing() -> None:
    machine = Machine(compile_steps("- repeat: n\n  steps: [set: {x: 1}]", locals_="{n: 0, x: 0}"))
    machine.run()
    assert machine.local("x") == 0
    assert kinds(code_of("- repeat: 0\n  steps: [V: mutex]")) == ["Exit"]


def test_constants_leave_no_branches() -> None:
    text = """
parameters: {way: {type: choice, default: left, choices: [left, right]}, on_: {type: bool, default: false}}
semaphores: {s: {a: 1, b: 1}}
processes:
  p:
    steps:
      - if: way == 'left' and not on_
        then: [P: a]
        else: [P: b]
      - switch: way
        left: [V: a]
        right: [V: b]
      - while: on_
        steps: [P: b]
"""
    assert [i.text for i in load(text).families[0].code] == ["P: a", "V: a", "end"]
    assert [i.text for i in load(text, {"way": "right"}).families[0].code] == ["P: b", "V: b", "end"]


def test_if_and_switch_on_variables() -> None:
    steps = """
- if: x > 1
  then: [set: {y: 1}]
  else: [set: {y: 2}]
- switch: x
  0: [set: {z: 10}]
  2: [set: {z: 12}]
  default: [set: {z: 99}]
"""
    for x, expected in ((0, (2, 10)), (1, (2, 99)), (2, (1, 12))):
        machine = Machine(compile_steps(steps, locals_=f"{{x: {x}, y: 0, z: 0}}"))
        machine.run()
        assert (machine.local("y"), machine.local("z")) == expected


def test_choose() -> None:
    code = code_of("- choose: {one: [V: mutex], none: []}\n- exit: 3")
    assert isinstance(code[0], Choose)
    assert code[0].text == "choose: one | none"
    assert [code[t].text for t in code[0].targets] == ["V: mutex", "end of the choice"]
    assert targets_exist(code)


def test_errors_are_handled_and_then_it_goes_on() -> None:
    code = code_of("- P: mutex\n  on_error: {EAGAIN: [exit: 1], EIDRM: [V: mutex]}\n- exit: 2")
    call = code[0]
    assert isinstance(call, Semop)
    after = code[1]
    assert isinstance(after, Jump)
    assert code[after.target].text == "exit: 2"
    assert {name: code[pc].text for name, pc in call.handlers} == {"EAGAIN": "exit: 1", "EIDRM": "V: mutex"}
    assert targets_exist(code)


def test_messages() -> None:
    program = compile_steps("""
- send: {queue: requests, type: me + 1, message: {client: 7, text: "'hi'", list: [1, 2, 3]}, length: 4}
- receive: {queue: requests, type: -2, into: r, size: 8, noerror: true, except: true}
- set: {x: r.client + r.list[1] + r.type * 10 + r.length}
- receive: {queue: requests}
""", locals_="{x: 0}")  # fmt: skip
    send, receive, assign, last = program.families[0].code[:4]
    assert isinstance(send, Send)
    assert send.payload == ((0, Const(7)), (1, Const("hi")), (2, Const((1, 2, 3))))
    assert isinstance(receive, Receive)
    family = program.families[0]
    assert receive.into is not None
    assert family.slots[receive.into] == "r"
    assert family.initial[0][receive.into] == (0, "", (0, 0, 0), 0, 0)
    assert (receive.noerror, receive.exclude, receive.size) == (True, True, Const(8))
    assert isinstance(assign, Assign)
    machine = Machine(program)
    machine.locals[receive.into] = (1, "x", (5, 6, 7), 2, 8)
    machine.run()
    assert machine.local("x") == 1 + 6 + 20 + 8
    assert isinstance(last, Receive)
    assert last.into is None
    assert last.type == Const(0)


def test_a_constant_type_that_is_wrong_is_a_lesson_not_an_error() -> None:
    code_of("- send: {queue: requests, type: 0}\n  on_error: {EINVAL: []}")


def test_objects_that_a_process_creates() -> None:
    program = load(
        HEAD + "processes: {p: {steps: [{create: {object: requests, mode: 0640, into: id}}, remove: set]}}"
    )
    assert not program.queues[0].created_by_run
    assert program.sets[0].created_by_run
    create = program.families[0].code[0]
    assert isinstance(create, ObjectCall)
    assert create.mode == 0o640
    assert program.families[0].slots == ("me", "id")


def test_semctl() -> None:
    code = code_of("- get: {ncnt: fork[me], into: x}\n- set_value: {mutex: x}\n- get: {all: set, into: v}\n"
                   "- set_value: {all: set, values: [1, 1, 1, 1, 1, v[0]]}")  # fmt: skip
    first, second, third, fourth = code[:4]
    assert isinstance(first, GetValue)
    assert (first.base, first.count, str(first.question)) == (1, 5, "GETNCNT")
    assert isinstance(second, SetValue)
    assert isinstance(third, GetValue)
    assert isinstance(fourth, SetValue)
    assert fourth.all
    assert fourth.values[-1] == Index(Local(third.into, "v"), Const(0))


def test_pause_and_phase() -> None:
    code = code_of("- pause: 1ms..0.5s\n- phase: busy\n  progress: true")
    assert isinstance(code[0], Pause)
    assert (code[0].least, code[0].most) == (0.001, 0.5)
    assert isinstance(code[1], Phase)
    assert code[1].progress


def test_locals_build_on_each_other() -> None:
    family = load("""
parameters: {n: {type: int, default: 3}}
processes:
  p:
    count: n
    locals:
      {left: me, right: (left + 1) % n, sums: sum(i for i in range(me + 1)), pair: [left, right], big: me > 1}
    steps: []
""").families[0]  # fmt: skip
    assert family.slots == ("me", "left", "right", "sums", "pair", "big")
    assert family.initial[1] == (1, 1, 2, 1, (1, 2), False)
    assert family.initial[2] == (2, 2, 0, 3, (2, 0), True)


# --- procedures ---


def test_constant_arguments_stand_for_themselves() -> None:
    program = load(HEAD + """
procedures: {take: {arguments: [which, times], steps: [{repeat: times, steps: ["P: fork[which]"]}]}}
processes: {p: {count: 2, locals: {left: me}, steps: [{call: take, with: {which: left, times: 2}}]}}
""".replace('"P: fork[which]"', "P: fork[which]"))  # fmt: skip
    family = program.families[0]
    assert kinds(family.code) == ["Assign", "Semop", "Repeat", "Exit"]
    assert family.slots == ("me", "left", ".1")


def test_arguments_that_change_are_copied() -> None:
    calls = "- call: {grow: {n: x}}\n- call: {grow: {n: 5}}"
    program = compile_steps(calls, locals_="{x: 1, y: 0}", head=HEAD + """
procedures: {grow: {arguments: [n], locals: {twice: n * 2}, steps: [set: {n: n + twice, s.a: n}]}}
""")  # fmt: skip
    machine = Machine(program)
    machine.run()
    assert machine.memory[0][0] == 15
    assert machine.local("x") == 1


def test_a_variable_argument_is_evaluated_at_the_call() -> None:
    program = compile_steps("- call: {keep: {n: x}}\n- set: {x: 9}", locals_="{x: 4}", head=HEAD + """
procedures: {keep: {arguments: [n], steps: [set: {s.a: n}]}}
""")  # fmt: skip
    machine = Machine(program)
    machine.run()
    assert machine.memory[0][0] == 4


def test_branches_go_where_they_should() -> None:
    code = code_of("- while: me < 3\n  steps: [{if: me == 1, then: [exit: 1]}, V: mutex]")
    assert targets_exist(code)
    assert isinstance(code[0], Branch)
    assert code[code[0].otherwise].text == "end"
