"""The runs that `benchmarks.kills` kills: each shape is a scenario that is busy with something else.

They go on until their timeout. So a run that ended in order was inconclusive, or something is said about
who was killed.
"""

from __future__ import annotations

from random import Random

STRANGER = 65534  # the uid of nobody, under which some processes run where that is allowed

_RUNNING = """
semaphores: {set: {room: 3, lock: 1, KEY1}}
queues: {mail: {message: {n: int}, KEY2}}
segments: {memory: {count: long, KEY3}}
processes:
  sender: {count: 2, steps: [forever: [{P: room, undo: true}, send: {queue: mail, type: 1}]]}
  receiver:
    count: 2
    steps:
      - forever:
        - receive: {queue: mail, type: 1}
        - P: lock
        - set: {memory.count: memory.count + 1}
        - V: lock
        - V: room
"""

# more than `launcher.MANY`: two fork them. The last one may still come, so it is no deadlock
_BLOCKED = """
semaphores: {set: {a: 0, KEY1}}
processes:
  sleeper: {count: 120, steps: [P: a]}
  late: {steps: [pause: 60s, V: {a: 120}]}
"""

_SPAWNING = """
semaphores: {set: {a: 1}}
queues: {mail: {message: {n: int}}}
segments: {memory: {count: long}}
processes:
  parent:
    locals: {i: 0}
    steps:
      - repeat: 60
        steps:
          - spawn: child[i]
          - set: {i: i + 1}
          - pause: 1ms..10ms
  child:
    count: 60
    spawned: true
    steps:
      - spawn: grandchild[me]
      - create: mail
      - repeat: 20
        steps: [create: memory, remove: memory]
      - remove: mail
      - forever: [P: a, pause: 1ms, V: a]
  grandchild:
    count: 60
    spawned: true
    steps: [forever: [P: a, pause: 1ms, V: a]]
"""

_CREATING = """
semaphores: {set: {a: 0, b: 0, KEY1}, held: {c: 0}}
queues: {mail: {message: {n: int}, bytes: 100, KEY2}}
segments: {memory: {count: long}, other: {count: long, KEY3}}
processes:
  first: {AS steps: [forever: [create: set, remove: set]]}
  second: {steps: [forever: [create: mail, remove: mail]]}
  third: {AS steps: [forever: [create: memory, remove: memory]]}
  fourth: {steps: [forever: [create: other, remove: other]]}
  fifth: {count: 2, steps: [P: c]}
  late: {steps: [pause: 60s, V: {c: 2}]}
"""

_CONTROLLED = """
semaphores: {set: {a: 1}, other: {b: 0, KEY1}}
segments: {memory: {count: long, KEY2}}
processes:
  worker: {count: 3, steps: [forever: [P: a, V: a]]}
  maker: {steps: [forever: [create: other, create: memory, remove: memory, remove: other]]}
"""

_STOPPING = """
semaphores: {set: {a: 0, KEY1}}
segments: {memory: {count: long}}
processes:
  sleeper: {count: 3, steps: [forever: [phase: one, create: memory, remove: memory]]}
  boss:
    locals: {i: 0}
    steps:
      - forever:
        - signal: {to: "sleeper[i % 3]", name: SIGSTOP}
        - pause: 5ms
        - signal: {to: "sleeper[(i + 1) % 3]", name: SIGCONT}
        - set: {i: i + 1}
"""

_PERSISTING = """
semaphores: {set: {a: 1, key: 0x5eed0001, persist: true}}
segments: {memory: {count: long, key: 0x5eed0002, persist: true}, other: {count: long}}
processes:
  worker: {count: 2, steps: [forever: [P: a, V: a]]}
  maker: {steps: [forever: [create: memory, create: other, remove: other]]}
"""

SHAPES = {
    "running": _RUNNING,
    "blocked": _BLOCKED,
    "spawning": _SPAWNING,
    "creating": _CREATING,
    "controlled": _CONTROLLED,
    "stopping": _STOPPING,
    "persisting": _PERSISTING,
}


def scenario(shape: str, chance: Random, timeout: float, strangers: bool) -> str:
    """The text of one, with keys or without; `strangers`: some of its processes may run as another user."""
    text = SHAPES[shape]
    for number in (1, 2, 3):
        keyed = chance.random() < 0.5
        text = text.replace(f", KEY{number}", f", key: 0x5eed000{number}" if keyed else "")
    another = strangers and chance.random() < 0.3
    text = text.replace("AS ", f"as: {{uid: {STRANGER}}}, " if another else "")
    scheduler = "scheduler: random, " if shape == "controlled" else ""
    settings = f"run: {{{scheduler}timeout: {timeout * 1000:.0f}ms, starvation: off, livelock: off}}"
    return f"scenario: {shape}{text}{settings}\n"
