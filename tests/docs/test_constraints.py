"""What the README's lines install is exact and complete; the oldest versions are those declared."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirements(*extras: str) -> list[Requirement]:
    """What pyproject.toml asks for, the project's own extras aside."""
    texts = [
        *PROJECT["dependencies"],
        *(t for extra in extras for t in PROJECT["optional-dependencies"][extra]),
    ]
    return [r for text in texts if (r := Requirement(text)).name != PROJECT["name"]]


def pinned(file: str) -> dict[str, Version]:
    """Name and version of every line; nothing but `name==version` may stand there."""
    lines = (ROOT / file).read_text().splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    assert all(len(pair) == 2 for pair in pairs), file
    return {canonicalize_name(name): Version(version) for name, version in pairs}


@pytest.mark.parametrize(
    ("file", "extras"), [("constraints.txt", ("test", "dev")), ("constraints-oldest.txt", ("test",))]
)
def test_everything_declared_is_pinned_to_a_version_that_is_allowed(
    file: str, extras: tuple[str, ...]
) -> None:
    versions = pinned(file)
    for requirement in requirements(*extras):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement


def test_the_oldest_versions_are_the_lower_bounds() -> None:
    versions = pinned("constraints-oldest.txt")
    for requirement in requirements("test"):
        (bound,) = requirement.specifier
        assert bound.operator == ">="
        assert versions[canonicalize_name(requirement.name)] == Version(bound.version), requirement


@pytest.mark.parametrize("words", ["pytest", "ipcsim run"])
def test_the_lines_of_the_readme_install_what_was_tested(words: str) -> None:
    found = re.findall(rf"^python3 -m venv .*{words}.*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert found
    assert all(" -c constraints.txt " in line for line in found)
