"""The intermediate representation: what a scenario means, with no operating system inside.

- `objects`: the declared semaphore sets, queues and segments;
- `expressions`: side-effect-free expressions and their evaluation;
- `instructions`: the static steps of a process;
- `program`: Program, Family, Process, Property, and how to run it;
- `flow`: the control-flow graph of a process, which branches are decided, and the solvers over it;
- `constants`: which locals never change, so that expressions can be folded for one process;
- `codec`: a Program as JSON and back.
"""

from ipcsim.program.program import (
    Discipline,
    Fairness,
    Family,
    Identity,
    Process,
    Program,
    Property,
    PropertyKind,
    RunSettings,
    Scheduler,
    Source,
    VerifySettings,
)

__all__ = [
    "Discipline",
    "Fairness",
    "Family",
    "Identity",
    "Process",
    "Program",
    "Property",
    "PropertyKind",
    "RunSettings",
    "Scheduler",
    "Source",
    "VerifySettings",
]
