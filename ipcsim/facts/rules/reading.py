"""What /proc tells of a process that sleeps in a call, and how it lies: R-1 to R-8."""

from __future__ import annotations

from ipcsim.facts.rules.rule import Family, Rule

FAMILY = Family(
    "Reading other processes",
    (
        Rule(
            "R-1",
            "/proc/PID/task/TID/syscall is the call's number and its arguments, in hexadecimal",
            "glibc's semop() calls semtimedop: id, address and count of the operations, address of the "
            "time. Ids, counts and flags are the lower 32 bits, a type is a signed long. What lies at "
            "the addresses is in /proc/PID/mem; another thread may have written over it since.",
            "proc_pid_syscall(5)",
        ),
        Rule(
            "R-2",
            "Call numbers belong to a machine; a 32-bit program has others, which must not be guessed",
            "By the class of the ELF file, /proc/PID/exe: i386 calls numbers that mean something else "
            "on x86-64.",
        ),
        Rule(
            "R-3",
            "A stopped, frozen or just served task still shows its call, and is in no queue",
            "Stopped: state T. Frozen: D in a v1 control group, S in a v2 one, and wchan is not the "
            "call's. Served and not yet run: R (so the source says; it was not seen). So it sleeps only "
            "where the state is S, wchan is the call's, and so is the line.",
        ),
        Rule(
            "R-4",
            "A reading counts where state, context switches and call are the same before and after",
            "Without, 565 of 104,071 readings of two processes that passed a unit to and fro did not "
            "fit together; with it none of 88,916.",
        ),
        Rule(
            "R-5",
            "syscall and mem need the right to attach; state, counters and /proc/sysvipc do not",
            "Of another user's process, one that is not dumpable, or under Yama, they are EACCES and "
            "wchan is 0. Whoever is not shown is left out, never guessed.",
            "ptrace(2), proc(5)",
        ),
        Rule(
            "R-6",
            "The same id exists in other namespaces: compare /proc/PID/ns/ipc",
            "setns(2) with CLONE_NEWIPC, in a process for that purpose, makes semctl and /proc/sysvipc "
            "those of the other one.",
            "ipc_namespaces(7)",
        ),
        Rule(
            "R-7",
            "Never by ptrace: attaching ends a semop with EINTR",
            "S-23 for strace and gdb; msgrcv goes on (Q-12). A C program that does not call again is "
            "changed by it.",
        ),
        Rule(
            "R-8",
            "Nothing in /proc says who holds a unit",
            "GETPID names who touched a semaphore last (S-13, S-31), and only one; semaphores have no "
            "owner, and SEM_UNDO's lists no interface. Only of segments the holders show, in "
            "/proc/PID/maps (H-10).",
        ),
    ),
)
