// The Pareto chart: any two of score and costs, the front drawn, labels that keep out of each other's way.
const shapes = {
  circle: (r) => `M${-r},0a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0z`,
  square: (r) => `M${-r * 0.9},${-r * 0.9}h${r * 1.8}v${r * 1.8}h${-r * 1.8}z`,
  up: (r) => `M0,${-r * 1.15}L${r * 1.1},${r * 0.85}H${-r * 1.1}z`,
  down: (r) => `M0,${r * 1.15}L${r * 1.1},${-r * 0.85}H${-r * 1.1}z`,
  diamond: (r) => `M0,${-r * 1.25}L${r * 1.15},0L0,${r * 1.25}L${-r * 1.15},0z`,
  cross: (r) => `M${-r},${-r * 0.55}L${-r * 0.55},${-r}L0,${-r * 0.45}L${r * 0.55},${-r}L${r},${-r * 0.55}L${r * 0.45},0L${r},${r * 0.55}L${r * 0.55},${r}L0,${r * 0.45}L${-r * 0.55},${r}L${-r},${r * 0.55}L${-r * 0.45},0z`,
  bar: (r) => `M${-r * 1.1},${-r * 0.4}h${r * 2.2}v${r * 0.8}h${-r * 2.2}z`,
};

/** Points that no other one beats on both axes, in the order of x. `high` tells for each axis whether more is better. */
function paretoFront(points, [xHigh, yHigh]) {
  const better = (a, b, high) => (high ? a > b : a < b);
  const beaten = (point) => points.some((other) =>
    !better(point.x, other.x, xHigh) && !better(point.y, other.y, yHigh) && (better(other.x, point.x, xHigh) || better(other.y, point.y, yHigh)));
  return points.filter((point) => !beaten(point)).sort((a, b) => a.x - b.x || a.y - b.y);
}

/** Where a label fits without touching anything placed before; null when nowhere near. */
function findPlace(point, width, height, taken, bounds) {
  const near = [[10, 4, 0], [-10 - width, 4, 0], [-width / 2, -12, 0], [-width / 2, 22, 0], [8, -9, 0], [8, 18, 0], [-8 - width, -9, 0], [-8 - width, 18, 0]];
  const far = [24, 38, 54, 72, 92].flatMap((far) => [[14, -far, 1], [14, far + 8, 1], [-14 - width, -far, 1], [-14 - width, far + 8, 1], [-width / 2, -far - 6, 1], [-width / 2, far + 12, 1]]);
  for (const [dx, dy, led] of [...near, ...far]) {
    const box = { left: point.px + dx, top: point.py + dy - height + 3, right: point.px + dx + width, bottom: point.py + dy + 3 };
    const inside = box.left >= bounds.left && box.right <= bounds.right && box.top >= bounds.top && box.bottom <= bounds.bottom;
    if (inside && !taken.some((other) => box.left < other.right && box.right > other.left && box.top < other.bottom && box.bottom > other.top))
      return { box, x: point.px + dx, y: point.py + dy, led };
  }
  return null;
}

function startPareto() {
  const box = one("#pareto-plot");
  if (!box) return;
  const pick = { x: one("#axis-x"), y: one("#axis-y") };
  const floors = one("#show-floors"), zoom = one("#zoom"), missing = one("#pareto-missing");
  const axes = Object.fromEntries(data.axes.map((axis) => [axis.key, axis]));

  /** The address may name the axes: #pareto&x=latency_1&y=score. */
  function obeyAddress() {
    const wished = Object.fromEntries([...location.hash.matchAll(/[#&](x|y|floors|zoom)=(\w+)/g)].map((match) => [match[1], match[2]]));
    for (const side of ["x", "y"]) if (axes[wished[side]]) pick[side].value = wished[side];
    if (wished.floors) floors.checked = wished.floors === "1";
    if (wished.zoom) zoom.checked = wished.zoom === "1";
    if (wished.x || wished.y) one("#pareto").scrollIntoView({ behavior: "instant" });
  }

  function visible() {
    const [x, y] = [pick.x.value, pick.y.value];
    const wanted = data.points.filter((point) => point.kind === "method" || floors.checked);
    const shown = wanted.filter((point) => point.values[x] != null && point.values[y] != null).map((point) => ({ ...point, x: point.values[x], y: point.values[y] }));
    const left = wanted.filter((point) => !shown.some((other) => other.name === point.name)).map((point) => point.name);
    missing.textContent = left.length ? `Not drawn, not measured on these axes: ${left.join(", ")}.` : "";
    return shown;
  }

  function scaleFor(key, points, side, from, to) {
    const values = points.map((point) => point[side]);
    if (key === "score") {
      const lows = points.map((point) => point.low ?? point[side]), highs = points.map((point) => point.high ?? point[side]);
      const top = Math.max(...highs);
      return makeScale(values, from, to, { low: zoom.checked ? Math.max(Math.min(...lows), top - data.zoom) : Math.min(...lows), high: top });
    }
    const positive = values.filter((value) => value > 0);
    const log = positive.length > 1 && Math.max(...positive) / Math.min(...positive) >= 6;
    return { ...makeScale(values, from, to, { kind: axes[key].kind, log }), log };
  }

  function redraw(width) {
    const points = visible(), phone = width < 560, height = points.length ? (phone ? 380 : 470) : 120;
    const edge = { left: phone ? 50 : 62, right: width - (phone ? 12 : 20), top: 30, bottom: height - 50 };
    const [xAxis, yAxis] = [axes[pick.x.value], axes[pick.y.value]];
    box.replaceChildren();
    hideTip();
    const svg = draw(box, "svg", { viewBox: `0 0 ${width} ${height}`, height, role: "group", "aria-label": `${yAxis.label} against ${xAxis.label}, ${points.length} methods` });
    if (!points.length) return void draw(svg, "text", { x: width / 2, y: height / 2, "text-anchor": "middle" }, "Nothing was measured on these two axes.");
    const x = scaleFor(xAxis.key, points, "x", edge.left, edge.right), y = scaleFor(yAxis.key, points, "y", edge.bottom, edge.top);
    drawAxes(svg, edge, x, y, xAxis, yAxis);
    for (const point of points) Object.assign(point, { px: x.place(point.x), py: y.place(point.y) });
    const high = [xAxis.high, yAxis.high], front = paretoFront(points, high);
    const level = !high[0]; // a step goes on at the last point's level until the next one is as cheap
    const path = front.map((point, at) => (!at ? `M${point.px},${point.py}` : level ? `H${point.px}V${point.py}` : `V${point.py}H${point.px}`));
    draw(svg, "path", { class: "front", d: path.join("") });
    drawPoints(svg, points, edge, { x, y, xAxis, yAxis }, front, level);
  }

  function drawAxes(svg, edge, x, y, xAxis, yAxis) {
    if (yAxis.key === "score" && data.reference != null) {
      const [top, bottom] = [y.place(data.reference), y.place(data.reference - data.margin)];
      draw(svg, "rect", { class: "band", x: edge.left, width: edge.right - edge.left, y: top, height: Math.max(0, bottom - top) });
    }
    if (xAxis.key === "score" && data.reference != null) {
      const [right, left] = [x.place(data.reference), x.place(data.reference - data.margin)];
      draw(svg, "rect", { class: "band", y: edge.top, height: edge.bottom - edge.top, x: left, width: Math.max(0, right - left) });
    }
    let last = -Infinity;
    for (const tick of x.ticks) {
      const at = x.place(tick);
      draw(svg, "line", { class: "grid", x1: at, x2: at, y1: edge.top, y2: edge.bottom });
      const word = tickWord(xAxis.kind, tick, x.step);
      if (at - last > word.length * 6.5 + 14) {
        draw(svg, "text", { x: at, y: edge.bottom + 18, "text-anchor": "middle" }, word);
        last = at;
      }
    }
    for (const tick of y.ticks) {
      const at = y.place(tick);
      draw(svg, "line", { class: "grid", x1: edge.left, x2: edge.right, y1: at, y2: at });
      draw(svg, "text", { x: edge.left - 8, y: at + 4, "text-anchor": "end" }, tickWord(yAxis.kind, tick, y.step));
    }
    draw(svg, "path", { class: "domain", d: `M${edge.left},${edge.top}V${edge.bottom}H${edge.right}`, fill: "none" });
    draw(svg, "text", { class: "title", x: edge.left - 44, y: 13 }, `${yAxis.high ? "↑" : "↓"} ${yAxis.label}${y.log ? " (log)" : ""}`);
    draw(svg, "text", { class: "title", x: edge.right, y: edge.bottom + 41, "text-anchor": "end" }, `${xAxis.label}${x.log ? " (log)" : ""} ${xAxis.high ? "→" : "←"}`);
    draw(svg, "text", { class: "hint", x: edge.left, y: edge.bottom + 41 }, svg.viewBox.baseVal.width < 560 ? "" : "arrows point to the better side");
  }

  function drawPoints(svg, points, edge, { x, y, xAxis, yAxis }, front, level) {
    const canvas = document.createElement("canvas").getContext("2d");
    canvas.font = `12px ${getComputedStyle(document.documentElement).getPropertyValue("--mono")}`;
    const taken = points.map((point) => ({ left: point.px - 8, right: point.px + 8, top: point.py - 8, bottom: point.py + 8 }));
    front.slice(1).forEach((point, at) => {
      const from = front[at], turn = level ? { x: point.px, y: from.py } : { x: from.px, y: point.py };
      for (const end of [{ x: from.px, y: from.py }, { x: point.px, y: point.py }])
        taken.push({ left: Math.min(turn.x, end.x) - 2, right: Math.max(turn.x, end.x) + 2, top: Math.min(turn.y, end.y) - 2, bottom: Math.max(turn.y, end.y) + 2 });
    });
    const marks = draw(svg, "g"), words = draw(svg, "g", { "aria-hidden": "true", "pointer-events": "none" });
    for (const point of points) {
      if (point.low == null) continue;
      const bars = [[yAxis.key, (v) => ({ x1: point.px, x2: point.px, y1: y.place(v[0]), y2: y.place(v[1]) })], [xAxis.key, (v) => ({ y1: point.py, y2: point.py, x1: x.place(v[0]), x2: x.place(v[1]) })]];
      for (const [key, ends] of bars)
        if (key === "score") {
          const line = ends([point.low, point.high]);
          draw(marks, "line", { class: `error v-${point.style}`, ...line });
          taken.push({ left: Math.min(line.x1, line.x2) - 2, right: Math.max(line.x1, line.x2) + 2, top: Math.min(line.y1, line.y2), bottom: Math.max(line.y1, line.y2) });
        }
    }
    const rank = (point) => (point.chosen ? 0 : point.verdict === "reference" ? 1 : front.includes(point) ? 2 : 3);
    for (const point of [...points].sort((a, b) => rank(a) - rank(b))) {
      const label = point.name.length > 28 ? `${point.name.slice(0, 27)}…` : point.name;
      const spot = findPlace(point, canvas.measureText(label).width + 4, 15, taken, { left: edge.left + 2, right: edge.right + 6, top: edge.top - 8, bottom: edge.bottom });
      if (spot) {
        taken.push(spot.box);
        if (spot.led) draw(words, "line", { class: "leader", x1: point.px, y1: point.py, x2: spot.x < point.px ? Math.min(spot.box.right, point.px) : spot.x, y2: spot.y - 4 });
        draw(words, "text", { class: `label${point.chosen ? " chosen" : ""}`, x: spot.x, y: spot.y }, label);
      }
    }
    for (const point of [...points].sort((a, b) => rank(b) - rank(a))) drawMark(marks, point, [xAxis, yAxis], { x, y });
  }

  function drawMark(marks, point, [xAxis, yAxis], { x, y }) {
    const costs = data.axes.filter((axis) => point.texts[axis.key]).map((axis) => [axis.label, point.texts[axis.key]]);
    const pairs = [["verdict", point.verdict], ...costs];
    const group = draw(marks, "g", { class: `point v-${point.style}`, tabindex: 0, role: "img", transform: `translate(${point.px},${point.py})`,
      "aria-label": `${point.name}: ${point.verdict}; ${xAxis.label} ${point.texts[xAxis.key]}, ${yAxis.label} ${point.texts[yAxis.key]}` });
    draw(group, "circle", { class: "halo", r: 16 });
    if (point.chosen) draw(group, "circle", { class: "ring", r: 10.5 });
    const outside = (yAxis.key === "score" && point.y < y.start) || (xAxis.key === "score" && point.x < x.start);
    draw(group, "path", { class: "shape", d: shapes[outside ? "down" : point.shape](outside ? 5 : 6.2), opacity: outside ? 0.6 : 1 });
    if (outside) pairs.unshift(["off the scale", "untick “zoom” to see it"]);
    const show = (event) => {
      const at = group.getBoundingClientRect();
      showTip(event?.clientX ?? at.right, event?.clientY ?? at.bottom, point.name + (point.chosen ? " · chosen" : ""), pairs);
    };
    group.addEventListener("pointerenter", show);
    group.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hideTip(); });
    group.addEventListener("click", show);
    group.addEventListener("focus", () => show());
    group.addEventListener("blur", hideTip);
  }

  const again = () => {
    redraw(Math.floor(box.clientWidth));
    try {
      history.replaceState(null, "", `#pareto&x=${pick.x.value}&y=${pick.y.value}&floors=${+floors.checked}&zoom=${+zoom.checked}`);
    } catch { /* a sandboxed frame has no history; the chart works without */ }
  };
  for (const control of [pick.x, pick.y, floors, zoom]) control.addEventListener("change", again);
  obeyAddress();
  addEventListener("hashchange", () => { obeyAddress(); redraw(Math.floor(box.clientWidth)); });
  onWidth(box, redraw);
}
