// Shared by the charts: the data of the page, drawing, scales, number words and the tooltip.
const data = JSON.parse(document.getElementById("data").textContent);
const namespace = document.querySelector("svg").namespaceURI;
const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/** An SVG element with attributes, appended to `parent`. */
function draw(parent, tag, attributes = {}, text = "") {
  const node = document.createElementNS(namespace, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text) node.textContent = text;
  parent.append(node);
  return node;
}

/** An HTML element with text; text is never read as markup. */
function html(parent, tag, text = "", attributes = {}) {
  const node = document.createElement(tag);
  node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  parent.append(node);
  return node;
}

const moments = [0.001, 0.01, 0.1, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18000, 36000, 86400];

/** A scale from values to pixels: linear, or logarithmic with a place of its own for zero. */
function makeScale(values, from, to, { kind = "plain", log = false, low = null, high = null } = {}) {
  const least = low ?? Math.min(...values), most = high ?? Math.max(...values);
  if (!log) {
    const rough = (most - least || Math.abs(most) || 1) / 5;
    const step = (kind === "seconds" && rough > 1 && moments.find((moment) => moment >= rough)) || niceStep(rough);
    const pad = (most - least || step) * 0.07;
    const [start, end] = [least - pad, most + pad];
    const place = (value) => from + ((Math.min(Math.max(value, start), end) - start) / (end - start)) * (to - from);
    const ticks = [];
    for (let tick = Math.ceil(start / step) * step; tick <= end + 1e-12; tick += step) ticks.push(Math.abs(tick) < step / 1e6 ? 0 : tick);
    return { place, ticks, start, end, step };
  }
  const positive = values.filter((value) => value > 0);
  const zero = values.some((value) => value <= 0);
  const start = Math.log10(Math.min(...positive)) - 0.18, end = Math.log10(Math.max(...positive)) + 0.18;
  const first = zero ? from + Math.sign(to - from) * 44 : from;
  const place = (value) => (value > 0 ? first + ((Math.log10(value) - start) / (end - start)) * (to - first) : from + Math.sign(to - from) * 14);
  const factors = end - start < 1.4 ? [1, 2, 5] : end - start < 2.6 ? [1, 3] : [1];
  const ticks = zero ? [0] : [];
  const round = kind === "seconds" ? moments : [];
  if (!round.length) for (let power = Math.floor(start); power <= end; power++) round.push(...factors.map((factor) => factor * 10 ** power));
  ticks.push(...round.filter((tick) => Math.log10(tick) >= start && Math.log10(tick) <= end));
  return { place, ticks, start, end, step: null, gap: zero ? (from + first) / 2 : null };
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10);
}

const plain = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3))));
const steps = (value, units) => {
  const [unit, size] = units.find(([, size]) => Math.abs(value) >= size) ?? units[units.length - 1];
  return plain(value / size) + unit;
};

/** A short word for an axis tick. */
function tickWord(kind, value, step) {
  if (kind === "score") return (value * 100).toFixed(step && step * 100 < 1 ? (step * 100 < 0.1 ? 2 : 1) : 0);
  if (value === 0) return "0";
  if (kind === "count") return steps(value, [["B", 1e9], ["M", 1e6], ["k", 1e3], ["", 1]]);
  if (kind === "bytes") return steps(value, [[" GB", 1e9], [" MB", 1e6], [" kB", 1e3], [" B", 1]]);
  if (kind === "seconds") return steps(value, [[" h", 3600], [" min", 60], [" s", 1], [" ms", 1e-3]]);
  if (kind === "ms") return steps(value, [[" s", 1e3], [" ms", 1], [" µs", 1e-3]]);
  return plain(value);
}

const tip = html(document.body, "div", "", { class: "tip", role: "status", hidden: "" });

/** Show the tooltip beside a point of the window: a heading and pairs of words. */
function showTip(x, y, heading, pairs) {
  tip.replaceChildren();
  html(tip, "b", heading);
  const list = html(tip, "dl");
  for (const [term, value] of pairs) {
    html(list, "dt", term);
    html(list, "dd", value);
  }
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - box.width - 12))}px`;
  tip.style.top = `${y + 18 + box.height > innerHeight ? Math.max(8, y - box.height - 14) : y + 18}px`;
}
const hideTip = () => { tip.hidden = true; };
addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
addEventListener("scroll", hideTip, { passive: true });

/** Draw again whenever the box gets another width. */
function onWidth(box, redraw) {
  let seen = 0;
  const look = () => {
    const width = Math.floor(box.clientWidth);
    if (width && width !== seen) redraw((seen = width));
  };
  new ResizeObserver(look).observe(box);
  look();
}
