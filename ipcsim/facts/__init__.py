"""What is true of System V IPC, as data: known once, read by run, verify, documentation and tests.

- `limits`: how much of what there can be, and `sysctls`, the table of who says so;
- `errnos`, `signals`: their names and numbers, and what an errno means for the call that got it;
- `syscalls`: the calls in which a process sleeps, as /proc shows them;
- `stats`: what IPC_STAT tells; `selectors`: which messages a receive takes;
- `ordering`: which result of which call orders what stands before and after it (happens-before);
- `rules`: S-1 to R-8, what the kernel does, in words; `semantics` makes docs/semantics.md of it all.

Nothing here knows a Program or an operating system: keys are plain names, such as ("semop", "EAGAIN").
"""
