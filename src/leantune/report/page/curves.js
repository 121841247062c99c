// Learning curves: each seed a thin line, the mean of the seeds a strong one; the legend switches methods on and off.
const hues = [["#0a655f", "#62cdc3"], ["#3f4d63", "#a5b4cf"], ["#b4531f", "#f0a06b"], ["#7a3e9d", "#c79be6"], ["#8a6500", "#e2b556"], ["#b02a5b", "#f28bb0"], ["#2c6fb3", "#7db6ee"], ["#5b7a1c", "#b3d169"]];
const dashes = ["", "6 3", "2 3", "8 3 2 3"];

function startCurves() {
  const box = one("#curves-plot"), key = one("#curves-key");
  if (!box || !data.curves.length) return;
  const state = { x: "step", y: "score" };
  const curves = data.curves.map((curve, at) => ({ ...curve, on: curve.on, at, dash: dashes[Math.floor(at / hues.length) % dashes.length] }));
  const colour = (curve) => `light-dark(${hues[curve.at % hues.length].join(",")})`;
  const column = { step: 0, seconds: 1, loss: 2, score: 3 };

  /** Mean of the seeds at the looks that all of them had. */
  function meanOf(curve) {
    const runs = curve.runs.map((run) => run.points), shortest = Math.min(...runs.map((points) => points.length));
    return Array.from({ length: shortest }, (_, look) => [0, 1, 2, 3].map((at) => runs.reduce((sum, points) => sum + points[look][at], 0) / runs.length));
  }

  function redraw(width) {
    const phone = width < 560, height = phone ? 320 : 380;
    const edge = { left: phone ? 46 : 58, right: width - 14, top: 28, bottom: height - 46 };
    const shown = curves.filter((curve) => curve.on);
    box.replaceChildren();
    hideTip();
    const names = { step: "optimiser steps", seconds: "training seconds", score: `dev ${data.judged}, %`, loss: "training loss" };
    const svg = draw(box, "svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": `${names[state.y]} against ${names[state.x]} of ${shown.map((curve) => curve.name).join(", ") || "no method"}` });
    const points = (shown.length ? shown : curves).flatMap((curve) => curve.runs.flatMap((run) => run.points));
    const x = makeScale(points.map((point) => point[column[state.x]]), edge.left, edge.right, { low: 0, kind: state.x });
    const y = makeScale(points.map((point) => point[column[state.y]]), edge.bottom, edge.top);
    drawFrame(svg, edge, x, y, names);
    const line = (points) => "M" + (points.length > 1 ? points : [points[0], points[0]]).map((point) => `${x.place(point[column[state.x]]).toFixed(1)},${y.place(point[column[state.y]]).toFixed(1)}`).join("L");
    const order = [...shown].sort((a, b) => a.chosen - b.chosen);
    for (const curve of order) {
      const group = draw(svg, "g", { style: `stroke:${colour(curve)}`, "data-curve": curve.at });
      const several = curve.runs.length > 1;
      if (several) for (const run of curve.runs) draw(group, "path", { class: "run", d: line(run.points) });
      draw(group, "path", { class: `mean${curve.chosen ? " chosen" : ""}`, d: line(meanOf(curve)), "stroke-dasharray": curve.dash });
    }
    listen(svg, order, x, y);
  }

  function drawFrame(svg, edge, x, y, names) {
    for (const tick of y.ticks) {
      draw(svg, "line", { class: "grid", x1: edge.left, x2: edge.right, y1: y.place(tick), y2: y.place(tick) });
      draw(svg, "text", { x: edge.left - 8, y: y.place(tick) + 4, "text-anchor": "end" }, tickWord(state.y === "score" ? "score" : "plain", tick, y.step));
    }
    for (const tick of x.ticks.filter((tick) => tick >= 0))
      draw(svg, "text", { x: x.place(tick), y: edge.bottom + 18, "text-anchor": "middle" }, tickWord(state.x === "seconds" ? "seconds" : "count", tick, x.step));
    draw(svg, "path", { class: "domain", d: `M${edge.left},${edge.bottom}H${edge.right}`, fill: "none" });
    draw(svg, "text", { class: "title", x: edge.left - 42, y: 12 }, names[state.y]);
    draw(svg, "text", { class: "title", x: edge.right, y: edge.bottom + 39, "text-anchor": "end" }, names[state.x]);
  }

  /** The nearest look of any shown run under the pointer. */
  function listen(svg, order, x, y) {
    svg.addEventListener("pointermove", (event) => {
      const frame = svg.getBoundingClientRect(), zoom = svg.viewBox.baseVal.width / frame.width;
      const [px, py] = [(event.clientX - frame.left) * zoom, (event.clientY - frame.top) * zoom];
      let best = null;
      for (const curve of order) for (const run of curve.runs) for (const point of run.points) {
        const far = Math.hypot(x.place(point[column[state.x]]) - px, y.place(point[column[state.y]]) - py);
        if (!best || far < best.far) best = { far, curve, run, point };
      }
      if (!best || best.far > 40) return leave();
      for (const group of all("[data-curve]", svg)) group.classList.toggle("dim", group.dataset.curve !== String(best.curve.at));
      const [step, seconds, loss, score] = best.point;
      showTip(event.clientX, event.clientY, best.curve.name, [["seed", best.run.seed], ["step", step], ["training seconds", seconds.toFixed(1)], [`dev ${data.judged}`, `${(score * 100).toFixed(1)} %`], ["training loss", loss.toPrecision(3)]]);
    });
    const leave = () => {
      hideTip();
      for (const group of all("[data-curve]", svg)) group.classList.remove("dim");
    };
    svg.addEventListener("pointerleave", leave);
  }

  const again = () => redraw(Math.floor(box.clientWidth));
  const buttons = curves.map((curve) => {
    const button = html(key, "button", "", { type: "button", "aria-pressed": String(curve.on) });
    const swatch = draw(button, "svg", { viewBox: "0 0 20 8", "aria-hidden": "true" });
    draw(swatch, "path", { d: "M0,4H20", style: `stroke:${colour(curve)}`, "stroke-width": curve.chosen ? 4 : 2.6, "stroke-dasharray": curve.dash, fill: "none" });
    button.append(curve.name);
    button.addEventListener("click", () => set(curve, !curve.on));
    return button;
  });
  const set = (curve, on) => {
    curve.on = on;
    buttons[curve.at].setAttribute("aria-pressed", String(on));
    again();
  };
  for (const [word, on] of [["all", true], ["none", false]])
    html(key, "button", word, { type: "button", class: "plain" }).addEventListener("click", () => curves.forEach((curve) => set(curve, on)));
  for (const group of all("[data-choose]"))
    group.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      for (const other of all("button", group)) other.setAttribute("aria-pressed", String(other === button));
      state[group.dataset.choose] = button.value;
      again();
    });
  onWidth(box, redraw);
}
