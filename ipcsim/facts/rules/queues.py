"""Message queues: Q-1 to Q-20."""

from __future__ import annotations

from ipcsim.facts.rules.rule import Family, Rule

FAMILY = Family(
    "Message queues",
    (
        Rule(
            "Q-1",
            "A message fits by bytes and by count; one longer than the queue waits for ever",
            "msg_cbytes and its length are at most msg_qbytes, and so is msg_qnum and one more: a queue "
            "of 3 bytes takes three empty messages, one of 0 bytes none. A longer one sleeps or is "
            "EAGAIN, never EINVAL.",
            "msgop(2)",
        ),
        Rule(
            "Q-2",
            "Fullness comes first: a full queue blocks a sender whose very receiver sleeps",
            "Receivers are looked at only once there is room.",
        ),
        Rule(
            "Q-3",
            "An accepted message goes to the oldest sleeping receiver that selects it, or is E2BIG for it",
            "The sleepers are asked by arrival. One that selects it and has too little room, without "
            "MSG_NOERROR, gets E2BIG and is gone, and the next is asked; else it has the message, which "
            "never counts in msg_qnum and msg_cbytes. What nobody takes is appended. An older “any” "
            "beats a younger one's very type.",
        ),
        Rule(
            "Q-4",
            "Which sleeping sender that fits comes next is free; newcomers barge",
            "After a receive or IPC_SET every sleeping sender whose own message fits is woken, and they "
            "race; who loses queues up again, at the end. Those that do not fit sleep on, at the end "
            "too. Four equal senders came in many orders, and with room for 10 of 8, 3 and 3 it was 42 "
            "times the 8, 18 times the others.",
            unseen="the order among equal senders: free, so only that each outcome is an allowed one",
        ),
        Rule(
            "Q-5",
            "Selection by type; E2BIG leaves the message, MSG_NOERROR cuts it",
            "0: the first; t > 0: the first of that type, with MSG_EXCEPT the first of any other; t < "
            "0: of the lowest type up to -t the first (LONG_MIN will do). MSG_EXCEPT with t <= 0 is "
            "ignored. E2BIG is judged on the message selected, which stays; what MSG_NOERROR cuts off "
            "is lost.",
            "msgop(2)",
        ),
        Rule(
            "Q-6",
            "EFAULT at a receive, or a kill after the hand-off, loses the message",
            "It has left the queue, or never was in it. 30 of 30 for the kill.",
        ),
        Rule(
            "Q-7",
            "MSG_COPY takes the message at an index and leaves it",
            "It needs IPC_NOWAIT and excludes MSG_EXCEPT, else EINVAL. An index that is none is ENOMSG. "
            "Too little room is E2BIG, with MSG_NOERROR EINVAL. Nothing changes, times and pids "
            "included.",
            "msgop(2)",
            differs="nothing on MSG_NOERROR with it",
        ),
        Rule(
            "Q-8",
            "ENOMSG, and what msgsnd calls invalid; msgrcv may ask for more than MSGMAX",
            "ENOMSG only with IPC_NOWAIT. msgsnd: a type below 1, a length below 0 or above MSGMAX is "
            "EINVAL.",
            "msgop(2)",
        ),
        Rule(
            "Q-9",
            "IPC_RMID: EIDRM to both sides, later EINVAL",
            "Only who slept gets EIDRM. The messages are gone.",
            "msgop(2)",
            differs="msgsnd: EIDRM for a queue that was removed, whenever",
        ),
        Rule(
            "Q-10",
            "IPC_SET lets receivers check their rights again, and senders that now fit go",
            "Every receiver wakes; who may not read any more gets EACCES, the others queue up in any "
            "order. A sender that does not fit is not asked before there is room: then it gets EACCES. "
            "What lies in the queue stays, though msg_qbytes is less.",
        ),
        Rule(
            "Q-11",
            "lspid and lrpid; on a direct hand-off lrpid is a thread's id",
            "Else they are the process's. The sender sets lrpid at the hand-off, before the receiver "
            "has run.",
            "msgop(2)",
            differs="the process's id in any case",
        ),
        Rule(
            "Q-12",
            "A caught signal is EINTR; stopping, freezing, tracing go unnoticed but for the place",
            "EINTR in spite of SA_RESTART. After SIGSTOP and SIGCONT, a freeze, strace or gdb the call "
            "starts again by itself, behind those who came later; while it is stopped it is in no "
            "queue.",
            "msgop(2), signal(7)",
        ),
        Rule(
            "Q-13",
            "More than MSGMNB needs CAP_SYS_RESOURCE; msg_qbytes is an int",
            "Else IPC_SET is EPERM, also for uid 0 without it. 2^32 becomes 0.",
            "msgctl(2)",
            differs="nothing on the width",
        ),
        Rule(
            "Q-14",
            "A new queue is all 0 with MSGMNB; MSGMNI is ENOSPC",
            "Counters, pids, stime and rtime are 0; the MSGMNB is that of the namespace.",
            "msgget(2)",
        ),
        Rule(
            "Q-15",
            "A signal or stop does not take a receiver off the queue: until it has run it may be handed to",
            "A caught signal, then a message: received, or EINTR and the message is in the queue. "
            "SIGSTOP, then a message: received, handed over or taken from the queue after SIGCONT, "
            "unless another had it.",
        ),
        Rule(
            "Q-16",
            "A receiver that was handed a message cannot be disturbed any more",
            "It has it; the handler runs all the same, a stop comes after the call.",
        ),
        Rule(
            "Q-17",
            "Room is not handed over: a sender that was interrupted before it ran does not send",
            "A signal, then room: EINTR, always. Room, then a signal: EINTR, or sent. SIGSTOP, then "
            "room: sent after SIGCONT, if nobody else took the room.",
        ),
        Rule(
            "Q-18",
            "Before IPC_RMID a signal: EINTR or EIDRM, a stop: EINVAL or EIDRM; after it: EIDRM",
            "EINVAL where the stopped call starts again, with an id that is none any more.",
        ),
        Rule(
            "Q-19",
            "A message for one who is being killed goes to the next or is lost; killed before room: not sent",
            "SIGKILL, then a message: lost, in the queue, or with the next receiver. SIGKILL, then "
            "room: not sent, the next sender has it. Room, then SIGKILL: sent or not.",
        ),
        Rule(
            "Q-20",
            "SIGSTOP and SIGCONT at once cost the place, stopped or not; with a handler between: EINTR",
            "Stopped, then a message, a caught signal and SIGCONT: EINTR, and the message is in the queue.",
        ),
    ),
)
