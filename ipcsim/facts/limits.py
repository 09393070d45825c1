"""The limits of System V IPC: what Linux has built in, and what its sysctls say unless somebody changed them.

Sources: semget(2), semop(2), msgget(2), msgop(2), shmget(2), proc_sys_kernel(5); the numbers are those of a
new IPC namespace of Linux 6.18 (K-7: each namespace has its own, and can have others). What each is of, and
its sysctl: `sysctls`.
"""

from __future__ import annotations

# semaphore sets
SEMVMX = 32_767  # the greatest value of a semaphore
SEMAEM = 32_767  # of semadj, the undo of a process: -SEMAEM - 1 to SEMAEM (S-4)
SEM_OPS = range(-32_768, 32_768)  # what one operation can add or take: sem_op is a short
SEMMSL = 32_000
SEMMNS = 1_024_000_000
SEMOPM = 500
SEMMNI = 32_000
# message queues
MSGMAX = 8_192
MSGMNB = 16_384
MSGMNI = 32_000
# shared memory
SHMMIN = 1
SHMMAX = 2**64 - 1 - 2**24
SHMALL = 2**64 - 1 - 2**24
SHMMNI = 4_096
# ids of a kind that a namespace can give, whatever SEMMNI, MSGMNI, SHMMNI say
IPCMNI = 32_768
