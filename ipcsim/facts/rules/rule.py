"""What a rule is, and on what all of them were measured."""

from __future__ import annotations

from typing import NamedTuple

KERNEL = "Linux 6.18 (x86-64, glibc 2.36)"


class Rule(NamedTuple):
    """One rule of the kernel's.

    `title` is the rule in a line, `text` more exactly. All were measured on `KERNEL`; `source` is the manual
    page that says so too, `differs` what the manual says otherwise or leaves out. `unseen`
    is what of it no process can see, at all or reliably, so that no test looks for it.
    """

    id: str
    title: str
    text: str
    source: str = ""
    differs: str = ""
    unseen: str = ""


class Family(NamedTuple):
    """The rules of one letter."""

    title: str
    rules: tuple[Rule, ...]
