"""Keys, ids, rights, namespaces: K-1 to K-7."""

from __future__ import annotations

from ipcsim.facts.rules.rule import Family, Rule

FAMILY = Family(
    "Keys, ids, rights, namespaces",
    (
        Rule(
            "K-1",
            "ftok: project, device, inode; links and renaming keep the key",
            "(proj & 0xff) << 24 | (st_dev & 0xff) << 16 | (st_ino & 0xffff), as a signed number of 32 "
            "bits. glibc accepts project 0. No such file: -1 with ENOENT.",
            "ftok(3)",
            differs="project 0 is not allowed",
        ),
        Rule(
            "K-2",
            "A file made again has another key where it has another inode",
            "ext4 gave the old inode to a file made at once: a test makes another one in between.",
            unseen="whether a file made again at once gets its old inode: the file system's choice",
        ),
        Rule(
            "K-3",
            "Ids say nothing; 0 is one; key 0 is IPC_PRIVATE",
            "An index that goes round and a sequence number. 0 is the first in a new namespace.",
        ),
        Rule(
            "K-4",
            "One class of rights: owner or creator, else group, else other",
            "The effective uid is the owner's or the creator's; else one of the groups, supplementary "
            "ones included, is the owner's or the creator's; else other. Without falling through: 0604 "
            "is EACCES for the group. A creator that gave the object away keeps the owner's class.",
            "sysvipc(7)",
        ),
        Rule(
            "K-5",
            "CAP_IPC_OWNER passes by the rights; two ways to be without",
            "So root passes. A test gets EACCES after setgroups, setgid, setuid in a fork, or as uid 0 "
            "after it has dropped the capability.",
            "capabilities(7)",
        ),
        Rule(
            "K-6",
            "/proc/sysvipc is for everybody, of one's own namespace; the counts need read",
            "No right to the object is needed for its line; GETNCNT and the other questions need read.",
            "proc_sysvipc(5), semctl(2)",
        ),
        Rule(
            "K-7",
            "Limits belong to a namespace and can be set there",
            "unshare(CLONE_NEWIPC), then /proc/sys/kernel/sem, msgmni, msgmnb, msgmax, shmmax, shmall, "
            "shmmni: so ENOSPC and E2BIG can be had without touching the machine. Ids and keys mean "
            "nothing in another one.",
            "ipc_namespaces(7)",
        ),
    ),
)
