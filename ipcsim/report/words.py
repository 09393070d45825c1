"""Numbers, durations, names and command lines as they stand in a report."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Mapping
from typing import Any

from ipcsim.verdict import Outcome

LONGEST_SCHEDULE = 400  # characters worth pasting; the seed of a longer one gives the same steps
_HIDDEN = frozenset("\u061c\u200e\u200f\u2028\u2029\ufeff")  # and every control and bidi override


def visible(text: str) -> str:
    """`text` with what could steer a terminal, or hide in it, as escapes: a name may be hostile."""
    return text if text.isprintable() else "".join(map(_visible_character, text))


def _visible_character(c: str) -> str:
    if c.isprintable() or not _steers(c):
        return c
    code = ord(c)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _steers(c: str) -> bool:
    if c in _HIDDEN or unicodedata.category(c) in ("Cc", "Cs"):
        return True
    return unicodedata.bidirectional(c) in ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")


def count(number: int, one: str, many: str = "") -> str:
    """`1,204 events`, `1 event`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def seconds(value: float) -> str:
    """How long something took: `12 ms`, `0.41 s`, `12.3 s`, `2 min 5 s`."""
    if value < 0.0995:
        return _milliseconds(value)
    if value < 9.995:
        return f"{value:.2f} s"
    if value < 99.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s"


def delay(value: float) -> str:
    """A short time: `8 ms`, `under 1 ms`, from a second on as `seconds`."""
    return _milliseconds(value) if value < 0.9995 else seconds(value)


def _milliseconds(value: float) -> str:
    return "less than 1 ms" if value < 0.001 else f"{value * 1000:.0f} ms"


def value(argument: Any) -> str:
    """An argument as `--set` takes it."""
    return str(argument).lower() if isinstance(argument, bool) else str(argument)


def assignments(arguments: Mapping[str, Any]) -> str:
    """`seats=5 meals=200`."""
    return " ".join(f"{name}={value(v)}" for name, v in arguments.items())


def shell_word(word: str) -> str:
    """`word` as a shell reads it back: quoted where needed, `$'…'` where it is not printable."""
    if word.isprintable():
        return shlex.quote(word)
    raw = word.encode("utf-8", "surrogateescape")
    return "$'" + "".join(chr(b) if 32 <= b < 127 and b not in b"'\\" else f"\\x{b:02x}" for b in raw) + "'"


def command_line(*words: str) -> str:
    return " ".join(map(shell_word, words))


def again(outcome: Outcome) -> tuple[str, str] | None:
    """(label, command) that does the same once more; None where there is no such line.

    Who asked for the run may have left in `extra["request"]` how: {target, set, options}.
    """
    request = outcome.extra.get("request") or {}
    words = target(outcome)
    schedule, scheduler = outcome.extra.get("schedule"), outcome.extra.get("scheduler", "free")
    options = [str(o) for o in request.get("options", ())]
    replayed = scheduler == "replay"
    if isinstance(schedule, str) and schedule and (replayed or len(schedule) < LONGEST_SCHEDULE):
        kept = _of_a_replay(options)
        return "again, step by step", command_line("ipcsim", "replay", *words, "--schedule", schedule, *kept)
    if replayed:
        return None
    if outcome.seed is not None:
        options = ["--seed", str(outcome.seed), *options]
    if scheduler != "free":
        options = ["--scheduler", str(scheduler), *options]
    # what the kernel decides it may decide otherwise
    label = "again" if scheduler != "free" else "again (may differ)"
    return label, command_line("ipcsim", "run", *words, *options)


def _of_a_replay(options: list[str]) -> list[str]:
    """Those of a run's options that a replay has; what it lacks only decided the schedule."""
    kept, words = [], iter(options)
    for word in words:
        if word == "--isolate":
            kept.append(word)
        elif word == "--timeout":
            kept += [word, next(words, "")]
        else:
            next(words, "")
    return kept


def target(outcome: Outcome) -> list[str]:
    """The scenario and its arguments as the user named them, for a command line."""
    request = outcome.extra.get("request") or {}
    name = _not_an_option(str(request.get("target", outcome.scenario)))
    given: Mapping[str, Any] = request.get("set", outcome.arguments)
    return [name, *(w for k, v in given.items() for w in ("--set", f"{k}={value(v)}"))]


def _not_an_option(target: str) -> str:
    return f"./{target}" if target.startswith("-") else target
