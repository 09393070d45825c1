// The mouse on the timeline: a click goes there, dragging pans, Ctrl and the wheel zoom, hovering tells.
"use strict";

class Pointer {
  constructor(timeline, onPick) {
    this.timeline = timeline;
    this.model = timeline.model;
    this.onPick = onPick;
    this.tip = document.getElementById("tip");
    const { canvas, box } = timeline;
    box.addEventListener("scroll", () => timeline.draw(), { passive: true });
    canvas.addEventListener("pointerdown", (event) => {
      this.drag = { x: event.offsetX, from: timeline.from, to: timeline.to, moved: false };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => this.moved(event));
    canvas.addEventListener("pointerup", (event) => {
      if (this.drag && !this.drag.moved) this.pick(event);
      this.drag = null;
    });
    canvas.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    canvas.addEventListener("dblclick", (event) => timeline.zoom(0.25, timeline.timeAt(event.offsetX)));
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  wheel(event) {
    const { timeline } = this;
    if (event.ctrlKey || event.metaKey || event.altKey) timeline.zoom(1.0015 ** event.deltaY, timeline.timeAt(event.offsetX));
    else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) timeline.pan((event.deltaX || event.deltaY) / 1200);
    else return;
    event.preventDefault();
  }

  moved(event) {
    const { drag, timeline } = this;
    if (drag && Math.abs(event.offsetX - drag.x) > 3) drag.moved = true;
    if (drag && drag.moved) {
      const by = (drag.x - event.offsetX) / timeline.width * (drag.to - drag.from);
      timeline.show(drag.from + by, drag.to + by);
      return;
    }
    this.hover(event);
  }

  laneAt(y) { return Math.floor((y - AXIS + this.timeline.box.scrollTop) / LANE); }

  hover(event) {
    const { tip, timeline } = this, process = this.laneAt(event.offsetY);
    if (event.offsetY < AXIS || process >= this.model.head.processes.length || event.offsetX < timeline.gutter) {
      tip.hidden = true;
      return;
    }
    tip.textContent = this.told(process, timeline.timeAt(event.offsetX));
    tip.hidden = false;
    const { clientWidth, clientHeight } = document.documentElement;
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, clientWidth - tip.offsetWidth - 8))}px`;
    const below = event.clientY + 18;
    tip.style.top = `${below + tip.offsetHeight > clientHeight ? event.clientY - tip.offsetHeight - 10 : below}px`;
  }

  told(process, time) {
    const { model } = this, row = lastUpTo(model.col["row.time"], time);
    const last = model.lastRow(process, row), status = model.status(process, row), lines = [];
    lines.push(`${model.head.processes[process]}: ${status}${status === "blocked" ? ` on ${model.wait(last).on}` : ""}`);
    if (status === "blocked") lines.push(`for ${model.lasted(model.spent(last))}, since ${model.said(model.time(last))}`);
    const phase = model.phase(process, time);
    if (phase) lines.push(`phase ${phase}`);
    if (last >= 0) lines.push(`${status === "blocked" ? "in" : "after"} ${model.text(last)[0]} (${model.place(last)})`);
    lines.push(`at ${model.said(Math.round(time))}`);
    return lines.join("\n");
  }

  // A click goes to the last row of that lane up to there, or of any where the lane has none.
  pick(event) {
    const { model, timeline } = this, process = this.laneAt(event.offsetY);
    const slack = (timeline.to - timeline.from) / timeline.width * 2;
    const row = lastUpTo(model.col["row.time"], timeline.timeAt(event.offsetX) + slack);
    const mine = process >= 0 && process < model.head.processes.length ? model.lastRow(process, row) : -1;
    this.onPick(mine >= 0 ? mine : row);
  }
}
