"""The rules of System V IPC on Linux, one line each, and what of them no process can see."""

from __future__ import annotations

from typing import Final

RULES: Final = {
    # semaphore sets
    "S-1": "an array is all-or-nothing, and each operation sees what the earlier ones left",
    "S-2": "the first operation that cannot proceed decides, by its own IPC_NOWAIT: EAGAIN or sleep",
    "S-3": "a sleeper's array is evaluated again at each change, and may then fail: EAGAIN, ERANGE",
    "S-4": "ERANGE: a result above 32767, a semadj outside -32768..32767; the first failing operation wins",
    "S-5": "a change serves zero-waiters first, then all others by arrival, from the oldest again after each",
    "S-6": "so FIFO among those who can be served, and not fair: overtaking, barging, starvation",
    "S-7": "among zero-waiters the simple ones come before whole arrays (GETPID tells)",
    "S-8": "zero-waiters see a zero between two completions, not one inside an array",
    "S-9": "a pure zero-waiter comes before an older [Z,+1]; of two [Z,+1] the older one wins",
    "S-10": "GETNCNT and GETZCNT count a task on the first operation that cannot proceed, as things change",
    "S-11": "an array of zero-waits only is counted again only where a touched semaphore is now 0",
    "S-12": "GETNCNT counts threads",
    "S-13": "GETPID: who last named it in an array that succeeded, set it, or had it undone by exit",
    "S-14": "the hand-off is part of the V: the unit of a waiter killed right after is gone, unless SEM_UNDO",
    "S-15": "SEM_UNDO counts at completion; not inherited, kept by exec, shared by threads",
    "S-16": "exit undoes a set at once, clamped to 0..32767, and serves waiters; before waitpid returns",
    "S-17": "SETVAL clears that semaphore's semadj in all processes, SETALL all; IPC_RMID discards",
    "S-18": "an exit with nothing to undo changes no value and no GETPID, but otime",
    "S-19": "unshare of CLONE_SYSVSEM or CLONE_NEWIPC undoes at once",
    "S-20": "P with SEM_UNDO and V without over-credits at exit",
    "S-21": "IPC_RMID: sleepers get EIDRM, later calls EINVAL; a key made again has another id",
    "S-22": "a caught signal is EINTR, also with SA_RESTART; an ignored one is nothing",
    "S-23": "stopping, freezing, attaching a tracer end a semop with EINTR, without a handler",
    "S-24": "semtimedop: EAGAIN when the time is over, {0,0} polls, an invalid time is EINVAL in any case",
    "S-25": "errors: E2BIG, EINVAL (none) > EFAULT > EINVAL (id, time) > EFBIG > EACCES > the array's own",
    "S-26": "rights: alter needs write only, zero-waits alone need read; checked at entry only",
    "S-27": "semget: sizes and flags",
    "S-28": "a new set is all 0; SETVAL changes ctime, otime only where it served somebody",
    # message queues
    "Q-1": "a message fits by bytes and by count; one longer than the queue waits for ever",
    "Q-2": "fullness comes first: a full queue blocks a sender whose very receiver sleeps",
    "Q-3": "an accepted message goes to the oldest sleeping receiver that selects it, or is E2BIG for it",
    "Q-4": "which sleeping sender that fits comes next is free; newcomers barge",
    "Q-5": "selection by type; E2BIG leaves the message, MSG_NOERROR cuts it",
    "Q-6": "EFAULT at a receive, or a kill after the hand-off, loses the message",
    "Q-7": "MSG_COPY takes the message at an index and leaves it",
    "Q-8": "ENOMSG, and what msgsnd calls invalid; msgrcv may ask for more than MSGMAX",
    "Q-9": "IPC_RMID: EIDRM to both sides, later EINVAL",
    "Q-10": "IPC_SET lets receivers check their rights again, and senders that now fit go",
    "Q-11": "lspid and lrpid; on a direct hand-off lrpid is a thread's id",
    "Q-12": "a caught signal is EINTR; stopping, freezing, tracing go unnoticed but for the place",
    "Q-13": "more than MSGMNB needs CAP_SYS_RESOURCE; msg_qbytes is an int",
    "Q-14": "a new queue is all 0 with MSGMNB; MSGMNI is ENOSPC",
    # shared memory
    "H-1": "a segment is mapped in whole pages, zero-filled; the rest of the last page is usable",
    "H-2": "shmget: sizes, flags and limits",
    "H-3": "SHM_RDONLY: writing is SIGSEGV, mprotect does not help",
    "H-4": "nattch counts mappings: attachments, forks, pieces",
    "H-5": "shmdt needs the very address",
    "H-6": "IPC_RMID of an attached segment: no key any more, usable by id, gone with the last detach",
    "H-7": "shmat needs read, and write unless SHM_RDONLY; shmget only what it asks for",
    "H-8": "the address of shmat: unaligned, occupied, SHM_RND, SHM_REMAP",
    "H-9": "shm_rmid_forced: no segment without anyone attached outlives its creator",
    "H-10": "an attachment's line in /proc/PID/maps",
    # keys, ids, permissions, namespaces
    "K-1": "ftok: project, device, inode; links and renaming keep the key",
    "K-2": "a file made again has another key where it has another inode",
    "K-3": "ids say nothing; 0 is one; key 0 is IPC_PRIVATE",
    "K-4": "one class of rights: owner or creator, else group, else other",
    "K-5": "CAP_IPC_OWNER passes by the rights; two ways to be without",
    "K-6": "/proc/sysvipc is for everybody, of one's own namespace; the counts need read",
    "K-7": "limits belong to a namespace and can be set there",
}

# What no test looks for, because no process can see it (reliably), and why.
NOT_SEEN: Final = {
    "S-5": "that an error completion does not restart the scan: it changes no value, so that is the same",
    "S-7": "in which order simple zero-waiters of different semaphores are served: none touches another's",
    "S-16": "the order of several sets at exit, and the moments between them: all inside one exit, over in "
    "microseconds (read in the source)",
    "Q-4": "the order among equal senders: free, so only that each outcome is an allowed one",
    "K-2": "whether a file made again at once gets its old inode: the file system's choice",
}
