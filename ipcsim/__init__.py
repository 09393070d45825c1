"""ipcsim: concurrency over System V IPC, run, watched and proved.

    >>> import ipcsim
    >>> program = ipcsim.load("dining-philosophers", seats=5)
    >>> outcome = ipcsim.run("dining-philosophers", seats=5, seed=7)
    >>> outcome.verdict, outcome.findings[0].message

The packages, from the bottom up: `program`, `trace`, `schedule`, `snapshot`, `verdict`, `errors` are
plain data; `language` turns text into a Program; `catalogue` finds texts; `analysis` judges; `sysv`
calls the kernel; `runner` runs; `report` shows; `cli` is the command.
"""
