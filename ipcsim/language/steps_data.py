"""send, receive, set."""

from __future__ import annotations

import re

from ipcsim.language.compiler import AnyStep, ProcessCompiler, step
from ipcsim.language.leaves import EXPRESSION, NAME, VALUE, flag
from ipcsim.language.nodes import Map, Node, Scalar, Seq, Value, suggest
from ipcsim.language.objects import Objects, misfit
from ipcsim.language.process_scope import message_type, zero_of
from ipcsim.language.spec import Named, Shaped, may, must
from ipcsim.language.step_table import Assigned, Blocking, Fields, Into, Options, Received, Step
from ipcsim.language.types import INT, UNKNOWN, Type, Typed, merge, type_of_field
from ipcsim.program.expressions import Const, Index, ListOf, Local, fold
from ipcsim.program.instructions import Assign, Receive, Send, Store
from ipcsim.program.objects import Field, Queue

_TARGET = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\.\s*([A-Za-z_]\w*)\s*)?(?:\[(.*)\]\s*)?", re.DOTALL)


# --- messages ---


def _queue(c: ProcessCompiler, node: Scalar) -> tuple[int, Queue] | None:
    found = c.objects.queue(node.text)
    if found is None and node.text not in c.objects.broken:
        kind = c.objects.kind(node.text)
        hint = (
            f"`{node.text}` is a {kind}" if kind else suggest(node.text, [q.name for q in c.objects.queues])
        )
        c.problems.add(node.mark, f"unknown queue `{node.text[:40]}`", hint)
    return found


def _received(value: Node, objects: Objects) -> Received:
    """What `receive:` puts into its local: a message of the queue."""
    queue = value.get("queue") if isinstance(value, Map) else None
    found = objects.queue(queue.text) if isinstance(queue, Scalar) else None
    if found is None or found[1].name in objects.broken:
        return UNKNOWN, 0
    type_ = message_type(found[1].message)
    return type_, zero_of(type_)


class Sent(Fields):
    queue = must(NAME, "the queue")
    type = must(EXPRESSION, "mtype, greater than 0")
    message = may(Named(VALUE, "{field: value, …}"), "values of the fields; 0 unless told")
    length = may(EXPRESSION, "bytes to send; the whole struct unless told")


class Wanted(Fields):
    queue = must(NAME, "the queue")
    type = may(EXPRESSION, "0 (unless told) any, n > 0 this type, n < 0 the lowest type up to -n")
    into = may(Into(_received), "receives the message: r.field, r.type, r.length")
    size = may(EXPRESSION, "msgsz; the struct's size unless told")
    noerror = flag("MSG_NOERROR: cut a message that is too long")
    exclude = flag("MSG_EXCEPT: any type but this", "except")


@step("send", "msgsnd(2)", Shaped(Sent, "{queue: …, type: …, message: {…}}"), Blocking)
def send(c: ProcessCompiler, step: Step[Sent, Blocking]) -> None:
    value = step.value
    queue = _queue(c, value.queue)
    type_ = c.read(c.number(value.type, "a message type"), step)
    message = value.message or Map(step.mark)
    payload = []
    for name, node in message.items():
        typed = c.typed(node)
        if queue is None:
            continue
        fields = queue[1].message.fields
        place = next((i for i, f in enumerate(fields) if f.name == name), None)
        if place is not None:
            _check_fit(c, node, typed, fields[place])
            payload.append((place, c.read(typed, step)))
        elif queue[1].name not in c.objects.broken:
            hint = suggest(name, [f.name for f in fields])
            c.problems.add(
                message.key_mark(name), f"a message of `{queue[1].name}` has no field `{name[:40]}`", hint
            )
    length = c.maybe(value.length, "a length", step)
    if queue is not None:
        c.kernel_call(step, Send, queue=queue[0], type=type_, payload=tuple(payload), length=length)


def _check_fit(c: ProcessCompiler, node: Value, typed: Typed, place: Field) -> None:
    """Whether a value can stand in a field: its type, and the value itself where it is constant."""
    if typed.type.is_unknown:
        return
    if merge(typed.type, type_of_field(place)) is None:
        c.problems.add(node.mark, f"`{place.name}` is {type_of_field(place).a}; this is {typed.type.a}")
    elif (
        isinstance(typed.expr, Const)
        and not c.builder.discarding
        and (wrong := misfit(place, typed.expr.value))
    ):
        c.problems.add(node.mark, wrong)


@step("receive", "msgrcv(2)", Shaped(Wanted, "{queue: …, type: …, into: …}"), Blocking)
def receive(c: ProcessCompiler, step: Step[Wanted, Blocking]) -> None:
    value = step.value
    queue = _queue(c, value.queue)
    type_ = c.maybe(value.type, "a message type", step) or Const(0)
    size = c.maybe(value.size, "a size", step)
    if queue is not None:
        c.kernel_call(
            step, Receive, queue=queue[0], type=type_, into=c.into(value.into), size=size,
            noerror=value.noerror, exclude=value.exclude,
        )  # fmt: skip


# --- assignment ---


@step("set", "assigns locals and segment fields, in order", Assigned(), Options)
def set_(c: ProcessCompiler, step: Step[Map[Scalar | Seq[Scalar]], Options]) -> None:
    """Each entry in turn: what it reads, right side first, then the assignment or the stores."""
    for text, node in step.value.items():
        key = step.value.keys_at[text]
        match = _TARGET.fullmatch(text)
        if match is None:
            c.problems.add(
                key.mark,
                f"`{text[:40]}` cannot be set",
                "write `x`, `x[i]`, `segment.field` or `segment.field[i]`",
            )
            continue
        with c.builder.scratch():
            typed = c.typed(node)
            index = None if match[3] is None else c.part(key, match.start(3), match.end(3))
            if match[2] is not None:
                _store(c, step, key, match, index, node, typed)
            else:
                _assign(c, step, key, match[1], index, node, typed)


def _assign(
    c: ProcessCompiler,
    step: AnyStep,
    key: Scalar,
    name: str,
    index: Typed | None,
    node: Value,
    typed: Typed,
) -> None:
    variable = c.scope.variables.get(name)
    if variable is None or name == "me":
        _refuse_target(c, key, name)
        return
    wanted: Type | None = variable.type
    if index is not None:
        wanted = variable.type.element if variable.type.name == "list" else None
        if wanted is None and not variable.type.is_unknown:
            c.problems.add(key.mark, f"`{name}` is no list: it has no elements")
            return
    if wanted is not None and not _assignable(c, node, typed, wanted, name):
        return
    value = c.read(typed, step)
    place = None if index is None else c.read(index, step)
    if isinstance(variable.expr, Local):
        text = f"set: {key.text}"
        c.builder.emit(Assign(at=c.at(step), text=text, slot=variable.expr.slot, value=value, index=place))


def _assignable(c: ProcessCompiler, node: Value, typed: Typed, wanted: Type, name: str) -> bool:
    if typed.type.name == "range":
        c.problems.add(node.mark, "a range is not a value: write the list")
        return False
    if merge(typed.type, wanted) is None:
        c.problems.add(node.mark, f"`{name}` holds {wanted.a}; this is {typed.type.a}")
        return False
    return True


def _refuse_target(c: ProcessCompiler, key: Scalar, name: str) -> None:
    if name == "me":
        c.problems.add(key.mark, "`me` never changes")
    elif name in c.scope.constants:
        c.problems.add(key.mark, f"`{name}` is a parameter or a constant: it never changes")
    elif name in c.objects.members:
        c.problems.add(key.mark, f"`{name}` is a semaphore: use P and V, or `set_value:`")
    elif c.objects.is_segment(name):
        c.problems.add(key.mark, f"`{name}` is a segment: write `{name}.field`")
    else:
        known = [v for v in c.scope.variables if v != "me"]
        segments = [f"{s.name}.{f.name}" for s in c.objects.segments for f in s.struct.fields]
        hint = suggest(name, [*known, *segments]) or "declare it in `locals:`"
        c.problems.add(key.mark, f"unknown local `{name}`", hint)


def _store(
    c: ProcessCompiler,
    step: AnyStep,
    key: Scalar,
    match: re.Match[str],
    index: Typed | None,
    node: Value,
    typed: Typed,
) -> None:
    base, name = match[1], match[2]
    if base in c.scope.variables:
        c.problems.add(key.mark, f"`{base}` is a message or a local: its fields cannot be set one by one")
        return
    if not c.objects.is_segment(base):
        if base not in c.objects.broken:
            hint = suggest(base, [s.name for s in c.objects.segments])
            c.problems.add(key.mark, f"unknown segment `{base}`", hint)
        return
    number, segment = c.objects.segment(base)
    fields = segment.struct.fields
    place = next((i for i, f in enumerate(fields) if f.name == name), None)
    if place is None:
        if base not in c.objects.broken:
            hint = suggest(name, [f.name for f in fields])
            c.problems.add(key.mark, f"the segment `{base}` has no field `{name}`", hint)
        return
    _store_field(c, step, key, (number, place, fields[place]), index, node, typed)


def _store_field(
    c: ProcessCompiler,
    step: AnyStep,
    key: Scalar,
    target: tuple[int, int, Field],
    index: Typed | None,
    node: Value,
    typed: Typed,
) -> None:
    segment, number, place = target
    text = f"store {' '.join(key.text.split())}"
    if index is not None:
        if place.is_text or place.count is None:
            c.problems.add(key.mark, f"`{place.name}` is no array of numbers")
            return
        which = index.constant
        if isinstance(which, int) and not 0 <= which < place.count and not c.builder.discarding:
            c.problems.add(key.mark, f"index {which} is outside 0 … {place.count - 1}")
        if not _assignable(c, node, typed, INT, place.name):
            return
    else:
        if (
            place.count is not None
            and not place.is_text
            and typed.type.is_number
            and not typed.type.is_unknown
        ):
            c.problems.add(key.mark, f"`{place.name}` is an array: write `{key.text}[0]`")
            return
        _check_fit(c, node, typed, place)
    if index is None and place.count is not None and not place.is_text:
        _store_all(c, step, target, typed, text)
        return
    value = c.read(typed, step)
    where = None if index is None else c.read(index, step)
    c.builder.emit(Store(at=c.at(step), text=text, segment=segment, field=number, index=where, value=value))


def _store_all(
    c: ProcessCompiler, step: AnyStep, target: tuple[int, int, Field], typed: Typed, text: str
) -> None:
    """A whole array: its elements one after the other, each a store of its own."""
    segment, number, place = target
    values = c.read(typed, step)
    count = place.count or 0
    if isinstance(values, ListOf) and len(values.items) != count:
        c.problems.add(
            step.mark, f"`{place.name}` is a list of {count} numbers; these are {len(values.items)}"
        )
        return
    for i in range(count):
        value = values.items[i] if isinstance(values, ListOf) else fold(Index(values, Const(i)), {})
        c.builder.emit(
            Store(
                at=c.at(step), text=f"{text}[{i}]", segment=segment, field=number, index=Const(i), value=value
            )
        )
