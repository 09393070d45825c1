"""The wait-for graph as DOT and GraphML: read back by Graphviz and networkx."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from typing import Any

import networkx
import pytest

from ipcsim.report.forms import dot, graphml, waitgraph
from tests.report.forms import traces

NEEDS_GRAPHVIZ = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


def drawn(text: str, language: str = "json0") -> str:
    """What Graphviz makes of it."""
    done = subprocess.run(
        ["dot", f"-T{language}"], input=text, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def read(text: str) -> Any:
    return networkx.read_graphml(io.BytesIO(text.encode()))


@NEEDS_GRAPHVIZ
@pytest.mark.parametrize("name", [n for n in traces.ALL if n != "crowd"])
def test_graphviz_draws_every_node_and_arrow(name: str) -> None:
    trace, outcome = traces.ALL[name]()
    graph = json.loads(drawn(dot.render(trace, outcome)))
    picture = waitgraph.picture(trace, outcome)
    assert {n["name"] for n in graph.get("objects", [])} == {n.id for n in picture.nodes}
    assert len(graph.get("edges", [])) == len(picture.arrows)


@NEEDS_GRAPHVIZ
def test_the_circle_in_dot() -> None:
    trace, outcome = traces.seated(3)
    text = dot.render(trace, outcome)
    graph = json.loads(drawn(text))
    labels = {n["name"]: n["label"] for n in graph["objects"]}
    assert labels["p0"] == "philosopher[0]\\nblocked at test.yaml:4 (hungry)\\ndeadlocked"
    assert sorted(labels[n] for n in labels if n.startswith("o")) == ["fork[0]", "fork[1]", "fork[2]"]
    assert len(graph["edges"]) == 6
    assert all(e["color"] == "#b02020" for e in graph["edges"])
    assert "<svg" in drawn(text, "svg")


@NEEDS_GRAPHVIZ
def test_hostile_names_are_text() -> None:
    trace, outcome = traces.hostile()
    svg = drawn(dot.render(trace, outcome), "svg")
    assert "<b>" not in svg
    assert "</script>" not in svg
    assert "&lt;/script&gt;" in svg
    assert "(10,0" in svg  # … characters: cut, and said so
    assert "\u202e" not in svg


@pytest.mark.parametrize("name", traces.ALL)
def test_graphml_is_read_by_networkx(name: str) -> None:
    trace, outcome = traces.ALL[name]()
    graph = read(graphml.render(trace, outcome))
    picture = waitgraph.picture(trace, outcome)
    assert set(graph.nodes) == {n.id for n in picture.nodes}
    assert graph.number_of_edges() == len({(a.source, a.target) for a in picture.arrows})
    assert graph.graph["verdict"] == str(outcome.verdict)


def test_the_circle_in_graphml() -> None:
    trace, outcome = traces.seated(3)
    graph = read(graphml.render(trace, outcome))
    (circle,) = networkx.simple_cycles(graph)
    assert len(circle) == 6
    assert graph.nodes["p1"]["label"] == "philosopher[1]"
    assert graph.nodes["p1"]["deadlocked"] is True
    assert graph.edges["p1", "o1"]["relation"] == "waits for"
    assert graph.edges["o1", "p2"] == {"relation": "held by", "circle": True, "id": "e3"}


def test_real_runs() -> None:
    graph = read(graphml.render(*traces.real("red-label")))
    waiting = [n for n, data in graph.nodes(data=True) if data.get("deadlocked")]
    assert waiting
    wanted = []
    for process in waiting:
        (thing,) = graph.successors(process)
        assert graph.nodes[thing]["kind"] == "object"
        wanted.append(graph.nodes[thing]["detail"])
    assert any("a message of type" in w for w in wanted)
    assert read(graphml.render(*traces.real("lock-holder-crashes"))).number_of_nodes() >= 2
    calm = read(graphml.render(*traces.real("producer-consumer")))
    assert calm.number_of_nodes() == 0
    assert "nobody waited" in calm.graph["remark"]


def test_a_crowd_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waitgraph, "MOST_NODES", 10)
    picture = waitgraph.picture(*traces.crowd(50))
    assert sum(n.is_process for n in picture.nodes) <= 11
    assert picture.remarks[0].endswith("processes left out.")
