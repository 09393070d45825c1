"""The system calls in which a process sleeps for System V IPC, as /proc shows them (R-1 to R-3).

Numbers: the tables of Linux's source; x86-64 was run. glibc's semop() calls semtimedop. i386, x32 and old ARM
programs have other numbers, and are not looked at.
"""

from __future__ import annotations

_X86_64 = {65: "semop", 220: "semtimedop", 69: "msgsnd", 70: "msgrcv"}
_GENERIC = {193: "semop", 192: "semtimedop", 189: "msgsnd", 188: "msgrcv"}
# by the name of the machine, as uname(2) has it: the call of each number
CALLS = {"x86_64": _X86_64, "aarch64": _GENERIC, "riscv64": _GENERIC}

# what the kernel function has in its name, in which the call sleeps (/proc/PID/wchan)
SLEEPS_IN = {"semop": b"semtimedop", "semtimedop": b"semtimedop", "msgsnd": b"msgsnd", "msgrcv": b"msgrcv"}
