// The wait-for graph of an instant as SVG: processes (rounded) and objects (square). Who blocks points at what it
// waits for (solid), a held object at its holder (solid, with a dot), any object at who may still give (dashed).
// A circle that a finding names stands as one; places never change while one scrubs.
"use strict";

const SVG = "http://www.w3.org/2000/svg", WIDE = 640, HIGH = 540, MOST_NODES = 26;

function svg(name, attributes = {}, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

class Graph {
  constructor(model, box, cycle, onPick) {
    this.model = model;
    this.box = box;
    this.onPick = onPick;
    this.cycle = this.known(cycle);
    this.places = new Map();
    this.soft = true;
    this.everybody = model.head.processes.map((_, p) => p);
    this.objects = this.usedObjects();
    this.small = this.everybody.length + this.objects.length <= MOST_NODES;
  }

  // The circle of a finding as node keys: p3, o7.
  known(names) {
    const { processes, labels } = this.model.head, found = [];
    for (const name of names) {
      const p = processes.indexOf(name), o = labels.findIndex(([label]) => label === name || label === `len(${name})`);
      const key = p >= 0 ? `p${p}` : o >= 0 ? `o${o}` : null;
      if (key && !found.includes(key)) found.push(key);
    }
    return found;
  }

  usedObjects() {
    const { waits, held } = this.model.head, found = new Set();
    for (const wait of waits) {
      if (wait.queue !== undefined) found.add(wait.queue);
      for (const [label, delta] of wait.operations || []) if (delta <= 0) found.add(label);
    }
    for (const [, label] of held) found.add(label);
    return [...found];
  }

  show(row) {
    const { model } = this;
    const processes = this.small || model.head.soft ? this.everybody : this.blockedOnly(row);
    const { waits, gives } = model.graph(row, processes);
    const shown = gives.filter((g) => g.hard || this.soft);
    const nodes = this.small ? this.allNodes() : this.some(waits, shown);
    const places = this.small ? this.fixed(nodes) : this.layout(nodes, waits, shown);
    this.waits = waits;
    this.gives = shown;
    this.paint(row, places, waits, shown);
  }

  blockedOnly(row) {
    const found = [];
    for (const p of this.everybody) {
      if (this.model.status(p, row) === "blocked") found.push(p);
      if (found.length >= 400) break;
    }
    return found;
  }

  allNodes() { return [...this.everybody.map((p) => `p${p}`), ...this.objects.map((o) => `o${o}`)]; }

  // Of many nodes those that matter now: deadlocked ones first, then who waits, then who may help.
  some(waits, gives) {
    const found = new Set(this.cycle.slice(0, MOST_NODES));
    const add = (key) => { if (found.size < MOST_NODES) found.add(key); };
    for (const w of [...waits].sort((a, b) => b.stuck - a.stuck)) { add(`p${w.process}`); add(`o${w.label}`); }
    for (const g of [...gives].sort((a, b) => b.hard - a.hard)) if (found.has(`o${g.label}`)) add(`p${g.process}`);
    return [...found];
  }

  fixed(nodes) {
    if (!this.places.size) {
      const links = [];
      for (const { process, label } of this.everyLink()) links.push({ process, label });
      this.places = this.layout(nodes, links, []);
    }
    return this.places;
  }

  // Every (process, object) that ever belong together, so that objects stand near those who use them.
  *everyLink() {
    const { model } = this, seen = new Set();
    for (const [process, label] of model.head.held) yield { process, label };
    const rows = Math.min(model.rows, 20000);
    for (let row = 0; row < rows; row++) {
      if (model.kind(row) !== BLOCKS) continue;
      const process = model.process(row), wait = model.wait(row);
      const labels = wait.queue !== undefined ? [wait.queue] : (wait.operations || []).map(([label]) => label);
      for (const label of labels) {
        const key = `${process} ${label}`;
        if (!seen.has(key)) { seen.add(key); yield { process, label }; }
      }
    }
  }

  layout(nodes, waits, gives) {
    const places = new Map(), ring = this.cycle.filter((k) => nodes.includes(k));
    const rest = nodes.filter((k) => !ring.includes(k));
    const on = (keys, radiusX, radiusY, turn = 0, middle = WIDE / 2) => keys.forEach((key, i) => {
      const angle = -Math.PI / 2 + turn + i / keys.length * 2 * Math.PI;
      places.set(key, [middle + radiusX * Math.cos(angle), HIGH / 2 + radiusY * Math.sin(angle), angle]);
    });
    if (ring.length > 1) { // the circle by itself, at its right who is not in it
      on(ring, rest.length ? 145 : 240, rest.length ? 205 : 235, 0, rest.length ? 215 : WIDE / 2);
      const beside = this.together(rest, [...waits, ...gives]), columns = beside.length > 9 ? 2 : 1;
      const lines = Math.ceil(beside.length / columns);
      beside.forEach((key, i) => {
        const column = Math.floor(i / lines), line = i % lines;
        places.set(key, [columns === 1 ? 555 : 455 + 120 * column, lines === 1 ? HIGH * 0.3 : HIGH / (lines + 1) * (line + 1), 0]);
      });
      return places;
    }
    const processes = nodes.filter((k) => k[0] === "p"), objects = nodes.filter((k) => k[0] === "o");
    on(processes, 248, 238);
    const inner = this.nearby(objects, places, [...waits, ...gives]);
    const shift = objects.length === processes.length ? Math.PI / objects.length : 0;
    if (inner.length === 1) places.set(inner[0], [WIDE / 2, HIGH / 2, 0]);
    else on(inner, 125, 120, shift);
    return places;
  }

  // Each process followed by the objects that it alone of those before it is linked with.
  together(keys, links) {
    const found = new Set();
    for (const key of keys.filter((k) => k[0] === "p")) {
      found.add(key);
      for (const { process, label } of links) if (key === `p${process}` && keys.includes(`o${label}`)) found.add(`o${label}`);
    }
    for (const key of keys) found.add(key);
    return [...found];
  }

  // `keys` in the order of the mean direction of what they are linked with.
  nearby(keys, places, links) {
    const direction = (key) => {
      let x = 0, y = 0;
      for (const { process, label } of links) {
        const other = key === `p${process}` ? `o${label}` : key === `o${label}` ? `p${process}` : null;
        const place = other && places.get(other);
        if (place) { x += Math.cos(place[2]); y += Math.sin(place[2]); }
      }
      return (Math.atan2(y, x) + 2.5 * Math.PI + 0.01) % (2 * Math.PI);
    };
    const angles = new Map(keys.map((k) => [k, direction(k)]));
    return [...keys].sort((a, b) => angles.get(a) - angles.get(b));
  }

  // --- drawing ---

  paint(row, places, waits, gives) {
    const old = this.box.querySelector("svg");
    const picture = svg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "group", "aria-label": this.summary(waits, gives) });
    picture.append(this.markers());
    const edges = svg("g"), nodes = svg("g");
    const changed = new Set(row >= 0 && row < this.model.rows ? this.model.changesOf(row).map(([label]) => label) : []);
    for (const wait of waits) this.edge(edges, places, `p${wait.process}`, `o${wait.label}`, "waits", wait);
    for (const give of gives) this.edge(edges, places, `o${give.label}`, `p${give.process}`, give.hard ? "holds" : "may", give);
    for (const [key, place] of places) nodes.append(this.node(key, place, row, changed));
    picture.append(edges, nodes);
    const focused = old && old.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    if (old) old.replaceWith(picture); else this.box.prepend(picture);
    if (focused) picture.querySelector(`[data-key="${focused}"]`)?.focus();
    const hidden = this.everybody.length + this.objects.length - places.size;
    this.box.querySelector(".more").textContent = hidden > 0 ? `${hidden} processes and objects that matter less at this instant are not drawn.` : "";
  }

  summary(waits, gives) {
    if (!waits.length) return "Wait-for graph: nobody waits.";
    const { processes, labels } = this.model.head;
    const said = waits.slice(0, 12).map((w) => {
      const holders = gives.filter((g) => g.label === w.label && g.hard).map((g) => processes[g.process]);
      return `${processes[w.process]} waits for ${labels[w.label][0]}${holders.length ? `, held by ${holders.join(" and ")}` : ""}`;
    });
    return `Wait-for graph: ${said.join("; ")}.`;
  }

  markers() {
    const defs = svg("defs");
    for (const [name, colour, size] of [["waits", "--block", 5], ["holds", "--text", 5], ["may", "--dim", 6], ["stuck", "--bad", 4.4]]) {
      const marker = svg("marker", { id: `arrow-${name}`, viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: size, markerHeight: size, orient: "auto-start-reverse" });
      marker.append(svg("path", { d: "M0 0L10 5L0 10z", style: `fill:var(${colour})` }));
      defs.append(marker);
    }
    return defs;
  }

  size(key) {
    const text = this.caption(key);
    return [Math.max(54, Math.min(160, 22 + 8.6 * text.length)), key[0] === "p" ? 42 : 30];
  }

  caption(key) {
    const { head } = this.model, number = Number(key.slice(1));
    const name = key[0] === "p" ? head.processes[number] : head.labels[number][0];
    return name.length > 17 ? `${name.slice(0, 16)}…` : name;
  }

  node(key, [x, y], row, changed) {
    const { model } = this, number = Number(key.slice(1)), process = key[0] === "p";
    const [wide, high] = this.size(key), at = Math.min(row, model.rows - 1);
    const status = process ? model.status(number, at) : "", stuck = process && model.isStuck(number, at);
    const gone = status === "ended" || status === "dead" || status === "not started";
    const group = svg("g", { class: `node ${status} ${stuck ? "stuck" : ""} ${gone ? "gone" : ""} ${!process && changed.has(number) ? "changed" : ""}`, "data-node": key });
    const full = process ? model.head.processes[number] : model.head.labels[number][0];
    const phase = process ? model.phase(number, row >= model.rows ? model.end : model.time(row)) : "";
    const below = process ? [stuck ? "deadlocked" : status, phase].filter(Boolean).join(" · ") : "";
    const value = process ? "" : ` = ${model.value(number, at)}`;
    group.append(svg("title", {}, `${full}${value}${below && `: ${below}`}`));
    const least = process ? Math.max(wide, 20 + 6.6 * below.length) : wide + 28;
    group.append(svg("rect", { x: x - least / 2, y: y - high / 2, width: least, height: high, rx: process ? 20 : 4 }));
    group.append(svg("text", { x, y: process ? y - 7 : y }, this.caption(key) + value));
    if (below) group.append(svg("text", { x, y: y + 11, class: "small" }, below.length > 26 ? `${below.slice(0, 25)}…` : below));
    return group;
  }

  edge(parent, places, from, to, kind, what) {
    const start = places.get(from), end = places.get(to);
    if (!start || !end) return;
    const stuck = what.stuck && this.stuckEdge(what, kind, from, to);
    const [x1, y1] = this.border(start, end, this.size(from)), [x2, y2] = this.border(end, start, this.size(to));
    const bend = kind === "waits" ? 0.08 : kind === "may" ? 0.16 : 0.08;
    const mx = (x1 + x2) / 2 - (y2 - y1) * bend, my = (y1 + y2) / 2 + (x2 - x1) * bend;
    const d = `M${x1.toFixed(1)} ${y1.toFixed(1)}Q${mx.toFixed(1)} ${my.toFixed(1)} ${x2.toFixed(1)} ${y2.toFixed(1)}`;
    const said = this.said(kind, what);
    const group = svg("g", { class: `edge ${kind} ${stuck ? "stuck" : ""}`, tabindex: 0, role: "button", "aria-label": said, "data-key": `${from}-${to}-${kind}`, "data-row": what.row });
    const arrow = stuck ? "stuck" : kind;
    group.append(svg("title", {}, said), svg("path", { class: "draw", d, "marker-end": `url(#arrow-${arrow})` }), svg("path", { class: "hit", d }));
    if (kind === "holds") group.append(svg("circle", { cx: x1, cy: y1, r: 4.5, style: `fill:var(${stuck ? "--bad" : "--text"})` }));
    const pick = () => { if (what.row >= 0) this.onPick(what.row); };
    group.addEventListener("click", pick);
    group.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); event.stopPropagation(); pick(); }
    });
    parent.append(group);
  }

  // A holder's edge belongs to the deadlock where somebody deadlocked waits for what it holds; one that only may
  // give where it is part of the circle.
  stuckEdge(what, kind, from, to) {
    const at = this.cycle.indexOf(from);
    if (kind === "may") return at >= 0 && this.cycle[(at + 1) % this.cycle.length] === to;
    return kind === "waits" || this.waits.some((w) => w.stuck && w.label === what.label);
  }

  border([x, y], [tx, ty], [wide, high]) {
    const dx = tx - x, dy = ty - y, w = wide / 2 + 14, h = high / 2 + 3;
    const scale = Math.min(w / Math.abs(dx || 1e-6), h / Math.abs(dy || 1e-6), 1);
    return [x + dx * scale, y + dy * scale];
  }

  said(kind, what) {
    const { processes, labels } = this.model.head, name = processes[what.process], thing = labels[what.label][0];
    const where = what.row >= 0 ? this.model.place(what.row) : "";
    if (kind === "waits") return `${name} waits for ${thing}${where && `, since ${where}`}`;
    if (kind === "holds") return `${name} holds ${what.units > 1 ? `${what.units} of ` : ""}${thing}${where && `, since ${where}`}`;
    return `${name} may still give what is awaited of ${thing}`;
  }
}
