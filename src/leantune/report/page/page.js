// The small things of the page: theme, opening rows, copying, sorting, the tooltip of the large confusion matrix.
function startTheme() {
  const order = ["auto", "light", "dark"], root = document.documentElement, button = one("#theme");
  const set = (theme) => {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    button.setAttribute("aria-label", `Colours: ${theme}. Change`);
    button.title = `Colours: ${theme}`;
    for (const icon of all("[data-icon]", button)) icon.toggleAttribute("hidden", icon.dataset.icon !== theme);
  };
  let theme = "auto";
  try { theme = localStorage.getItem("leantune-theme") ?? "auto"; } catch { /* storage is shut for some local files */ }
  theme = (location.hash.match(/[#&]theme=(light|dark|auto)/) ?? [])[1] ?? theme;
  set(order.includes(theme) ? theme : "auto");
  button.addEventListener("click", () => {
    theme = order[(order.indexOf(theme) + 1) % order.length];
    set(theme);
    try { localStorage.setItem("leantune-theme", theme); } catch { /* the choice then lasts as long as the page */ }
  });
}

function startRows() {
  for (const button of all(".toggle")) {
    const more = document.getElementById(button.getAttribute("aria-controls"));
    const set = (open) => {
      more.hidden = !open;
      button.setAttribute("aria-expanded", String(open));
      button.closest("tr").classList.toggle("hasmore", open);
    };
    set(false);
    button.addEventListener("click", () => set(more.hidden));
  }
  addEventListener("beforeprint", () => all("details").forEach((part) => { part.open = true; }));
}

function startCopy() {
  for (const button of all("[data-copy]"))
    button.addEventListener("click", async () => {
      const source = one("pre", button.parentElement);
      try {
        await navigator.clipboard.writeText(source.textContent.trim());
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(source);
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1600);
    });
}

function startSorting() {
  for (const button of all("button.sort"))
    button.addEventListener("click", () => {
      const head = button.closest("th"), table = head.closest("table"), at = head.cellIndex;
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of all("th", table.tHead)) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => row.cells[at].dataset.value ?? row.cells[at].textContent.trim();
      const compare = (a, b) => (isNaN(value(a)) || isNaN(value(b)) ? value(a).localeCompare(value(b)) : value(a) - value(b));
      const rows = [...table.tBodies[0].rows].sort((a, b) => (down ? -compare(a, b) : compare(a, b)));
      table.tBodies[0].append(...rows);
    });
}

function startHeat() {
  const svg = one("svg.heat");
  if (!svg) return;
  const { labels, counts } = data.confusion, { left, top, cell } = svg.dataset;
  const cursor = one(".cursor", svg), totals = counts.map((row) => row.reduce((sum, count) => sum + count, 0));
  const look = (event) => {
    const frame = svg.getBoundingClientRect(), zoom = svg.viewBox.baseVal.width / frame.width;
    const gold = Math.floor(((event.clientY - frame.top) * zoom - top) / cell), said = Math.floor(((event.clientX - frame.left) * zoom - left) / cell);
    const inside = gold >= 0 && said >= 0 && gold < labels.length && said < labels.length;
    cursor.toggleAttribute("hidden", !inside);
    if (!inside) return hideTip();
    cursor.setAttribute("x", +left + said * cell);
    cursor.setAttribute("y", +top + gold * cell);
    const count = counts[gold][said], share = totals[gold] ? ` (${((100 * count) / totals[gold]).toFixed(0)} % of the label)` : "";
    showTip(event.clientX, event.clientY, `${count} row${count === 1 ? "" : "s"}${share}`, [["label", labels[gold]], ["predicted", labels[said]]]);
  };
  svg.addEventListener("pointermove", look);
  svg.addEventListener("click", look);
  svg.addEventListener("pointerleave", () => { hideTip(); cursor.setAttribute("hidden", ""); });
}

for (const start of [startTheme, startRows, startCopy, startSorting, startPareto, startCurves, startHeat]) start();
