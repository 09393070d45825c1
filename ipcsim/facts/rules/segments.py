"""Shared memory: H-1 to H-10."""

from __future__ import annotations

from ipcsim.facts.rules.rule import Family, Rule

FAMILY = Family(
    "Shared memory",
    (
        Rule(
            "H-1",
            "A segment is mapped in whole pages, zero-filled; the rest of the last page is usable",
            "shm_segsz stays as asked for. The bytes behind it are read, written, shared and kept like "
            "the others. The next page is SIGSEGV, unless something else of the process is mapped "
            "there.",
            "shmget(2)",
            differs="a size rounded up to whole pages, and nothing on the rest of the last",
        ),
        Rule(
            "H-2",
            "shmget: sizes, flags and limits",
            "0 or more than SHMMAX is EINVAL for a new one. For one that is there anything up to "
            "shm_segsz will do, one byte more is EINVAL, though in the same page. EEXIST comes before "
            "the size, IPC_EXCL alone is ignored. SHMALL (pages) or SHMMNI: ENOSPC.",
            "shmget(2)",
        ),
        Rule(
            "H-3",
            "SHM_RDONLY: writing is SIGSEGV, mprotect does not help",
            "mprotect(2) to writing is EACCES.",
            "shmop(2), mprotect(2)",
        ),
        Rule(
            "H-4",
            "nattch counts mappings: attachments, forks, pieces",
            "One more for each shmat, also in the same process, and for a fork (atime changes, lpid is "
            "the process that forked); one less at shmdt, exit, kill, exec, munmap. munmap or mprotect "
            "in the middle make two or three of one; one shmdt takes them all.",
            "shmop(2)",
            differs="how many processes have it attached (shmctl(2))",
        ),
        Rule(
            "H-5",
            "shmdt needs the very address",
            "A second time, an address inside, an unaligned one: EINVAL.",
            "shmop(2)",
        ),
        Rule(
            "H-6",
            "IPC_RMID of an attached segment: no key any more, usable by id, gone with the last detach",
            "mode has SHM_DEST, key is 0: shmget of the key is ENOENT, with IPC_CREAT it makes another "
            "one. It can still be attached by its id (on Linux), inherited, and removed again. Without "
            "anybody attached it goes at once. Then its id is EINVAL.",
            "shmctl(2)",
            differs="EIDRM for an identifier that was removed (shmop(2))",
        ),
        Rule(
            "H-7",
            "shmat needs read, and write unless SHM_RDONLY; shmget only what it asks for",
            "IPC_STAT needs read. shmget looks at the bits that it is called with, 0 is always fine.",
            "shmop(2), shmget(2)",
        ),
        Rule(
            "H-8",
            "The address of shmat: unaligned, occupied, SHM_RND, SHM_REMAP",
            "Unaligned is EINVAL, SHM_RND rounds it down; occupied is EINVAL, SHM_REMAP puts the "
            "segment there, and needs an address.",
            "shmop(2)",
        ),
        Rule(
            "H-9",
            "shm_rmid_forced: no segment without anyone attached outlives its creator",
            "With the sysctl kernel.shm_rmid_forced at 1 the last detach removes a segment, and the "
            "creator's end one that nobody has attached.",
            "proc_sys_kernel(5)",
        ),
        Rule(
            "H-10",
            "An attachment's line in /proc/PID/maps",
            "/SYSV and the key in eight hexadecimal digits, (deleted), the id as inode, a device "
            "without a disk.",
        ),
    ),
)
