"""CodeBuilder: instructions in the making, with labels for targets not known yet and slots for locals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ipcsim.errors import Location
from ipcsim.language.nodes import Mark
from ipcsim.program.expressions import Const, Expr, Unary
from ipcsim.program.instructions import (
    Assign,
    Branch,
    Choose,
    Code,
    Instruction,
    Jump,
    KernelCall,
    Repeat,
)

MAX_INSTRUCTIONS = 100_000
MAX_WORK = 300_000
Label = int  # negative until `finish` puts pcs in


class TooLarge(Exception):
    """The program is too large; `mark` is the step where it became so."""

    def __init__(self, mark: Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark


class Budget:
    """How much may be compiled, in all processes together: instructions that stay, and work in all."""

    def __init__(self) -> None:
        self.instructions = 0
        self.work = 0

    def spend(self, mark: Mark, work: int = 1) -> None:
        self.work += work
        if self.work > MAX_WORK:
            raise TooLarge(mark, f"more than {MAX_WORK:,} steps to compile, procedures written out")

    def add(self, mark: Mark) -> None:
        self.instructions += 1
        if self.instructions > MAX_INSTRUCTIONS:
            raise TooLarge(mark, f"more than {MAX_INSTRUCTIONS:,} instructions in all")
        self.spend(mark)


class CodeBuilder:
    """`slots` are the names of the locals, `initial` the values that they start with. Hidden ones (`.1`)
    serve one step and are used again. `marks` are the places of the instructions, `mark` that of the
    step being compiled; `budget` bounds how much is emitted in all, discarded or not."""

    def __init__(self, slots: list[str], initial: list[Any], mark: Mark, budget: Budget) -> None:
        self.slots, self.initial = slots, initial
        self.mark, self.budget = mark, budget
        self.code: list[Instruction] = []
        self.marks: list[Mark] = []
        self.places: dict[Label, int] = {}
        self.labels = 0
        self.hidden: list[int] = []  # all hidden slots ever made
        self.in_use = 0  # how many of them are in use now
        self.discarding = 0

    # --- slots ---

    def new_slot(self, name: str, initial: Any = 0) -> int:
        self.slots.append(name)
        self.initial.append(initial)
        return len(self.slots) - 1

    def hidden_slot(self) -> int:
        """A slot for a value in between; free again at the end of the `scratch` around."""
        if self.in_use == len(self.hidden):
            self.hidden.append(self.new_slot(f".{len(self.hidden) + 1}"))
        self.in_use += 1
        return self.hidden[self.in_use - 1]

    @contextmanager
    def scratch(self) -> Iterator[None]:
        before = self.in_use
        try:
            yield
        finally:
            self.in_use = before

    @contextmanager
    def discard(self) -> Iterator[None]:
        """What is emitted inside is only checked, and leaves nothing."""
        slots, code, hidden = len(self.slots), len(self.code), len(self.hidden)
        self.discarding += 1
        try:
            with self.scratch():
                yield
        finally:
            self.discarding -= 1
            del self.slots[slots:], self.initial[slots:], self.hidden[hidden:]
            self.budget.instructions -= len(self.code) - code
            del self.code[code:], self.marks[code:]

    # --- instructions and labels ---

    def emit(self, instruction: Instruction) -> None:
        self.budget.add(self.mark)
        self.code.append(instruction)
        self.marks.append(self.mark)

    def label(self) -> Label:
        self.labels += 1
        return -self.labels

    def place(self, label: Label) -> None:
        """The next instruction is where `label` leads."""
        self.places[label] = len(self.code)

    def here(self) -> Label:
        label = self.label()
        self.place(label)
        return label

    def assign(self, at: Location, text: str, slot: int, value: Expr) -> None:
        self.emit(Assign(at=at, text=text, slot=slot, value=value))

    def jump(self, at: Location, text: str, target: Label) -> None:
        self.emit(Jump(at=at, text=text, target=target))

    def branch(self, at: Location, text: str, condition: Expr, otherwise: Label) -> None:
        """Falls through where `condition` holds; emits nothing for what is always true."""
        if isinstance(condition, Const):
            if not condition.value:
                self.jump(at, text, otherwise)
            return
        self.emit(Branch(at=at, text=text, condition=condition, otherwise=otherwise))

    def finish(self) -> Code:
        """The code with pcs for labels."""
        return tuple(map(self._resolve, self.code))

    def _resolve(self, instruction: Instruction) -> Instruction:
        pc = self.places.__getitem__
        match instruction:
            case Jump(target=t):
                return replace(instruction, target=pc(t))
            case Repeat(target=t):
                return replace(instruction, target=pc(t))
            case Branch(otherwise=t):
                return replace(instruction, otherwise=pc(t))
            case Choose(targets=ts):
                return replace(instruction, targets=tuple(map(pc, ts)))
            case KernelCall(handlers=handlers) if handlers:
                return replace(instruction, handlers=tuple((name, pc(t)) for name, t in handlers))
        return instruction


def negated(expr: Expr) -> Expr:
    """`not expr`, without a double negation."""
    if isinstance(expr, Const):
        return Const(not expr.value)
    return expr.operand if isinstance(expr, Unary) and expr.op == "not" else Unary("not", expr)
