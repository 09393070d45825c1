from __future__ import annotations

import networkx
from hypothesis import given, settings
from hypothesis import strategies as st

from ipcsim.analysis.cycles import components, short_cycle

edges = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30)


@settings(deadline=None)
@given(edges)
def test_components_as_networkx_has_them(pairs):
    follow = {n: [b for a, b in pairs if a == n] for n in range(10)}
    found = components(range(10), lambda n: follow[n])
    graph = networkx.DiGraph(pairs)
    graph.add_nodes_from(range(10))
    assert {frozenset(c) for c in found} == {
        frozenset(c) for c in networkx.strongly_connected_components(graph)
    }
    place = {n: i for i, c in enumerate(found) for n in c}
    assert all(place[b] <= place[a] for a, b in pairs)  # those waited for come first


@settings(deadline=None)
@given(edges)
def test_the_cycle_is_a_shortest_one(pairs):
    """Each process waits for one thing of its own, which its targets give."""
    waits = {n: [("thing", n)] for n in range(10)}
    givers = {("thing", n): sorted({b for a, b in pairs if a == n}) for n in range(10)}
    cycle = short_cycle(range(10), waits, givers)
    graph = networkx.DiGraph((a, b) for a, b in pairs if a != b)
    lengths = [len(c) for c in networkx.simple_cycles(graph, length_bound=4)]
    if not cycle:
        assert networkx.is_directed_acyclic_graph(graph)
        return
    following = [*cycle[1:], cycle[0]]
    assert all(n in givers[thing] for (_, thing), (n, _) in zip(cycle, following, strict=True))
    assert len({p for p, _ in cycle}) == len(cycle) >= 2
    if lengths:
        assert len(cycle) == min(lengths)


def test_a_long_ring():
    n = 5000
    waits = {i: [("thing", i)] for i in range(n)}
    givers = {("thing", i): [(i + 1) % n] for i in range(n)}
    assert len(short_cycle(range(n), waits, givers)) == n
