// Each value over time, as small step plots on the timeline's own stretch of time.
"use strict";

const MOST_PLOTS = 24;

class Plots {
  constructor(model, box, timeline) {
    this.model = model;
    this.timeline = timeline;
    const { first } = model.changes;
    const moving = model.head.labels.map((_, i) => i).filter((i) => first[i + 1] > first[i] && this.numeric(i));
    this.plots = moving.slice(0, MOST_PLOTS).map((label) => this.figure(label, box));
    this.box = box;
    if (!moving.length) box.append(this.note("No value ever changed."));
    if (moving.length > MOST_PLOTS) box.append(this.note(`${moving.length - MOST_PLOTS} more values are not plotted.`));
    timeline.listeners.push(() => this.draw());
    new ResizeObserver(() => this.draw()).observe(box);
  }

  numeric(label) {
    const { first, places } = this.model.changes;
    return typeof this.model.decode(this.model.col["value.value"][places[first[label]]]) === "number";
  }

  note(text) { return Object.assign(document.createElement("p"), { className: "dim", textContent: text }); }

  figure(label, box) {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption");
    const canvas = document.createElement("canvas"), now = document.createElement("b"), name = document.createElement("span");
    const { first, places } = this.model.changes, value = this.model.col["value.value"];
    let low = Infinity, high = -Infinity;
    const look = (v) => { if (typeof v === "number") { low = Math.min(low, v); high = Math.max(high, v); } };
    look(this.model.decode(this.model.head.labels[label][1]));
    for (let i = first[label]; i < first[label + 1]; i++) look(this.model.decode(value[places[i]]));
    name.textContent = this.model.head.labels[label][0];
    name.className = "name";
    caption.append(name, now);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `${name.textContent} over time: from ${low} to ${high}, ${first[label + 1] - first[label]} changes`);
    figure.append(caption, canvas);
    box.append(figure);
    return { label, canvas, now, low: Math.min(0, low), high: Math.max(low + 1, high), name: name.textContent };
  }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      const seen = this.box.getBoundingClientRect();
      if (seen.top > window.innerHeight * 3) { this.late(); return; }
      for (const plot of this.plots) this.paint(plot);
    });
  }

  // Far below what is seen: drawn when it comes near.
  late() {
    if (this.watching) return;
    this.watching = new IntersectionObserver((entries) => {
      if (entries.some((e) => e.isIntersecting)) { this.watching.disconnect(); this.watching = null; for (const plot of this.plots) this.paint(plot); }
    }, { rootMargin: "200%" });
    this.watching.observe(this.box);
  }

  paint({ label, canvas, now, low, high }) {
    const { model, timeline } = this, ratio = window.devicePixelRatio || 1, wide = canvas.clientWidth, tall = canvas.clientHeight;
    if (!wide) return;
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round(tall * ratio);
    const pen = canvas.getContext("2d"), colour = timeline.colour || timeline.colours();
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.font = `12px ${timeline.font || "sans-serif"}`;
    const left = Math.max(28, 12 + pen.measureText(String(high)).width, 12 + pen.measureText(String(low)).width);
    const x = (time) => left + (time - timeline.from) / (timeline.to - timeline.from) * (wide - 6 - left);
    const y = (v) => 8 + (high - v) / (high - low) * (tall - 18);
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    pen.strokeStyle = colour.line;
    for (const v of high - low <= 4 ? Array.from({ length: high - low + 1 }, (_, i) => low + i) : [low, high]) {
      pen.fillStyle = colour.dim;
      pen.fillText(String(v), left - 6, y(v));
      pen.beginPath(); pen.moveTo(left, y(v)); pen.lineTo(wide - 6, y(v)); pen.stroke();
    }
    pen.strokeStyle = colour.accent;
    pen.lineWidth = 1.8;
    this.line(pen, label, x, y, left, wide);
    const time = timeline.now;
    pen.fillStyle = colour.accent;
    if (time >= timeline.from && time <= timeline.to) pen.fillRect(x(time) - 0.5, 0, 1.5, tall);
    now.textContent = String(model.value(label, Math.min(timeline.row, model.rows - 1)));
  }

  // A step function; several changes in one pixel are one upright line from the least to the greatest.
  line(pen, label, x, y, left, wide) {
    const { model, timeline } = this, { first, rows, places } = model.changes, times = model.col["row.time"];
    const value = (i) => model.decode(i < first[label] ? model.head.labels[label][1] : model.col["value.value"][places[i]]);
    let at = first[label], low = first[label], high = first[label + 1];
    while (low < high) { const m = (low + high) >> 1; if (times[rows[m]] < timeline.from) low = m + 1; else high = m; }
    at = low;
    let last = value(at - 1);
    const number = (v) => (typeof v === "number" ? v : 0);
    pen.beginPath();
    pen.moveTo(left, y(number(last)));
    let pixel = -1, least = 0, most = 0;
    for (; at < first[label + 1] && times[rows[at]] <= timeline.to; at++) {
      const here = Math.round(x(times[rows[at]])), v = number(value(at));
      if (here === pixel) {
        if (v < least || v > most) {
          least = Math.min(least, v);
          most = Math.max(most, v);
          pen.moveTo(here, y(least));
          pen.lineTo(here, y(most));
        }
        pen.moveTo(here, y(v));
      } else {
        pen.lineTo(here, y(number(last)));
        pen.lineTo(here, y(v));
        pixel = here; least = Math.min(v, number(last)); most = Math.max(v, number(last));
      }
      last = v;
    }
    pen.lineTo(wide - 6, y(number(last)));
    pen.stroke();
  }
}
