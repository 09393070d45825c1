"""Semaphore sets: S-1 to S-38. [-1, +1] is an array of two operations on the same semaphore, Z one that waits
for zero; semaphores are s0, s1, … where it matters."""

from __future__ import annotations

from ipcsim.facts.rules.rule import Family, Rule

FAMILY = Family(
    "Semaphore sets",
    (
        Rule(
            "S-1",
            "An array is all-or-nothing, and each operation sees what the earlier ones left",
            "The operations are tried in array order on a running copy of the values. So [+1, -1] on 0 "
            "goes through, [-1, +1] on 0 does not; [Z, +1] tests and sets; [-1, Z] on 1 goes through; "
            "[+1, Z] on 0 waits for ever; [-1, -1] on 1 waits, and the value stays 1.",
            "semop(2)",
        ),
        Rule(
            "S-2",
            "The first operation that cannot proceed decides, by its own IPC_NOWAIT: EAGAIN or sleep",
            "First in array order. IPC_NOWAIT of another operation does not matter, as things stand.",
            "semop(2)",
        ),
        Rule(
            "S-3",
            "A sleeper's array is evaluated again at each change, and may then fail: EAGAIN, ERANGE",
            "[-1 s0, -1 s1 with IPC_NOWAIT] sleeps for s0, and gets EAGAIN when s0 is there and s1 is "
            "not. [-1 s1, +1 s0] with s0 at 32767 sleeps for s1, and gets ERANGE when s1 is there. "
            "Nothing is applied.",
        ),
        Rule(
            "S-4",
            "ERANGE: a result above 32767, a semadj outside -32768..32767; the first failing operation wins",
            "In array order with EAGAIN. SETVAL looks at the range before the id, SETALL before it "
            "changes anything.",
            "semop(2), semctl(2)",
            differs="no limit of semadj",
        ),
        Rule(
            "S-5",
            "A change serves zero-waiters first, then all others by arrival, from the oldest again "
            "after each",
            "After each change of values: (a) who waits for a zero of a semaphore that is now 0; (b) "
            "everybody else in the order of arrival, whether one operation or many. Each who can be "
            "completed is completed, then come (a) for its semaphores and (b) from the oldest again. "
            "One completed with an error is taken off without starting again.",
            unseen=(
                "that an error completion does not restart the scan: it changes no value, so that is the same"
            ),
        ),
        Rule(
            "S-6",
            "So FIFO among those who can be served, and not fair: overtaking, barging, starvation",
            "A later small request overtakes an earlier large one, a newcomer that can proceed does not "
            "queue, a large request may starve. Only after each change does an older sleeper come "
            "first.",
        ),
        Rule(
            "S-7",
            "Among zero-waiters the simple ones come before whole arrays (GETPID tells)",
            "First the calls of one operation, for each touched semaphore that is 0 in the order named, "
            "then arrays of zero-waits only, by arrival. Values do not show it.",
            unseen=(
                "in which order simple zero-waiters of different semaphores are served: none touches "
                "another's"
            ),
        ),
        Rule(
            "S-8",
            "Zero-waiters see a zero between two completions, not one inside an array",
            "A V, the sleeper takes the unit, 0: the zero-waiter passes. [-2, +1] goes through 0 unseen.",
        ),
        Rule(
            "S-9",
            "A pure zero-waiter comes before an older [Z,+1]; of two [Z,+1] the older one wins",
            "An array of zero-waits and others is served with (b) of S-5.",
        ),
        Rule(
            "S-10",
            "GETNCNT and GETZCNT count a task on the first operation that cannot proceed, as things change",
            "Each sleeper counts once, though its array may wait for several. It is evaluated again "
            "with every change, for arrays that change something.",
            "semctl(2)",
            differs=(
                "nothing on which semaphore an array counts; since Linux 3.16 the first that blocks, says "
                "the source"
            ),
        ),
        Rule(
            "S-11",
            "An array of zero-waits only is counted again only where a touched semaphore is now 0",
            "So the count may be stale: [Z s0, Z s1] on (0, 1) counts on s1; when s0 becomes 1, GETZCNT "
            "is still (0, 1), and (1, 0) only when s1 has become 0.",
        ),
        Rule(
            "S-12",
            "GETNCNT counts threads",
            "And GETZCNT: three threads of one process that sleep are three.",
            "semop(2)",
            differs="processes (semctl(2))",
        ),
        Rule(
            "S-13",
            "GETPID: who last named it in an array that succeeded, set it, or had it undone by exit",
            "The process (the thread group), for every semaphore named, zero-waits included. Where "
            "somebody else's V completed the array it is the sleeper, before it has run. SETVAL and "
            "SETALL name the caller, the undo of an exit the process that ended. A failed call changes "
            "nothing. The number is that of the reader's pid namespace, 0 for who cannot be seen there; "
            "numbers of the dead stay.",
            "semop(2), semctl(2)",
        ),
        Rule(
            "S-14",
            "The hand-off is part of the V: the unit of a waiter killed right after is gone, unless SEM_UNDO",
            "50 of 50 each way: a sleeper has the unit when the V returns, whether it has run or not.",
        ),
        Rule(
            "S-15",
            "SEM_UNDO counts at completion; not inherited, kept by exec, shared by threads",
            "semadj goes down by sem_op when the array is completed, also by a waker; a failed array "
            "leaves none. fork(2) inherits none. Threads share it (CLONE_SYSVSEM): it is undone when "
            "the last one ends.",
            "semop(2), clone(2)",
        ),
        Rule(
            "S-16",
            "Exit undoes a set at once, clamped to 0..32767, and serves waiters; before waitpid returns",
            "All of a set's semaphores first, then S-5. It never sleeps and never fails. Several sets "
            "come one after another, and in between they can be seen so (S-37).",
            "semop(2)",
            differs="only that it stops at 0",
        ),
        Rule(
            "S-17",
            "SETVAL clears that semaphore's semadj in all processes, SETALL all; IPC_RMID discards",
            "A set that is made again by the same key is not touched by what was to be undone in the "
            "old one.",
            "semop(2), semctl(2)",
        ),
        Rule(
            "S-18",
            "An exit with nothing to undo changes no value and no GETPID, but otime",
            "A process that used SEM_UNDO and whose semadj are all 0 again.",
        ),
        Rule(
            "S-19",
            "unshare of CLONE_SYSVSEM or CLONE_NEWIPC undoes at once",
            "As an exit does, while the process goes on.",
            "unshare(2)",
        ),
        Rule(
            "S-20",
            "P with SEM_UNDO and V without over-credits at exit",
            "A usual mistake: from 1 the value goes to 0, 1, and at the end to 2.",
        ),
        Rule(
            "S-21",
            "IPC_RMID: sleepers get EIDRM, later calls EINVAL; a key made again has another id",
            "Only who slept, or was inside the call, gets EIDRM.",
            "semop(2), semctl(2)",
            differs="EIDRM for a set that was removed, whenever",
        ),
        Rule(
            "S-22",
            "A caught signal is EINTR, also with SA_RESTART; an ignored one is nothing",
            "Nothing is applied. A signal whose default is to be ignored does not wake either.",
            "semop(2), signal(7)",
        ),
        Rule(
            "S-23",
            "Stopping, freezing, attaching a tracer end a semop with EINTR, without a handler",
            "SIGSTOP and SIGCONT, a control group (v1 or v2) frozen and thawed, gdb or strace attached. "
            "The task leaves the queue when it stops: it is not counted any more and has lost its "
            "place.",
            "signal(7)",
            differs="only stop signals",
        ),
        Rule(
            "S-24",
            "semtimedop: EAGAIN when the time is over, {0,0} polls, an invalid time is EINVAL in any case",
            "100 ms end after 100.2 ms. What is possible succeeds with a time of 0, too; but a negative "
            "time, or nanoseconds beyond a second, is EINVAL even where the operation is possible.",
            "semop(2)",
            differs="nothing on invalid times",
        ),
        Rule(
            "S-25",
            "Errors: E2BIG, EINVAL (none) > EFAULT > EINVAL (id, time) > EFBIG > EACCES > the array's own",
            "More than SEMOPM operations, or none; memory that cannot be read; an id that is none, an "
            "invalid time; a sem_num that the set has not, even where an earlier operation would be "
            "EAGAIN; rights; then EAGAIN and ERANGE in array order.",
            "semop(2)",
            differs="nothing on the order",
        ),
        Rule(
            "S-26",
            "Rights: alter needs write only, zero-waits alone need read; checked at entry only",
            "One operation that is not zero makes it write, for the whole array. GETVAL, GETALL, "
            "GETPID, GETNCNT, GETZCNT, IPC_STAT need read, SETVAL and SETALL write; IPC_SET and "
            "IPC_RMID are for the owner's and the creator's uid and for CAP_SYS_ADMIN, else EPERM. A "
            "sleeper does not lose its turn by a later change.",
            "semop(2), semctl(2)",
            differs="an array of both kinds needs both",
        ),
        Rule(
            "S-27",
            "semget: sizes and flags",
            "Less than 0 or more than SEMMSL is EINVAL in any case, 0 for a new set, more than it has "
            "for one that is there; fewer or 0 will do then. IPC_CREAT with IPC_EXCL is EEXIST before "
            "the size is looked at; IPC_EXCL alone is ignored. SEMMNI sets or SEMMNS semaphores: "
            "ENOSPC.",
            "semget(2)",
        ),
        Rule(
            "S-28",
            "A new set is all 0; SETVAL changes ctime, otime only where it served somebody",
            "Values, GETPID and otime are 0. A failed semop leaves otime. Who waits until otime is not "
            "0, to be sure that the creator has set the values, needs a semop of the creator: SETVAL "
            "alone leaves it.",
            "semget(2), semctl(2)",
            differs="other systems may begin with other values",
        ),
        Rule(
            "S-29",
            "A killed process ends later: until then it holds its units; ESRCH only once it was reaped",
            "kill(2) returns before its victim has died. What it is to undo comes back when it exits "
            "(S-16); only then is it a zombie. kill(2) of an exiting process or a zombie is 0.",
            "kill(2)",
            differs="nothing on when the victim is dead",
            unseen=(
                "that a victim makes one more call after kill(2) has returned: it may, once in a hundred "
                "times"
            ),
        ),
        Rule(
            "S-30",
            "A signal or stop does not take a sleeper off the queue: until it has run it may be served",
            "A caught signal or SIGSTOP, then V (or the zero): success, or EINTR and the unit is there. "
            "Who has stopped is out of the queue.",
        ),
        Rule(
            "S-31",
            "A semaphore that is 0 after a success of P names in GETPID who took the last unit",
            "Of a plain lock: a V would have left it above 0. Not so after zero-waits, SETVAL or SETALL "
            "to 0, arrays of both signs, nor where a pid was used again or belongs to another pid "
            "namespace.",
        ),
        Rule(
            "S-32",
            "A sleeper that was served cannot be disturbed any more; the handler runs all the same",
            "A V, then a caught signal: success, and the handler has run. A V, then SIGSTOP: it stops "
            "after the call.",
        ),
        Rule(
            "S-33",
            "A signal or stop before IPC_RMID: EINTR or EIDRM; after it: EIDRM",
            "Whichever the sleeper notices when it runs.",
        ),
        Rule(
            "S-34",
            "A unit given to one who is being killed stays, or is gone with the dead, unless SEM_UNDO",
            "SIGKILL, then V: the unit is there (or another sleeper's), or it is gone. With SEM_UNDO it "
            "comes back, and so does what the victim held.",
        ),
        Rule(
            "S-35",
            "A time-out against a unit: EAGAIN or success; against IPC_RMID: EAGAIN, EIDRM, or EINTR",
            "EAGAIN leaves the unit. EINTR comes without a signal, where the sleeper finds the set gone "
            "before it has noted why it woke.",
            unseen="that EINTR comes without a signal: a matter of the nanoseconds that IPC_RMID takes",
        ),
        Rule(
            "S-36",
            "SIGSTOP and SIGCONT at once end a semop with EINTR, stopped or not",
            "Even where it never came to stop. With a V after them: success, or EINTR and the unit is there.",
        ),
        Rule(
            "S-37",
            "An end undoes the sets one by one, first the one that a call with SEM_UNDO named last",
            "Also a call that failed or only waited for zero. A sleeper who is served by the one set "
            "may find the others not yet undone.",
        ),
        Rule(
            "S-38",
            "What a disturbed sleeper does not take goes to the next one: exactly one has it",
            "Disturbed by a signal, a stop or a time-out.",
        ),
    ),
)
