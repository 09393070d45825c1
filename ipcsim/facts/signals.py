"""The signals of signal(7): Linux's numbers, since a trace may be read elsewhere, and which can be caught."""

from __future__ import annotations

NAMES = {
    1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
    9: "SIGKILL", 10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM",
    16: "SIGSTKFLT", 17: "SIGCHLD", 18: "SIGCONT", 19: "SIGSTOP", 20: "SIGTSTP", 21: "SIGTTIN", 22: "SIGTTOU",
    23: "SIGURG", 24: "SIGXCPU", 25: "SIGXFSZ", 26: "SIGVTALRM", 27: "SIGPROF", 28: "SIGWINCH", 29: "SIGIO",
    30: "SIGPWR", 31: "SIGSYS",
}  # fmt: skip
NUMBERS = {name: number for number, name in NAMES.items()}

# the usual ones that end a process without a handler for them
ENDING = tuple(NAMES[number] for number in range(1, 16))
# what they do, they do to whoever has a handler and to whoever has none
ACTING = frozenset({"SIGKILL", "SIGSTOP", "SIGCONT"})


def name(number: int) -> str:
    """`SIGKILL` for 9; a real-time signal is shown by its number."""
    return NAMES.get(number, f"signal {number}")
