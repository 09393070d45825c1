"""P, V, Z, semop, and `get`, `set_value` of semctl(2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ipcsim.facts.limits import SEMOPM, SEMVMX
from ipcsim.language.compiler import AnyStep, ProcessCompiler, step
from ipcsim.language.leaves import EXPRESSION, NAME, VALUE, flag, scalar
from ipcsim.language.nodes import Map, Node, Scalar, Seq, suggest
from ipcsim.language.objects import MemberRef, Objects
from ipcsim.language.spec import Listed, Named, Shaped, may, must
from ipcsim.language.step_table import Blocking, Failing, Fields, Into, Received, Step
from ipcsim.language.types import INT, Typed, list_of
from ipcsim.language.values import compile_value
from ipcsim.program.expressions import Const, Expr, Unary, fold
from ipcsim.program.instructions import GetValue, SemaphoreOperation, SemaphoreQuestion, Semop, SetValue

_REFERENCE = re.compile(r"\s*(?:([A-Za-z_]\w*)\s*\.\s*)?([A-Za-z_]\w*)\s*(?:\[(.*)\]\s*)?", re.DOTALL)


@dataclass(slots=True)
class Semaphore:
    """A semaphore that a step names."""

    ref: MemberRef
    index: Typed | None
    node: Scalar


def semaphore(c: ProcessCompiler, node: Scalar) -> Semaphore | None:
    """`mutex`, `fork[left]` or `table.fork[left]`; None after an error."""
    match = _REFERENCE.fullmatch(node.text)
    if match is None:
        c.problems.add(node.mark, f"`{node.text[:40]}` names no semaphore", "write `mutex` or `fork[left]`")
        return None
    index = None if match[3] is None else c.part(node, match.start(3), match.end(3))
    ref = _member(c, node, match)
    if ref is None:
        return None
    member = ref.member
    if index is None and member.count is not None:
        c.problems.add(node.mark, f"`{member.name}` is an array of {member.count}: write `{member.name}[0]`")
    elif index is not None and member.count is None:
        c.problems.add(node.mark, f"`{member.name}` is a single semaphore, no array")
    elif index is not None and member.count is not None and not c.builder.discarding:
        which = index.constant
        if isinstance(which, int) and not 0 <= which < member.count:
            last = member.count - 1
            c.problems.add(
                node.mark, f"there is no `{member.name}[{which}]`: the last is `{member.name}[{last}]`"
            )
    return Semaphore(ref, index, node)


def _member(c: ProcessCompiler, node: Scalar, match: re.Match[str]) -> MemberRef | None:
    objects, set_name, name = c.objects, match[1], match[2]
    found = objects.members.get(name, [])
    if set_name is not None:
        found = [r for r in found if objects.sets[r.set].name == set_name]
    if len(found) == 1:
        return found[0]
    if name in objects.broken or set_name in objects.broken:
        return None
    place = node.part(match.start(2) if set_name is None else match.start(1), match.end(2) - match.start(2))
    if found:
        both = " or ".join(f"`{objects.sets[r.set].name}.{name}`" for r in found)
        c.problems.add(place, f"`{name}` is in more than one set: write {both}")
        return None
    full = name if set_name is None else f"{set_name}.{name}"
    known = objects.semaphore_names() if set_name else list(objects.members)
    hint = suggest(full, known)
    kind = objects.kind(name)
    if c.scope.name(name) is not None:
        hint = f"`{name}` is a variable or parameter"
    elif kind is not None:
        hint = f"`{name}` is a {kind}" + (": name one of its semaphores" if "set" in kind else "")
    c.problems.add(place, f"unknown semaphore `{full}`", hint)
    return None


# --- semop ---


_SEMAPHORE = scalar("a semaphore such as `mutex` or `fork[left]`", {"type": "string"})
_AMOUNTS = Named(EXPRESSION, "{semaphore: amount, …}")
_TAKEN = (
    scalar("a semaphore, a list of them or {semaphore: amount}", {"type": "string"})
    | Listed(_SEMAPHORE)
    | Named(EXPRESSION)
)
_AWAITED = scalar("a semaphore or a list of them", {"type": "string"}) | Listed(_SEMAPHORE)
Some = Scalar | Seq[Scalar] | Map[Scalar]


class Amounts(Fields):
    """Those of some semaphores, with flags of their own."""

    nowait = flag("IPC_NOWAIT of these")
    undo = flag("SEM_UNDO of these")
    rest = EXPRESSION


class Undoable(Blocking):
    undo = flag("SEM_UNDO: the kernel takes it back when the process ends")


@dataclass(slots=True)
class _Wanted:
    """One operation as written: the amount of None is 1; `sign` 0 takes the amount as it is."""

    name: Scalar
    amount: Scalar | None
    sign: int
    nowait: bool = False
    undo: bool = False


@step("P", "semop(2): takes from semaphores, all at once, waiting until it can", _TAKEN, Undoable)
def take(c: ProcessCompiler, step: Step[Some, Undoable]) -> None:
    _semop(c, step, _wanted(step.value, -1))


@step("V", "semop(2): gives to semaphores, all at once", _TAKEN, Undoable)
def give(c: ProcessCompiler, step: Step[Some, Undoable]) -> None:
    _semop(c, step, _wanted(step.value, 1))


@step("Z", "semop(2): waits until semaphores are zero, all at once", _AWAITED, Undoable)
def await_zero(c: ProcessCompiler, step: Step[Scalar | Seq[Scalar], Undoable]) -> None:
    _semop(c, step, _wanted(step.value, 0))


@step(
    "semop",
    "semop(2) as it is: negative takes, positive gives, 0 waits for zero",
    Listed(Shaped(Amounts, _AMOUNTS.what), f"{_AMOUNTS.what} or a list of such mappings") | _AMOUNTS,
    Undoable,
)
def semop(c: ProcessCompiler, step: Step[Map[Scalar] | Seq[Amounts], Undoable]) -> None:
    if isinstance(step.value, Map):
        _semop(c, step, _wanted(step.value, 0))
        return
    _semop(c, step, [
        _Wanted(one.others.keys_at[name], amount, 0, one.nowait, one.undo)
        for one in step.value for name, amount in one.others.items()
    ])  # fmt: skip


def _wanted(node: Some, sign: int) -> list[_Wanted]:
    if isinstance(node, Scalar):
        return [_Wanted(node, None, sign)]
    if isinstance(node, Map):
        return [_Wanted(node.keys_at[name], amount, sign) for name, amount in node.items()]
    return [_Wanted(name, None, sign) for name in node]


def _semop(c: ProcessCompiler, step: Step[Any, Undoable], wanted: list[_Wanted]) -> None:
    """One atomic semop, over the semaphores of one set, in the order written."""
    nowait, undo = step.options.nowait, step.options.undo
    if not wanted:
        c.problems.add(step.mark, f"`{step.kind.name}` names no semaphore")
    if len(wanted) > SEMOPM:
        c.problems.add(step.mark, f"one semop has at most {SEMOPM} operations (SEMOPM)")
        return
    operations: list[SemaphoreOperation] = []
    sets: dict[int, Semaphore] = {}
    for one in wanted:
        found = semaphore(c, one.name)
        delta = _delta(c, one, step)
        if found is None:
            continue
        sets.setdefault(found.ref.set, found)
        member = found.ref.member
        index = None if found.index is None else c.read(found.index, step)
        count = member.count
        operations.append(
            SemaphoreOperation(member.base, count, index, delta, one.nowait or nowait, one.undo or undo)
        )
    if len(sets) > 1:
        _refuse_two_sets(c, list(sets.values()))
    if operations:
        c.kernel_call(step, Semop, set=next(iter(sets)), operations=tuple(operations))


def _refuse_two_sets(c: ProcessCompiler, found: list[Semaphore]) -> None:
    first, second = found[0], found[1]
    names = [c.objects.sets[f.ref.set].name for f in (first, second)]
    c.problems.add(
        second.node.mark,
        f"`{second.ref.member.name}` is in the set `{names[1]}`, `{first.ref.member.name}` in `{names[0]}`:"
        " one semop works on one set",
        "the kernel cannot do that: declare them in one set, or make two steps",
    )


def _delta(c: ProcessCompiler, one: _Wanted, step: AnyStep) -> Expr:
    """sem_op: negative for P, positive for V."""
    if one.amount is None:
        return Const(one.sign)
    typed = c.number(one.amount, "an amount")
    value = typed.constant
    if isinstance(value, int) and not c.builder.discarding:
        if one.sign and value < 1:
            c.problems.add(one.amount.mark, f"`{step.kind.name}` takes an amount of at least 1, not {value}")
        elif not -SEMVMX - 1 <= value <= SEMVMX:
            c.problems.add(one.amount.mark, f"an amount is at most {SEMVMX} (SEMVMX), not {value}")
    amount = c.read(typed, step)
    return fold(Unary("-", amount), {}) if one.sign < 0 else amount


# --- semctl ---


def _answer(value: Node, objects: Objects) -> Received:
    """What `get:` puts into its local: a number, or those of a whole set."""
    name = value.get("all") if isinstance(value, Map) else None
    if name is None:
        return INT, 0
    found = objects.set(name.text) if isinstance(name, Scalar) else None
    return list_of(INT), (0,) * (0 if found is None else found[1].size)


_QUESTIONS = {
    "value": SemaphoreQuestion.VALUE,
    "ncnt": SemaphoreQuestion.NCNT,
    "zcnt": SemaphoreQuestion.ZCNT,
    "pid": SemaphoreQuestion.PID,
    "all": SemaphoreQuestion.ALL,
}


class Question(Fields):
    value = may(_SEMAPHORE, "GETVAL: its value")
    ncnt = may(_SEMAPHORE, "GETNCNT: how many wait for more")
    zcnt = may(_SEMAPHORE, "GETZCNT: how many wait for zero")
    pid = may(_SEMAPHORE, "GETPID: who touched it last")
    all = may(NAME, "GETALL: the values of a set")
    into = must(Into(_answer), "the local variable that receives it")


def _set_named(c: ProcessCompiler, node: Scalar) -> int | None:
    found = c.objects.set(node.text)
    if found is not None:
        return found[0]
    if node.text not in c.objects.broken:
        hint = suggest(node.text, [s.name for s in c.objects.sets])
        c.problems.add(node.mark, f"unknown semaphore set `{node.text[:40]}`", hint)
    return None


@step("get", "semctl(2): asks a semaphore or a set", Shaped(Question, "{value: semaphore, into: x}"), Failing)
def get(c: ProcessCompiler, step: Step[Question, Failing]) -> None:
    value = step.value
    asked = [name for name in _QUESTIONS if name in value.given]
    if len(asked) != 1:
        c.problems.add(step.mark, "`get` asks one thing: value, ncnt, zcnt, pid or all")
        return
    question, place = _QUESTIONS[asked[0]], None
    if value.all is not None:
        number = _set_named(c, value.all)
        place = None if number is None else {"set": number}
    else:
        found = semaphore(c, value.given[asked[0]])
        place = None if found is None else _place(c, step, found)
    if place is not None:
        c.kernel_call(step, GetValue, question=question, into=c.into(value.into), **place)


def _place(c: ProcessCompiler, step: AnyStep, found: Semaphore) -> dict[str, Any]:
    """A semaphore, as the fields of an instruction."""
    member = found.ref.member
    index = None if found.index is None else c.read(found.index, step)
    return {"set": found.ref.set, "base": member.base, "count": member.count, "index": index}


_VALUES = Named(VALUE, "{semaphore: value}, or {all: set, values: […]}")


@step("set_value", "semctl(2) SETVAL, or SETALL", _VALUES, Failing)
def set_value(c: ProcessCompiler, step: Step[Map[Scalar | Seq[Scalar]], Failing]) -> None:
    value = step.value
    if "all" in value:
        _set_all(c, step, value)
        return
    if len(value) != 1:
        c.problems.add(step.mark, "`set_value` sets one semaphore, or `{all: set, values: […]}`")
        return
    name, node = next(iter(value.items()))
    found = semaphore(c, value.keys_at[name])
    typed = c.number(node, "a semaphore's value")
    if found is not None:
        place = _place(c, step, found)
        c.kernel_call(step, SetValue, values=(c.read(typed, step),), **place)


def _set_all(
    c: ProcessCompiler, step: Step[Map[Scalar | Seq[Scalar]], Failing], value: Map[Scalar | Seq[Scalar]]
) -> None:
    name = value["all"]
    number = _set_named(c, name) if isinstance(name, Scalar) else None
    values = value.get("values")
    for key in value:
        if key not in ("all", "values"):
            c.problems.add(value.key_mark(key), f"unknown key `{key[:40]}`", suggest(key, ["all", "values"]))
    if not isinstance(values, Seq):
        c.problems.add(step.mark, "`values:` is a list with one value for each semaphore of the set")
        return
    typed = [compile_value(v, c.scope, c.problems) for v in values]
    for node, one in zip(values, typed, strict=True):
        c.is_number(node, one, "a semaphore's value")
    if number is None:
        return
    size = c.objects.sets[number].size
    if len(typed) != size and not c.builder.discarding:
        c.problems.add(values.mark, f"{len(typed)} values for a set of {size} semaphores")
    c.kernel_call(step, SetValue, set=number, values=tuple(c.read(t, step) for t in typed), all=True)
