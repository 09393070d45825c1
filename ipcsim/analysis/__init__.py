"""The analysis: what a run, a trace, or a state of the model amounts to. Pure; knows no system.

- deadlock: `may` (what a process may still do), `needs`, `graph` (the wait-for graph and its reduction),
  `cycles`, `causes`, `reasons`, `explain` (findings in words);
- over events: `operations`, `starvation`, `races`, `properties`, `livelock`, `verdicts`;
- `monitor`: all of them at once, fed by the supervisor while the run goes on.
"""
