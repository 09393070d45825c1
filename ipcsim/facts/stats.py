"""What IPC_STAT tells of an object: the fields of ipc_perm, semid_ds, msqid_ds and shmid_ds, without their
prefixes, and what each says. `id` is the object's own.

Sources: semctl(2), msgctl(2), shmctl(2); S-13, S-28, Q-11, H-4.
"""

from __future__ import annotations

COMMON = {
    "id": "what semget, msgget or shmget returned",
    "mode": "rights, the lowest 9 bits; of a segment that was removed also SHM_DEST",
    "uid": "the owner's user",
    "gid": "the owner's group",
    "cuid": "the creator's user",
    "cgid": "the creator's group",
    "key": "what it is found by; 0: private, or a segment that was removed",
}
SEMAPHORES = {
    "nsems": "how many semaphores the set has",
    "otime": "when a semop last succeeded, or an end last undid something; 0: never",
    "ctime": "when it was made, or changed by IPC_SET, SETVAL or SETALL",
}
QUEUE = {
    "qnum": "how many messages lie in it",
    "cbytes": "how many bytes they have together",
    "qbytes": "how many bytes may lie in it, and how many messages",
    "lspid": "who sent last",
    "lrpid": "who received last; a thread's id where the message was handed over",
    "stime": "when somebody last sent",
    "rtime": "when somebody last received",
    "ctime": "when it was made, or changed by IPC_SET",
}
SEGMENT = {
    "size": "how many bytes were asked for",
    "nattch": "how many mappings of it there are",
    "cpid": "who made it",
    "lpid": "who attached or detached last",
    "atime": "when somebody last attached",
    "dtime": "when somebody last detached",
    "ctime": "when it was made, or changed by IPC_SET",
}
FIELDS = {"semaphores": SEMAPHORES, "queue": QUEUE, "segment": SEGMENT}

PIDS = frozenset({"lspid", "lrpid", "cpid", "lpid"})
TIMES = frozenset({"otime", "ctime", "stime", "rtime", "atime", "dtime"})  # seconds since 1970

# bits of a segment's mode, above the rights
SHM_DEST, SHM_LOCKED = 0o1000, 0o2000


def of(kind: str) -> tuple[str, ...]:
    """The fields of an object of that kind, its own first."""
    return (*FIELDS[kind], *COMMON)


def markdown() -> list[str]:
    """The fields as lines of Markdown, for the documentation."""
    lines = ["| of | field | what it says |", "|---|---|---|"]
    groups = {"every object": COMMON, "a semaphore set": SEMAPHORES, "a queue": QUEUE, "a segment": SEGMENT}
    for what, fields in groups.items():
        lines += [f"| {what} | `{name}` | {says} |" for name, says in fields.items()]
    return lines
