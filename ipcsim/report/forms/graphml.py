"""The wait-for graph in GraphML, for yEd, Gephi and networkx."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from ipcsim.report.forms.waitgraph import Arrow, Node, picture, short
from ipcsim.trace import Trace
from ipcsim.verdict import Outcome

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns"
         xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
         xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns
                             http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">
"""
# name, type and what it belongs to of each attribute
KEYS = (
    ("label", "string", "node"),
    ("kind", "string", "node"),  # process or object
    ("detail", "string", "node"),
    ("status", "string", "node"),
    ("deadlocked", "boolean", "node"),
    ("relation", "string", "edge"),  # waits for, held by, may be given by
    ("circle", "boolean", "edge"),
    ("scenario", "string", "graph"),
    ("verdict", "string", "graph"),
    ("remark", "string", "graph"),
)


def render(trace: Trace, outcome: Outcome) -> str:
    """Processes and what they wait for, with their attributes (see `KEYS`)."""
    drawn = picture(trace, outcome)
    parts = [_HEAD]
    parts += [
        f'  <key id="{name}" for="{owner}" attr.name="{name}" attr.type="{kind}"/>\n'
        for name, kind, owner in KEYS
    ]
    parts.append('  <graph id="waits" edgedefault="directed">\n')
    about = (("scenario", outcome.scenario), ("verdict", str(outcome.verdict)))
    parts += [f"    {_data(name, value)}\n" for name, value in about]
    if drawn.remarks:
        parts.append(f"    {_data('remark', ' '.join(drawn.remarks))}\n")
    parts += [_node(n) for n in drawn.nodes]
    parts += [_arrow(i, a) for i, a in enumerate(drawn.arrows)]
    return "".join([*parts, "  </graph>\n</graphml>\n"])


def _data(key: str, value: str) -> str:
    return f"<data key={quoteattr(key)}>{escape(_allowed(value))}</data>"


def _allowed(text: str) -> str:
    """`text` without the characters that XML cannot hold even escaped."""
    return "".join(c for c in short(text) if c.isprintable() or c.isspace())


def _node(node: Node) -> str:
    kind = "process" if node.is_process else "object"
    data = [("label", node.label), ("kind", kind)]
    if node.detail:
        data.append(("detail", node.detail))
    if node.is_process:
        data += [("status", node.status), ("deadlocked", str(node.deadlocked).lower())]
    return f'    <node id="{node.id}">{"".join(_data(*d) for d in data)}</node>\n'


def _arrow(number: int, arrow: Arrow) -> str:
    data = _data("relation", arrow.kind) + _data("circle", str(arrow.in_cycle).lower())
    ends = f'source="{arrow.source}" target="{arrow.target}"'
    return f'    <edge id="e{number}" {ends}>{data}</edge>\n'
