"""The texts that `ipcsim new` writes."""

from __future__ import annotations

from ipcsim import catalogue
from ipcsim.language import Description, ParameterInfo
from ipcsim.report import words

MODELINE = "# yaml-language-server: $schema=ipcsim.schema.json"
_HEAD = f"""{MODELINE}
# (for editors that complete YAML: ipcsim schema > ipcsim.schema.json)
#
#   ipcsim check NAME.yaml     is it right?
#   ipcsim show NAME.yaml      what does it mean, step by step?
#   ipcsim run NAME.yaml       run it on real processes
"""

_SCENARIO = (
    _HEAD
    + """
scenario: NAME
title: Two workers count together
description: |
  Each worker adds to one counter in shared memory, a number of times. Take out the P and the V and
  run it again: some of what was added gets lost.

semaphores:                     # each entry is one semaphore set (semget)
  locks:
    mutex: 1                    # a semaphore and its first value; an array: {count: 5, value: 1}

segments:                       # shared memory (shmget): a C struct
  shared: {counter: int}

# queues:                       # message queues (msgget)
#   requests: {message: {client: int, text: 'char[30]'}}

processes:
  worker:
    count: 2                    # worker[0] and worker[1]; `me` is the number
    steps:
      - repeat: 10
        steps:
          - P: mutex            # several at once: P: {mutex: 1, other: 2}
          - phase: counting     # a name for where the process is, for properties
          - set: {shared.counter: shared.counter + 1}     # one load, one store
          - V: mutex

properties:                     # what must hold
  one at a time:
    never: at(worker[0], 'counting') and at(worker[1], 'counting')
  nothing is lost:
    at_end: shared.counter == 20

run: {timeout: 10s}             # seed, scheduler (free, random, pct), duration …
expect: ok                      # ipcsim run leaves with 0 if this is the verdict, else with 1
"""
)

_PROBLEM = (
    _HEAD
    + """#   ipcsim run NAME.yaml --set locking=none --scheduler random

problem: NAME
title: Workers count together
description: |
  Each worker adds to one counter in shared memory. With `locking: none` it is a race.

parameters:
  workers: {type: int, default: 2, min: 1, max: 50}
  rounds:  {type: int, default: 10, min: 1}
  locking: {type: choice, default: mutex, choices: [mutex, none]}

semaphores:                     # each entry is one semaphore set (semget)
  locks:
    mutex: 1

segments:                       # shared memory (shmget): a C struct
  shared: {counter: int}

processes:
  worker:
    count: workers              # worker[0] … worker[workers-1]; `me` is the number
    steps:
      - repeat: rounds
        steps:
          - if: locking == 'mutex'
            then: [P: mutex]
          - phase: counting
          - set: {shared.counter: shared.counter + 1}     # one load, one store
          - if: locking == 'mutex'
            then: [V: mutex]

properties:
  nothing is lost:
    at_end: shared.counter == workers * rounds

expect:                         # the variants, and the verdict of each
  - {with: {locking: mutex}, verdict: ok}
  - {with: {locking: none},  verdict: race, run: {scheduler: random, seed: 1}}
"""
)


def fresh(name: str, problem: bool = False) -> str:
    """A small one that runs and ends ok."""
    return (_PROBLEM if problem else _SCENARIO).replace("NAME", name)


def from_existing(name: str, existing: str) -> str:
    """A scenario that takes the problem `existing`, or a copy of the scenario `existing`."""
    described = catalogue.describe(existing)
    if described.is_problem:
        return _of_problem(name, described, existing)
    return _copy(name, described, catalogue.find(existing).text)


def _of_problem(name: str, described: Description, existing: str) -> str:
    """Every parameter in a line of its own, with what it may be."""
    problem = existing if _is_file(existing) else described.name
    title = described.title.replace("\\", "\\\\").replace('"', '\\"')
    lines = [_HEAD.replace("NAME", name), f"scenario: {name}", f'title: "{title}"', f"problem: {problem}"]
    if described.parameters:
        lines.append("with:")
        pairs = [(f"{p.name}: {_value(p, described)}", p.range) for p in described.parameters]
        wide = max(len(text) for text, _ in pairs)
        lines += [f"  {text.ljust(wide)}   # {may_be}" for text, may_be in pairs]
    lines += ["", f"expect: {described.expect_run}", ""]
    return "\n".join(lines)


def _is_file(existing: str) -> bool:
    return existing.endswith((".yaml", ".yml"))


def _value(info: ParameterInfo, described: Description) -> str:
    value = words.value(described.arguments.get(info.name, info.default))
    if info.type != "text":
        return value
    return "'" + value.replace("'", "''") + "'"


def _copy(name: str, described: Description, text: str) -> str:
    """The text under its new name, and above it what the parameters of its problem may be."""
    lines = text.split("\n")
    named = [i for i, line in enumerate(lines) if line.startswith("scenario:")]
    if named:
        lines[named[0]] = f"scenario: {name}"
    head = [] if MODELINE.split("=")[0] in text else [MODELINE]
    head += [f"# {p.name}: {p.range}" for p in described.parameters]
    return "\n".join([*head, *lines])
