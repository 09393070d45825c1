"""Runs a Program as real processes on real System V IPC objects.

- `launcher`: a small process of its own that creates the objects, forks the workers and reaps them;
- `worker`: one process of the scenario: executes its instructions and records every call;
- `rings`: the shared memory between workers and supervisor: control words and event rings;
- `supervisor`: drains the rings, watches for deadlock, stops the run and judges it;
- `probe`: asks the kernel whether a process really sleeps in the call that its ring names;
- `schedulers`: who takes the next step, where the supervisor decides that;
- `manifest`: what a run created, on disk, so that `ipcsim clean` can remove what a killed run left;
- `creating`: makes an object so that it is never lost; `intents`: finds what was not noted in time;
- `liveness`: whether a run goes on; `compaction`: keeps its manifest small;
- `clean`: removes what is left; `identity`: whether an object still is the one that a run made;
- `isolation`: runs in a private IPC namespace;
- `inventory`: every object of a namespace, whose it is, and (`sleepers`) who sleeps on it for what;
- `doctor`: what this `machine` allows: limits, abilities, surroundings.
"""
