// Joins the parts: one instant, shown by the scrubber, the timeline, the graph, the values, the table and the plots.
"use strict";

class Report {
  constructor(model) {
    this.model = model;
    const by = (id) => document.getElementById(id);
    this.range = by("instant");
    this.output = by("when");
    this.saying = by("saying");
    this.prefixes = JSON.parse(by("lanes").dataset.prefixes); // of the lines of each source
    const pick = (row) => this.go(row);
    this.timeline = new Timeline(model, by("lanes"), pick);
    this.graph = new Graph(model, by("graph"), JSON.parse(by("lanes").dataset.cycle || "[]"), pick);
    this.table = new StepTable(model, by("steps"), pick);
    this.values = new Values(model, by("values"));
    this.plots = new Plots(model, by("plots-box"), this.timeline);
    this.search = new Search(model, by("search"), by("found"), pick);
    this.range.max = model.rows + 1; // 0: before the first, rows + 1: the end
    this.range.addEventListener("input", () => this.go(Number(this.range.value) - 1));
    this.buttons(by);
    this.keys();
  }

  // `row` −1: before the first step; as many as there are rows: the end of what was recorded.
  go(row) {
    const { model } = this;
    row = Math.max(-1, Math.min(model.rows, row));
    this.row = row;
    this.range.value = row + 1;
    const now = row >= model.rows ? model.end : model.time(row);
    const place = row < 0 ? "the start" : row >= model.rows ? "the end" : `${(row + 1).toLocaleString("en")} of ${model.rows.toLocaleString("en")}`;
    this.output.textContent = `${place}, ${model.said(now)}`;
    const said = row >= model.rows ? this.ending() : model.sentence(row);
    this.range.setAttribute("aria-valuetext", `${place}: ${said}`);
    this.saying.textContent = `${said}. ${this.whoWaits(Math.min(row, model.rows - 1))}`;
    this.timeline.select(row);
    if (row >= 0 && row < model.rows) this.timeline.reveal(model.process(row));
    this.graph.show(row);
    this.table.select(row);
    this.values.show(row);
    this.plots.draw();
    this.search.current = row;
    this.line(row);
  }

  ending() {
    const { loop } = this.model.head;
    return loop !== null ? `The end: it goes on with step ${loop}, for ever` : "The end of what was recorded";
  }

  whoWaits(row) {
    const { model } = this, names = [];
    let stuck = 0, blocked = 0;
    model.head.processes.forEach((name, p) => {
      if (model.status(p, row) !== "blocked") return;
      blocked++;
      if (model.isStuck(p, row)) stuck++;
      if (names.length < 6) names.push(`${name} for ${model.wait(model.lastRow(p, row)).on}`);
    });
    if (!blocked) return "Nobody waits.";
    const more = blocked > names.length ? ` and ${blocked - names.length} more` : "";
    const dead = stuck ? ` ${stuck === 1 ? "1 process is" : `${stuck} processes are`} deadlocked.` : "";
    return `${blocked} of ${model.head.processes.length} wait: ${names.join(", ")}${more}.${dead}`;
  }

  // The line of the source that the step stands in.
  line(row) {
    document.querySelectorAll(".source li.now").forEach((l) => l.classList.remove("now"));
    if (row < 0 || row >= this.model.rows) return;
    const [, file, number] = this.model.text(row);
    const line = document.getElementById(`${this.prefixes[file] ?? ""}L${number}`);
    if (!line) return;
    line.classList.add("now");
    const box = line.closest(".source"), top = line.offsetTop;
    if (top < box.scrollTop + 40 || top > box.scrollTop + box.clientHeight - 40) box.scrollTop = top - box.clientHeight / 2;
  }

  play() {
    const button = document.getElementById("play");
    if (this.timer) {
      clearInterval(this.timer);
      this.timer = 0;
    } else {
      if (this.row >= this.model.rows) this.go(-1);
      this.timer = setInterval(() => {
        this.go(this.row + 1);
        if (this.row >= this.model.rows) this.play();
      }, 700);
    }
    button.setAttribute("aria-pressed", this.timer ? "true" : "false");
    button.textContent = this.timer ? "‖ Pause" : "▶ Play";
  }

  buttons(by) {
    const does = {
      first: () => this.go(-1), back: () => this.go(this.row - 1), play: () => this.play(), on: () => this.go(this.row + 1),
      last: () => this.go(this.model.rows), closer: () => this.timeline.zoom(0.5), wider: () => this.timeline.zoom(2), fit: () => this.timeline.fit(),
    };
    for (const [id, act] of Object.entries(does)) by(id).addEventListener("click", act);
    by("soft").addEventListener("change", (event) => { this.graph.soft = event.target.checked; this.graph.show(this.row); });
  }

  keys() {
    const does = {
      ArrowRight: () => this.go(this.row + 1), ArrowLeft: () => this.go(this.row - 1), Home: () => this.go(-1), End: () => this.go(this.model.rows),
      PageDown: () => this.go(this.row + 10), PageUp: () => this.go(this.row - 10),
      "+": () => this.timeline.zoom(0.5), "=": () => this.timeline.zoom(0.5), "-": () => this.timeline.zoom(2), 0: () => this.timeline.fit(),
      "/": () => document.getElementById("search").focus(),
    };
    const inside = document.getElementById("happened");
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target !== this.range) return;
      const scrolls = ["Home", "End", "PageUp", "PageDown"].includes(event.key);
      if (scrolls && !inside.contains(event.target)) return; // elsewhere these move the page
      if (event.target.id === "steps" && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
        event.preventDefault();
        this.go(this.row + (event.key === "ArrowDown" ? 1 : -1));
        return;
      }
      const act = does[event.key];
      if (act) { event.preventDefault(); act(); }
    });
  }
}

// The marked lines of each source in sight, before anybody scrolls.
function showMarks() {
  for (const box of document.querySelectorAll(".source")) {
    const mark = box.querySelector("li.mark");
    if (mark) box.scrollTop = mark.offsetTop - box.clientHeight / 2;
  }
}

async function start() {
  showMarks();
  const element = document.getElementById("data");
  if (!element) return;
  const happened = document.getElementById("happened");
  try {
    const model = new Model(await Data.load(element));
    element.remove();
    happened.hidden = document.getElementById("plots").hidden = false;
    const report = window.report = new Report(model);
    report.go(model.rows);
  } catch (error) {
    document.getElementById("broken").hidden = false;
    console.error(error);
  }
}

start();
