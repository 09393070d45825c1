"""`python -m ipcsim.facts` prints docs/semantics.md."""

from __future__ import annotations

from ipcsim.facts.semantics import markdown

if __name__ == "__main__":
    print("\n".join(markdown()))
