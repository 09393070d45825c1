"""create, open, attach, detach, remove, stat, change; and that every call can handle every errno."""

from __future__ import annotations

import pytest

from ipcsim.program.expressions import Binary, Const, Index, Local
from ipcsim.program.instructions import KernelCall, Lifecycle, ObjectCall, ObjectKind, ObjectRef, Receive
from tests.language.helpers import code_of, compile_steps, kinds, messages_of

QUEUE = ObjectRef(ObjectKind.QUEUE, 0)
SEGMENT = ObjectRef(ObjectKind.SEGMENT, 0)


def call(steps: str) -> ObjectCall:
    """The first call on an object in `steps`."""
    return next(i for i in code_of(steps) if isinstance(i, ObjectCall))


def refusal(step: str) -> str:
    """The one thing that is wrong with a step."""
    [message] = messages_of(
        "semaphores: {set: {mutex: 1}}\nqueues: {q: {message: {id: int}}}\nsegments: {s: {a: int}}\n"
        f"processes: {{p: {{steps: [{step}]}}}}"
    )
    return message


def test_open_by_an_id_that_came_in_a_message() -> None:
    program = compile_steps(
        "- receive: {queue: requests, into: r}\n- open: {object: s, id: r.client, readonly: true, into: mine}"
    )
    family = program.families[0]
    found = family.code[1]
    assert isinstance(found, ObjectCall)
    assert (found.action, found.object, found.readonly) == (Lifecycle.OPEN, SEGMENT, True)
    assert found.id == Index(Local(1, "r"), Const(0))
    assert family.slots == ("me", "r", "mine")


def test_open_by_an_id_in_shared_memory() -> None:
    assert kinds(code_of("- open: {object: requests, id: s.a, mode: 0200}")) == ["Load", "ObjectCall", "Exit"]
    assert call("- open: requests").id is None


def test_the_id_that_a_process_knows() -> None:
    for name in ("set", "requests", "s"):
        assert call(f"- stat: {{object: {name}, field: id, into: v}}").field == "id"


def test_attach_and_detach_by_address() -> None:
    program = compile_steps("""
- attach: {object: s, readonly: true, into: first}
- attach: {object: s, into: second}
- detach: {object: s, address: first}
- detach: s
""")
    attach, _, by_address, latest = program.families[0].code[:4]
    assert isinstance(attach, ObjectCall)
    assert isinstance(by_address, ObjectCall)
    assert isinstance(latest, ObjectCall)
    assert (attach.action, attach.readonly, attach.into) == (Lifecycle.ATTACH, True, 1)
    assert (by_address.action, by_address.address) == (Lifecycle.DETACH, Local(1, "first"))
    assert latest.address is None
    assert program.families[0].slots == ("me", "first", "second")


def test_change() -> None:
    both = call("- change: {object: requests, bytes: me + 64, mode: 0640}")
    assert (both.action, both.object, both.mode) == (Lifecycle.CHANGE, QUEUE, 0o640)
    assert both.bytes == Binary("+", Local(0, "me"), Const(64))
    assert call("- change: {object: requests, bytes: 0}").mode is None
    for name in ("set", "requests", "s"):
        mode = call(f"- change: {{object: {name}, mode: 0000}}")
        assert (mode.mode, mode.bytes) == (0, None)


@pytest.mark.parametrize("size", [0, 1, 5, 8, 100_000])
def test_any_size_can_be_asked_for(size: int) -> None:
    """Smaller than the struct, none at all, larger: what becomes of it is the kernel's to say."""
    for name in ("s", "set"):
        assert call(f"- create: {{object: {name}, size: {size}, exclusive: true}}").size == size
        assert call(f"- open: {{object: {name}, size: {size}}}").size == size


@pytest.mark.parametrize("size", ["0", "4", "32", "1000", "me", "-1"])
def test_any_size_can_be_received(size: str) -> None:
    code = code_of(
        f"- receive: {{queue: requests, into: r, size: {size}, noerror: true, type: 1, except: true}}"
    )
    found = code[0]
    assert isinstance(found, Receive)
    assert found.size == (Local(0, "me") if size == "me" else Const(int(size)))
    assert (found.noerror, found.exclude) == (True, True)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("change: q", "expected {object: …, mode: …}, not `q`"),
        ("change: {object: q}", "`change` changes nothing"),
        ("change: {mode: 0600}", "`object:` is missing"),
        ("change: {object: s, bytes: 3}", "`bytes` is for queues: no other object's size ever changes"),
        ("change: {object: q, bytes: -1}", "`bytes` is 0 or more, not -1"),
        ("change: {object: q, bytes: \"'a'\"}", "`bytes` is a number; this is a text"),
        ("change: {object: q, mode: 0888}", "expected permissions in octal such as `0600`, not `0888`"),
        ("change: {object: q, size: 3}", "unknown key `size`"),
        ("change: {object: mutex, mode: 0600}", "`mutex` is one semaphore of the set `set`: name the set"),
        ("create: {object: q, size: 3}", "a queue has no size"),
        ("create: {object: s, size: -1}", "a size is -1; it must be from 0 to 67,108,864"),
        ("create: {object: s, size: me}", "`me` has a value only inside a process"),
        ("create: {object: s, id: 3}", "unknown key `id`"),
        ("open: {object: s, id: \"'a'\"}", "an id is a number; this is a text"),
        (
            "open: {object: s, id: 3, size: 4}",
            "an object opened by its id is not looked for: no size is asked for",
        ),
        ("attach: {object: s, address: 4096}", "unknown key `address`"),
        ("attach: {object: q, into: v}", "`attach` is for segments"),
        ("detach: {object: s, address: [1]}", "expected an expression, not a list"),
        ("detach: {object: s, address: q}", "`q` is a queue; it has no value"),
        ("detach: {object: q}", "`detach` is for segments"),
        ("stat: {object: set, field: qnum, into: v}", "IPC_STAT of a semaphore set has no `qnum`"),
    ],
)
def test_what_is_refused(step: str, message: str) -> None:
    assert refusal(step) == message


ERRNOS = (
    "EACCES", "EPERM", "EEXIST", "ENOENT", "EINVAL", "E2BIG", "ENOMSG", "EIDRM", "EINTR", "ERANGE", "ENOSPC",
    "EAGAIN", "ESRCH", "EFBIG", "ENOMEM", "EFAULT",
)  # fmt: skip
CALLS = {
    "P: mutex": "nowait: true, undo: true",
    "V: mutex": "undo: true",
    "Z: mutex": "timeout: 1s",
    "semop: {mutex: -1, fork[0]: 0}": "timeout: 10ms",
    "send: {queue: requests, type: 1, message: {client: 1}, length: 2}": "nowait: true",
    "receive: {queue: requests, into: r, size: 2, noerror: true, type: 1, except: true}": "timeout: 1s",
    "create: {object: s, exclusive: true, mode: 0600, size: 3, into: v}": "",
    "open: {object: s, readonly: true, mode: 0400, size: 3, into: v}": "",
    "open: {object: s, readonly: true, id: me, into: v}": "",
    "attach: {object: s, readonly: true, into: v}": "",
    "detach: {object: s, address: 4096}": "",
    "remove: s": "",
    "stat: {object: s, field: nattch, into: v}": "",
    "change: {object: requests, bytes: 64, mode: 0600}": "",
    "get: {value: mutex, into: v}": "",
    "get: {all: set, into: values}": "",
    "set_value: {mutex: 1}": "",
    "set_value: {all: set, values: [1, 1, 1, 1, 1, 1]}": "",
    "signal: {to: p, name: SIGUSR1}": "",
}


@pytest.mark.parametrize("step", CALLS)
def test_every_call_handles_every_errno(step: str) -> None:
    handlers = ", ".join(f"{name}: [exit: {number}]" for number, name in enumerate(ERRNOS))
    options = ", ".join(filter(None, [step, CALLS[step], f"on_error: {{{handlers}}}"]))
    code = code_of(f"- {{{options}}}\n- exit: 99")
    found = next(i for i in code if isinstance(i, KernelCall))
    assert {name: code[pc].text for name, pc in found.handlers} == {
        name: f"exit: {number}" for number, name in enumerate(ERRNOS)
    }
