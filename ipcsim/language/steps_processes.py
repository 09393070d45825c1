"""signal, spawn: what one process does to another."""

from __future__ import annotations

import re

from ipcsim.language.compiler import ProcessCompiler, step
from ipcsim.language.family_names import FamilyName
from ipcsim.language.leaves import scalar, word
from ipcsim.language.nodes import Scalar, suggest
from ipcsim.language.spec import Shaped, must
from ipcsim.language.step_table import SENT_SIGNALS, Failing, Fields, Step
from ipcsim.language.types import Typed
from ipcsim.program.instructions import Signal, Spawn

PROCESS = scalar("a process such as `writer` or `consumer[0]`", {"type": "string"})
_REFERENCE = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\[(.*)\]\s*)?", re.DOTALL)


class Sent(Fields):
    to = must(PROCESS, "the process that gets it")
    name = must(
        word("a signal", SENT_SIGNALS),
        "SIGKILL, SIGSTOP, SIGCONT; any other is caught and only interrupts a call",
    )


def _process(c: ProcessCompiler, node: Scalar) -> tuple[FamilyName, Typed | None] | None:
    """The family and the index of `consumer[i]` or `writer`; None after an error."""
    match = _REFERENCE.fullmatch(node.text)
    if match is None:
        c.problems.add(node.mark, f"`{node.text[:40]}` names no process", "write `writer` or `consumer[0]`")
        return None
    index = None if match[2] is None else c.part(node, match.start(2), match.end(2))
    named = c.shared.families.get(match[1])
    if named is None:
        place = node.part(match.start(1), len(match[1]))
        c.problems.add(place, f"unknown process `{match[1][:40]}`", _hint(c, match[1]))
        return None
    if named.is_broken:
        return None
    which = None if index is None else index.expr
    # a step that this variant leaves out may count on more processes
    wrong = named.misnamed(which) or ("" if c.builder.discarding else named.outside(which))
    if wrong:
        c.problems.add(node.mark, wrong)
        return None
    return named, index


def _hint(c: ProcessCompiler, name: str) -> str:
    if c.scope.name(name) is not None:
        return f"`{name}` is a variable or parameter: name the process, such as `consumer[{name}]`"
    kind = "semaphore" if name in c.objects.members else c.objects.kind(name)
    return f"`{name}` is a {kind}" if kind else suggest(name, c.shared.families)


@step(
    "signal", "kill(2): another process gets a signal", Shaped(Sent, "{to: process, name: signal}"), Failing
)
def signal(c: ProcessCompiler, step: Step[Sent, Failing]) -> None:
    found = _process(c, step.value.to)
    if found is None:
        return
    family, index = found
    which = None if index is None else c.read(index, step)
    c.kernel_call(step, Signal, family=family.number, index=which, signal=step.value.name.text)


@step("spawn", "fork(2): starts a process whose family says `spawned: true`", PROCESS, Failing)
def spawn(c: ProcessCompiler, step: Step[Scalar, Failing]) -> None:
    found = _process(c, step.value)
    if found is None:
        return
    family, index = found
    if not family.spawned:
        c.problems.add(
            step.value.mark,
            f"`{family.name}` starts with the run: it cannot be spawned as well",
            f"write `spawned: true` into `{family.name}`",
        )
        return
    c.spawns.add(family.number)
    which = None if index is None else c.read(index, step)
    c.kernel_call(step, Spawn, family=family.number, index=which)
