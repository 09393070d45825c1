"""`reports/samples/` is what `python reports/make.py` makes now, byte for byte."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from ipcsim import campaigns
from ipcsim.report import forms
from ipcsim.verdict import Outcome, Verdict

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "reports" / "samples"
LARGEST = 300_000  # bytes of a sample: small


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reports_make", ROOT / "reports" / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(make: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("samples")
    make.main(folder)
    return folder


def test_they_are_current(made: Path) -> None:
    assert {p.name for p in made.iterdir()} == {p.name for p in KEPT.iterdir()}
    changed = [p.name for p in made.iterdir() if p.read_bytes() != (KEPT / p.name).read_bytes()]
    assert not changed, "not what is made now; look at them, and run `python reports/make.py`"


def test_one_of_each_form_and_all_small(make: ModuleType) -> None:
    assert {*make.FORMS, "text"} == set(forms.NAMES)
    for path in KEPT.iterdir():
        assert 0 < path.stat().st_size < LARGEST
        assert "/tmp/" not in path.read_text(errors="replace")


def test_they_can_be_made_from_the_sample_trace_alone() -> None:
    stored = campaigns.read(KEPT / "philosophers.trace")
    assert isinstance(stored.found, Outcome)
    assert stored.found.verdict is Verdict.DEADLOCK
    for form, ending in (("dot", ".dot"), ("graphml", ".graphml"), ("trace-event", ".trace-event.json")):
        assert stored.render(form) == (KEPT / f"philosophers{ending}").read_text()
    found = json.loads((KEPT / "philosophers.json").read_text())
    assert found["trace"] == "reports/samples/philosophers.trace"
    assert campaigns.read(KEPT / "philosophers.campaign.json").render("text")
