"""A second opinion on `ipcsim verify` that shares nothing with it.

An interpreter of scenario documents (what YAML makes of a scenario's text), written from the rules of
System V IPC on Linux (S-1 …, Q-1 …) and from docs/language.md alone, to be plainly right rather than fast.
But for `compare` it imports nothing of `ipcsim`: not the compiled Program, not the model, not the search.
Every call, load and store is a step, falling asleep and every part of an end too; all states are kept in
one dictionary, and every question is answered by looking at all of them.

- `scenario`      the document, with its blocks of steps numbered
- `expressions`   values of expressions, one load of shared memory at a time
- `world`         one state
- `control`       loops, branches, assignments: what one process does by itself
- `semaphores`, `queues`   the rules of the calls
- `machine`       how a call returns, how a process sleeps, wakes and ends; what orders accesses
- `life`          signals, spawning, objects that come and go
- `steps`         what each process can do next
- `explore`       all states
- `judge`         what is wrong in them
- `generator`     random scenarios
- `compare`       one random scenario: this against `ipcsim.verify`
"""
