// Search: which rows name what was typed: a process, an instruction, a result, an object that changes or is awaited.
"use strict";

class Search {
  constructor(model, field, output, onPick) {
    this.model = model;
    this.field = field;
    this.output = output;
    this.onPick = onPick;
    this.found = [];
    field.addEventListener("input", () => this.run());
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") { event.preventDefault(); this.go(event.shiftKey ? -1 : 1); }
      if (event.key === "Escape") { field.value = ""; this.run(); field.blur(); }
    });
  }

  run() {
    const wanted = this.field.value.trim().toLowerCase(), { model } = this, { col, head } = model;
    this.found = [];
    if (!wanted) { this.output.textContent = ""; return; }
    const has = (text) => text.toLowerCase().includes(wanted);
    const process = head.processes.map(has), text = head.texts.map(([t]) => has(t)), result = head.results.map(has), wait = head.waits.map((w) => has(w.on));
    const label = head.labels.map(([name]) => has(name)), byChange = new Set();
    col["value.label"].forEach((l, i) => { if (label[l]) byChange.add(col["value.row"][i]); });
    for (let row = 0; row < model.rows; row++) {
      const said = col["row.kind"][row] === BLOCKS ? wait : result;
      if (process[col["row.process"][row]] || text[col["row.text"][row]] || said[col["row.result"][row]] || byChange.has(row)) this.found.push(row);
    }
    this.output.textContent = this.found.length ? `${this.found.length.toLocaleString("en")} found, Enter for the next` : "nothing found";
  }

  go(by) {
    if (!this.found.length) return;
    const at = lastUpTo(this.found, this.current ?? -1);
    const exact = at >= 0 && this.found[at] === this.current;
    const next = by > 0 ? at + 1 : at - (exact ? 1 : 0);
    const index = (next + this.found.length) % this.found.length;
    this.current = this.found[index];
    this.output.textContent = `${(index + 1).toLocaleString("en")} of ${this.found.length.toLocaleString("en")}`;
    this.onPick(this.current);
  }
}
