"""Every step of the language: its value, its options, what it does. One table, from which both the
checks of the shape and the JSON Schema for editors are derived."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ipcsim.facts import errnos, signals
from ipcsim.language.leaves import DURATION_JSON, EXPRESSION_JSON, MODE, MODE_JSON, VALUE_JSON, seconds
from ipcsim.language.nodes import Map, Mark, Node, Problems, Scalar, Seq, kind_of, suggest
from ipcsim.language.yaml_reader import as_bool

Json = dict[str, Any]

SENT_SIGNALS = (*signals.ENDING, "SIGSTOP", "SIGCONT")  # nobody could continue a process that stops itself


@dataclass(frozen=True)
class Spec:
    """What may stand somewhere: a scalar, a list, a mapping, each if said so. `what` completes
    "expected …"; one sentence for all the alternatives, so that no error speaks of unions."""

    what: str
    scalar: Callable[[Scalar], bool] | None = None
    json: Json | None = None  # of the scalar
    items: Spec | None = None
    values: Spec | None = None  # of a mapping whose keys are names
    fields: Mapping[str, Option] | None = None  # of a mapping with these keys
    is_steps: bool = False

    def check(self, node: Node, problems: Problems, key: Mark | None = None) -> bool:
        """Whether `node` fits; tells what does not."""
        if isinstance(node, Scalar):
            if self.scalar is not None and self.scalar(node):
                return True
        elif isinstance(node, Seq):
            if self.is_steps:
                return True
            if self.items is not None:
                return _all(self.items.check(n, problems) for n in node)
        elif self.fields is not None:
            return check_keys(node, self.fields, problems, key or node.mark)
        elif self.values is not None:
            return _all(self.values.check(n, problems, node.key_mark(k)) for k, n in node.items())
        mark = key if key is not None and isinstance(node, Scalar) and node.is_null else node.mark
        problems.add(mark, f"expected {self.what}, not {kind_of(node)}")
        return False

    def schema(self) -> Json:
        if self.is_steps:
            return {"$ref": "#/$defs/Steps"}
        forms: list[Json] = []
        if self.json is not None:
            forms.append(dict(self.json))
        if self.items is not None:
            forms.append({"type": "array", "items": self.items.schema()})
        if self.fields is not None:
            forms.append(object_schema(self.fields))
        elif self.values is not None:
            forms.append({"type": "object", "additionalProperties": self.values.schema()})
        return forms[0] if len(forms) == 1 else {"anyOf": forms}


def _all(checks: Iterable[bool]) -> bool:
    """Like `all`, but makes every check: each tells what it finds."""
    return not [c for c in checks if not c]


@dataclass(frozen=True)
class Option:
    spec: Spec
    doc: str
    required: bool = False


@dataclass(frozen=True)
class StepKind:
    """`cases`: the other keys are cases, each a list of steps (`switch`)."""

    name: str
    doc: str
    value: Spec
    options: Mapping[str, Option] = field(default_factory=dict)
    cases: bool = False


def check_keys(node: Map, options: Mapping[str, Option], problems: Problems, mark: Mark) -> bool:
    fine = True
    for key, value in node.items():
        if key in options:
            fine &= options[key].spec.check(value, problems, node.key_mark(key))
        else:
            problems.add(node.key_mark(key), f"unknown key `{key[:40]}`", suggest(key, options))
            fine = False
    for key, option in options.items():
        if option.required and key not in node:
            problems.add(mark, f"`{key}:` is missing")
            fine = False
    return fine


def object_schema(options: Mapping[str, Option]) -> Json:
    found: Json = {
        "type": "object",
        "properties": {k: o.spec.schema() | {"description": o.doc} for k, o in options.items()},
        "additionalProperties": False,
    }
    if required := [k for k, o in options.items() if o.required]:
        found["required"] = required
    return found


def _some(scalar: Scalar) -> bool:
    return not scalar.is_null and bool(scalar.text.strip())


_PAUSE = re.compile(r"\s*(\S+?)\s*(?:\.\.\s*(\S+)\s*)?")


def pause_bounds(text: str) -> tuple[float, float] | None:
    """`10ms` → (0.01, 0.01), `0ms..2ms` → (0, 0.002); None where it is neither."""
    match = _PAUSE.fullmatch(text)
    if match is None:
        return None
    least, most = seconds(match[1]), seconds(match[2] or match[1])
    return None if least is None or most is None or most < least else (least, most)


EXPRESSION = Spec("an expression", _some, EXPRESSION_JSON)
VALUE = Spec("an expression or a list of them", _some, VALUE_JSON, items=EXPRESSION)
NAME = Spec("a name", _some, {"type": "string"})
PROCESS = Spec("a process such as `writer` or `consumer[0]`", _some, {"type": "string"})
SEMAPHORE = Spec("a semaphore such as `mutex` or `fork[left]`", _some, {"type": "string"})
STEPS = Spec("a list of steps, each starting with `- `", is_steps=True)
FLAG = Spec("`true` or `false`", lambda s: as_bool(s) is not None, {"type": "boolean"})
DURATION = Spec("a duration such as `10ms`", lambda s: seconds(s.text) is not None, DURATION_JSON)
MODE_SPEC = Spec("permissions in octal such as `0600`", lambda s: bool(MODE.fullmatch(s.text)), MODE_JSON)
SEMAPHORES = Spec(
    "a semaphore, a list of them or {semaphore: amount}",
    _some,
    {"type": "string"},
    items=SEMAPHORE,
    values=EXPRESSION,
)
SEMAPHORE_LIST = Spec("a semaphore or a list of them", _some, {"type": "string"}, items=SEMAPHORE)
AMOUNTS = Spec("{semaphore: amount, …}", values=EXPRESSION)
SEMOPS = Spec("{semaphore: amount, …} or a list of such mappings", items=AMOUNTS, values=EXPRESSION)

ON_ERROR = {
    "on_error": Option(
        Spec(
            "{EAGAIN: [steps], …}",
            fields={n: Option(STEPS, f"steps after {n}") for n in errnos.OF_CALLS.values()},
        ),
        "steps for each errno; then goes on after the call",
    )
}
BLOCKING = {
    "nowait": Option(FLAG, "IPC_NOWAIT: fail instead of waiting"),
    "timeout": Option(DURATION, "how long to wait; then EAGAIN"),
    **ON_ERROR,
}
UNDO = {"undo": Option(FLAG, "SEM_UNDO: the kernel takes it back when the process ends"), **BLOCKING}
OBJECT = Option(NAME, "a semaphore set, queue or segment", required=True)
INTO = Option(NAME, "the local variable that receives it")


def _object(**more: Option) -> Spec:
    return Spec(
        "an object's name, or {object: …}", _some, {"type": "string"}, fields={"object": OBJECT, **more}
    )


def _signal(names: tuple[str, ...], *, may_be_missing: bool) -> Spec:
    words: list[str | None] = [*names]
    return Spec(
        "a signal: " + ", ".join(names),
        lambda s: s.text in names or (may_be_missing and s.is_null),
        {"enum": [*words, None] if may_be_missing else words},
    )


_KINDS = (
    StepKind("P", "semop(2): takes from semaphores, all at once, waiting until it can", SEMAPHORES, UNDO),
    StepKind("V", "semop(2): gives to semaphores, all at once", SEMAPHORES, UNDO),
    StepKind("Z", "semop(2): waits until semaphores are zero, all at once", SEMAPHORE_LIST, UNDO),
    StepKind("semop", "semop(2) as it is: negative takes, positive gives, 0 waits for zero", SEMOPS, UNDO),
    StepKind("send", "msgsnd(2)", Spec("{queue: …, type: …, message: {…}}", fields={
        "queue": Option(NAME, "the queue", required=True),
        "type": Option(EXPRESSION, "mtype, greater than 0", required=True),
        "message": Option(Spec("{field: value, …}", values=VALUE), "values of the fields; 0 unless told"),
        "length": Option(EXPRESSION, "bytes to send; the whole struct unless told"),
    }), BLOCKING),
    StepKind("receive", "msgrcv(2)", Spec("{queue: …, type: …, into: …}", fields={
        "queue": Option(NAME, "the queue", required=True),
        "type": Option(EXPRESSION, "0 (unless told) any, n > 0 this type, n < 0 the lowest type up to -n"),
        "into": Option(NAME, "receives the message: r.field, r.type, r.length"),
        "size": Option(EXPRESSION, "msgsz; the struct's size unless told"),
        "noerror": Option(FLAG, "MSG_NOERROR: cut a message that is too long"),
        "except": Option(FLAG, "MSG_EXCEPT: any type but this"),
    }), BLOCKING),
    StepKind("set", "assigns locals and segment fields, in order", Spec("{name: value, …}", values=VALUE)),
    StepKind("pause", "lets real time pass (none in verify)", Spec(
        "a duration such as `10ms` or `0ms..2ms`", lambda s: pause_bounds(s.text) is not None,
        {"type": "string", "examples": ["10ms", "0ms..2ms"]})),
    StepKind("phase", "says what the process does from here on", NAME, {
        "progress": Option(FLAG, "entering it is progress (no livelock)")}),
    StepKind("repeat", "does the steps n times", EXPRESSION, {
        "steps": Option(STEPS, "what to repeat", True)}),
    StepKind("forever", "does the steps again and again", STEPS),
    StepKind("while", "does the steps as long as it holds", EXPRESSION, {
        "steps": Option(STEPS, "what to repeat", True)}),
    StepKind("if", "does one or the other", EXPRESSION, {
        "then": Option(STEPS, "where it holds", True), "else": Option(STEPS, "where it does not")}),
    StepKind("switch", "does the case that is equal; the other keys are the cases", EXPRESSION, {
        "default": Option(STEPS, "where no case is equal")}, cases=True),
    StepKind("choose", "does any one of these: the schedule decides", Spec(
        "a list of lists of steps, or {label: [steps]}", items=STEPS, values=STEPS)),
    StepKind("call", "does the steps of a procedure", Spec(
        "a procedure's name, or {name: {argument: value}}", _some, {"type": "string"},
        values=Spec("{argument: value, …}", lambda s: s.is_null, {"type": "null"}, values=VALUE)), {
        "with": Option(Spec("{argument: value, …}", values=VALUE), "its arguments")}),
    StepKind("assert", "must hold, else the process ends and it is a finding", EXPRESSION, {
        "message": Option(NAME, "what to say then")}),
    StepKind("exit", "ends the process", Spec("an exit code", lambda s: True, {
        "type": ["integer", "string", "null"]})),
    StepKind("crash", "dies by a signal, SIGKILL unless told", _signal(signals.ENDING, may_be_missing=True)),
    StepKind("signal", "kill(2): another process gets a signal", Spec("{to: process, name: signal}", fields={
        "to": Option(PROCESS, "the process that gets it", required=True),
        "name": Option(_signal(SENT_SIGNALS, may_be_missing=False),
            "SIGKILL, SIGSTOP, SIGCONT; any other is caught and only interrupts a call", required=True),
    }), ON_ERROR),
    StepKind("spawn", "fork(2): starts a process whose family says `spawned: true`", PROCESS, ON_ERROR),
    StepKind("create", "semget/msgget/shmget with IPC_CREAT: this process makes the object", _object(
        exclusive=Option(FLAG, "IPC_EXCL"), mode=Option(MODE_SPEC, "permissions"),
        size=Option(EXPRESSION, "semaphores or bytes, where not as declared"), into=INTO), ON_ERROR),
    StepKind("open", "semget/msgget/shmget of what exists", _object(
        readonly=Option(FLAG, "ask for reading only"), mode=Option(MODE_SPEC, "permissions"),
        size=Option(EXPRESSION, "semaphores or bytes to ask for"),
        id=Option(EXPRESSION, "its id, told by another process: no key is needed"), into=INTO), ON_ERROR),
    StepKind("attach", "shmat(2)", _object(
        readonly=Option(FLAG, "SHM_RDONLY"),
        into=Option(NAME, "the local variable that receives the address")), ON_ERROR),
    StepKind("detach", "shmdt(2)", _object(
        address=Option(EXPRESSION, "which attachment; the latest unless told")), ON_ERROR),
    StepKind("remove", "IPC_RMID", _object(), ON_ERROR),
    StepKind("stat", "IPC_STAT", Spec("{object: …, field: …, into: …}", fields={
        "object": OBJECT, "field": Option(NAME, "which field, such as qnum or nattch", required=True),
        "into": Option(NAME, "the local variable that receives it", required=True)}), ON_ERROR),
    StepKind("change", "IPC_SET", Spec("{object: …, mode: …}", fields={
        "object": OBJECT, "mode": Option(MODE_SPEC, "the new permissions"),
        "bytes": Option(EXPRESSION, "the new msg_qbytes of a queue")}), ON_ERROR),
    StepKind("get", "semctl(2): asks a semaphore or a set", Spec("{value: semaphore, into: x}", fields={
        "value": Option(SEMAPHORE, "GETVAL: its value"),
        "ncnt": Option(SEMAPHORE, "GETNCNT: how many wait for more"),
        "zcnt": Option(SEMAPHORE, "GETZCNT: how many wait for zero"),
        "pid": Option(SEMAPHORE, "GETPID: who touched it last"),
        "all": Option(NAME, "GETALL: the values of a set"),
        "into": Option(NAME, "the local variable that receives it", required=True)}), ON_ERROR),
    StepKind("set_value", "semctl(2) SETVAL, or SETALL", Spec(
        "{semaphore: value}, or {all: set, values: […]}", values=VALUE), ON_ERROR),
)  # fmt: skip
STEP_KINDS: dict[str, StepKind] = {k.name: k for k in _KINDS}


@dataclass(slots=True)
class Step:
    """A step whose shape is right: its kind, its value, its options, its cases."""

    kind: StepKind
    node: Map
    value: Node
    options: dict[str, Node]
    cases: dict[str, Node]
    mark: Mark


def read_step(node: Node, problems: Problems) -> Step | None:
    """The step that `node` is; None, with the reason told, where it is none."""
    if not isinstance(node, Map):
        hint = f"write `- {node.text}:`" if isinstance(node, Scalar) and node.text in STEP_KINDS else ""
        problems.add(node.mark, f"expected a step such as `P: mutex`, not {kind_of(node)}", hint)
        return None
    kind = _kind(node, problems)
    if kind is None:
        return None
    mark = node.key_mark(kind.name)
    rest = {k: v for k, v in node.items() if k != kind.name}
    options = {k: v for k, v in rest.items() if k in kind.options}
    others = {k: v for k, v in rest.items() if k not in kind.options}
    fine = kind.value.check(node[kind.name], problems, mark)
    for key, value in options.items():
        fine &= kind.options[key].spec.check(value, problems, node.key_mark(key))
    for key, option in kind.options.items():
        if option.required and key not in options:
            problems.add(mark, f"`{kind.name}` lacks `{key}:`")
            fine = False
    for key, value in others.items():
        if kind.cases:
            fine &= STEPS.check(value, problems, node.key_mark(key))
        else:
            hint = suggest(key, kind.options)
            problems.add(node.key_mark(key), f"`{kind.name}` has no option `{key[:40]}`", hint)
    return Step(kind, node, node[kind.name], options, others, mark) if fine else None


def _kind(node: Map, problems: Problems) -> StepKind | None:
    found = ["switch"] if "switch" in node else [k for k in node if k in STEP_KINDS]
    if len(found) == 1:
        return STEP_KINDS[found[0]]
    if found:
        both = " and ".join(f"`{k}`" for k in found[:3])
        problems.add(
            node.key_mark(found[1]), f"one step does one thing; this has {both}", "start it with `- `"
        )
        return None
    first = next(iter(node), None)
    if first is None:
        problems.add(node.mark, "an empty step")
    else:
        hint = suggest(first, STEP_KINDS)
        if any(first in kind.options for kind in STEP_KINDS.values()):
            hint = f"`{first}:` belongs to the step before it: write it without `- `"
        problems.add(node.key_mark(first), f"unknown step `{first[:40]}`", hint)
    return None
