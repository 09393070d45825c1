"""The wait-for graph in Graphviz's DOT: `ipcsim report TRACE --format dot | dot -Tsvg`."""

from __future__ import annotations

from ipcsim.report.forms.waitgraph import Arrow, Node, picture
from ipcsim.trace import Trace
from ipcsim.verdict import Outcome

_HEAD = """digraph "wait for" {
  rankdir=LR
  node [fontname="sans-serif", fontsize=11]
  edge [fontname="sans-serif", fontsize=9]
"""


def render(trace: Trace, outcome: Outcome) -> str:
    """Boxes are processes (a double border: deadlocked), ellipses what they wait for; dashed arrows lead
    to those who may still give it, bold ones are the circle."""
    drawn = picture(trace, outcome)
    caption = "\n".join((drawn.title, *drawn.remarks))
    lines = [_HEAD, f"  label={_quoted(caption)}\n"]
    lines += [f"  {_node(n)}\n" for n in drawn.nodes]
    lines += [f"  {_arrow(a)}\n" for a in drawn.arrows]
    return "".join([*lines, "}\n"])


def _quoted(text: str) -> str:
    """A string that Graphviz shows as it is: it knows escapes such as \\N (the node's own name)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _node(node: Node) -> str:
    label = f"{node.label}\n{node.detail}" if node.detail else node.label
    style = ["shape=box"] if node.is_process else ["shape=ellipse", "style=filled", 'fillcolor="#f2f2f2"']
    if node.deadlocked:
        label += "\ndeadlocked"
        style += ["peripheries=2", 'color="#b02020"']
    return f"{node.id} [label={_quoted(label)}, {', '.join(style)}]"


def _arrow(arrow: Arrow) -> str:
    style = [f"label={_quoted(arrow.kind)}"]
    if not arrow.hard:
        style.append("style=dashed")
    if arrow.in_cycle:
        style += ["penwidth=2.2", 'color="#b02020"']
    return f"{arrow.source} -> {arrow.target} [{', '.join(style)}]"
