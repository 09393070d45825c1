"""Message selectors: what msgrcv's type argument takes (rule Q-5).

A selector is (type, exclude): 0 takes any, t > 0 that type, t < 0 types up to −t, and t > 0 with
`exclude` (MSG_EXCEPT) every type but t. MSG_EXCEPT with t ≤ 0 is ignored.
"""

from __future__ import annotations

from collections.abc import Sequence


def takes(selector: int, exclude: bool, message: int) -> bool:
    """Whether a receive with this selector can take a message of type `message`."""
    if selector == 0:
        return True
    if selector < 0:
        return message <= -selector
    return (message == selector) is not exclude


def first(selector: int, exclude: bool, types: Sequence[int]) -> int | None:
    """Which message a receive takes: its place among `types`, in the order of their arrival."""
    if selector < 0:
        lowest = min((t for t in types if t <= -selector), default=None)
        return None if lowest is None else types.index(lowest)
    return next((i for i, t in enumerate(types) if takes(selector, exclude, t)), None)


def within(inner: int, inner_exclude: bool, outer: int, outer_exclude: bool) -> bool:
    """Whether every message that `inner` takes, `outer` takes too."""
    if outer == 0:
        return True
    if inner > 0 and not inner_exclude:
        return takes(outer, outer_exclude, inner)
    if outer < 0:
        return inner < 0 and inner >= outer
    if not outer_exclude:
        # nothing but exactly that type fits; −1 takes type 1 alone
        return inner == -1 and outer == 1
    if inner < 0:
        return outer > -inner
    return inner > 0 and inner == outer


def describe(selector: int, exclude: bool) -> str:
    """The selector in words, after "a message" / "none": `of type 7`, `of a type up to 3`, ``."""
    if selector == 0:
        return ""
    if selector < 0:
        return f"of a type up to {-selector}"
    return f"of any type but {selector}" if exclude else f"of type {selector}"
