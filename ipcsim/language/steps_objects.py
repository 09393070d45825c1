"""The life of objects: create, open, attach, detach, remove, stat, change."""

from __future__ import annotations

from typing import TypeVar

from ipcsim.facts import stats
from ipcsim.language.compiler import ProcessCompiler, step
from ipcsim.language.leaves import EXPRESSION, MODE, NAME, flag
from ipcsim.language.nodes import Scalar, suggest
from ipcsim.language.objects import MAX_SEGMENT
from ipcsim.language.scope import Scope
from ipcsim.language.spec import Shaped, Spec, may, must
from ipcsim.language.step_table import INTO, Failing, Fields, Into, Step
from ipcsim.language.values import constant_int
from ipcsim.program.instructions import Lifecycle, ObjectCall, ObjectKind, ObjectRef

F = TypeVar("F", bound=Fields)
OBJECT = must(NAME, "a semaphore set, queue or segment")
PERMISSIONS = may(MODE, "permissions")


class Created(Fields):
    object = OBJECT
    exclusive = flag("IPC_EXCL")
    mode = PERMISSIONS
    size = may(EXPRESSION, "semaphores or bytes, where not as declared")
    into = INTO


class Opened(Fields):
    object = OBJECT
    readonly = flag("ask for reading only")
    mode = PERMISSIONS
    size = may(EXPRESSION, "semaphores or bytes to ask for")
    id = may(EXPRESSION, "its id, told by another process: no key is needed")
    into = INTO


class Attached(Fields):
    object = OBJECT
    readonly = flag("SHM_RDONLY")
    into = may(Into(), "the local variable that receives the address")


class Detached(Fields):
    object = OBJECT
    address = may(EXPRESSION, "which attachment; the latest unless told")


class Removed(Fields):
    object = OBJECT


class Asked(Fields):
    object = OBJECT
    field = must(NAME, "which field, such as qnum or nattch")
    into = must(Into(), "the local variable that receives it")


class Changed(Fields):
    object = OBJECT
    mode = may(MODE, "the new permissions")
    bytes = may(EXPRESSION, "the new msg_qbytes of a queue")


def _on(fields: type[F]) -> Spec[F]:
    return Shaped(fields, "an object's name, or {object: …}", short="object")


def _object(c: ProcessCompiler, node: Scalar) -> ObjectRef | None:
    """The object that a step names; None after an error."""
    name = node.text
    found = c.objects.ref(name)
    if found is None:
        if name in c.objects.members:
            sets = [c.objects.sets[r.set].name for r in c.objects.members[name]]
            c.problems.add(node.mark, f"`{name}` is one semaphore of the set `{sets[0]}`: name the set")
        elif name not in c.objects.broken:
            c.problems.add(node.mark, f"unknown object `{name[:40]}`", suggest(name, c.objects.names()))
        return None
    return found[0]


def _size(c: ProcessCompiler, ref: ObjectRef, value: Created | Opened) -> int | None:
    """What semget or shmget is asked for; whether that is allowed is the kernel's to say."""
    size = value.size
    if size is None:
        return None
    if ref.kind is ObjectKind.QUEUE:
        c.problems.add(
            value.node.key_mark("size"), "a queue has no size", "`bytes:` in `queues:` says how much it holds"
        )
        return None
    # an object's size cannot depend on the process: the same text means the same object everywhere
    scope = Scope(c.scope.constants, c.objects)
    return constant_int(size, scope, c.problems, "a size", 0, MAX_SEGMENT)


@step(
    "create",
    "semget/msgget/shmget with IPC_CREAT: this process makes the object",
    _on(Created),
    Failing,
    creates=True,
)
def create(c: ProcessCompiler, step: Step[Created, Failing]) -> None:
    value = step.value
    ref = _object(c, value.object)
    if ref is not None:
        c.kernel_call(
            step, ObjectCall, action=Lifecycle.CREATE, object=ref, mode=value.mode, size=_size(c, ref, value),
            exclusive=value.exclusive, into=c.into(value.into),
        )  # fmt: skip


@step("open", "semget/msgget/shmget of what exists", _on(Opened), Failing)
def open_(c: ProcessCompiler, step: Step[Opened, Failing]) -> None:
    value = step.value
    ref = _object(c, value.object)
    if ref is None:
        return
    size, id_ = _size(c, ref, value), c.maybe(value.id, "an id", step)
    if id_ is not None and value.size is not None:
        mark = value.node.key_mark("size")
        c.problems.add(mark, "an object opened by its id is not looked for: no size is asked for")
    c.kernel_call(
        step, ObjectCall, action=Lifecycle.OPEN, object=ref, mode=value.mode, size=size, id=id_,
        readonly=value.readonly, into=c.into(value.into),
    )  # fmt: skip


def _segment(c: ProcessCompiler, step: Step[Attached | Detached, Failing]) -> ObjectRef | None:
    ref = _object(c, step.value.object)
    if ref is not None and ref.kind is not ObjectKind.SEGMENT:
        c.problems.add(step.mark, f"`{step.kind.name}` is for segments")
    return ref


@step("attach", "shmat(2)", _on(Attached), Failing)
def attach(c: ProcessCompiler, step: Step[Attached, Failing]) -> None:
    ref, value = _segment(c, step), step.value
    if ref is not None:
        c.kernel_call(
            step, ObjectCall, action=Lifecycle.ATTACH, object=ref, readonly=value.readonly,
            into=c.into(value.into),
        )  # fmt: skip


@step("detach", "shmdt(2)", _on(Detached), Failing)
def detach(c: ProcessCompiler, step: Step[Detached, Failing]) -> None:
    ref = _segment(c, step)
    if ref is not None:
        address = c.maybe(step.value.address, "an address", step)
        c.kernel_call(step, ObjectCall, action=Lifecycle.DETACH, object=ref, address=address)


@step("remove", "IPC_RMID", _on(Removed), Failing)
def remove(c: ProcessCompiler, step: Step[Removed, Failing]) -> None:
    ref = _object(c, step.value.object)
    if ref is not None:
        c.kernel_call(step, ObjectCall, action=Lifecycle.REMOVE, object=ref)


@step("stat", "IPC_STAT", Shaped(Asked, "{object: …, field: …, into: …}"), Failing)
def stat(c: ProcessCompiler, step: Step[Asked, Failing]) -> None:
    value = step.value
    ref = _object(c, value.object)
    if ref is None:
        return
    name = value.field.text
    known = stats.of(ref.kind)
    if name not in known:
        words = "semaphore set" if ref.kind is ObjectKind.SEMAPHORES else ref.kind
        hint = suggest(name, known, many=20)
        c.problems.add(value.field.mark, f"IPC_STAT of a {words} has no `{name[:40]}`", hint)
    c.kernel_call(step, ObjectCall, action=Lifecycle.STAT, object=ref, field=name, into=c.into(value.into))


@step("change", "IPC_SET", Shaped(Changed, "{object: …, mode: …}"), Failing)
def change(c: ProcessCompiler, step: Step[Changed, Failing]) -> None:
    value = step.value
    ref = _object(c, value.object)
    if ref is None:
        return
    is_queue = ref.kind is ObjectKind.QUEUE
    if value.bytes is not None and not is_queue:
        mark = value.node.key_mark("bytes")
        c.problems.add(mark, "`bytes` is for queues: no other object's size ever changes")
    elif value.bytes is None and value.mode is None:
        remedy = "write `bytes:` or `mode:`" if is_queue else "write `mode:`"
        c.problems.add(step.mark, "`change` changes nothing", remedy)
    size = None
    if value.bytes is not None:
        typed = c.number(value.bytes, "`bytes`")
        if isinstance(typed.constant, int) and typed.constant < 0:
            c.problems.add(value.bytes.mark, f"`bytes` is 0 or more, not {typed.constant}")
        size = c.read(typed, step)
    c.kernel_call(step, ObjectCall, action=Lifecycle.CHANGE, object=ref, mode=value.mode, bytes=size)
