"""The kernel's side: the only place with ctypes, sysv_ipc and errno. Linux only.

- `libc`: the C library with errno kept, and the flags by the kernel's own names;
- `semaphores`, `queues`, `segments`, `keys`: the three mechanisms and how they are found;
- `process`: what a run needs of prctl, futex and unshare;
- `memory`, `capabilities`: what else decides how an attachment or a right behaves.

sysv_ipc serves for ftok and for attaching memory. It makes only sets of one semaphore, has no
message flags and no errno of its own, so semop, semctl, msgsnd, msgrcv go through ctypes.

Calls that create, ask or remove raise `OSError` with the kernel's errno. The calls on the hot path
(`semop`, `semtimedop`, `msgsnd`, `msgrcv`) return −1 and leave the errno to `last_errno()`.
"""
