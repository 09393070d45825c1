"""What is true of System V IPC, as data: known once, read by run, verify, documentation and tests.

- `limits`: how much of what there can be, and `sysctls`, the table of who says so;
- `errnos`, `signals`: their names and numbers, and what an errno means for the call that got it;
- `stats`: what IPC_STAT tells; `selectors`: which messages a receive takes;
- `ordering`: which result of which call orders what stands before and after it (happens-before).

Nothing here knows a Program: keys are plain names, such as ("semop", "EAGAIN").
"""
