"""Makes a scenario smaller as long as something stays true of it: what is not needed is dropped."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from tests.oracle.generator import written
from tests.oracle.scenario import Block, Doc, inner


def shrink(text: str, stays: Callable[[str], bool]) -> str:
    """A smaller scenario of which `stays` is true; it may raise where a scenario means nothing any more."""
    doc = yaml.safe_load(text)
    smaller = True
    while smaller:
        smaller = False
        for candidate in _candidates(doc):
            if _holds(written(candidate), stays):
                doc, smaller = candidate, True
                break
    return written(doc)


def _holds(text: str, stays: Callable[[str], bool]) -> bool:
    try:
        return stays(text)
    except Exception:  # what was dropped was needed
        return False


def _candidates(doc: Doc) -> Iterator[Doc]:
    """The document with one thing less, the largest things first."""
    for name in doc["processes"]:
        yield _without(doc, "processes", name)
    for kind in ("properties", "segments", "queues", "semaphores"):
        for name in doc.get(kind, {}):
            yield _without(doc, kind, name)
    for set_, members in doc.get("semaphores", {}).items():
        for member in members:
            new = copy.deepcopy(doc)
            del new["semaphores"][set_][member]
            yield new
    blocks = sum(1 for _ in _blocks(doc))
    for number in range(blocks):
        length = len(list(_blocks(doc))[number])
        for place in range(length):
            new = copy.deepcopy(doc)
            step = list(_blocks(new))[number].pop(place)
            yield new
            yield from _instead(doc, number, place, step)
    for name in doc["processes"]:
        if doc["processes"][name].get("locals"):
            new = copy.deepcopy(doc)
            del new["processes"][name]["locals"]
            yield new


def _instead(doc: Doc, number: int, place: int, step: Doc) -> Iterator[Doc]:
    """The steps inside a step in its place, and the step without one of its options."""
    for block in inner(step):
        new = copy.deepcopy(doc)
        list(_blocks(new))[number][place : place + 1] = copy.deepcopy(block)
        yield new
    for option in ("on_error", "undo", "nowait", "timeout", "progress"):
        if option in step:
            new = copy.deepcopy(doc)
            del list(_blocks(new))[number][place][option]
            yield new


def _without(doc: Doc, kind: str, name: str) -> Doc:
    new = copy.deepcopy(doc)
    del new[kind][name]
    if not new[kind]:
        del new[kind]
    return new


def _blocks(doc: Doc) -> Iterator[Block]:
    def of(block: Any) -> Iterator[Block]:
        yield block
        for step in block:
            for child in inner(step):
                yield from of(child)

    for family in doc["processes"].values():
        yield from of(family["steps"])
