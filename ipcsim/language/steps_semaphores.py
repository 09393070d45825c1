"""P, V, Z, semop, and `get`, `set_value` of semctl(2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ipcsim.facts.limits import SEMOPM, SEMVMX
from ipcsim.language.compiler import ProcessCompiler, handles
from ipcsim.language.nodes import Map, Node, Scalar, Seq, suggest
from ipcsim.language.objects import MemberRef
from ipcsim.language.step_table import Step
from ipcsim.language.types import INT, Typed, list_of
from ipcsim.language.values import compile_value
from ipcsim.language.yaml_reader import as_bool
from ipcsim.program.expressions import Const, Expr, Unary, fold
from ipcsim.program.instructions import GetValue, SemaphoreOperation, SemaphoreQuestion, Semop, SetValue

_REFERENCE = re.compile(r"\s*(?:([A-Za-z_]\w*)\s*\.\s*)?([A-Za-z_]\w*)\s*(?:\[(.*)\]\s*)?", re.DOTALL)


@dataclass(slots=True)
class Semaphore:
    """A semaphore that a step names."""

    ref: MemberRef
    index: Typed | None
    node: Scalar


def semaphore(c: ProcessCompiler, node: Node) -> Semaphore | None:
    """`mutex`, `fork[left]` or `table.fork[left]`; None after an error."""
    if not isinstance(node, Scalar):
        return None
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


@dataclass(slots=True)
class _Wanted:
    """One operation as written: the amount of None is 1; `sign` 0 takes the amount as it is."""

    name: Scalar
    amount: Node | None
    sign: int
    nowait: bool = False
    undo: bool = False


@handles("P", "V", "Z", "semop")
def semop(c: ProcessCompiler, step: Step) -> None:
    """One atomic semop, over the semaphores of one set, in the order written."""
    wanted = _wanted(c, step)
    nowait, undo = c.flag(step.options.get("nowait")), c.flag(step.options.get("undo"))
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


def _wanted(c: ProcessCompiler, step: Step) -> list[_Wanted]:
    sign = {"P": -1, "V": 1, "Z": 0, "semop": 0}[step.kind.name]
    node = step.value
    if isinstance(node, Scalar):
        return [_Wanted(node, None, sign)]
    if isinstance(node, Map):
        return [_Wanted(node.keys_at[k], v, sign) for k, v in node.items()]
    found: list[_Wanted] = []
    for item in node:
        if isinstance(item, Scalar):
            found.append(_Wanted(item, None, sign))
        elif isinstance(item, Map):
            own = {k: _own_flag(c, item, k) for k in ("nowait", "undo")}
            found += [
                _Wanted(item.keys_at[k], v, sign, own["nowait"], own["undo"])
                for k, v in item.items()
                if k not in own
            ]
    return found


def _own_flag(c: ProcessCompiler, item: Map, key: str) -> bool:
    value = item.get(key)
    if value is None:
        return False
    if not isinstance(value, Scalar) or as_bool(value) is None:
        c.problems.add(value.mark, "expected `true` or `false`")
    return c.flag(value)


def _delta(c: ProcessCompiler, one: _Wanted, step: Step) -> Expr:
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

_QUESTIONS = {
    "value": SemaphoreQuestion.VALUE,
    "ncnt": SemaphoreQuestion.NCNT,
    "zcnt": SemaphoreQuestion.ZCNT,
    "pid": SemaphoreQuestion.PID,
}


def _set_named(c: ProcessCompiler, node: Node) -> int | None:
    if not isinstance(node, Scalar):
        return None
    found = c.objects.set(node.text)
    if found is not None:
        return found[0]
    if node.text not in c.objects.broken:
        hint = suggest(node.text, [s.name for s in c.objects.sets])
        c.problems.add(node.mark, f"unknown semaphore set `{node.text[:40]}`", hint)
    return None


@handles("get")
def get(c: ProcessCompiler, step: Step) -> None:
    value = step.value
    if not isinstance(value, Map):
        return
    asked = [k for k in value if k in (*_QUESTIONS, "all")]
    if len(asked) != 1:
        c.problems.add(step.mark, "`get` asks one thing: value, ncnt, zcnt, pid or all")
        return
    if asked[0] == "all":
        number = _set_named(c, value["all"])
        into = c.into(value["into"], list_of(INT))
        if number is not None:
            c.kernel_call(step, GetValue, set=number, question=SemaphoreQuestion.ALL, into=into)
        return
    found = semaphore(c, value[asked[0]])
    into = c.into(value["into"], INT)
    if found is not None:
        member = found.ref.member
        index = None if found.index is None else c.read(found.index, step)
        place = {"set": found.ref.set, "base": member.base, "count": member.count, "index": index}
        c.kernel_call(step, GetValue, question=_QUESTIONS[asked[0]], into=into, **place)


@handles("set_value")
def set_value(c: ProcessCompiler, step: Step) -> None:
    value = step.value
    if not isinstance(value, Map):
        return
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
        member = found.ref.member
        index = None if found.index is None else c.read(found.index, step)
        place = {"set": found.ref.set, "base": member.base, "count": member.count, "index": index}
        c.kernel_call(step, SetValue, values=(c.read(typed, step),), **place)


def _set_all(c: ProcessCompiler, step: Step, value: Map) -> None:
    number = _set_named(c, value["all"])
    values = value.get("values")
    for key in value:
        if key not in ("all", "values"):
            c.problems.add(value.key_mark(key), f"unknown key `{key[:40]}`", suggest(key, ["all", "values"]))
    if not isinstance(values, Seq):
        c.problems.add(step.mark, "`values:` is a list with one value for each semaphore of the set")
        return
    typed = [compile_value(v, c.scope, c.problems) for v in values if isinstance(v, (Scalar, Seq))]
    for node, one in zip(values, typed, strict=True):
        c.is_number(node, one, "a semaphore's value")
    if number is None:
        return
    size = c.objects.sets[number].size
    if len(typed) != size and not c.builder.discarding:
        c.problems.add(values.mark, f"{len(typed)} values for a set of {size} semaphores")
    c.kernel_call(step, SetValue, set=number, values=tuple(c.read(t, step) for t in typed), all=True)
