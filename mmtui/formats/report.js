"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const slider = document.getElementById("op");
  const label = document.getElementById("label");
  const panes = [0, 1, 2].map((n) => document.getElementById("view" + n));
  const FRAMES = 2;

  // A row is the number of its line * 4, + 1 if the line is new, + 2 if it is gone. A view that is as it was before is
  // stored once: 0 stands for the one before, of which nothing is new any more.
  const SAME = 0, NEW = 1, GONE = 2;
  const rowsOf = (step, view) => {
    let at = step;
    while (at > 0 && data.steps[at].views[view] === 0) at--;
    const rows = (data.steps[at].views[view] || []).map((row) => ({ line: data.lines[row >> 2], mark: row & 3 }));
    return at === step ? rows : rows.filter((row) => row.mark !== GONE).map((row) => ({ line: row.line, mark: SAME }));
  };

  const span = (text, name) => {
    const made = document.createElement("span");
    made.textContent = text;
    if (name) made.className = name;
    return made;
  };

  const glyphClass = (glyph) => (glyph === "." ? "gfree" : "!X?".includes(glyph) ? "gbad" : "g" + glyph);

  const frameRow = (line, before) => {
    const row = span("", "row");
    const map = /^([0-9a-f]+ )(\S+)$/.exec(line);
    if (!map) { row.textContent = line; return row; }
    row.append(span(map[1], "dim"));
    const old = before.find((other) => other.startsWith(map[1]));
    for (let i = 0; i < map[2].length; i++) {
      const glyph = map[2][i];
      const was = old === undefined ? "." : old[map[1].length + i];
      row.append(span(glyph, glyphClass(glyph) + (was !== glyph ? " changed" : "")));
    }
    return row;
  };

  const show = (step) => {
    const here = data.steps[step];
    panes.forEach((pane, view) => {
      const rows = rowsOf(step, view);
      if (view === FRAMES) {
        const before = rows.filter((row) => row.mark !== NEW).map((row) => row.line);
        pane.replaceChildren(...rows.filter((row) => row.mark !== GONE).map((row) => frameRow(row.line, before)));
      } else {
        pane.replaceChildren(...rows.map((row) => span(row.line, ["row", "row new", "row gone"][row.mark])));
      }
    });
    const told = here.events.length ? "\n" + here.events.join("\n") : "";
    label.textContent = here.text + (here.note ? "\n# " + here.note : "") + told;
    slider.setAttribute("aria-valuetext", here.text);
  };

  const go = (step) => {
    const wanted = Math.min(Math.max(step, 0), data.steps.length - 1);
    slider.value = String(wanted);
    show(wanted);
  };

  const fromAddress = () => {
    const found = /^#op-(\d+)$/.exec(location.hash);
    if (!found) return false;
    const step = data.steps.findIndex((one) => one.op >= Number(found[1]));
    go(step < 0 ? data.steps.length - 1 : step);
    document.getElementById("scrubber").scrollIntoView();
    return true;
  };

  slider.max = String(data.steps.length - 1);
  slider.addEventListener("input", () => show(Number(slider.value)));
  document.getElementById("back").addEventListener("click", () => go(Number(slider.value) - 1));
  document.getElementById("next").addEventListener("click", () => go(Number(slider.value) + 1));
  window.addEventListener("hashchange", fromAddress);
  document.getElementById("scrubber").hidden = false;
  if (!fromAddress()) go(data.start);
})();
