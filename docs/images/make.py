"""`python docs/images/make.py`: the pictures of the README, from real outcomes. Needs chromium.

- `terminal.png`: what `ipcsim verify three-of-five` prints;
- `report.png`: the page of the same counterexample.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

import ipcsim
from ipcsim import api
from ipcsim.report import html, text
from ipcsim.trace import read_trace

HERE = Path(__file__).parent
SCENARIO, WIDTH = "three-of-five", 98
FRAME = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #0d1117; color: #e6edf3; padding: 18px 22px }}
pre {{ font: 15px/1.4 "DejaVu Sans Mono", monospace; margin: 0 }}
</style><pre><span style="color:#7d8590">$ ipcsim verify {scenario}</span>

{body}</pre>"""


def picture(page: str, target: Path, width: int, height: int) -> None:
    """Draw an HTML page into a PNG."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "page.html")
        file.write_text(page)
        subprocess.run(
            [
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                f"--window-size={width},{height}", "--virtual-time-budget=4000",
                f"--screenshot={target}", file.as_uri(),
            ],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        outcome = ipcsim.verify(SCENARIO, trace_dir=folder)
        trace = Path(outcome.extra["trace"])
        told = text.render(outcome, WIDTH, color=True).replace(str(trace), f"reports/{SCENARIO}/….trace")
        console = Console(record=True, width=WIDTH + 2, file=io.StringIO(), force_terminal=True)
        console.print(Text.from_ansi(told), soft_wrap=True)
        body = console.export_html(inline_styles=True, code_format="{code}")
        lines = told.count("\n") + 3
        frame = FRAME.format(scenario=SCENARIO, body=body)
        picture(frame, HERE / "terminal.png", 940, 40 + 21 * lines)
        page = html.render(read_trace(trace), api.read_outcome(trace))
        picture(page, HERE / "report.png", 1280, 1060)
    return 0


if __name__ == "__main__":
    sys.exit(main())
