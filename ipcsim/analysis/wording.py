"""How findings call things: numbers, lists, objects, places. Plain and precise; sentence case."""

from __future__ import annotations

from collections.abc import Sequence

from ipcsim.analysis.needs import Need, NeedSort
from ipcsim.errors import Location
from ipcsim.facts.selectors import describe
from ipcsim.program import Program

MOST = 12  # how many names or lines a finding lists before it says "and 1,988 more"
_SMALL = (
    *("no", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)


def count(number: int, one: str, many: str | None = None) -> str:
    """`3, "message"` → "three messages"; from 13 on in digits, with separators."""
    word = _SMALL[number] if 0 <= number < len(_SMALL) else f"{number:,}"
    return f"{word} {one if number == 1 else many or one + 's'}"


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def listed(items: Sequence[str], most: int = MOST, last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`, `a, b, c and 1,988 more`."""
    if len(items) > most:
        return f"{', '.join(items[: most - 1])} {last} {len(items) - most + 1:,} more"
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def quoted(name: str) -> str:
    """A name of the scenario inside a sentence; one with an index stands out by itself."""
    return name if "[" in name else f"`{name}`"


def line(at: Location, seen_from: Location | None = None) -> str:
    """`line 12`, with the file where it is another one than `seen_from`'s."""
    if seen_from is not None and seen_from.file == at.file:
        return f"line {at.line}"
    return str(at)


def semaphore(program: Program, set_: int, number: int) -> str:
    """The user's name of a semaphore: `mutex`, `fork[3]`."""
    return program.sets[set_].label(number)


def object_name(program: Program, need: Need) -> str:
    """The user's name of the object that `need` is about."""
    match need.sort:
        case NeedSort.RISE | NeedSort.FALL:
            return semaphore(program, need.object, need.detail)
        case NeedSort.ARRAY:
            return program.sets[need.object].name
        case NeedSort.CONTINUE:
            return "SIGCONT"
        case _:
            return program.queues[need.object].name


def waits_for(program: Program, need: Need) -> str:
    """The need after "waits for" or "wait for": `fork[1]`, `a message of type 7 in `replies``."""
    name = quoted(object_name(program, need))
    match need.sort:
        case NeedSort.RISE:
            return name
        case NeedSort.FALL:
            return f"{name} to fall"
        case NeedSort.MESSAGE:
            selector = describe(need.detail, need.exclude)
            return f"a message {selector} in {name}" if selector else f"a message in {name}"
        case NeedSort.ROOM:
            return f"room in {name}"
        case NeedSort.CONTINUE:
            return "SIGCONT"
        case NeedSort.SIZE:
            return f"room in {name} that it can never have"
        case _:
            return f"operations on {name} that can never succeed together"


def gives(need: Need, who: str, hard: bool, only: bool) -> str:
    """How `who` would satisfy the need, after "which ": `which philosopher[1] holds`."""
    alone = "only " if only else ""
    match need.sort:
        case NeedSort.RISE if hard:
            return f"which {who} holds"
        case NeedSort.RISE:
            return f"on which {alone}{who} could do V"
        case NeedSort.FALL:
            return f"on which {alone}{who} could do P"
        case NeedSort.MESSAGE | NeedSort.CONTINUE:
            return f"which {alone}{who} could send"
        case _:
            return f"which {alone}{who} could make"
