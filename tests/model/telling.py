"""Instructions in words: what coverage counts, and what a disagreement shows."""

from __future__ import annotations

from typing import Any

from ipcsim.program.instructions import GetValue, Instruction, ObjectCall


def kind_of(instruction: Instruction) -> str:
    """What coverage counts."""
    name = type(instruction).__name__.lower()
    match instruction:
        case GetValue(question=question):
            return str(question)
        case ObjectCall(action=action, object=ref):
            return f"{action} {ref.kind}"
        case _ if name == "semop":
            return _kind_of_semop(instruction)
        case _ if name == "signal":
            return str(getattr(instruction, "signal", ""))
        case _ if name == "setvalue":
            return "SETALL" if getattr(instruction, "all", False) else "SETVAL"
    return name


def _kind_of_semop(instruction: Any) -> str:
    deltas = [o.delta.value for o in instruction.operations]
    many = "array" if len(deltas) > 1 else "one"
    if not any(deltas):
        return f"semop Z {many}"
    undo = " undo" if any(o.undo for o in instruction.operations) else ""
    sign = "V" if all(d >= 0 for d in deltas) else "P" if all(d <= 0 for d in deltas) else "PV"
    return f"semop {sign} {many}{undo}"


def brief(instruction: Instruction) -> str:
    """An instruction on one line."""
    found = []
    for name in instruction.__dataclass_fields__:
        value = getattr(instruction, name)
        if name in ("at", "text", "handlers", "into", "visible") or value in (None, False, ()):
            continue
        if name == "operations":
            value = [f"{o.delta.value:+}@{o.base}{' nowait' * o.nowait}{' undo' * o.undo}" for o in value]
        found.append(f"{name}={getattr(value, 'value', value)}")
    return f"{type(instruction).__name__}({', '.join(found)})"
