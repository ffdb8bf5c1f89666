
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const find = (query, place = document) => place.querySelector(query);
  const all = (query, place = document) => [...place.querySelectorAll(query)];
  document.documentElement.classList.add("script");
  const state = {
    view: data.view,
    // What checks the harness would squeeze everything else together.
    shown: data.estimators.map((own) => !own.sanity),
  };
  if (!state.shown.some(Boolean)) state.shown.fill(true);

  /* The table */

  const table = document.getElementById("comparison");
  const rows = () => all("tbody tr", table);

  function sortBy(heading) {
    const headings = all("thead th", table);
    const column = headings.indexOf(heading);
    const sorted = heading.getAttribute("aria-sort");
    const order = sorted ? (sorted === "ascending" ? "descending" : "ascending") : heading.dataset.first;
    for (const other of headings) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", order);
    const value = (row) => {
      const text = row.children[column].dataset.value;
      return text === undefined ? null : column === 0 ? text : Number(text);
    };
    const sign = order === "ascending" ? 1 : -1;
    for (const body of table.tBodies) {
      const known = [...body.rows].map((row) => [value(row), row]);
      known.sort(([a], [b]) => {
        if (a === null || b === null) return (a === null) - (b === null);
        return a < b ? -sign : a > b ? sign : 0;
      });
      body.append(...known.map(([, row]) => row));
    }
  }

  function filter() {
    const text = find("#filter").value.trim().toLowerCase();
    const sanity = find("#sanity").checked;
    for (const row of rows()) {
      const matches = row.cells[0].dataset.value.includes(text);
      row.hidden = !matches || (!sanity && row.classList.contains("sanity"));
    }
    const own = all(`tbody[data-view="${state.view}"] tr`, table);
    const left = own.filter((row) => !row.hidden).length;
    find("#count").textContent = left === own.length ? "" : `${left} of ${own.length} rows`;
  }

  function changeView(view) {
    state.view = view;
    for (const part of all("#comparison-section [data-view]")) part.hidden = part.dataset.view !== view;
    filter();
    drawAll();
  }

  for (const heading of all("thead th", table)) {
    find("button", heading).addEventListener("click", () => sortBy(heading));
  }
  find("#filter").addEventListener("input", filter);
  find("#sanity").addEventListener("change", filter);
  find("#view")?.addEventListener("change", (event) => changeView(event.target.value));

  /* Drawing */

  const NAMESPACE = "http://www.w3.org/2000/svg";
  const COLOURS = 9;
  const DASHES = ["", "6 3", "7 3 1.5 3", "1.5 3", "9 3 1.5 3 1.5 3", "12 4", "4 2"];
  const MARKERS = [
    (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
    (x, y, r) => `M${x - r} ${y - r}h${2 * r}v${2 * r}h${-2 * r}z`,
    (x, y, r) => `M${x} ${y - 1.2 * r}L${x + 1.2 * r} ${y + r}H${x - 1.2 * r}z`,
    (x, y, r) => `M${x} ${y - 1.4 * r}L${x + 1.4 * r} ${y}L${x} ${y + 1.4 * r}L${x - 1.4 * r} ${y}z`,
    (x, y, r) => `M${x} ${y + 1.2 * r}L${x + 1.2 * r} ${y - r}H${x - 1.2 * r}z`,
    (x, y, r) => `M${x - r} ${y - r}L${x + r} ${y + r}M${x - r} ${y + r}L${x + r} ${y - r}`,
    (x, y, r) => `M${x} ${y - 1.4 * r}V${y + 1.4 * r}M${x - 1.4 * r} ${y}H${x + 1.4 * r}`,
    (x, y, r) => `M${x - 1.2 * r} ${y}L${x + r} ${y - 1.2 * r}V${y + 1.2 * r}z`,
  ];
  const MEASURES = { ge: "geodesic error", mae: "MAE", vmae: "VMAE" };
  const AXES = { "abs-yaw": "|yaw|", yaw: "yaw", pitch: "pitch", roll: "roll" };

  function draw(parent, name, attributes, text) {
    const made = document.createElementNS(NAMESPACE, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  }

  const colour = (place) => `s${place % COLOURS}`;
  const dash = (place) => DASHES[place % DASHES.length];
  const marker = (place, x, y, r = 3) => MARKERS[place % MARKERS.length](x, y, r);
  const degrees = (value) => (value === null || value === undefined ? "–" : `${value.toFixed(2)}°`);
  const visible = () => data.estimators.map((_, place) => place).filter((place) => state.shown[place]);

  function ticks(low, high, count) {
    const rough = (high - low) / count || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = power * [1, 2, 5, 10].find((own) => own * power >= rough);
    const found = [];
    for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + 1e-9; at += step) found.push(Number(at.toFixed(9)));
    return found;
  }

  /* An empty chart: its SVG, and the scales of its panel. */
  function panel(svg, box, x, y, labels, at = {}) {
    const X = (value) => box.left + ((value - x[0]) / (x[1] - x[0])) * box.width;
    const Y = (value) => box.top + box.height - ((value - y[0]) / (y[1] - y[0])) * box.height;
    const bottom = box.top + box.height;
    for (const value of at.y ?? ticks(y[0], y[1], Math.max(2, box.height / 55))) {
      draw(svg, "line", { x1: box.left, x2: box.left + box.width, y1: Y(value), y2: Y(value), class: "grid" });
      draw(svg, "text", { x: box.left - 6, y: Y(value) + 4, "text-anchor": "end" }, value);
    }
    for (const value of at.x ?? ticks(x[0], x[1], Math.max(2, box.width / 70))) {
      draw(svg, "line", { x1: X(value), x2: X(value), y1: box.top, y2: bottom, class: "grid" });
      draw(svg, "text", { x: X(value), y: bottom + (at.lower ?? 0) + 16, "text-anchor": "middle" }, value);
    }
    draw(svg, "path", { d: `M${box.left} ${box.top}V${bottom}H${box.left + box.width}`, class: "axis", fill: "none" });
    const middle = box.left + box.width / 2;
    draw(svg, "text", { x: middle, y: bottom + (at.lower ?? 0) + 34, "text-anchor": "middle" }, labels[0]);
    const side = box.top + box.height / 2;
    draw(svg, "text", { transform: `translate(${box.left - 34} ${side}) rotate(-90)`, "text-anchor": "middle" }, labels[1]);
    return { X, Y };
  }

  function canvas(chart, height) {
    const place = find(".canvas", chart);
    place.replaceChildren();
    const width = Math.max(280, place.clientWidth);
    const title = find("h3", chart).textContent;
    const svg = draw(place, "svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
    return { svg, width };
  }

  function note(chart, text) {
    find("p.note", chart).textContent = text;
  }

  function curve(svg, place, points, options = {}) {
    const known = points.filter(([, y]) => y !== null);
    if (!known.length) return;
    const path = known.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    draw(svg, "path", { d: path, class: `curve ${colour(place)}`, fill: "none", "stroke-dasharray": dash(place) })
      .style.fill = "none";
    const every = options.every ?? 1;
    const marks = known.filter((_, index) => index % every === (every > 1 ? (place * 3) % every : 0));
    draw(svg, "path", { d: marks.map(([x, y]) => marker(place, x, y)).join(""), class: colour(place) });
  }

  /* Hovering: what stands under the pointer, in a box beside it. */
  function hover(chart, svg, width, look) {
    const tip = find(".tip", chart) ?? chart.appendChild(document.createElement("div"));
    tip.className = "tip";
    tip.setAttribute("aria-hidden", "true");
    tip.hidden = true;
    const guides = draw(svg, "g", {});
    const leave = () => {
      tip.hidden = true;
      guides.replaceChildren();
    };
    svg.addEventListener("pointerleave", leave);
    const show = (event) => {
      const frame = svg.getBoundingClientRect();
      const scale = width / frame.width;
      guides.replaceChildren();
      const found = look((event.clientX - frame.left) * scale, (event.clientY - frame.top) * scale, guides);
      if (!found) return leave();
      tip.replaceChildren();
      tip.appendChild(document.createElement("b")).textContent = found.title;
      for (const [name, value] of found.lines) {
        const line = tip.appendChild(document.createElement("div"));
        line.appendChild(document.createElement("span")).textContent = name;
        line.appendChild(document.createElement("span")).textContent = value;
      }
      tip.hidden = false;
      const outer = chart.getBoundingClientRect();
      const x = event.clientX - outer.left;
      const left = x + 14 + tip.offsetWidth > outer.width ? x - 14 - tip.offsetWidth : x + 14;
      tip.style.left = `${Math.max(0, Math.min(left, outer.width - tip.offsetWidth))}px`;
      tip.style.top = `${event.clientY - outer.top + 12}px`;
    };
    svg.addEventListener("pointermove", show);
    svg.addEventListener("pointerdown", show);
  }

  const guide = (guides, x, box) =>
    draw(guides, "line", { x1: x, x2: x, y1: box.top, y2: box.top + box.height, class: "guide" });

  function choices(chart, options, change) {
    const place = find(".choices", chart);
    for (const [label, values, chosen] of options) {
      const select = document.createElement("select");
      select.setAttribute("aria-label", label);
      for (const [value, name] of Object.entries(values)) {
        select.add(new Option(name, value, value === chosen, value === chosen));
      }
      select.addEventListener("change", change);
      place.append(select);
    }
    return () => all("select", place).map((select) => select.value);
  }

  const highest = (curves) => {
    let means = 0.1;
    let highs = 0.1;
    for (const own of curves) {
      means = Math.max(means, ...own.mean.map(Number));
      highs = Math.max(highs, ...own.high.map(Number));
    }
    return 1.05 * Math.max(means, Math.min(highs, 1.5 * means));
  };

  const ordered = (values) =>
    values
      .filter(([, value]) => value !== null && value !== undefined)
      .sort((a, b) => a[1] - b[1])
      .map(([place, value, text]) => [data.estimators[place].label, text ?? degrees(value)]);

  const withInterval = (own, index) =>
    own.low[index] === null
      ? degrees(own.mean[index])
      : `${degrees(own.mean[index])} (${own.low[index].toFixed(1)}–${own.high[index].toFixed(1)})`;

  /* The charts */

  function drawError(chart, [axis, measure]) {
    const found = data.error[state.view]?.[axis];
    const { svg, width } = canvas(chart, 366);
    if (!found) return note(chart, "No sample is scored in this view.");
    const edges = found.edges;
    const known = (own, index) => found.count[own][index] >= data.few;
    const curves = visible().map((place) => [place, found[measure][place]]);
    const sparse = ([place, own]) => ({
      mean: own.mean.map((value, index) => (known(place, index) ? value : null)),
      high: own.high.map((value, index) => (known(place, index) ? value : null)),
    });
    const box = { left: 46, top: 8, width: width - 58, height: 262 };
    const lower = 56;
    const span = [edges[0], edges[edges.length - 1]];
    const every = Math.ceil(edges.length / Math.max(2, box.width / 44));
    const step = edges[1] - edges[0];
    // On a grid every bin stands around an angle of the grid.
    const marks = edges[0] % step === 0 ? edges : edges.slice(1).map((edge) => edge - step / 2);
    const at = { x: marks.filter((_, index) => index % every === 0), lower };
    const top = highest(curves.map(sparse));
    const labels = [`true ${AXES[axis]} (degrees)`, `${MEASURES[measure]} (degrees)`];
    const { X, Y } = panel(svg, box, span, [0, top], labels, at);
    if (measure === "mae" && axis.endsWith("yaw")) {
      for (const [low, high] of [[-180, -60], [60, 180]]) {
        const [from, to] = [Math.max(low, span[0]), Math.min(high, span[1])];
        if (from < to) {
          draw(svg, "rect", { x: X(from), y: box.top, width: X(to) - X(from), height: box.height, class: "lock" });
        }
      }
    }
    const counts = edges.slice(1).map((_, index) => Math.max(...found.count.map((own) => own[index])));
    const most = Math.max(1, ...counts);
    const floor = box.top + box.height + lower;
    counts.forEach((count, index) => {
      const height = ((lower - 22) * count) / most;
      const [from, to] = [X(edges[index]) + 1, X(edges[index + 1]) - 1];
      draw(svg, "rect", { x: from, y: floor - height, width: to - from, height, class: "count" });
      if (count) {
        draw(svg, "text", { x: (from + to) / 2, y: floor - height - 3, "text-anchor": "middle", class: "small" }, count);
      }
    });
    const clipped = draw(svg, "svg", { x: 0, y: 0, width, height: box.top + box.height, viewBox: `0 0 ${width} ${box.top + box.height}` });
    const bin = X(edges[1]) - X(edges[0]);
    curves.forEach(([place, own], rank) => {
      const beside = ((rank - (curves.length - 1) / 2) * 0.55 * bin) / Math.max(curves.length, 5);
      const centre = (index) => (X(edges[index]) + X(edges[index + 1])) / 2 + beside;
      own.mean.forEach((_, index) => {
        if (!known(place, index) || own.low[index] === null) return;
        const [low, high] = [Y(own.low[index]), Y(own.high[index])];
        draw(clipped, "line", { x1: centre(index), x2: centre(index), y1: low, y2: high, class: `whisker ${colour(place)}` });
      });
      const points = own.mean.map((value, index) => [centre(index), known(place, index) ? Y(value) : null]);
      curve(clipped, place, points);
    });
    const shaded = measure === "mae" && axis.endsWith("yaw");
    note(chart, `Whiskers: 95% intervals. Grey: samples; a bin of fewer than ${data.few} has no mean.` +
      (shaded ? " Shaded: near gimbal lock, where pitch and roll trade; read GE or VMAE there." : ""));
    hover(chart, svg, width, (x, _, guides) => {
      const index = edges.slice(1).findIndex((_, at) => x >= X(edges[at]) && x < X(edges[at + 1]));
      if (index < 0) return null;
      guide(guides, (X(edges[index]) + X(edges[index + 1])) / 2, box);
      const lines = curves.map(([place, own]) => [place, own.mean[index], withInterval(own, index)]);
      return { title: `${edges[index]}° to ${edges[index + 1]}°, n = ${counts[index]}`, lines: ordered(lines) };
    });
  }

  function drawRanges(chart, [measure]) {
    const found = data.ranges[state.view];
    const { svg, width } = canvas(chart, 314);
    if (!found?.edges) return note(chart, "No sample is scored in this view.");
    const count = found.edges.length - 1;
    const curves = visible().map((place) => [place, found[measure][place]]);
    const box = { left: 46, top: 8, width: width - 58, height: 250 };
    const { X, Y } = panel(svg, box, [0, count], [0, highest(curves.map(([, own]) => own))],
      ["true |yaw|", `${MEASURES[measure]} (degrees)`], { x: [], lower: 16 });
    const wide = (X(1) - X(0)) * 0.86;
    const each = wide / Math.max(1, curves.length);
    const sizes = found.edges.slice(1).map((_, index) => {
      const own = curves.map(([place]) => found.count[place][index]);
      return [Math.min(...own), Math.max(...own)];
    });
    for (let index = 0; index < count; index += 1) {
      const middle = X(index + 0.5);
      const [least, most] = sizes[index];
      const size = least === most ? most : `${least}–${most}`;
      draw(svg, "text", { x: middle, y: box.top + box.height + 16, "text-anchor": "middle" },
        `${found.edges[index]}° to ${found.edges[index + 1]}°`);
      draw(svg, "text", { x: middle, y: box.top + box.height + 31, "text-anchor": "middle", class: "small" }, `n = ${size}`);
      curves.forEach(([place, own], rank) => {
        if (own.mean[index] === null) return;
        const left = middle - wide / 2 + rank * each;
        const centre = left + each / 2;
        const top = Y(own.mean[index]);
        draw(svg, "rect", { x: left + 1, y: top, width: Math.max(1, each - 2), height: Y(0) - top,
          class: `bar ${colour(place)}`, "stroke-dasharray": dash(place) });
        if (own.low[index] !== null) {
          const high = Math.max(box.top, Y(own.high[index]));
          draw(svg, "line", { x1: centre, x2: centre, y1: Y(own.low[index]), y2: high, class: "ink" });
        }
        if (each > 9) draw(svg, "path", { d: marker(place, centre, Y(0) - 7, 2.6), class: colour(place) });
      });
    }
    note(chart, "Lines on the bars: 95% intervals.");
    hover(chart, svg, width, (x, y) => {
      const index = Math.floor((x - box.left) / (X(1) - X(0)));
      if (index < 0 || index >= count || y > box.top + box.height + 40) return null;
      const lines = curves.map(([place, own]) => [place, own.mean[index], withInterval(own, index)]);
      return { title: `|yaw| ${found.edges[index]}° to ${found.edges[index + 1]}°`, lines: ordered(lines) };
    });
  }

  function drawCumulative(chart, [limit]) {
    const { svg, width } = canvas(chart, 352);
    const most = Number(limit);
    const box = { left: 46, top: 8, width: width - 58, height: 304 };
    const { X, Y } = panel(svg, box, [0, most], [0, 100], ["geodesic error (degrees)", "samples with no larger error (%)"]);
    const curves = visible().map((place) => [place, data.cumulative[state.view][place]]);
    for (const [place, [errors, shares]] of curves) {
      if (!errors.length) continue;
      const steps = [[X(0), Y(0)]];
      let reached = 0;
      errors.forEach((error, index) => {
        if (error > most) return;
        steps.push([X(error), Y(reached)], [X(error), Y(shares[index])]);
        reached = shares[index];
      });
      steps.push([X(most), Y(reached)]);
      curve(svg, place, steps, { every: 48 });
    }
    note(chart, "The higher the better.");
    const shareAt = ([errors, shares], error) => {
      const index = errors.findIndex((own) => own > error);
      return index < 0 ? 100 : index === 0 ? 0 : shares[index - 1];
    };
    hover(chart, svg, width, (x, _, guides) => {
      const error = ((x - box.left) / box.width) * most;
      if (error < 0 || error > most) return null;
      guide(guides, x, box);
      const lines = curves.filter(([, own]) => own[0].length).map(([place, own]) => [place, shareAt(own, error)]);
      lines.sort((a, b) => b[1] - a[1]);
      return {
        title: `at most ${error.toFixed(1)}°`,
        lines: lines.map(([place, share]) => [data.estimators[place].label, `${share.toFixed(1)}%`]),
      };
    });
  }

  function drawRisk(chart) {
    const { svg, width } = canvas(chart, 332);
    const curves = visible().map((place) => [place, data.risk[place]]).filter(([, own]) => own);
    const most = Math.max(0.1, ...curves.flatMap(([, own]) => own.risk));
    const box = { left: 46, top: 8, width: width - 58, height: 284 };
    const { X, Y } = panel(svg, box, [0, 100], [0, 1.05 * most],
      ["share of samples kept, the surest (%)", "mean geodesic error (degrees)"]);
    for (const [place, own] of curves) {
      curve(svg, place, own.coverage.map((share, index) => [X(share), Y(own.risk[index])]), { every: 24 });
    }
    const areas = curves.map(([place, own]) => `${data.estimators[place].label} ${own.area.toFixed(2)}°`);
    note(chart, areas.length
      ? `Mean over all coverages (AURC): ${areas.join(", ")}.`
      : "None of the estimators shown gives a confidence.");
    hover(chart, svg, width, (x, _, guides) => {
      const share = ((x - box.left) / box.width) * 100;
      if (share < 0 || share > 100 || !curves.length) return null;
      guide(guides, x, box);
      const lines = curves.map(([place, own]) => [place, own.risk[own.coverage.findIndex((at) => at >= share)]]);
      return { title: `${share.toFixed(0)}% of the samples`, lines: ordered(lines) };
    });
  }

  /* Every sample */

  function unpack(text) {
    const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    return Float32Array.from({ length: bytes.length / 2 }, (_, place) => {
      const whole = view.getInt16(2 * place, true);
      return whole === -32768 ? NaN : whole / 100;
    });
  }

  const unpacked = new Map();
  function samples(place) {
    if (!unpacked.has(place)) {
      const own = data.samples[place];
      const set = data.sets[own.set];
      unpacked.set(place, { ids: set.ids, truth: unpack(set.truth), predicted: unpack(own.predicted), ge: unpack(own.ge) });
    }
    return unpacked.get(place);
  }

  let inCommon;
  function common() {
    if (!inCommon) {
      const counts = new Map();
      data.samples.forEach((_, place) => {
        const { ids, predicted } = samples(place);
        ids.forEach((id, at) => {
          if (!Number.isNaN(predicted[3 * at])) counts.set(id, (counts.get(id) ?? 0) + 1);
        });
      });
      inCommon = new Set([...counts].filter(([, count]) => count === data.samples.length).map(([id]) => id));
    }
    return inCommon;
  }

  function drawAngles(chart, [chosen]) {
    const place = Number(chosen);
    const { ids, truth, predicted, ge } = samples(place);
    const kept = ids.map((_, at) => at).filter((at) => {
      if (state.view === "all") return true;
      return state.view === "common" ? common().has(ids[at]) : !Number.isNaN(predicted[3 * at]);
    });
    const stacked = find(".canvas", chart).clientWidth < 620;
    const across = stacked ? 1 : 3;
    const whole = Math.max(280, find(".canvas", chart).clientWidth);
    const side = Math.min(330, whole / across - 60);
    const { svg, width } = canvas(chart, (side + 74) * (stacked ? 3 : 1));
    let limit = 30;
    for (const at of kept) for (let c = 0; c < 3; c += 1) limit = Math.max(limit, Math.abs(truth[3 * at + c]));
    limit = Math.min(180, Math.ceil(limit / 15) * 15);
    const inside = (value) => Math.max(-limit, Math.min(limit, value));
    const spots = [];
    let outside = 0;
    let missing = 0;
    ["yaw", "pitch", "roll"].forEach((name, column) => {
      const box = {
        left: 48 + (stacked ? 0 : column * (whole / 3)),
        top: 24 + (stacked ? column * (side + 74) : 0),
        width: side,
        height: side,
      };
      const step = limit <= 60 ? 30 : limit < 180 ? 45 : 90;
      const at = [];
      for (let value = -Math.floor(limit / step) * step; value <= limit; value += step) at.push(value);
      const { X, Y } = panel(svg, box, [-limit, limit], [-limit, limit], ["true (degrees)", "predicted (degrees)"], { x: at, y: at });
      draw(svg, "text", { x: box.left + side / 2, y: box.top - 8, "text-anchor": "middle" }, name);
      draw(svg, "line", { x1: X(-limit), y1: Y(-limit), x2: X(limit), y2: Y(limit), class: "axis" });
      const paths = { points: "", "points near": "", "points none": "" };
      for (const sample of kept) {
        const absent = Number.isNaN(predicted[3 * sample]);
        const value = absent ? 0 : predicted[3 * sample + column];
        const x = X(inside(truth[3 * sample + column]));
        const y = Y(inside(value));
        if (Math.abs(value) > limit) outside += 1;
        if (absent && column === 0) missing += 1;
        const kind = absent ? "points none" : Math.abs(truth[3 * sample]) > 60 ? "points near" : "points";
        paths[kind] += absent
          ? `M${(x - 3).toFixed(1)} ${(y - 3).toFixed(1)}l6 6m-6 0l6 -6`
          : `M${x.toFixed(1)} ${y.toFixed(1)}h0`;
        spots.push([x, y, sample, value, column]);
      }
      for (const [kind, d] of Object.entries(paths)) if (d) draw(svg, "path", { d, class: kind });
    });
    note(chart, "Orange: true |yaw| over 60°, near gimbal lock, where pitch and roll trade." +
      (missing ? ` Crosses: ${missing} samples without a prediction, as the zero pose.` : "") +
      (outside ? ` ${outside} values outside stand at the border.` : ""));
    hover(chart, svg, width, (x, y, guides) => {
      let best = null;
      let nearest = 144;
      for (const spot of spots) {
        const distance = (spot[0] - x) ** 2 + (spot[1] - y) ** 2;
        if (distance < nearest) [best, nearest] = [spot, distance];
      }
      if (!best) return null;
      const [px, py, sample, value, column] = best;
      draw(guides, "circle", { cx: px, cy: py, r: 6, class: "spot" });
      const triple = (values) => [0, 1, 2].map((c) => `${values[3 * sample + c].toFixed(0)}°`).join(", ");
      return {
        title: ids[sample],
        lines: [
          [["yaw", "pitch", "roll"][column], `${truth[3 * sample + column].toFixed(1)}° → ${value.toFixed(1)}°`],
          ["true", triple(truth)],
          ["predicted", Number.isNaN(predicted[3 * sample]) ? "none" : triple(predicted)],
          ["GE", degrees(ge[sample])],
        ],
      };
    });
  }

  /* Which estimators are drawn, and how */

  function legend() {
    const place = document.getElementById("legend");
    data.estimators.forEach((own, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-pressed", state.shown[index]);
      const svg = draw(button, "svg", { viewBox: "0 0 34 14", "aria-hidden": "true" });
      draw(svg, "path", { d: "M0 7H34", class: `curve ${colour(index)}`, "stroke-width": 1.8, "stroke-dasharray": dash(index) });
      draw(svg, "path", { d: marker(index, 17, 7), class: colour(index) });
      button.append(own.label);
      button.addEventListener("click", () => {
        state.shown[index] = !state.shown[index];
        button.setAttribute("aria-pressed", state.shown[index]);
        drawAll();
      });
      place.append(button);
    });
  }

  const MEASURE = ["Error", MEASURES, "ge"];
  const labels = Object.fromEntries(data.estimators.map((own, place) => [place, own.label]));
  const CHARTS = {
    error: [drawError, [["Angle", AXES, "abs-yaw"], MEASURE]],
    ranges: [drawRanges, [MEASURE]],
    cumulative: [drawCumulative, [["Up to", { 15: "to 15°", 30: "to 30°", 60: "to 60°", 180: "to 180°" }, "30"]]],
    angles: [drawAngles, [["Estimator", labels, String(Math.max(0, state.shown.indexOf(true)))]]],
    risk: [drawRisk, []],
  };
  const drawings = [];
  function drawAll() {
    for (const own of drawings) own();
  }

  legend();
  for (const [name, [drawing, options]] of Object.entries(CHARTS)) {
    const chart = document.getElementById(`chart-${name}`);
    if (!chart) continue;
    let chosen = () => [];
    const redraw = () => drawing(chart, chosen());
    chosen = choices(chart, options, redraw);
    drawings.push(redraw);
  }
  drawAll();
  let width = document.body.clientWidth;
  new ResizeObserver(() => {
    if (document.body.clientWidth === width) return;
    width = document.body.clientWidth;
    drawAll();
  }).observe(document.body);

  /* Images, each of them held once, and links into closed sections */

  for (const image of all("img[data-image]")) image.src = data.images[image.dataset.image];
  function open() {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
      target.scrollIntoView();
    }
  }
  addEventListener("hashchange", open);
  open();
})();
