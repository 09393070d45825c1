"""An expression of a Program back as text, with the names that the user gave to things."""

from __future__ import annotations

from ipcsim.program import Program
from ipcsim.program.expressions import (
    At,
    Binary,
    BoolOp,
    Call,
    Const,
    Expr,
    Generator,
    IfElse,
    Index,
    ListOf,
    Local,
    QueueLength,
    SegmentValue,
    SemaphoreValue,
    Unary,
)

# how tightly an operator binds: an operand that binds less gets parentheses
_ATOM, _UNARY, _TIMES, _PLUS, _COMPARE, _NOT, _AND, _OR, _IF = range(9)
_BINARY = {"*": _TIMES, "//": _TIMES, "%": _TIMES, "+": _PLUS, "-": _PLUS}


def text(expr: Expr, program: Program) -> str:
    """`at(philosopher[i], 'eating')`, `(me + 1) % 5`."""
    return _Writer(program).write(expr)[0]


class _Writer:
    def __init__(self, program: Program) -> None:
        self._program = program

    def write(self, expr: Expr) -> tuple[str, int]:
        """The text, and how tightly its outermost operator binds."""
        match expr:
            case Const(value):
                return _constant(value), _ATOM if not _negative(value) else _UNARY
            case Local(name=name):
                return name, _ATOM
            case Unary(op, operand):
                word, level = ("not ", _NOT) if op == "not" else (op, _UNARY)
                return f"{word}{self._inner(operand, level)}", level
            case Binary(op, left, right):
                level = _BINARY.get(op, _COMPARE)
                # a comparison of a comparison would read as a chain
                first = self._inner(left, level - 1 if level == _COMPARE else level)
                return f"{first} {op} {self._inner(right, level - 1)}", level
            case BoolOp(op, items):
                level = _AND if op == "and" else _OR
                return f" {op} ".join(self._inner(i, level - 1) for i in items), level
            case IfElse(condition, then, otherwise):
                parts = [self._inner(e, _OR) for e in (then, condition, otherwise)]
                return "{} if {} else {}".format(*parts), _IF
            case _:
                return self._atom(expr), _ATOM

    def _inner(self, expr: Expr, level: int) -> str:
        written, own = self.write(expr)
        return written if own <= level else f"({written})"

    def _plain(self, expr: Expr) -> str:
        return self.write(expr)[0]

    def _indexed(self, name: str, index: Expr | None) -> str:
        return name if index is None else f"{name}[{self._plain(index)}]"

    def _atom(self, expr: Expr) -> str:
        program = self._program
        match expr:
            case Index(sequence, index):
                return self._indexed(self._inner(sequence, _ATOM), index)
            case ListOf(items):
                return f"[{', '.join(map(self._plain, items))}]"
            case Call(function, arguments):
                return f"{function}({', '.join(map(self._plain, arguments))})"
            case Generator(element, _, name, iterable, condition):
                tail = "" if condition is None else f" if {self._inner(condition, _OR)}"
                return f"{self._plain(element)} for {name} in {self._inner(iterable, _OR)}{tail}"
            case At(family, index, phase):
                who = self._indexed(program.families[family].name, index)
                return f"at({who}, {phase!r})" if phase else f"ended({who})"
            case SemaphoreValue(set_, base, _, index):
                member = next(m for m in program.sets[set_].members if m.base == base)
                return self._indexed(member.name, index)
            case QueueLength(queue):
                return f"len({program.queues[queue].name})"
            case SegmentValue(segment, field, index):
                declared = program.segments[segment]
                return self._indexed(f"{declared.name}.{declared.struct.fields[field].name}", index)
        return repr(expr)


def _constant(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_constant, value))}]"
    return repr(value)


def _negative(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value < 0
