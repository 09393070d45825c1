"""The jinja2 templates of the pages, and what they inline: style sheets and scripts of this package."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from ipcsim.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment


def fill(name: str, **values: Any) -> str:
    """A template with these values; all of them are escaped."""
    return _environment().get_template(name).render(version=__version__, **values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    loader = FunctionLoader(_text)
    made = Environment(autoescape=True, loader=loader, undefined=StrictUndefined)
    made.trim_blocks = made.lstrip_blocks = True
    made.globals["asset"] = _asset
    made.filters["code"] = _code
    return made


def _asset(name: str) -> str:
    """A style sheet or a script as it stands; they are ours, so they are not escaped."""
    from markupsafe import Markup

    text = _text(name)
    assert not re.search("</(script|style)", text), name
    return Markup(text)


def _code(text: str) -> str:
    """A sentence whose names stand in `backticks`: as code."""
    from markupsafe import Markup, escape

    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if i % 2 else escape(part) for i, part in enumerate(parts)
    )


def _text(name: str) -> str:
    return (resources.files(__package__) / "page" / name).read_text("utf-8")
