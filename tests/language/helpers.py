"""What the language tests share: loading a text, and a small machine that executes silent code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ipcsim.errors import Diagnostic, ScenarioError
from ipcsim.language import load_program
from ipcsim.program import Program, Source
from ipcsim.program.expressions import evaluate
from ipcsim.program.instructions import Assign, Branch, Code, Exit, Instruction, Jump, Load, Repeat, Store

HEAD = """\
semaphores: {set: {mutex: 1, fork: {count: 5, value: 1}}}
queues: {requests: {message: {client: int, text: "char[8]", list: "int[3]"}}}
segments: {s: {a: int, b: int, c: int, list: "int[4]", name: "char[8]"}}
"""


def load(text: str, arguments: Mapping[str, int | str | bool] | None = None) -> Program:
    return load_program(Source("test.yaml", text), arguments)


def problems_of(text: str) -> tuple[Diagnostic, ...]:
    """The diagnostics of a text that must have some."""
    try:
        load(text)
    except ScenarioError as error:
        return error.diagnostics
    raise AssertionError("no error was found")


def messages_of(text: str) -> list[str]:
    return [d.message for d in problems_of(text)]


def compile_steps(steps: str, *, locals_: str = "{}", head: str = HEAD) -> Program:
    """A program with one process of these steps (YAML, one a line)."""
    lines = "\n".join(f"      {line}" for line in steps.strip("\n").splitlines())
    return load(f"{head}processes:\n  p:\n    locals: {locals_}\n    steps:\n{lines}\n")


def code_of(steps: str, **more: str) -> Code:
    return compile_steps(steps, **more).families[0].code


def kinds(code: Code) -> list[str]:
    return [type(i).__name__ for i in code]


class Machine:
    """Executes what only touches locals and shared memory; `log` are the loads and stores in order."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.family = program.families[0]
        self.locals: list[Any] = list(self.family.initial[0])
        self.memory = [[list(v) if isinstance(v, tuple) else v for v in s.initial] for s in program.segments]
        self.log: list[str] = []

    def run(self, steps: int = 10_000) -> None:
        pc = 0
        for _ in range(steps):
            instruction = self.family.code[pc]
            if isinstance(instruction, Exit):
                return
            pc = self.step(instruction, pc)
        raise AssertionError("does not end")

    def step(self, instruction: Instruction, pc: int) -> int:
        match instruction:
            case Assign(slot=slot, value=value, index=None):
                self.locals[slot] = evaluate(value, self.locals)
            case Assign(slot=slot, value=value, index=index):
                items = list(self.locals[slot])
                items[evaluate(index, self.locals)] = evaluate(value, self.locals)
                self.locals[slot] = tuple(items)
            case Branch(condition=condition, otherwise=otherwise):
                return pc + 1 if evaluate(condition, self.locals) else otherwise
            case Jump(target=target):
                return target
            case Repeat(slot=slot, target=target):
                self.locals[slot] -= 1
                return target if self.locals[slot] > 0 else pc + 1
            case Load(segment=segment, field=field, index=index, into=into):
                which = None if index is None else evaluate(index, self.locals)
                self.locals[into] = self.at(segment, field, which)
                self.log.append(self.name(segment, field, which))
            case Store(segment=segment, field=field, index=index, value=value):
                which = None if index is None else evaluate(index, self.locals)
                result = evaluate(value, self.locals)
                if which is None:
                    self.memory[segment][field] = result
                else:
                    self.memory[segment][field][which] = result
                self.log.append("=" + self.name(segment, field, which))
        return pc + 1

    def at(self, segment: int, field: int, which: int | None) -> Any:
        value = self.memory[segment][field]
        return value if which is None else value[which]

    def name(self, segment: int, field: int, which: int | None) -> str:
        name = self.program.segments[segment].struct.fields[field].name
        return name if which is None else f"{name}[{which}]"

    def local(self, name: str) -> Any:
        return self.locals[self.family.slots.index(name)]
