// The timeline: one lane a process on a canvas, as high as what is seen of it, so thousands of lanes cost nothing.
// Where many spans fall into one pixel it draws how much of that pixel's time was slept.
"use strict";

const LANE = 38, AXIS = 26, BAR = 17, STRIPE = 13, LEAST = 3;

class Timeline {
  constructor(model, box, onPick) {
    this.model = model;
    this.box = box;
    this.canvas = box.querySelector("canvas");
    this.spacer = box.querySelector(".spacer");
    this.row = -1;
    this.matches = null;
    this.from = 0;
    this.to = Math.max(1, model.end);
    this.listeners = [];
    this.spacer.style.height = `${AXIS + model.head.processes.length * LANE + 6}px`;
    this.pointer = new Pointer(this, onPick);
    new ResizeObserver(() => this.draw()).observe(box);
  }

  // --- what is seen ---

  get width() { return Math.max(60, this.canvas.clientWidth - this.gutter - 8); }
  x(time) { return this.gutter + (time - this.from) / (this.to - this.from) * this.width; }
  timeAt(x) { return this.from + (x - this.gutter) / this.width * (this.to - this.from); }

  show(from, to) {
    const end = Math.max(1, this.model.end), least = Math.min(end, this.model.head.steps ? 4 : 50);
    const span = Math.min(end, Math.max(least, to - from));
    this.from = Math.min(Math.max(0, from), end - span);
    this.to = this.from + span;
    this.draw();
    for (const listener of this.listeners) listener();
  }

  zoom(factor, around = this.middle()) {
    const left = (around - this.from) * factor, right = (this.to - around) * factor;
    this.show(around - left, around + right);
  }

  middle() {
    const now = this.now;
    return now >= this.from && now <= this.to ? now : (this.from + this.to) / 2;
  }

  pan(part) {
    const by = (this.to - this.from) * part;
    this.show(this.from + by, this.to + by);
  }

  fit() { this.show(0, this.model.end); }

  get now() { return this.row >= this.model.rows ? this.model.end : this.model.time(this.row); }

  // Moves to an instant; keeps it in sight.
  select(row) {
    this.row = row;
    const now = this.now, span = this.to - this.from;
    if (now < this.from || now > this.to) this.show(now - span / 2, now + span / 2);
    else this.draw();
  }

  reveal(process) {
    const top = AXIS + process * LANE, { scrollTop, clientHeight } = this.box;
    if (top - AXIS < scrollTop) this.box.scrollTop = top - AXIS;
    else if (top + LANE > scrollTop + clientHeight) this.box.scrollTop = top + LANE - clientHeight;
  }

  // --- drawing ---

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.paint(); });
  }

  colours() {
    const style = getComputedStyle(document.documentElement);
    const get = (name) => style.getPropertyValue(`--${name}`).trim();
    const names = ["back", "panel", "line", "text", "dim", "run", "run-soft", "block", "block-soft", "gone", "wake", "bad", "accent", "warn"];
    const found = Object.fromEntries(names.map((n) => [n, get(n)]));
    found.phases = [0, 1, 2, 3, 4, 5].map((i) => get(`p${i}`));
    return found;
  }

  paint() {
    const { canvas, box, model } = this, ratio = window.devicePixelRatio || 1;
    const wide = box.clientWidth;
    const high = Math.min(box.clientHeight || 1e9, AXIS + model.head.processes.length * LANE + 6);
    if (!wide || !high) return;
    canvas.style.height = `${high}px`;
    if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) {
      canvas.width = Math.round(wide * ratio);
      canvas.height = Math.round(high * ratio);
    }
    const pen = this.pen = canvas.getContext("2d");
    this.high = high;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.colour = this.colours();
    this.font = getComputedStyle(document.body).fontFamily;
    this.hatch = this.hatching(ratio);
    pen.fillStyle = this.colour.back;
    pen.fillRect(0, 0, wide, high);
    this.gutter = this.gutterWidth(pen, wide);
    const first = Math.max(0, Math.floor(box.scrollTop / LANE));
    const last = Math.min(model.head.processes.length - 1, Math.ceil((box.scrollTop + high) / LANE));
    this.paintGrid(pen, wide);
    for (let p = first; p <= last; p++) this.paintLane(pen, p, this.top(p));
    this.paintWakes(pen, first, last);
    this.paintAxis(pen, wide);
    this.paintCursor(pen);
    document.documentElement.dataset.painted ??= Math.round(performance.now()); // ms, for the tests
  }

  top(process) { return AXIS + process * LANE - this.box.scrollTop; }

  gutterWidth(pen, wide) {
    pen.font = `600 14px ${this.font}`;
    const names = this.model.head.processes;
    const sample = names.length > 200 ? [names[0], names[names.length - 1]] : names;
    return Math.min(wide * 0.28, 22 + Math.max(...sample.map((n) => pen.measureText(n).width)));
  }

  hatching(ratio) {
    const tile = document.createElement("canvas"), size = 8;
    tile.width = tile.height = size;
    const pen = tile.getContext("2d");
    pen.fillStyle = this.colour["block-soft"];
    pen.fillRect(0, 0, size, size);
    pen.strokeStyle = this.colour.block;
    pen.lineWidth = 2;
    for (const shift of [-size, 0, size]) {
      pen.beginPath();
      pen.moveTo(shift, size);
      pen.lineTo(shift + size, 0);
      pen.stroke();
    }
    return this.pen.createPattern(tile, "repeat");
  }

  ticks() {
    const { steps, unit } = this.model.head, span = this.to - this.from;
    const raw = span / Math.max(2, Math.floor(this.width / 110)), scale = steps ? 1 : unit;
    const power = 10 ** Math.floor(Math.log10(raw * scale));
    let step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * scale) / scale;
    if (steps) step = Math.max(1, Math.round(step));
    const found = [];
    for (let t = Math.ceil(this.from / step) * step; t <= this.to; t += step) found.push(t);
    return found;
  }

  paintGrid(pen, wide) {
    pen.strokeStyle = this.colour.line;
    pen.lineWidth = 1;
    pen.globalAlpha = 0.6;
    for (const t of this.ticks()) {
      const x = Math.round(this.x(t)) + 0.5;
      pen.beginPath(); pen.moveTo(x, AXIS); pen.lineTo(x, this.high); pen.stroke();
    }
    pen.globalAlpha = 1;
    const loop = this.model.head.loop;
    if (loop !== null) {
      const x = this.x(loop);
      pen.fillStyle = this.colour.panel;
      pen.fillRect(x, AXIS, wide - x, this.high);
    }
  }

  paintAxis(pen, wide) {
    pen.fillStyle = this.colour.panel;
    pen.fillRect(0, 0, wide, AXIS - 2);
    pen.fillStyle = this.colour.dim;
    pen.font = `13px ${this.font}`;
    pen.textBaseline = "middle";
    pen.textAlign = "center";
    for (const t of this.ticks()) {
      const text = this.model.head.steps ? String(t) : shortly(t * this.model.head.unit);
      const x = Math.min(this.x(t), wide - 4 - pen.measureText(text).width / 2);
      pen.fillText(text, x, AXIS / 2);
    }
    pen.textAlign = "left";
    pen.fillText(this.model.head.steps ? "step" : "time", 8, AXIS / 2);
    const loop = this.model.head.loop;
    if (loop !== null) {
      pen.fillStyle = this.colour.bad;
      pen.fillText("↻ repeats for ever", Math.max(this.gutter + 30, this.x(loop) + 6), AXIS + 8);
      pen.fillRect(this.x(loop) - 1, AXIS, 2, this.high);
    }
  }

  paintLane(pen, process, top) {
    const { model, colour } = this, { col } = model, middle = top + 4;
    pen.textBaseline = "middle";
    pen.textAlign = "left";
    pen.font = `600 14px ${this.font}`;
    pen.fillStyle = model.isStuck(process, model.rows) && this.row >= 0 && model.isStuck(process, this.row) ? colour.bad : colour.text;
    pen.save();
    pen.beginPath(); pen.rect(0, top, this.gutter - 6, LANE); pen.clip();
    pen.fillText(model.head.processes[process], 8, top + LANE / 2);
    pen.restore();
    pen.save();
    pen.beginPath(); pen.rect(this.gutter, top, this.width + 8, LANE); pen.clip();
    const born = col["lane.born"][process], over = col["lane.over"][process] < 0 ? model.end : col["lane.over"][process];
    const left = Math.max(this.x(born), this.gutter), right = Math.min(this.x(over), this.gutter + this.width);
    pen.fillStyle = colour["run-soft"];
    if (right > left) pen.fillRect(left, middle, Math.max(1, right - left), BAR);
    pen.fillStyle = colour.run;
    if (right > left) pen.fillRect(left, middle + BAR - 3, Math.max(1, right - left), 3);
    this.paintEnds(pen, process, middle, born, over);
    this.paintSleeps(pen, process, middle);
    this.paintPhases(pen, process, middle + BAR + 1);
    pen.restore();
  }

  paintEnds(pen, process, y, born, over) {
    const { model, colour } = this, how = model.col["lane.how"][process];
    pen.strokeStyle = colour.gone;
    pen.lineWidth = 1.5;
    pen.setLineDash([2, 4]);
    const line = (a, b) => { pen.beginPath(); pen.moveTo(a, y + BAR / 2); pen.lineTo(b, y + BAR / 2); pen.stroke(); };
    if (born > this.from) line(this.gutter, this.x(born));
    if (how) line(this.x(over) + 10, this.gutter + this.width);
    pen.setLineDash([]);
    if (!how || over < this.from || over > this.to) return;
    pen.fillStyle = how === DIES ? colour.bad : colour.dim;
    pen.font = `700 15px ${this.font}`;
    pen.fillText(how === DIES ? "✗ dead" : "■ ended", Math.min(this.x(over) + 1, this.gutter + this.width - 62), y + BAR / 2);
  }

  paintSleeps(pen, process, y) {
    const { model, colour } = this, { col } = model;
    const low = col["lane.first"][process], high = col["lane.first"][process + 1];
    const start = col["sleep.start"], spent = col["sleep.spent"];
    let at = Math.max(low, lastUpTo(start, this.from, low, high));
    pen.font = `12.5px ${this.font}`;
    let drawn = this.gutter - 1;
    while (at < high && start[at] <= this.to) {
      const x = this.x(start[at]), end = this.x(start[at] + spent[at]);
      if (end < this.gutter) { at++; continue; }
      if (end - x >= LEAST) {
        this.paintSleep(pen, at, Math.max(x, drawn), end, y);
        drawn = end;
        at++;
        continue;
      }
      // too narrow: this pixel by the share that was slept, and on to the first sleep behind it
      const pixel = Math.max(Math.floor(x), Math.floor(drawn)), from = this.timeAt(pixel), to = this.timeAt(pixel + 1);
      const share = Math.min(1, model.slept(process, from, to) / (to - from));
      if (share > 0) {
        pen.fillStyle = colour.block;
        const tall = Math.max(2, (BAR - 3) * share);
        pen.fillRect(pixel, y + BAR - 3 - tall, 1, tall);
      }
      drawn = Math.max(drawn, pixel + 1);
      at = Math.max(at + 1, lastUpTo(start, to, at, high));
    }
  }

  paintSleep(pen, at, x, end, y) {
    const left = Math.max(x, this.gutter), right = Math.min(end, this.gutter + this.width);
    pen.fillStyle = this.hatch;
    pen.fillRect(left, y, right - left, BAR);
    pen.strokeStyle = this.colour.block;
    pen.lineWidth = 1;
    pen.strokeRect(left + 0.5, y + 0.5, right - left - 1, BAR - 1);
    if (right - left < 26) return;
    const text = fitted(pen, this.model.head.waits[this.model.col["sleep.wait"][at]].on, right - left - 10);
    if (!text) return;
    const wide = pen.measureText(text).width;
    pen.fillStyle = this.colour.back;
    pen.fillRect(left + 3, y + 2, wide + 6, BAR - 4);
    pen.fillStyle = this.colour.text;
    pen.fillText(text, left + 6, y + BAR / 2 + 0.5);
  }

  paintPhases(pen, process, y) {
    const { model, colour } = this, { col } = model, start = col["phase.start"];
    const low = col["phase.first"][process], high = col["phase.first"][process + 1];
    let at = Math.max(low, lastUpTo(start, this.from, low, high)), drawn = -1;
    pen.font = `600 11px ${this.font}`;
    for (; at < high && start[at] <= this.to; at++) {
      const x = Math.max(this.gutter, this.x(start[at])), end = Math.min(this.gutter + this.width, this.x(start[at] + col["phase.spent"][at]));
      const name = col["phase.name"][at];
      if (end <= drawn + 0.5) { // behind what is drawn: on to what begins right of it
        at = Math.max(at, lastUpTo(start, this.timeAt(drawn + 0.5), at, high));
        continue;
      }
      pen.fillStyle = colour.phases[name % 6];
      pen.fillRect(x, y, Math.max(1, end - x - 0.5), STRIPE);
      drawn = Math.max(x + 1, end);
      if (end - x > 24) {
        const text = fitted(pen, model.head.phases[name], end - x - 6);
        pen.fillStyle = colour.back;
        if (text) pen.fillText(text, x + 3, y + STRIPE / 2 + 0.5);
      }
    }
  }

  // Arrows from who woke to who was woken: all that are in sight, or only those of the instant where there are too many.
  paintWakes(pen, first, last) {
    const { model } = this, { col } = model, times = col["wake.time"];
    const low = lastUpTo(times, this.from - 1) + 1, high = lastUpTo(times, this.to) + 1;
    const few = high - low <= 150, now = this.now;
    const from = few ? low : lastUpTo(times, now - 1) + 1;
    const to = few ? high : lastUpTo(times, now) + 1;
    pen.save();
    pen.beginPath(); pen.rect(this.gutter - 5, AXIS - 4, this.width + 13, this.high); pen.clip();
    for (let i = from; i < Math.min(to, from + 300); i++) {
      const waker = col["wake.waker"][i], woken = col["wake.woken"][i];
      if ((waker < first && woken < first) || (waker > last && woken > last)) continue;
      this.paintWake(pen, i, times[i] === now && this.row >= 0);
    }
    pen.restore();
  }

  paintWake(pen, i, strong) {
    const { col } = this.model, when = col["wake.time"][i];
    const x1 = this.x(when - col["wake.after"][i]), x2 = this.x(when);
    const down = col["wake.waker"][i] < col["wake.woken"][i];
    const y1 = this.top(col["wake.waker"][i]) + 4 + (down ? BAR : 0), y2 = this.top(col["wake.woken"][i]) + 4 + (down ? 0 : BAR);
    pen.strokeStyle = pen.fillStyle = this.colour.wake;
    pen.lineWidth = strong ? 3 : 1.5;
    pen.globalAlpha = strong ? 1 : 0.85;
    pen.beginPath();
    pen.arc(x1, y1, strong ? 4 : 2.5, 0, 7);
    pen.fill();
    pen.beginPath(); pen.moveTo(x1, y1);
    pen.bezierCurveTo(x1, (y1 + y2) / 2, x2, (y1 + y2) / 2, x2, y2);
    pen.stroke();
    const tip = down ? -7 : 7;
    pen.beginPath(); pen.moveTo(x2, y2); pen.lineTo(x2 - 4.5, y2 + tip); pen.lineTo(x2 + 4.5, y2 + tip); pen.closePath(); pen.fill();
    pen.globalAlpha = 1;
  }

  paintCursor(pen) {
    const x = this.x(this.now);
    if (x < this.gutter - 1 || x > this.gutter + this.width + 1) return;
    pen.fillStyle = this.colour.accent;
    pen.fillRect(x - 1, AXIS - 8, 2, this.high);
    pen.beginPath(); pen.moveTo(x - 7, AXIS - 12); pen.lineTo(x + 7, AXIS - 12); pen.lineTo(x, AXIS - 1); pen.closePath(); pen.fill();
    if (this.row >= 0 && this.row < this.model.rows) {
      const y = this.top(this.model.process(this.row));
      pen.strokeStyle = this.colour.accent;
      pen.lineWidth = 2;
      pen.beginPath(); pen.arc(x, y + 4 + BAR / 2, 6, 0, 7); pen.stroke();
    }
  }
}

function fitted(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  let some = text;
  while (some.length > 1 && pen.measureText(`${some}…`).width > room) some = some.slice(0, -1);
  return some.length > 1 ? `${some}…` : "";
}

function shortly(ns) {
  if (ns === 0) return "0";
  const [scale, name] = ns < 1e3 ? [1, "ns"] : ns < 1e6 ? [1e3, "µs"] : ns < 1e9 ? [1e6, "ms"] : [1e9, "s"];
  return `${+(ns / scale).toPrecision(6)} ${name}`;
}
