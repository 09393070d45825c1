"""What is true of System V IPC, as data: known once, read by run, verify, documentation and tests.

- `limits`: how much of what there can be, and `sysctls`, the table of who says so;
- `ordering`: which result of which call orders what stands before and after it (happens-before).

Nothing here knows a Program: keys are plain names, such as ("semop", "EAGAIN").
"""
