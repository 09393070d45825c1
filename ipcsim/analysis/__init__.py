"""The analysis: what a run, a trace, or a state of the model amounts to. Pure; knows no system.

Deadlock, from a Snapshot:
- `may`: what each process may still do, from its program counter on;
- `needs`, `graph`: what a blocked process needs, the wait-for graph, and its reduction (`analyse`);
- `cycles`, `causes`, `reasons`, `explain`: the findings, one a cause, in words (`wording`).

Over events:
- `operations`, `requests`, `values`, `waits`: what an event means;
- `starvation`, `fairness`: overtaking counts, waiting times;
- `ordering` (with `clocks`), `races`: happens-before, and accesses that it leaves unordered; `links`: what a
  call passes on and learns, by the table in `facts`;
- `properties` (with `conditions`), `livelock`, `verdicts`: the rest of the findings;
- `monitor`: all of them at once, fed while a run goes on; `table`, `batch`, `tracker` make that cheap.
"""
