"use strict";
// Draws the report out of the JSON that stands in the page. No library, no network.
const report = JSON.parse(document.getElementById("data").textContent);
const COLOURS = [0, 1, 2, 3, 4, 5].map((i) => `var(--c${i})`);
const SHAPES = ["circle", "triangle", "diamond", "square"];
const state = { table: 0, router: 0, hidden: new Set(), log: null };

// --- small makers of elements and texts
function el(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "path", "line", "circle", "text", "rect", "polyline", "title", "polygon"];
  const made = svg.includes(tag) && tag !== "title"
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : tag === "title" ? document.createElementNS("http://www.w3.org/2000/svg", "title")
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}
const fixed = (value, digits) => value.toFixed(digits).replace(/^-(?=0\.?0*$)/, "");
const number = (value, digits = 4) => value === null || value === undefined ? "–" : fixed(value, digits);
const percent = (value, digits = 1) => value === null || value === undefined ? "–" : `${fixed(100 * value, digits)} %`;
const fromTo = ([low, high]) => `${fixed(100 * low, 0)} to ${percent(high, 0)}`;
// Names of one family differ at their ends.
const short = (name, most = 22) => name.length > most ? `${name.slice(0, Math.ceil((most - 1) / 2))}…${name.slice(-Math.floor((most - 1) / 2))}` : name;
function usd(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "$0";
  return `$${value >= 100 ? value.toFixed(0) : value.toPrecision(3)}`;
}
const perThousand = (cost) => cost === null || cost === undefined ? null : 1000 * cost;

// --- scales and axes
function ticks(low, high, most) {
  const raw = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw);
  const found = [];
  for (let t = Math.ceil(low / step - 1e-9) * step; t <= high + step * 1e-9; t += step) found.push(t);
  return found;
}
// As few digits as say what the marks are: 0.25 is no 0.3.
function digitsOf(marks, least) {
  const near = 1e-4 * Math.abs(marks.length > 1 ? marks[1] - marks[0] : marks[0] ?? 1);
  for (let d = least; d < 8; d += 1) if (marks.every((t) => Math.abs(t - Number(t.toFixed(d))) <= near)) return d;
  return null;
}
const plain = (least) => (value, marks) => fixed(value, digitsOf(marks, least) ?? 8);
function usdMark(value, marks) {
  const digits = digitsOf(marks, 0);
  return digits === null || value === 0 ? usd(value) : `$${value.toFixed(digits)}`;
}
function logTicks(low, high) {
  const found = [];
  const marks = Math.log10(high / low) > 2.5 ? [1] : [1, 2, 5];
  for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); p += 1) {
    for (const m of marks) if (m * 10 ** p >= low && m * 10 ** p <= high) found.push(m * 10 ** p);
  }
  return found;
}
function padded(values, share) {
  const low = Math.min(...values), high = Math.max(...values);
  const room = (high - low || Math.abs(high) || 1) * share;
  return [low - room, high + room];
}
function plane(holder, options) {
  const width = Math.max(280, holder.clientWidth || 600);
  const height = options.height || Math.min(440, Math.max(270, width * 0.56));
  const box = { left: 60, right: options.right || 14, top: 12, bottom: 44 };
  const [x0, x1] = options.x, [y0, y1] = options.y;
  const inner = { width: width - box.left - box.right, height: height - box.top - box.bottom };
  const along = options.log ? (v) => Math.log(v / x0) / Math.log(x1 / x0) : (v) => (v - x0) / (x1 - x0);
  const chart = {
    svg: el("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": options.label }),
    x: (v) => box.left + inner.width * along(v), y: (v) => box.top + inner.height * (1 - (v - y0) / (y1 - y0)),
    width, height, box, inner,
  };
  drawAxes(chart, options);
  holder.replaceChildren(chart.svg);
  return chart;
}
function drawAxes(chart, { x, y, log, xName, yName, xFormat, yFormat }) {
  const { svg, box, width, height } = chart;
  const xs = log ? logTicks(...x) : ticks(...x, width < 480 ? 4 : 7);
  for (const t of xs) {
    svg.append(el("line", { class: "gridline", x1: chart.x(t), x2: chart.x(t), y1: box.top, y2: height - box.bottom }));
    svg.append(el("text", { class: "tick", x: chart.x(t), y: height - box.bottom + 16, "text-anchor": "middle" }, xFormat(t, xs)));
  }
  const ys = ticks(...y, 6);
  for (const t of ys) {
    svg.append(el("line", { class: "gridline", x1: box.left, x2: width - box.right, y1: chart.y(t), y2: chart.y(t) }));
    svg.append(el("text", { class: "tick", x: box.left - 7, y: chart.y(t) + 4, "text-anchor": "end" }, yFormat(t, ys)));
  }
  svg.append(el("text", { class: "tick", x: box.left + chart.inner.width / 2, y: height - 6, "text-anchor": "middle" }, xName));
  svg.append(el("text", { class: "tick", x: 12, y: box.top + chart.inner.height / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${box.top + chart.inner.height / 2})` }, yName));
}
// Mixing two points at random is a straight line in cost: on a logarithmic axis it has to be bent.
function dense(points) {
  return points.flatMap(([x, y], i) => i === 0 ? [[x, y]] : Array.from({ length: 24 }, (_, k) => {
    const [a, b] = points[i - 1], share = (k + 1) / 24;
    return [a + share * (x - a), b + share * (y - b)];
  }));
}
function path(chart, points, colour, attributes = {}) {
  const d = points.map(([x, y], i) => `${i ? "L" : "M"}${chart.x(x).toFixed(1)} ${chart.y(y).toFixed(1)}`).join("");
  chart.svg.append(el("path", { d, fill: "none", stroke: colour, "stroke-width": 2.2, ...attributes }));
}
const outlines = {
  circle: (r) => `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`,
  square: (r) => `M${-r} ${-r}h${2 * r}v${2 * r}h${-2 * r}Z`,
  triangle: (r) => `M0 ${-1.25 * r}L${1.15 * r} ${r}H${-1.15 * r}Z`,
  diamond: (r) => `M0 ${-1.35 * r}L${1.2 * r} 0L0 ${1.35 * r}L${-1.2 * r} 0Z`,
  star: (r) => `M${Array.from({ length: 10 }, (_, i) => { const s = i % 2 ? r * 0.45 : r * 1.2, a = (i * Math.PI) / 5; return `${(s * Math.sin(a)).toFixed(2)} ${(-s * Math.cos(a)).toFixed(2)}`; }).join("L")}Z`,
};
function mark(chart, x, y, { shape = "circle", r = 6, colour, name, pick }) {
  const attributes = { d: outlines[shape](r), transform: `translate(${chart.x(x).toFixed(1)} ${chart.y(y).toFixed(1)})`, fill: colour };
  if (!pick) { chart.svg.append(el("path", attributes, el("title", {}, name))); return; }
  const chosen = (event) => {
    if (event.type === "keydown" && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    for (const old of chart.svg.querySelectorAll(".picked")) old.classList.remove("picked");
    event.currentTarget.classList.add("picked");
    pick();
  };
  chart.svg.append(el("path", { ...attributes, class: "hit", tabindex: 0, role: "button", "aria-label": name, onclick: chosen, onkeydown: chosen }, el("title", {}, name)));
}
function spread(chart, x, [low, high], colour) {
  chart.svg.append(el("line", { x1: chart.x(x), x2: chart.x(x), y1: chart.y(low), y2: chart.y(high), stroke: colour, "stroke-width": 1.6 }));
  for (const end of [low, high]) chart.svg.append(el("line", { x1: chart.x(x) - 5, x2: chart.x(x) + 5, y1: chart.y(end), y2: chart.y(end), stroke: colour, "stroke-width": 1.6 }));
}
function card(title, told, wide = false) {
  const made = el("section", { class: wide ? "card wide" : "card" }, el("h2", {}, title), told ? el("p", { class: "quiet" }, told) : null);
  document.getElementById("main").append(made);
  return made;
}
function chooser(names, current, chosen, label) {
  return el("div", { class: "tools", role: "group", "aria-label": label }, ...names.map((name, i) =>
    el("button", { type: "button", "aria-pressed": String(current(i)), onclick: () => chosen(i) }, name)));
}

// --- the cards
function showVerdicts(table) {
  const made = card("What it comes to", "Judged at settings that other queries of the test chose; the figures below are those of this router's best settings.", true);
  const list = el("div", { class: "verdicts" });
  for (const [name, told] of Object.entries(table.verdicts)) {
    const good = told.startsWith("route");
    list.append(el("div", { class: good ? "verdict good" : "verdict" }, el("strong", {}, name), told));
  }
  made.append(list, tiles(table));
}
const OUT_OF_REACH = "out of reach";
function tiles(table) {
  const name = routers(table)[state.router], line = table.routers[name];
  if (!line) return el("p", { class: "quiet" }, "No router was judged.");
  const best = table.lines.best_single, saved = best.cost ? 1 - line.cost / best.cost : null;
  const costs = Object.values(table.singles).some((one) => one.cost > 0), reach = line.cost_at_best_single;
  const shown = [
    [percent(line.quality), `quality of ${name} (${best.model}: ${percent(best.quality)})`],
    saved === null ? null : [percent(saved), `saved at that point, against ${best.model}`],
    [number(line.aiq_range), `AIQ (mixing models: ${number(table.lines.zero.aiq_range)})`],
    !costs || reach === undefined ? null : [reach === null ? OUT_OF_REACH : fromTo(line.interval.saved), "saved at the best model's quality (95 % interval)"],
    line.apgr === undefined ? null : [number(line.apgr, 3), "APGR (random: 0.5)"],
    line.ece === undefined ? null : [number(line.ece, 3), "calibration error"],
  ];
  return el("div", { class: "tiles" }, ...shown.filter(Boolean).map(([value, told]) => el("div", { class: "tile" }, el("b", {}, value), el("span", {}, told))));
}
const routers = (table) => Object.keys(table.routers);
const colourOf = (table, name) => COLOURS[routers(table).indexOf(name) % COLOURS.length];
const shapeOf = (table, name) => SHAPES[routers(table).indexOf(name) % SHAPES.length];

function showCostQuality(table) {
  const made = card("Cost and quality", "Click a point to see what it means. A router's line is what its knob reaches; the dashed line is what mixing single models at random reaches.", true);
  const holder = el("div", { id: "cost-quality" }), detail = el("div", { class: "detail", id: "cost-quality-detail", "aria-live": "polite" }, el("span", { class: "quiet" }, "No point chosen yet."));
  const draw = () => { made.querySelector(".tools")?.replaceWith(legend()); drawCostQuality(table, holder, detail); };
  const legend = () => {
    const names = ["single models", "mixing models", "oracle", ...routers(table)];
    const all = chooser([...names, "logarithmic cost"], (i) => i < names.length ? !state.hidden.has(names[i]) : isLog(table), (i) => {
      if (i === names.length) state.log = !isLog(table);
      else if (state.hidden.has(names[i])) state.hidden.delete(names[i]);
      else state.hidden.add(names[i]);
      draw();
    }, "Shown in the chart");
    return all;
  };
  made.append(legend(), holder, detail);
  draw();
  redraws.push(draw);
}
function isLog(table) {
  const costs = Object.values(table.singles).map((line) => line.cost);
  if (Math.min(...costs) <= 0) return false;
  return state.log ?? Math.max(...costs) / Math.min(...costs) > 30;
}
function drawCostQuality(table, holder, detail) {
  const shown = (name) => !state.hidden.has(name), log = isLog(table);
  const singles = Object.entries(table.singles), oracle = table.lines.oracle;
  const lines = routers(table).filter(shown);
  const curves = lines.map((name) => table.curves[name]?.points ?? []);
  const costs = [...singles.map(([, l]) => l.cost), oracle.cost, ...lines.map((n) => table.routers[n].cost), ...curves.flat().map((p) => p[0])].map(perThousand);
  const qualities = [...singles.map(([, l]) => l.quality), shown("oracle") ? oracle.quality : null, ...curves.flat().map((p) => p[1]), ...lines.flatMap((n) => table.routers[n].interval?.quality ?? [])].filter((v) => v !== null);
  const x = log ? [Math.min(...costs.filter((c) => c > 0)) / 1.25, Math.max(...costs) * 1.25] : [Math.max(0, padded(costs, 0.05)[0]), padded(costs, 0.05)[1]];
  const chart = plane(holder, { x, y: padded(qualities, 0.06), log, label: "Quality over cost", xName: "USD per 1,000 queries", yName: "mean quality", xFormat: usdMark, yFormat: plain(2) });
  const told = (name, cost, quality) => detail.replaceChildren(...explained(table, name, cost, quality));
  if (shown("mixing models")) path(chart, dense(held(table.curves.zero.hull, x)).map(([c, q]) => [perThousand(c), q]), "var(--zero)", { "stroke-dasharray": "6 5" });
  for (const name of lines) drawRouter(chart, table, name, told);
  if (shown("single models")) drawSingles(chart, singles, told);
  if (shown("oracle")) mark(chart, perThousand(oracle.cost), oracle.quality, { shape: "star", r: 10, colour: "var(--oracle)", name: "oracle", pick: () => told("the oracle (knows every outcome)", oracle.cost, oracle.quality) });
}
function held(points, [low, high]) {
  const last = points[points.length - 1];
  return [...points, [Math.max(last[0], high / 1000), last[1]]].filter(([c]) => perThousand(c) >= low);
}
function drawSingles(chart, singles, told) {
  const taken = [];
  for (const [name, line] of [...singles].sort((a, b) => b[1].quality - a[1].quality)) {
    const x = chart.x(perThousand(line.cost)), y = chart.y(line.quality);
    mark(chart, perThousand(line.cost), line.quality, { shape: "square", r: 5, colour: "var(--single)", name, pick: () => told(name, line.cost, line.quality) });
    const text = short(name, chart.width < 520 ? 14 : 24), size = text.length * 6.6, left = x + 9 + size > chart.width - 4;
    const at = { x0: left ? x - 9 - size : x + 9, x1: left ? x - 9 : x + 9 + size, y };
    if (taken.some((t) => Math.abs(t.y - at.y) < 13 && t.x0 < at.x1 && at.x0 < t.x1)) continue;
    taken.push(at);
    chart.svg.append(el("text", { x: left ? x - 9 : x + 9, y: y + 4, "text-anchor": left ? "end" : "start", class: "tick" }, text));
  }
}
function drawRouter(chart, table, name, told) {
  const line = table.routers[name], curve = table.curves[name], colour = colourOf(table, name), shape = shapeOf(table, name);
  if (curve) {
    path(chart, dense(curve.hull.filter(([c]) => c > 0 || !isLog(table))).map(([c, q]) => [perThousand(c), q]), colour);
    for (const [c, q] of curve.points) if (c > 0 || !isLog(table)) mark(chart, perThousand(c), q, { r: 3.4, colour, name: `${name}, one setting`, pick: () => told(`${name}, at this setting`, c, q) });
  }
  if (line.interval?.quality) spread(chart, perThousand(line.cost), line.interval.quality, colour);
  mark(chart, perThousand(line.cost), line.quality, { shape, r: 7.5, colour, name: `${name}, operating point`, pick: () => told(`${name}, operating point`, line.cost, line.quality) });
}
function zeroAt(table, cost) {
  const points = table.curves.zero.hull;
  if (cost <= points[0][0]) return points[0][1];
  for (let i = 1; i < points.length; i += 1) {
    const [[a, p], [b, q]] = [points[i - 1], points[i]];
    if (cost <= b) return p + ((q - p) * (cost - a)) / (b - a);
  }
  return points[points.length - 1][1];
}
function explained(table, name, cost, quality) {
  const best = table.lines.best_single;
  const dearer = best.cost ? cost / best.cost - 1 : null;
  const money = dearer === null ? "" : `, ${percent(Math.abs(dearer))} ${dearer <= 0 ? "cheaper" : "dearer"} than ${best.model}`;
  const better = quality - best.quality, over = quality - zeroAt(table, cost);
  const points = (v) => `${v >= 0 ? "+" : "−"}${(100 * Math.abs(v)).toFixed(2)} points`;
  return [el("strong", {}, name), el("p", {}, `Quality ${percent(quality, 2)} at ${usd(perThousand(cost))} per 1,000 queries${money}.`),
    el("p", { class: "quiet" }, `${points(better)} of quality against ${best.model}; ${points(over)} against mixing single models at the same cost.`)];
}

const COLUMNS = [
  ["quality", "quality", percent], ["cost", "USD / 1k", (v) => usd(perThousand(v))], ["aiq_range", "AIQ", number],
  ["cost_at_best_single", "USD / 1k at best single's quality", (v) => usd(perThousand(v))], ["apgr", "APGR", (v) => number(v, 3)],
  ["cpt50", "CPT 50 %", (v) => number(v, 1)], ["cpt80", "CPT 80 %", (v) => number(v, 1)], ["perf_gain", "PerfGain", percent],
  ["cost_save", "CostSave", percent], ["gap_at_oracle", "Gap@Oracle", percent], ["pareto_dist", "ParetoDist", (v) => number(v, 3)],
  ["above_zero", "over mixing", (v) => number(v)], ["arena_score", "Arena score", (v) => number(v, 3)], ["selection_entropy", "entropy", (v) => number(v, 2)],
  ["ece", "ECE", (v) => number(v, 3)], ["bert_sim", "BERTSim", (v) => number(v, 3)], ["latency", "latency, s", (v) => number(v, 2)],
];
function showFigures(table) {
  const made = card("Figures", `Fitted on ${table.n_train.toLocaleString("en")} queries, judged on ${table.n_test.toLocaleString("en")} others; 95 % intervals by paired bootstrap over queries.`, true);
  const rows = [...Object.entries(table.routers).map(([n, l]) => [n, l, "router"]), ...Object.entries(table.lines).map(([n, l]) => [l.model ? `${n.replace("_", " ")}: ${l.model}` : n, l, ""])];
  const columns = COLUMNS.filter(([key]) => rows.some(([, line]) => line[key] !== undefined && line[key] !== null));
  const cell = (line, key, format) => {
    const ends = line.interval?.[key];
    const absent = key === "cost_at_best_single" && line[key] === null ? OUT_OF_REACH : "";
    return el("td", {}, line[key] === undefined || line[key] === null ? absent : format(line[key]), ends ? el("div", { class: "quiet" }, `${format(ends[0])} to ${format(ends[1])}`) : null);
  };
  made.append(el("div", { class: "scroll" }, el("table", {},
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, ""), ...columns.map(([, name]) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, ...rows.map(([name, line, kind]) => el("tr", { class: kind }, el("td", {}, name), ...columns.map(([key, , format]) => cell(line, key, format))))))));
  if (table.notes?.length) made.append(el("ul", { class: "quiet" }, ...table.notes.map((note) => el("li", {}, note))));
}
function showTraffic(table, name) {
  const made = card("Traffic", `Where ${name} sends queries at its operating point.`);
  const shares = Object.entries(table.routers[name].traffic ?? {}).filter(([, s]) => s > 0).sort((a, b) => b[1] - a[1]);
  const most = shares.length ? shares[0][1] : 1;
  made.append(el("div", { class: "bars", id: "traffic" }, ...shares.map(([model, share]) => el("div", { class: "bar" },
    el("span", {}, model), el("span", {}, percent(share)), el("i", {}, el("b", { style: `width:${(100 * share) / most}%;background:${colourOf(table, name)}` }))))));
}
function showCalibration(table, name) {
  const bins = table.calibration?.[name];
  if (!bins) return;
  const made = card("Calibration", "Does a predicted quality mean what it says? On the dashed line it does.");
  const holder = el("div", { id: "calibration" }), detail = el("div", { class: "detail quiet" }, "Click a point for its bin.");
  made.append(holder, detail);
  const draw = () => {
    const chart = plane(holder, { x: [0, 1], y: [0, 1], height: 300, label: "Actual over predicted quality", xName: "predicted quality", yName: "actual quality", xFormat: plain(1), yFormat: plain(1) });
    path(chart, [[0, 0], [1, 1]], "var(--zero)", { "stroke-dasharray": "6 5" });
    path(chart, bins.predicted.map((p, i) => [Math.min(1, Math.max(0, p)), bins.actual[i]]), colourOf(table, name), { opacity: 0.5 });
    const most = Math.max(...bins.count);
    bins.predicted.forEach((p, i) => mark(chart, Math.min(1, Math.max(0, p)), bins.actual[i], { r: 4 + 8 * Math.sqrt(bins.count[i] / most), colour: colourOf(table, name), name: `bin ${i + 1}`,
      pick: () => detail.replaceChildren(`${bins.count[i].toLocaleString("en")} queries: predicted ${percent(p)}, actual ${percent(bins.actual[i])}.`) }));
  };
  draw();
  redraws.push(draw);
}
function showCalls(table) {
  const calls = table.calls ?? {};
  if (!Object.keys(calls).length) return;
  const made = card("Calls to the strong model", "How much of the gap between the two models each share of strong calls recovers.");
  const holder = el("div", { id: "calls" });
  made.append(holder, keys(Object.keys(calls).map((name) => [name, calledColour(table, name)])));
  const draw = () => {
    const all = Object.values(calls).flat();
    const chart = plane(holder, { x: [0, 1], y: padded(all.map((p) => p[1]), 0.05), height: 300, label: "Quality over share of strong calls", xName: "calls to the strong model", yName: "mean quality", xFormat: (v) => `${Math.round(100 * v)} %`, yFormat: plain(2) });
    const first = Object.values(calls)[0];
    path(chart, [first[0], first[first.length - 1]], "var(--zero)", { "stroke-dasharray": "6 5" });
    for (const [name, points] of Object.entries(calls)) path(chart, points, calledColour(table, name));
  };
  draw();
  redraws.push(draw);
}
const calledColour = (table, name) => name === "best possible" ? "var(--oracle)" : colourOf(table, name);
const keys = (entries) => el("p", { class: "quiet" }, ...entries.flatMap(([name, colour]) => [el("span", { class: "swatch", style: `background:${colour}` }), `${name}   `]));

function showBudget(table) {
  const budget = Object.entries(table.budget ?? {}).filter(([, steps]) => steps.length > 1);
  if (!budget.length) return;
  const made = card("How many labels does it take?", "AIQ after learning from so many queries (dots: seeds); the dashed line needs no labels.");
  const holder = el("div", { id: "budget" });
  made.append(holder, keys(budget.map(([name]) => [name, colourOf(table, name)])));
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const draw = () => {
    const sizes = budget.flatMap(([, steps]) => steps.map(([n]) => n)), zero = table.lines.zero.aiq_range;
    const chart = plane(holder, { x: [Math.min(...sizes) / 1.2, Math.max(...sizes) * 1.2], y: padded([zero, ...budget.flatMap(([, steps]) => steps.flatMap(([, each]) => each))], 0.1), log: true, height: 300, label: "AIQ over training queries", xName: "training queries", yName: "AIQ", xFormat: (v) => v.toLocaleString("en"), yFormat: plain(3) });
    path(chart, [[Math.min(...sizes) / 1.2, zero], [Math.max(...sizes) * 1.2, zero]], "var(--zero)", { "stroke-dasharray": "6 5" });
    for (const [name, steps] of budget) {
      path(chart, steps.map(([n, each]) => [n, mean(each)]), colourOf(table, name));
      for (const [n, each] of steps) for (const one of each) mark(chart, n, one, { r: 3.5, colour: colourOf(table, name), name: `${name}, ${n} queries: ${number(one)}` });
    }
  };
  draw();
  redraws.push(draw);
}
function showDomains(table, name) {
  if (!table.domains?.length || !table.domains[0].routers[name]) return;
  const made = card("By domain", `Quality of ${name} over ${table.lines.best_single.model}, with 95 % interval.`);
  const holder = el("div", { id: "domains" });
  made.append(holder);
  const draw = () => {
    const shown = table.domains.slice(0, 20), ends = shown.flatMap((d) => d.routers[name].over_best_single);
    const [low, high] = padded([...ends, 0], 0.05);
    const room = 150, width = Math.max(280, holder.clientWidth), row = 26, height = shown.length * row + 40;
    const x = (v) => room + ((width - room - 14) * (v - low)) / (high - low);
    const svg = el("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Gain by domain" });
    const xs = ticks(low, high, 4);
    for (const t of xs) svg.append(el("line", { class: "gridline", x1: x(t), x2: x(t), y1: 4, y2: height - 34 }), el("text", { class: "tick", x: x(t), y: height - 18, "text-anchor": "middle" }, plain(2)(t, xs)));
    svg.append(el("line", { x1: x(0), x2: x(0), y1: 4, y2: height - 34, stroke: "var(--zero)", "stroke-dasharray": "6 5" }));
    shown.forEach((d, i) => {
      const y = i * row + 17, one = d.routers[name], gain = one.quality - d.best_single.quality;
      svg.append(el("text", { x: 0, y: y + 4 }, `${short(d.domain, 15)} `, ), el("text", { class: "tick", x: room - 8, y: y + 4, "text-anchor": "end" }, d.n_test.toLocaleString("en")),
        el("line", { x1: x(one.over_best_single[0]), x2: x(one.over_best_single[1]), y1: y, y2: y, stroke: colourOf(table, name), "stroke-width": 2 }),
        el("path", { d: outlines[shapeOf(table, name)](5), transform: `translate(${x(gain)} ${y})`, fill: colourOf(table, name) }, el("title", {}, `${d.domain}: ${number(gain)}`)));
    });
    holder.replaceChildren(svg);
    if (shown.length < table.domains.length) holder.append(el("p", { class: "quiet" }, `The ${shown.length} largest of ${table.domains.length}; report.md has the rest.`));
  };
  draw();
  redraws.push(draw);
}
function showHeldOut(table) {
  if (!table.held_out?.length) return;
  const made = card("On domains never seen", "Fitted without the domain, judged on it. Above mixing models is good; below it, an unfamiliar query should go to a safe model.", true);
  const names = Object.keys(table.held_out[0].routers);
  const aiq = (value, zero) => el("td", {}, number(value), " ", el("span", { class: value >= zero ? "tag good" : "tag bad" }, `${value >= zero ? "+" : "−"}${Math.abs(value - zero).toFixed(3)}`));
  made.append(el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "domain"), el("th", { scope: "col" }, "queries"), el("th", { scope: "col" }, "mixing, AIQ"), ...names.map((n) => el("th", { scope: "col" }, `${n}, AIQ`)))),
    el("tbody", {}, ...table.held_out.map((d) => el("tr", {}, el("td", {}, d.domain), el("td", {}, String(d.n_test)), el("td", {}, number(d.zero)), ...names.map((n) => aiq(d.routers[n].aiq_range, d.zero))))))));
}
function showLatency(table) {
  const latency = Object.entries(table.latency ?? {});
  if (!latency.length) return;
  const made = card("Latency and quality", "Mean seconds to the answer.");
  const holder = el("div", { id: "latency" });
  made.append(holder);
  const draw = () => {
    const chart = plane(holder, { x: [0, Math.max(...latency.map(([, p]) => p[0])) * 1.25], y: padded(latency.map(([, p]) => p[1]), 0.12), height: 300, label: "Quality over latency", xName: "seconds", yName: "mean quality", xFormat: plain(1), yFormat: plain(2) });
    for (const [name, [x, y]] of latency) {
      const router = name.startsWith("router ") ? name.slice(7) : null, left = chart.x(x) > chart.width * 0.6;
      mark(chart, x, y, { shape: router ? shapeOf(table, router) : "square", colour: router ? colourOf(table, router) : "var(--single)", name });
      chart.svg.append(el("text", { class: "tick", x: chart.x(x) + (left ? -10 : 10), y: chart.y(y) + 4, "text-anchor": left ? "end" : "start" }, short(name)));
    }
  };
  draw();
  redraws.push(draw);
}
function showExamples(table, name) {
  const examples = table.examples?.[name] ?? [];
  if (!examples.length) return;
  const made = card("Decisions", `What ${name} did with single queries: where it gained most, and where it lost most.`, true);
  made.append(el("div", { class: "examples" }, ...examples.map((e) => {
    const gain = e.quality - e.best_single_quality, good = gain > 0 || (gain === 0 && e.cost <= e.best_single_cost);
    return el("article", { class: "example" }, el("q", {}, e.query), el("span", { class: good ? "tag good" : "tag bad" }, `${gain > 0 ? "▲ better" : gain < 0 ? "▼ worse" : good ? "▲ as good, cheaper" : "▼ as good, dearer"} than ${e.best_single}`),
      el("p", { class: "quiet" }, `${e.model}: quality ${number(e.quality, 2)}${e.expected === null ? "" : ` (expected ${number(e.expected, 2)})`}, ${usd(e.cost)} · ${e.best_single}: ${number(e.best_single_quality, 2)}, ${usd(e.best_single_cost)}`));
  })));
}

// --- the page
const named = (data) => data.split(/[\\/]/).slice(-2).join("/") || "outcomes";
let redraws = [];
function show() {
  const table = report.tables[state.table], names = routers(table);
  state.router = Math.min(state.router, Math.max(0, names.length - 1));
  redraws = [];
  document.getElementById("main").replaceChildren();
  document.getElementById("title").textContent = named(table.data);
  document.title = `Routing report: ${named(table.data)}`;
  document.getElementById("subtitle").textContent = `${Object.keys(table.singles).length} ${Object.keys(table.singles).length === 1 ? "model" : "models"}, ${table.n_test.toLocaleString("en")} held-out queries · ${table.split ?? ""}`;
  document.getElementById("made").textContent = `Made by ${report.made_by}, ${report.date}. Prompts shown under “Decisions” stay in this file; nothing is loaded from anywhere.`;
  document.getElementById("tables").replaceChildren(...(report.tables.length > 1 ? report.tables.map((t, i) => el("button", { type: "button", "aria-pressed": String(i === state.table), onclick: () => { state.table = i; state.log = null; show(); } }, named(t.data))) : []));
  showVerdicts(table);
  showCostQuality(table);
  showFigures(table);
  if (names.length > 1) document.getElementById("main").append(el("div", { class: "wide" }, chooser(names, (i) => i === state.router, (i) => { state.router = i; show(); }, "Router looked at closely")));
  if (names.length) {
    const name = names[state.router];
    showTraffic(table, name); showCalibration(table, name); showDomains(table, name);
  }
  showCalls(table); showBudget(table); showLatency(table); showHeldOut(table);
  if (names.length) showExamples(table, names[state.router]);
}
let waiting = 0;
window.addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(() => redraws.forEach((draw) => draw()), 120); });
show();
