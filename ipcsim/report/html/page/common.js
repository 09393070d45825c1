// What every report page has: the theme, and buttons that copy a command.
"use strict";

const theme = document.getElementById("theme");
const dark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
function nameTheme() { theme.textContent = isDark() ? "☀ Light" : "☾ Dark"; }
function repaint() {
  nameTheme();
  if (window.report) { window.report.timeline.draw(); requestAnimationFrame(() => window.report.plots.draw()); }
}
theme.hidden = false;
nameTheme();
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  repaint();
});
dark.addEventListener("change", repaint);

function copied(button, text) {
  const area = document.createElement("textarea"); // works from a file, where the clipboard interface may not
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  button.focus();
  button.textContent = done ? "Copied" : "Press Ctrl+C";
  setTimeout(() => { button.textContent = "Copy"; }, 1600);
}
document.querySelectorAll("button[data-copy]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => copied(button, document.getElementById(button.dataset.copy).textContent));
});
