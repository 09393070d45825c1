"""What a scenario means, for `ipcsim show`: parameters, objects, processes step by step, what must hold."""

from __future__ import annotations

from collections.abc import Iterator

from ipcsim.language import Description, ParameterInfo
from ipcsim.program import Family, Program, Property
from ipcsim.program.instructions import (
    Branch,
    Choose,
    Exit,
    Instruction,
    Jump,
    KernelCall,
    Pause,
    Repeat,
)
from ipcsim.program.objects import (
    Field,
    IpcObject,
    Key,
    Member,
    Queue,
    Segment,
    SemaphoreSet,
    Struct,
    Value,
)
from ipcsim.report import expressions, words
from ipcsim.report.page import LEAST_ROOM, Page

_MOST_VALUES = 12
NARROW = 72  # columns: below, where a step goes on stands behind it instead of beside it


def render(description: Description, program: Program, width: int = 80, color: bool = False) -> str:
    """The whole page; what depends on arguments is shown for those of `program`."""
    page = Page(width, color)
    _heading(page, description)
    _section(page, "parameters", _parameters(description, program), styles=("cyan",))
    _section(page, "objects", _objects(program), styles=("", "cyan", "", "dim"), wrap=2)
    _processes(page, program)
    _section(page, "properties", _properties(program), styles=("cyan", "", "dim"), least=48)
    _section(page, "variants", _variants(description), styles=("", "bold"), wrap=0)
    page.blank()
    page.paragraph(("expected: ", "bold"), f"{program.expect_run}   ({_settings(program)})", hanging=2)
    return page.text()


def summary(program: Program) -> str:
    """`5 processes, 1 semaphore set, 2 properties`."""
    found = (
        (len(program.processes), "process", "processes"),
        (len(program.sets), "semaphore set", ""),
        (len(program.queues), "queue", ""),
        (len(program.segments), "segment", ""),
        (len(program.properties), "property", "properties"),
    )
    return ", ".join(words.count(n, one, many) for n, one, many in found if n)


def _heading(page: Page, description: Description) -> None:
    page.paragraph((description.name, "bold"), f"   {description.title}" if description.title else "")
    for line in (description.titre, description.source, description.course):
        if line:
            page.paragraph((line, "dim"))
    if description.description:
        page.blank()
        page.prose(description.description, indent=2)


def _section(
    page: Page,
    title: str,
    rows: list[tuple[str, ...]],
    styles: tuple[str, ...],
    wrap: int = 1,
    least: int = LEAST_ROOM,
) -> None:
    if rows:
        page.blank()
        page.line((title, "bold"))
        page.columns(rows, indent=2, styles=styles, wrap=wrap, least=least)


# --- parameters and variants ---


def _parameters(description: Description, program: Program) -> list[tuple[str, ...]]:
    now = dict(program.arguments)
    return [
        (f"{p.name} = {words.value(now.get(p.name, p.default))}", _range(p), p.description)
        for p in description.parameters
    ]


def _range(info: ParameterInfo) -> str:
    return f"{info.range}; default {words.value(info.default)}"


def _variants(description: Description) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for variant in description.variants:
        differs = variant.expect_verify != variant.expect_run
        verify = f" (verify: {variant.expect_verify})" if differs else ""
        rows.append((words.assignments(variant.arguments) or "defaults", f"{variant.expect_run}{verify}"))
    return rows


def _settings(program: Program) -> str:
    s = program.settings
    said = [f"scheduler {s.scheduler}", f"timeout {s.timeout:g} s"]
    if s.duration is not None:
        said.append(f"ends on purpose after {s.duration:g} s")
    if s.seed is not None:
        said.append(f"seed {s.seed}")
    return ", ".join(said)


# --- objects ---


def _objects(program: Program) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for _, declared in program.objects():
        kind, content = _content(declared)
        remarks = [*_key(declared.key)]
        remarks += [] if declared.created_by_run else ["created by a process"]
        remarks += ["outlives the run"] if declared.persist else []
        tail = f" ({', '.join(remarks)})" if remarks else ""
        rows.append((kind, declared.name, content + tail, str(declared.at)))
    return rows


def _content(declared: IpcObject) -> tuple[str, str]:
    match declared:
        case SemaphoreSet(members=members):
            return "semaphores", ", ".join(_member(m) for m in members)
        case Queue(message=message, bytes=capacity):
            size = "" if capacity is None else f", room for {words.count(capacity, 'byte')}"
            return "queue", f"{_struct(message)}, {words.count(message.size, 'byte')} a message{size}"
        case Segment(struct=struct, initial=initial):
            pairs = zip(struct.fields, initial, strict=True)
            return "segment", ", ".join(f"{_field(f)} = {_value(v)}" for f, v in pairs)


def _member(member: Member) -> str:
    if member.count is None:
        return f"{member.name} = {member.initial[0]}"
    name = f"{member.name}[0..{member.count - 1}]"
    same = len(set(member.initial)) == 1
    return f"{name} = {member.initial[0] if same else _value(member.initial)}"


def _struct(struct: Struct) -> str:
    return "{" + ", ".join(_field(f) for f in struct.fields) + "}"


def _field(field: Field) -> str:
    size = "" if field.count is None else f"[{field.count}]"
    return f"{'atomic ' if field.atomic else ''}{field.type} {field.name}{size}"


def _value(value: Value) -> str:
    if isinstance(value, tuple):
        shown = " ".join(repr(v) if isinstance(v, str) else str(v) for v in value[:_MOST_VALUES])
        return f"{shown} …" if len(value) > _MOST_VALUES else shown
    return repr(value) if isinstance(value, str) else str(value)


def _key(key: Key) -> Iterator[str]:
    if key.path is not None:
        yield f"key ftok({key.path}, {key.project})"
    elif key.number is not None:
        yield f"key {key.number:#x}"


# --- processes ---


def _processes(page: Page, program: Program) -> None:
    page.blank()
    page.line(("processes", "bold"))
    for family in program.families:
        names = family.name if family.count is None else f"{family.name}[0..{family.size - 1}]"
        page.line((names, "cyan"), (f"   {family.at}", "dim"), indent=2)
        if remarks := _remarks(family):
            page.paragraph(remarks, indent=6)
        if values := _locals(family):
            page.paragraph(f"locals of the first: {values}", indent=6)
        # line numbers are those of the file where the family stands
        rows: list[tuple[str, ...]] = [
            (str(pc), _line(instruction, family), instruction.text, _flow(instruction))
            for pc, instruction in enumerate(family.code)
        ]
        rows = [_right(r, rows) for r in rows]
        if page.width < NARROW:
            rows = [(*r[:2], f"{r[2]}  ({r[3]})" if r[3] else r[2]) for r in rows]
        page.columns(rows, indent=4, styles=("dim", "dim", "", "dim"), wrap=2, least=12)
        page.blank()


def _remarks(family: Family) -> str:
    """Who starts it and whose rights it has, where that is not the run and its user."""
    said = ["started by `spawn:`, not by the run"] if family.spawned else []
    if family.identity is not None:
        said.append(f"as user {family.identity.uid}, group {family.identity.gid}")
    return "; ".join(said)


def _right(row: tuple[str, ...], rows: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Its numbers aligned at the right."""
    wide = [max(len(r[i]) for r in rows) for i in (0, 1)]
    return (row[0].rjust(wide[0]), row[1].rjust(wide[1]), *row[2:])


def _line(instruction: Instruction, family: Family) -> str:
    same = instruction.at.file == family.at.file
    return f"line {instruction.at.line}" if same else str(instruction.at)


def _locals(family: Family) -> str:
    if not family.initial:
        return ""
    pairs = zip(family.slots, family.initial[0], strict=False)
    declared = [(n, v) for n, v in pairs if n != "me" and not n.startswith(".")]
    return ", ".join(f"{name} = {_value(value)}" for name, value in declared)


def _flow(instruction: Instruction) -> str:
    """Where it goes on, unless that is the next one."""
    match instruction:
        case Jump(target=target):
            return f"go to {target}"
        case Branch(otherwise=otherwise):
            return f"else go to {otherwise}"
        case Repeat(target=target):
            return f"go to {target} while some are left"
        case Choose(targets=targets):
            return f"go to {' or '.join(map(str, targets))}"
        case KernelCall(handlers=handlers) if handlers:
            return ", ".join(f"{name}: go to {target}" for name, target in handlers)
        case Exit():
            return "the process ends" if instruction.text == "end" else ""
        case Pause():
            return "in a free run only"
    return ""


# --- properties ---


def _properties(program: Program) -> list[tuple[str, ...]]:
    return [(p.name, _property(p, program), str(p.at)) for p in program.properties]


def _property(declared: Property, program: Program) -> str:
    kind = str(declared.kind).replace("_", " ")
    if declared.condition is None:
        return f"{kind} {declared.phase or ''}"
    return f"{kind} {expressions.text(declared.condition, program)}"
