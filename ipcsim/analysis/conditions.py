"""What a property's condition looks at, and which changes can make it true."""

from __future__ import annotations

from collections.abc import Iterator

from ipcsim.program.expressions import (
    At,
    Binary,
    BoolOp,
    Call,
    Expr,
    Generator,
    IfElse,
    QueueLength,
    SegmentValue,
    SemaphoreValue,
    Unary,
    children,
)


def nodes(expr: Expr) -> Iterator[Expr]:
    """`expr` and everything in it."""
    yield expr
    for child in children(expr):
        yield from nodes(child)


def phases_of(expr: Expr) -> frozenset[str]:
    """The phases it asks for; the empty name stands for having ended."""
    return frozenset(n.phase for n in nodes(expr) if isinstance(n, At))


def looks_at_values(expr: Expr) -> bool:
    """Whether it reads semaphores, queues or segments, which are exact only in the order of effects."""
    return any(isinstance(n, SemaphoreValue | QueueLength | SegmentValue) for n in nodes(expr))


def only_rises(expr: Expr, up: bool = True) -> bool:
    """Whether a process entering a phase can only make the expression truer (greater), never falser;
    with `up` False the other way round. Then leaving a phase need not be looked at."""
    if isinstance(expr, At):
        return up
    if not phases_of(expr):
        return True
    match expr:
        case Unary(op="not" | "-", operand=operand):
            return only_rises(operand, not up)
        case BoolOp(items=items):
            return all(only_rises(i, up) for i in items)
        case IfElse(condition=condition, then=then, otherwise=otherwise):
            return not phases_of(condition) and only_rises(then, up) and only_rises(otherwise, up)
        case Binary(op=">" | ">=" | "-", left=left, right=right):
            return only_rises(left, up) and only_rises(right, not up)
        case Binary(op="<" | "<=", left=left, right=right):
            return only_rises(left, not up) and only_rises(right, up)
        case Binary(op="+", left=left, right=right):
            return only_rises(left, up) and only_rises(right, up)
        case Call(function="any" | "all" | "sum" | "len", arguments=(Generator() as each,)):
            return _generator_rises(expr.function, each, up)
        case _:
            return False


def _generator_rises(function: str, each: Generator, up: bool) -> bool:
    if phases_of(each.iterable):
        return False
    if each.condition is None or not phases_of(each.condition):
        return only_rises(each.element, up)
    # more elements: any and len can only grow, all can only fall, a sum may do either
    grows = up is not (function == "all")
    return function != "sum" and only_rises(each.condition, grows) and only_rises(each.element, up)
