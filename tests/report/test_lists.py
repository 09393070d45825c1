"""The catalogue as text and JSON."""

from __future__ import annotations

import json

from ipcsim.report.lists import Listed, as_json, cleaned, ordered, render

SOME = [
    Listed("zebra", "scenario", "In no chapter", "", "ok"),
    Listed("semaphore", "scenario", "In the fifth", "5. Semaphore sets", "deadlock"),
    Listed("queue", "scenario", "In the third", "3. Message queues", "ok"),
    Listed("broken", "problem", broken=True),
    Listed(
        "many", "problem", "Variants", "10. Later", "ok", (({"a": 1}, "ok"), ({"a": 2}, "race"), ({}, "ok"))
    ),
]


def test_as_the_course_goes() -> None:
    assert [i.name for i in ordered(SOME)] == ["queue", "semaphore", "many", "broken", "zebra"]


def test_text() -> None:
    assert render(SOME, 80) == (
        "scenarios\n"
        "  queue      In the third   ok\n"
        "  semaphore  In the fifth   deadlock\n"
        "  zebra      In no chapter  ok\n"
        "\n"
        "problems\n"
        "  many    Variants                         2 ok, 1 race\n"
        "  broken  has errors: ipcsim check broken\n"
        "\n"
        "run one:  ipcsim run NAME     what it means:  ipcsim show NAME\n"
    )


def test_json() -> None:
    data = json.loads(json.dumps(as_json(SOME)))
    assert data["command"] == "list"
    many = data["entries"][2]
    assert many["variants"][1] == {"with": {"a": 2}, "verdict": "race"}


def test_cleaned() -> None:
    assert cleaned([]) == "nothing to clean: no killed run has left an object\n"
    shown = cleaned(
        [("removed", "queue q", "id 3 of x", ""), ("kept", "segment s", "id 4 of x", "it is young")], 80
    )
    assert shown.endswith("2 objects looked at, 1 removed\n")
    assert "1 would be removed" in cleaned([("would be removed", "queue q", "id 3 of x", "")])
