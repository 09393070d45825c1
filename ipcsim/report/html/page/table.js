// The table of steps, windowed: only the rows in sight exist. What a step changed stands out, the rest is quiet.
// Below it in the same panel: every value at the instant.
"use strict";

const ROW = 28, TALLEST = 8e6; // browsers end at some ten million pixels

class StepTable {
  constructor(model, box, onPick) {
    this.model = model;
    this.box = box;
    this.onPick = onPick;
    this.spacer = box.querySelector(".spacer");
    this.row = -1;
    this.height = Math.min(TALLEST, model.rows * ROW);
    this.spacer.style.height = `${this.height + ROW}px`;
    box.setAttribute("aria-rowcount", model.rows);
    box.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(box);
    box.addEventListener("click", (event) => {
      const line = event.target.closest("[data-row]");
      if (line) onPick(Number(line.dataset.row));
    });
  }

  get dense() { return this.model.rows * ROW / Math.max(1, this.height); }

  select(row) {
    this.row = Math.min(row, this.model.rows - 1);
    const top = this.row * ROW / this.dense, { scrollTop, clientHeight } = this.box;
    const room = clientHeight - 2 * ROW;
    if (top < scrollTop || top > scrollTop + room - ROW) this.box.scrollTop = Math.max(0, top - room / 2);
    this.draw();
  }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.paint(); });
  }

  paint() {
    const { box, model } = this, count = Math.ceil(box.clientHeight / ROW) + 2;
    const first = Math.max(0, Math.min(model.rows - count + 2, Math.floor(box.scrollTop * this.dense / ROW)));
    const lines = [];
    const shift = this.dense > 1 ? box.scrollTop - first * ROW : 0; // a row is less than a pixel of scroll bar
    for (let row = first; row < Math.min(model.rows, first + count); row++) lines.push(this.line(row, (row * ROW) + shift + ROW));
    this.spacer.replaceChildren(this.spacer.firstElementChild, ...lines);
  }

  line(row, top) {
    const { model } = this, line = document.createElement("div");
    line.className = model.kind(row) === BLOCKS ? "row blocks" : "row";
    line.style.top = `${top}px`;
    line.dataset.row = row;
    line.setAttribute("role", "row");
    line.setAttribute("aria-rowindex", row + 1);
    line.setAttribute("aria-selected", row === this.row);
    const [text, , number] = model.text(row), blocks = model.kind(row) === BLOCKS;
    const tail = blocks ? ` — waits for ${model.wait(row).on}` : model.result(row) ? ` → ${model.result(row)}` : "";
    const where = number > 0 ? `${number}: ` : "";
    this.cell(line, String(row + 1));
    this.cell(line, model.head.steps ? `step ${model.time(row)}` : duration(model.time(row) * model.head.unit));
    this.cell(line, model.head.processes[model.process(row)]).className = "name";
    this.cell(line, `${where}${text}${tail}`);
    this.changes(this.cell(line, ""), row);
    return line;
  }

  cell(line, text) {
    const cell = document.createElement("span");
    cell.textContent = text;
    cell.title = text;
    cell.setAttribute("role", "gridcell");
    line.append(cell);
    return cell;
  }

  changes(cell, row) {
    const { model } = this, said = model.changesOf(row).map(([label, value]) => `${model.head.labels[label][0]} = ${value}`);
    if (model.kind(row) === STEP && model.text(row)[0].startsWith("phase:")) said.push(model.text(row)[0].slice(6).trim());
    if (model.kind(row) === ENDS) said.push("ended");
    if (model.kind(row) === DIES) said.push("dead");
    said.forEach((text, i) => {
      const bold = document.createElement("b");
      bold.textContent = text;
      if (i) cell.append(" ");
      cell.append(bold);
    });
    cell.title = said.join(", ");
  }
}

class Values {
  constructor(model, box) {
    this.model = model;
    this.box = box;
    const labels = model.head.labels.map((_, i) => i);
    const first = model.changes.first;
    const moving = labels.filter((i) => first[i + 1] > first[i]);
    this.labels = labels.length > 80 ? moving.slice(0, 80) : labels;
    this.cells = this.labels.map((label) => this.cell(label));
    const hidden = labels.length - this.labels.length;
    if (hidden > 0) box.after(Object.assign(document.createElement("p"), { className: "dim", textContent: `${hidden} more values, most of which never change, are not shown.` }));
  }

  cell(label) {
    const [line, name, value] = ["div", "dt", "dd"].map((n) => document.createElement(n));
    name.textContent = name.title = this.model.head.labels[label][0];
    line.append(name, value);
    this.box.append(line);
    return { line, value };
  }

  show(row) {
    const { model } = this, at = Math.min(row, model.rows - 1);
    const changed = new Set(row >= 0 && row < model.rows ? model.changesOf(row).map(([label]) => label) : []);
    this.labels.forEach((label, i) => {
      const { line, value } = this.cells[i];
      value.textContent = value.title = String(model.value(label, at));
      line.classList.toggle("changed", changed.has(label));
    });
  }
}
