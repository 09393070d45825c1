// What is true at an instant: who runs or sleeps and why, every value, who holds what, who waits for whom.
// An instant is the number of a row (−1: before the first): all that follows from the rows up to it.
"use strict";

const STEP = 0, BLOCKS = 1, ENDS = 2, DIES = 3;

class Model {
  constructor({ head, columns }) {
    this.head = head;
    this.col = columns;
    this.rows = columns["row.time"].length;
    this.end = head.end;
    const processes = head.processes.length;
    this.byProcess = grouped(columns["row.process"], processes);
    this.rowsOf = this.byProcess.places;
    this.changes = this.indexed("value.label", "value.row", head.labels.length);
    this.holdings = this.indexed("held.what", "held.row", head.held.length);
    this.holdersOf = new Map();
    head.held.forEach(([process, label], i) => {
      if (!this.holdersOf.has(label)) this.holdersOf.set(label, []);
      this.holdersOf.get(label).push([process, i]);
    });
    this.stuckFrom = new Map(head.deadlocked);
    this.able = head.able.map((ids) => new Set(ids));
    this.busy = this.prefixSums();
  }

  indexed(key, row, number) {
    const group = grouped(this.col[key], number);
    const rows = new Int32Array(group.places.length);
    for (let i = 0; i < rows.length; i++) rows[i] = this.col[row][group.places[i]];
    return { first: group.first, places: group.places, rows };
  }

  // Time slept up to the start of each sleep, so that the share of any stretch is two look-ups.
  prefixSums() {
    const spent = this.col["sleep.spent"], sums = new Float64Array(spent.length + 1);
    for (let i = 0; i < spent.length; i++) sums[i + 1] = sums[i] + spent[i];
    return sums;
  }

  time(row) { return row < 0 ? 0 : this.col["row.time"][row]; }
  process(row) { return this.col["row.process"][row]; }
  kind(row) { return this.col["row.kind"][row]; }
  text(row) { return this.head.texts[this.col["row.text"][row]]; }
  wait(row) { return this.head.waits[this.col["row.result"][row]]; }
  result(row) { return this.kind(row) === BLOCKS ? "" : this.head.results[this.col["row.result"][row]]; }
  spent(row) { return this.col["row.spent"][row]; }

  // The last row of a process up to `row`, −1 where it has none.
  lastRow(process, row) {
    const { first } = this.byProcess;
    const at = lastUpTo(this.rowsOf, row, first[process], first[process + 1]);
    return at < first[process] ? -1 : this.rowsOf[at];
  }

  status(process, row) {
    const last = this.lastRow(process, row);
    if (last < 0) return this.col["lane.born"][process] > this.time(row) ? "not started" : "running";
    return ["running", "blocked", "ended", "dead"][this.kind(last)];
  }

  phase(process, time) {
    const first = this.col["phase.first"];
    const at = lastUpTo(this.col["phase.start"], time, first[process], first[process + 1]);
    if (at < first[process]) return "";
    const over = this.col["phase.start"][at] + this.col["phase.spent"][at];
    return time < over || over >= this.end ? this.head.phases[this.col["phase.name"][at]] : "";
  }

  // Values are numbers doubled, or, odd, the number of a text.
  decode(number) { return number & 1 ? this.head.values[number >> 1] : number / 2; }

  value(label, row) {
    const { first, rows, places } = this.changes;
    const at = lastUpTo(rows, row, first[label], first[label + 1]);
    return this.decode(at < first[label] ? this.head.labels[label][1] : this.col["value.value"][places[at]]);
  }

  units(held, row) {
    const { first, rows, places } = this.holdings;
    const at = lastUpTo(rows, row, first[held], first[held + 1]);
    return at < first[held] ? 0 : this.col["held.units"][places[at]];
  }

  // [label, value] of what a row changed.
  changesOf(row) {
    const rows = this.col["value.row"], found = [];
    for (let i = lastUpTo(rows, row - 1) + 1; i < rows.length && rows[i] === row; i++) {
      found.push([this.col["value.label"][i], this.decode(this.col["value.value"][i])]);
    }
    return found;
  }

  // [process, units, row since] of who holds units of a semaphore, where that can be said (see waiting.py).
  holders(label, row) {
    const lock = this.head.locks[label], value = this.value(label, row), found = [];
    if (!lock || typeof value !== "number") return found;
    let sum = value;
    for (const [process, held] of this.holdersOf.get(label) || []) {
      const units = this.units(held, row);
      if (units > 0) {
        sum += units;
        const { first, rows } = this.holdings;
        found.push([process, units, rows[lastUpTo(rows, row, first[held], first[held + 1])]]);
      }
    }
    return lock[1] || sum === lock[0] ? found : [];
  }

  // What a blocked process still lacks: [need, label] pairs; all that it asked for where nothing is lacking.
  needs(wait, row) {
    if (wait.queue !== undefined) return [[wait.need, wait.queue]];
    const offset = new Map(), found = [], all = [];
    for (const [label, delta] of wait.operations || []) {
      const before = offset.get(label) || 0, now = this.value(label, row);
      offset.set(label, before + delta);
      if (delta <= 0) all.push([`${delta < 0 ? "rise" : "fall"} ${label}`, label]);
      if (typeof now !== "number") continue;
      if (delta < 0 && now + before + delta < 0) found.push([`rise ${label}`, label]);
      else if (delta === 0 && now + before !== 0) found.push([`${now + before > 0 ? "fall" : "rise"} ${label}`, label]);
    }
    return found.length ? found : all;
  }

  // The graph at an instant: {waits: [{process, label, row, stuck}], gives: [{label, process, hard, row, stuck}]}.
  graph(row, processes) {
    const waits = [], gives = [], seen = new Set(), objects = new Set();
    const status = processes.map((p) => this.status(p, row));
    processes.forEach((process, i) => {
      if (status[i] !== "blocked") return;
      const since = this.lastRow(process, row), stuck = this.isStuck(process, row);
      for (const [need, label] of this.needs(this.wait(since), row)) {
        waits.push({ process, label, row: since, stuck });
        objects.add(label);
        if (seen.has(need)) continue;
        seen.add(need);
        this.addGivers(gives, need, label, row, processes, status);
      }
    });
    for (const [label] of this.holdersOf) {
      if (objects.has(label)) continue;
      for (const [process, units, since] of this.holders(label, row)) {
        gives.push({ label, process, hard: true, units, row: since, idle: true });
      }
    }
    return { waits, gives };
  }

  addGivers(gives, need, label, row, processes, status) {
    const held = need.startsWith("rise") ? this.holders(label, row) : [];
    for (const [process, units, since] of held) {
      gives.push({ label, process, need, hard: true, units, row: since, stuck: this.isStuck(process, row) });
    }
    const ids = this.head.needs[need] || [];
    processes.forEach((process, i) => {
      if (status[i] !== "running" && status[i] !== "blocked") return;
      if (held.some(([p]) => p === process) || !this.mayDo(process, row, ids)) return;
      gives.push({ label, process, need, hard: false, row: this.lastRow(process, row), stuck: this.isStuck(process, row) });
    });
  }

  mayDo(process, row, ids) {
    const last = this.lastRow(process, row);
    const able = this.able[last < 0 ? this.head.first[process] : this.col["row.able"][last]];
    return ids.some((id) => able.has(id));
  }

  isStuck(process, row) {
    const from = this.stuckFrom.get(process);
    return from !== undefined && row >= Math.min(from, this.rows - 1);
  }

  // How much of [from, to) a process slept.
  slept(process, from, to) {
    const first = this.col["lane.first"], low = first[process], high = first[process + 1];
    return this.sleptUntil(to, low, high) - this.sleptUntil(from, low, high);
  }

  sleptUntil(time, low, high) {
    const at = lastUpTo(this.col["sleep.start"], time, low, high);
    if (at < low) return 0;
    const into = Math.min(time - this.col["sleep.start"][at], this.col["sleep.spent"][at]);
    return this.busy[at] - this.busy[low] + into;
  }

  // --- words ---

  // A time as it stands in the report: `step 12`, `1.204 ms`.
  said(time) {
    if (this.head.steps) return `step ${time}`;
    return duration(time * this.head.unit);
  }

  lasted(time) { return this.head.steps ? `${time} step${time === 1 ? "" : "s"}` : duration(time * this.head.unit); }

  place(row) {
    const [, file, line] = this.text(row);
    return file < 0 ? "" : `line ${line}`;
  }

  // One row in a sentence, for the live region and for tips.
  sentence(row) {
    if (row < 0) return "Before the first step";
    const name = this.head.processes[this.process(row)], [text] = this.text(row), place = this.place(row);
    if (this.kind(row) === BLOCKS) return `${name} blocks at ${text}${place && ` (${place})`}, waits for ${this.wait(row).on}`;
    const changed = this.changesOf(row).map(([label, value]) => `${this.head.labels[label][0]} is ${value}`);
    const tail = [this.result(row), ...changed].filter(Boolean).join(", ");
    return `${name}: ${text}${place && ` (${place})`}${tail && `: ${tail}`}`;
  }
}

function duration(ns) {
  if (ns < 1e3) return `${Math.round(ns)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toPrecision(4)} µs`;
  if (ns < 1e9) return `${(ns / 1e6).toPrecision(4)} ms`;
  return `${(ns / 1e9).toPrecision(4)} s`;
}
