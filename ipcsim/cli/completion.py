"""What a shell offers after `ipcsim run <TAB>`: names that ship, and scenario files near by."""

from __future__ import annotations

import os
from pathlib import Path

from click.shell_completion import CompletionItem

MOST = 500  # files of a folder that are looked at


def scenario_items(incomplete: str) -> list[CompletionItem]:
    """Names of scenarios and problems, *.yaml files and folders that begin with `incomplete`."""
    from ipcsim import catalogue

    items: dict[str, CompletionItem] = {}
    for entry in catalogue.entries():
        if entry.name.startswith(incomplete) and entry.name not in items:
            items[entry.name] = CompletionItem(entry.name, help=entry.kind)
    return [*items.values(), *(CompletionItem(p, help="file") for p in _paths(incomplete))]


def _paths(incomplete: str) -> list[str]:
    folder, _, start = incomplete.rpartition("/")
    head = incomplete[: len(incomplete) - len(start)]
    found: list[str] = []
    try:
        with os.scandir(Path(head).expanduser() if head else Path()) as entries:
            for entry, _ in zip(entries, range(MOST), strict=False):
                name = entry.name
                if not name.startswith(start) or (name.startswith(".") and not start):
                    continue
                if name.endswith((".yaml", ".yml")):
                    found.append(head + name)
                elif entry.is_dir() and (start or folder):
                    found.append(f"{head}{name}/")
    except (OSError, ValueError, RuntimeError):
        return []
    return sorted(found)


def parameter_items(name: str | None, incomplete: str) -> list[CompletionItem]:
    """`seats=`, and behind the sign the words that a choice may be."""
    from ipcsim import catalogue
    from ipcsim.errors import IpcsimError

    if not name:
        return []
    try:
        parameters = catalogue.describe(name).parameters
    except IpcsimError:
        return []
    key, sign, start = incomplete.partition("=")
    if not sign:
        return [CompletionItem(f"{p.name}=", help=p.range) for p in parameters if p.name.startswith(key)]
    values = next((_values(p.type, p.choices) for p in parameters if p.name == key), ())
    return [CompletionItem(f"{key}={v}") for v in values if v.startswith(start)]


def _values(type_: str, choices: tuple[str, ...]) -> tuple[str, ...]:
    return ("true", "false") if type_ == "bool" else choices
