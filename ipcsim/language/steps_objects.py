"""The life of objects: create, open, attach, detach, remove, stat, change."""

from __future__ import annotations

from ipcsim.facts import stats
from ipcsim.language.compiler import ProcessCompiler, handles
from ipcsim.language.leaves import MODE
from ipcsim.language.nodes import Map, Mark, Node, Scalar, suggest
from ipcsim.language.objects import MAX_SEGMENT, octal
from ipcsim.language.scope import Scope
from ipcsim.language.step_table import Step
from ipcsim.language.types import INT
from ipcsim.language.values import constant_int
from ipcsim.program.expressions import Expr
from ipcsim.program.instructions import Lifecycle, ObjectCall, ObjectKind, ObjectRef

Options = dict[str, Node]


def _object(c: ProcessCompiler, step: Step) -> tuple[ObjectRef, Options] | None:
    """The object that a step names, and what else it says; None after an error."""
    options: Options = dict(step.value) if isinstance(step.value, Map) else {"object": step.value}
    node = options["object"]
    name = node.text if isinstance(node, Scalar) else ""
    found = c.objects.ref(name)
    if found is None:
        if name in c.objects.members:
            sets = [c.objects.sets[r.set].name for r in c.objects.members[name]]
            c.problems.add(node.mark, f"`{name}` is one semaphore of the set `{sets[0]}`: name the set")
        elif name not in c.objects.broken:
            c.problems.add(node.mark, f"unknown object `{name[:40]}`", suggest(name, c.objects.names()))
        return None
    return found[0], options


def _key(step: Step, name: str) -> Mark:
    """The place of an option's name."""
    return step.value.key_mark(name) if isinstance(step.value, Map) else step.mark


def _mode(options: Options) -> int | None:
    mode = options.get("mode")
    return octal(mode) if isinstance(mode, Scalar) and MODE.fullmatch(mode.text) else None


def _size(c: ProcessCompiler, step: Step, ref: ObjectRef, options: Options) -> int | None:
    """What semget or shmget is asked for; whether that is allowed is the kernel's to say."""
    size = options.get("size")
    if not isinstance(size, Scalar):
        return None
    if ref.kind is ObjectKind.QUEUE:
        c.problems.add(
            _key(step, "size"), "a queue has no size", "`bytes:` in `queues:` says how much it holds"
        )
        return None
    # an object's size cannot depend on the process: the same text means the same object everywhere
    scope = Scope(c.scope.constants, c.objects)
    return constant_int(size, scope, c.problems, "a size", 0, MAX_SEGMENT)


def _number(c: ProcessCompiler, step: Step, options: Options, key: str, what: str) -> Expr | None:
    return c.read(c.number(options[key], what), step) if key in options else None


@handles("create", "open")
def create(c: ProcessCompiler, step: Step) -> None:
    found = _object(c, step)
    if found is None:
        return
    ref, options = found
    action = Lifecycle(step.kind.name)
    size, id_ = _size(c, step, ref, options), _number(c, step, options, "id", "an id")
    if id_ is not None and "size" in options:
        c.problems.add(
            _key(step, "size"), "an object opened by its id is not looked for: no size is asked for"
        )
    c.kernel_call(
        step, ObjectCall, action=action, object=ref, mode=_mode(options), size=size, id=id_,
        exclusive=c.flag(options.get("exclusive")), readonly=c.flag(options.get("readonly")),
        into=c.into(options.get("into"), INT),
    )  # fmt: skip


@handles("attach", "detach")
def attach(c: ProcessCompiler, step: Step) -> None:
    found = _object(c, step)
    if found is None:
        return
    ref, options = found
    if ref.kind is not ObjectKind.SEGMENT:
        c.problems.add(step.mark, f"`{step.kind.name}` is for segments")
    address = _number(c, step, options, "address", "an address")
    c.kernel_call(
        step, ObjectCall, action=Lifecycle(step.kind.name), object=ref, address=address,
        readonly=c.flag(options.get("readonly")), into=c.into(options.get("into"), INT),
    )  # fmt: skip


@handles("remove")
def remove(c: ProcessCompiler, step: Step) -> None:
    found = _object(c, step)
    if found is not None:
        c.kernel_call(step, ObjectCall, action=Lifecycle.REMOVE, object=found[0])


@handles("stat")
def stat(c: ProcessCompiler, step: Step) -> None:
    found = _object(c, step)
    if found is None:
        return
    ref, options = found
    node = options["field"]
    name = node.text if isinstance(node, Scalar) else ""
    known = stats.of(ref.kind)
    if name not in known:
        words = "semaphore set" if ref.kind is ObjectKind.SEMAPHORES else ref.kind
        hint = suggest(name, known, many=20)
        c.problems.add(node.mark, f"IPC_STAT of a {words} has no `{name[:40]}`", hint)
    into = c.into(options["into"], INT)
    c.kernel_call(step, ObjectCall, action=Lifecycle.STAT, object=ref, field=name, into=into)


@handles("change")
def change(c: ProcessCompiler, step: Step) -> None:
    found = _object(c, step)
    if found is None:
        return
    ref, options = found
    is_queue = ref.kind is ObjectKind.QUEUE
    if "bytes" in options and not is_queue:
        c.problems.add(_key(step, "bytes"), "`bytes` is for queues: no other object's size ever changes")
    elif "bytes" not in options and "mode" not in options:
        c.problems.add(
            step.mark,
            "`change` changes nothing",
            "write `bytes:` or `mode:`" if is_queue else "write `mode:`",
        )
    typed = c.number(options["bytes"], "`bytes`") if "bytes" in options else None
    if typed is not None and isinstance(typed.constant, int) and typed.constant < 0:
        c.problems.add(options["bytes"].mark, f"`bytes` is 0 or more, not {typed.constant}")
    c.kernel_call(
        step, ObjectCall, action=Lifecycle.CHANGE, object=ref, mode=_mode(options),
        bytes=None if typed is None else c.read(typed, step),
    )  # fmt: skip
