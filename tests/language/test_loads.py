"""Reads of shared memory become loads: each mention once, left to right, only what is evaluated."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipcsim.program.instructions import Load, Semop
from tests.language.helpers import Machine, code_of, compile_steps, kinds, messages_of


def loads(code: Any) -> list[str]:
    return [i.text for i in code if isinstance(i, Load)]


def test_every_mention_is_one_load() -> None:
    code = code_of("- set: {s.a: s.a + s.b * s.a}")
    assert kinds(code) == ["Load", "Load", "Load", "Store", "Exit"]
    assert loads(code) == ["load s.a", "load s.b", "load s.a"]
    assert code[3].text == "store s.a"


def test_the_right_side_is_read_before_the_index_on_the_left() -> None:
    program = compile_steps('- set: {"s.list[s.a]": s.b}')
    assert loads(program.families[0].code) == ["load s.b", "load s.a"]


def test_index_within_index() -> None:
    assert loads(code_of("- set: {s.a: 's.list[s.list[s.b]]'}")) == [
        "load s.b",
        "load s.list[s.b]",
        "load s.list[s.list[s.b]]",
    ]


def test_hidden_slots_serve_again() -> None:
    program = compile_steps("- set: {s.a: s.b + s.c}\n- set: {s.a: s.b + s.c}")
    assert program.families[0].slots == ("me", ".1", ".2")


def test_a_while_loads_before_each_round() -> None:
    program = compile_steps("- while: s.a < 3\n  steps: [set: {s.a: s.a + 1}]")
    machine = Machine(program)
    machine.run()
    assert machine.log == ["a", "a", "=a"] * 3 + ["a"]


def test_a_semaphore_index_is_loaded_first() -> None:
    code = code_of('- P: ["fork[s.a]", "fork[s.b]"]')
    assert kinds(code) == ["Load", "Load", "Semop", "Exit"]
    assert isinstance(code[2], Semop)


def test_a_whole_array_is_loaded_element_by_element() -> None:
    machine = Machine(compile_steps("- set: {x: sum(s.list)}", locals_="{x: 0}"))
    machine.memory[0][3] = [1, 2, 3, 4]
    machine.run()
    assert machine.local("x") == 10
    assert machine.log == ["list[0]", "list[1]", "list[2]", "list[3]"]


def test_a_text_is_one_load() -> None:
    assert loads(code_of("- assert: s.name == 'x'")) == ["load s.name"]


def test_a_chain_reads_its_middle_once() -> None:
    machine = Machine(compile_steps("- set: {x: s.a <= s.b <= s.c}", locals_="{x: false}"))
    machine.run()
    assert machine.log == ["a", "b", "c"]
    assert machine.local("x") is True


def test_a_chain_that_fails_early_reads_no_further() -> None:
    machine = Machine(compile_steps("- set: {x: s.a < s.b < s.c}", locals_="{x: true}"))
    machine.run()
    assert machine.log == ["a", "b"]
    assert machine.local("x") is False


def test_any_stops_at_the_first() -> None:
    machine = Machine(
        compile_steps(
            "- if: any(s.list[i] == 0 for i in range(4) if i != 0)\n  then: [set: {x: 1}]", locals_="{x: 0}"
        )
    )
    machine.run()
    assert machine.local("x") == 1
    assert machine.log == ["list[1]"]


def test_unrolled_loads_name_their_element() -> None:
    assert loads(code_of("- assert: all(s.list[i] == 0 for i in range(2))")) == [
        "load s.list[0]",
        "load s.list[1]",
    ]


def test_a_loop_over_the_unknown_must_be_written_as_a_loop() -> None:
    text = """
segments: {s: {n: int, list: int[4]}}
processes: {p: {count: 3, steps: [set: {s.n: sum(s.list[i] for i in range(me))}]}}
"""
    assert any("write it as a `repeat:` loop" in m for m in messages_of(text))


def test_assigning_a_whole_array_stores_each_element() -> None:
    machine = Machine(compile_steps("- set: {s.list: [4, 3, 2, s.a]}"))
    machine.run()
    assert machine.log == ["a", "=list[0]", "=list[1]", "=list[2]", "=list[3]"]
    assert machine.memory[0][3] == [4, 3, 2, 0]


# --- against Python itself ---

NAMES = ("s.a", "s.b", "s.c", "s.list[0]", "s.list[1]", "s.list[s.a % 4]", "x", "y")
LEAF = st.sampled_from(NAMES) | st.integers(-3, 3).map(lambda n: f"({n})")


def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(inner, inner)
    three = st.tuples(inner, inner, inner)
    return st.one_of(
        st.tuples(st.sampled_from(["+", "-", "*", "==", "<", ">="]), inner, inner).map(
            lambda t: f"({t[1]} {t[0]} {t[2]})"
        ),
        two.map(lambda t: f"(({t[0]}) != 0 and ({t[1]}) > 0)"),
        two.map(lambda t: f"(({t[0]}) == 0 or ({t[1]}) < 2)"),
        inner.map(lambda t: f"(not {t})"),
        three.map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
        three.map(lambda t: f"({t[0]} <= {t[1]} < {t[2]})"),
        two.map(lambda t: f"min({t[0]}, {t[1]})"),
        inner.map(lambda t: f"any(s.list[i] == {t} for i in range(3))"),
        inner.map(lambda t: f"all(s.list[i] <= {t} for i in range(4) if i != 1)"),
        inner.map(lambda t: f"sum(s.list[i] + {t} for i in range(2) if s.list[i] > 0)"),
    )


class Traced:
    """Stands for the segment in Python's own evaluation, and writes down every read."""

    def __init__(self, log: list[str], values: dict[str, Any]) -> None:
        self.log, self.values = log, values

    def __getattr__(self, name: str) -> Any:
        if name == "list":
            return TracedList(self.log, self.values["list"])
        self.log.append(name)
        return self.values[name]


class TracedList:
    def __init__(self, log: list[str], values: list[int]) -> None:
        self.log, self.values = log, values

    def __getitem__(self, index: int) -> int:
        self.log.append(f"list[{index}]")
        return self.values[index]


@settings(deadline=None)
@given(
    st.recursive(LEAF, grow, max_leaves=8),
    st.lists(st.integers(0, 3), min_size=9, max_size=9),
    st.sampled_from(["set", "if", "while"]),
)
def test_same_value_and_same_reads_as_python(text: str, numbers: list[int], how: str) -> None:
    values = {"a": numbers[0], "b": numbers[1], "c": numbers[2], "list": numbers[3:7]}
    log: list[str] = []
    # the text is made above, from this test's own grammar
    expected = eval(text, {"s": Traced(log, values), "x": numbers[7], "y": numbers[8]})
    steps = {
        "set": f'- set: {{z: "{text}"}}',
        "if": f'- if: "{text}"\n  then: [set: {{z: 1}}]\n  else: [set: {{z: 0}}]',
        "while": f'- while: "z == 0 and ({text})"\n  steps: [set: {{z: 1}}]',
    }
    machine = Machine(compile_steps(steps[how], locals_=f"{{x: {numbers[7]}, y: {numbers[8]}, z: 0}}"))
    machine.memory[0][:4] = [values["a"], values["b"], values["c"], values["list"]]
    machine.run()
    assert machine.log == log
    if how == "set":
        assert machine.local("z") == expected
    else:
        assert machine.local("z") == bool(expected)


@pytest.mark.parametrize("key", ["index", "amount"])
def test_reads_in_a_semop_do_not_disturb_each_other(key: str) -> None:
    steps = '- P: {"fork[s.a]": 1, "fork[s.b]": 1}' if key == "index" else "- P: {mutex: s.a + s.b}"
    assert kinds(code_of(steps)) == ["Load", "Load", "Semop", "Exit"]
