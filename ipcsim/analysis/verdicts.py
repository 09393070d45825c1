"""Findings about one process or one object: an uncaught errno, a failed assertion, a death, a leak.

Pure functions from data; who calls them has seen the event.
"""

from __future__ import annotations

from ipcsim.analysis import links
from ipcsim.errors import NOWHERE
from ipcsim.facts import errnos, signals
from ipcsim.program import Program
from ipcsim.program.instructions import (
    Assert,
    Call,
    Crash,
    Instruction,
    Load,
    ObjectKind,
    ObjectRef,
    Signal,
    Store,
)
from ipcsim.verdict import Finding, Kind, Verdict


def uncaught_errno(program: Program, process: int, pc: int, errno: int) -> Finding:
    """A call failed and the scenario does not say what to do then."""
    name, instruction, where = _who(program, process, pc)
    text = instruction.text if instruction else "a call"
    error = errnos.name(errno)
    means = _meaning(instruction, error)
    message = f"{name} got {error} at {where} from `{text}`, and nothing handles it"
    return Finding(
        Kind.ERRNO,
        Verdict.ERROR,
        f"{message}: {means}." if means else f"{message}.",
        processes=(name,),
        at=instruction.at if instruction else None,
        details=(
            (name, f"{text}: {error}", where),
            ("", f"`on_error: {{{error}: […]}}` on this step would handle it.", ""),
        ),
    )


def failed_assertion(program: Program, process: int, pc: int) -> Finding:
    """An `assert` of the scenario did not hold."""
    name, instruction, where = _who(program, process, pc)
    said = instruction.message if isinstance(instruction, Assert) else ""
    text = instruction.text if instruction else "assert"
    message = f"The assertion `{text}` of {name} at {where} does not hold"
    return Finding(
        Kind.ASSERTION,
        Verdict.VIOLATION,
        f"{message}: {said}." if said else f"{message}.",
        processes=(name,),
        at=instruction.at if instruction else None,
        details=((name, text, where),),
    )


def evaluation_error(program: Program, process: int, pc: int, problem: str) -> Finding:
    """An expression had no value: a division by zero, an index out of range."""
    name, instruction, where = _who(program, process, pc)
    text = instruction.text if instruction else ""
    at_step = f" in `{text}`" if text else ""
    return Finding(
        Kind.EVALUATION,
        Verdict.ERROR,
        f"{name} stopped at {where}{at_step}: {problem or 'an expression has no value'}.",
        processes=(name,),
        at=instruction.at if instruction else None,
        details=((name, problem, where),),
    )


def crash(program: Program, process: int, pc: int) -> Finding:
    """The scenario itself asked for the crash: a remark, no verdict."""
    name, instruction, where = _who(program, process, pc)
    signal = instruction.signal if isinstance(instruction, Crash) else "SIGKILL"
    return Finding(
        Kind.CRASH,
        None,
        f"{name} crashed by {signal} at {where}, as the scenario asks.",
        processes=(name,),
        at=instruction.at if instruction else None,
    )


def sends(program: Program, process: int, number: int) -> bool:
    """Whether some `signal` step of the scenario sends this signal to the family of `process`."""
    family, name = program.processes[process].family, signals.name(number)
    return any(
        isinstance(i, Signal) and i.family == family and i.signal == name
        for f in program.families
        for i in f.code
    )


def killed_by_order(program: Program, process: int, pc: int, number: int) -> Finding:
    """A process died by a signal that another one sent it in a step: a remark, no verdict."""
    name, instruction, where = _who(program, process, pc)
    sign = signals.name(number)
    return Finding(
        Kind.CRASH,
        None,
        f"{name} was killed by {sign} at {where}, as a `signal` step of the scenario asks.",
        processes=(name,),
        at=instruction.at if instruction else None,
    )


def killed_by_schedule(program: Program, process: int, pc: int, in_call: bool) -> Finding:
    """The schedule of a verification with crashes let a process die: a remark, no verdict."""
    name, instruction, where = _who(program, process, pc)
    text = instruction.text if instruction else ""
    place = f"in `{text}` at {where}" if in_call and text else f"after {where}"
    return Finding(
        Kind.CRASH,
        None,
        f"{name} was killed {place}, as the schedule asks.",
        processes=(name,),
        at=instruction.at if instruction else None,
    )


def killed(program: Program, process: int, pc: int, signal: int, in_call: bool) -> Finding:
    """A process died by a signal that the scenario did not ask for."""
    name, instruction, where = _who(program, process, pc)
    sign = signals.name(signal)
    text = instruction.text if instruction else ""
    what = f" while in `{text}` at {where}" if in_call and text else f" at or after {where}"
    why = "nothing in the scenario does that"
    if sign in ("SIGSEGV", "SIGBUS") and isinstance(instruction, Store):
        why = (
            "the segment is attached read-only there, or the field lies beyond its last page, so the "
            "store is a memory fault"
        )
    elif sign in ("SIGSEGV", "SIGBUS") and isinstance(instruction, Load):
        why = "the field lies beyond the segment's last page, so the load is a memory fault"
    return Finding(
        Kind.CRASH,
        Verdict.ERROR,
        f"{name} was killed by {sign}{what}: {why}.",
        processes=(name,),
        at=instruction.at if instruction else None,
        details=((name, f"killed by {sign}", where),),
    )


def ended_unexpectedly(program: Program, process: int, pc: int, code: int) -> Finding:
    """A process ended without an `exit` step and without any error of the scenario: ipcsim's own fault."""
    name, instruction, where = _who(program, process, pc)
    return Finding(
        Kind.CRASH,
        Verdict.ERROR,
        f"{name} ended unexpectedly with exit code {code} at or after {where}.",
        processes=(name,),
        at=instruction.at if instruction else None,
    )


def leak(program: Program, ref: ObjectRef, remark: str = "") -> Finding:
    """An object that the run made is still there at its end, and is not meant to persist."""
    declared = program.object(ref)
    what = {
        ObjectKind.SEMAPHORES: "semaphore set",
        ObjectKind.QUEUE: "message queue",
        ObjectKind.SEGMENT: "shared memory segment",
    }[ref.kind]
    return Finding(
        Kind.LEAK,
        Verdict.LEAK,
        f"The {what} `{declared.name}` is still there after the last process has ended: "
        "who creates an object has to remove it.",
        objects=(declared.name,),
        at=declared.at,
        details=(("", remark, ""),) if remark else (),
    )


def _meaning(instruction: Instruction | None, errno: str) -> str:
    """What an errno means for the call that got it, as a clause; empty where that is not known."""
    if not isinstance(instruction, Call):
        return ""
    timed = instruction.timeout is not None and not instruction.nowait
    return errnos.meaning(links.call_name(instruction), errno, timed)


def _who(program: Program, process: int, pc: int) -> tuple[str, Instruction | None, str]:
    code = program.code(process)
    instruction = code[pc] if 0 <= pc < len(code) else None
    where = instruction.at if instruction else NOWHERE
    return program.processes[process].name, instruction, str(where)
