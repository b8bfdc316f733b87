"use strict";
(() => {
  // Refresh intervals and the timeout of a request, in milliseconds. Windows of hours take more
  // reads and change more slowly.
  const EVERY = 5000, HOURS = 30000, HIDDEN = 60000, PATIENCE = 4000, GOAL = 0.8;
  const byId = (id) => document.getElementById(id);
  const state = { key: sessionStorage.getItem("operator-key"), paused: false, answered: null, sort: ["count", -1], report: null };
  let timer, asking;

  // ── Elements. Data from the service are inserted only as text. ──
  const add = (parent, name, text, attributes = {}) => {
    const svg = parent.namespaceURI.endsWith("svg") || name === "svg";
    const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
    if (text !== undefined && text !== null) made.textContent = text;
    return parent.appendChild(made);
  };
  const empty = (id) => { const found = byId(id); found.replaceChildren(); return found; };
  /** Changes a text only if it differs. Otherwise a screen reader would announce it repeatedly. */
  const say = (id, text, kind) => {
    const found = byId(id);
    if (found.textContent !== text) found.textContent = text;
    if (kind !== undefined) found.className = `badge ${kind}`;
  };
  const notice = (text) => { byId("notice").hidden = !text; say("notice", text); };

  // ── Formats of numbers ──
  const count = (number) => number.toLocaleString("en");
  const percent = (share) => share === null ? "–" : `${share ? (share * 100).toFixed(share < 0.1 ? 2 : 1) : 0} %`;
  const time = (seconds) => seconds === null ? "–" : seconds < 1 ? `${Number((seconds * 1000).toPrecision(3))} ms` : `${seconds.toFixed(2)} s`;
  const clock = (at, precise) => new Date(at).toLocaleTimeString("en-GB", precise ? {} : { hour: "2-digit", minute: "2-digit" });

  // ── Charts ──
  /** Returns a round number that is not below the value. */
  const ceiling = (value) => {
    if (!(value > 0)) return 1;
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999);
  };
  /** Returns a linear scale that starts at zero. */
  const linear = (top) => ({ marks: [top, top / 2, 0], y: (value) => 100 - Math.min(value / top, 1) * 100 });
  /** Returns a logarithmic scale, which shows fast and slow requests in one chart. */
  const logarithmic = (values) => {
    const power = (value, round) => 10 ** round(Math.log10(value));
    const low = power(Math.min(...values, 1) * 0.999, Math.floor), top = Math.max(power(Math.max(...values, 0.001), Math.ceil), low * 10);
    const y = (value) => 100 - Math.log(Math.max(value, low) / low) / Math.log(top / low) * 100;
    return { marks: [top, Math.sqrt(top * low), low], y };
  };
  const plot = (id, steps, { marks, y }, label, summary, draw, columns) => {
    const open = byId(id).querySelector("details")?.open;
    const chart = empty(id);
    const box = add(chart, "div", null, { class: "plot" });
    const scale = add(box, "div", null, { class: "axis y", "aria-hidden": "true" });
    for (const mark of marks) add(scale, "span", label(mark));
    const svg = add(box, "svg", null, { viewBox: "0 0 100 100", preserveAspectRatio: "none", role: "img", "aria-label": summary });
    for (const height of [0.5, 50]) add(svg, "line", null, { x1: 0, x2: 100, y1: height, y2: height, class: "grid" });
    draw(svg, 100 / steps.length, y);
    const axis = add(box, "div", null, { class: "axis x", "aria-hidden": "true" });
    add(axis, "span", clock(steps[0].at));
    add(axis, "span", "now");
    const details = add(chart, "details");
    details.open = Boolean(open);
    add(details, "summary", "Show as a table");
    const scroll = add(details, "div", null, { class: "scroll", role: "region", tabindex: "0", "aria-label": summary });
    fill(add(scroll, "table"), ["From", ...columns.map(([name]) => name)],
      steps.toReversed().map((step) => [clock(step.at), ...columns.map(([, value]) => value(step))]));
    return chart;
  };
  const bars = (steps, value, kind) => (svg, width, y) => steps.forEach((step, index) => {
    const top = y(value(step) ?? 0);
    add(svg, "rect", null, { x: index * width + width * 0.1, width: width * 0.8, y: top, height: 100 - top, class: `bar ${kind}` });
  });
  /** Draws a line for each run of measured steps. A single step becomes a short dash. */
  const curves = (steps, names) => (svg, width, y) => names.forEach((name) => {
    let path = "";
    steps.forEach((step, index) => {
      if (step[name] === null) return;
      const [x, height] = [(index + 0.5) * width, y(step[name])];
      const goes = index > 0 && steps[index - 1][name] !== null;
      path += goes ? `L${x} ${height}` : `M${x - width * 0.25} ${height}H${x}`;
    });
    add(svg, "path", null, { d: path, class: `curve ${name}` });
  });

  // ── Tables ──
  const fill = (table, names, rows, words = 1) => {
    table.replaceChildren();
    const head = add(add(table, "thead"), "tr");
    const cell = (index) => index < words ? { class: "words" } : {};
    names.forEach((name, index) => {
      const th = add(head, "th", typeof name === "string" ? name : null, { scope: "col", ...cell(index) });
      if (typeof name !== "string") name(th);
    });
    const body = add(table, "tbody");
    for (const row of rows) {
      const tr = add(body, "tr");
      row.forEach((text, index) => add(tr, "td", text, cell(index)));
    }
  };

  const COLUMNS = [
    ["name", "Endpoint", (value) => value], ["count", "Requests", count], ["p50", "p50", time], ["p95", "p95", time],
    ["p99", "p99", time], ["max_time", "Slowest", time], ["error_rate", "Errors", percent],
  ];
  const endpoints = (sums) => {
    const [by, way] = state.sort;
    const order = (a, b) => (a[by] === b[by] ? 0 : a[by] > b[by] ? 1 : -1) * way;
    const rows = Object.entries(sums).map(([name, sum]) => ({ name, ...sum })).sort(order);
    const focused = document.activeElement?.dataset?.sort;
    const heads = COLUMNS.map(([name, title]) => (th) => {
      const sorted = name === by;
      th.setAttribute("aria-sort", sorted ? (way > 0 ? "ascending" : "descending") : "none");
      const button = add(th, "button", `${title}${sorted ? (way > 0 ? " ▲" : " ▼") : ""}`, { type: "button", "data-sort": name });
      button.addEventListener("click", () => {
        state.sort = [name, sorted ? -way : name === "name" ? 1 : -1];
        endpoints(state.report.endpoints);
      });
    });
    fill(byId("endpoints"), heads, rows.map((row) => COLUMNS.map(([name, , show]) => show(row[name]))));
    if (focused) byId("endpoints").querySelector(`[data-sort="${focused}"]`)?.focus();
  };

  // ── The parts of the page ──
  const tile = (list, name, value, more, kind = "") => {
    const box = add(list, "div");
    add(box, "dt", name);
    add(box, "dd", value, { class: kind });
    if (more) add(box, "dd", more);
  };
  const dependencies = (health) => {
    const list = empty("dependencies");
    for (const [name, part] of [["Database", health.database], ["Redis", health.redis], ["Model", health.llm]]) {
      const well = part.status === "healthy";
      const more = [time(part.response_time_ms / 1000), part.model].filter(Boolean).join(" · ");
      tile(list, name, well ? "✓ up" : "✗ down", more, well ? "good" : "bad");
    }
  };
  const sums = (report) => {
    const list = empty("sums");
    const all = (name) => report.timeline.map((step) => step[name]).filter((value) => value !== null);
    const worst = all("p95").length ? Math.max(...all("p95")) : null;
    tile(list, "Requests", count(report.count));
    tile(list, "Highest p95 of a step", time(worst));
    tile(list, "Error rate", percent(report.error_rate), null, report.error_rate > 0.01 ? "bad" : "");
    const rate = report.cache.hit_rate;
    tile(list, "Cache hit rate", percent(rate), rate === null ? null : rate < GOAL ? "✗ below the target of 80 %" : "✓ target: 80 %");
    tile(list, "Slow queries", count(report.slow_query_count));
  };
  const charts = (report) => {
    const steps = report.timeline, minutes = Math.round(report.window_seconds / 60);
    const span = minutes === 1 ? "the last minute" : minutes > 360 ? `the last ${Math.ceil(minutes / 60)} hours` : `the last ${minutes} minutes`;
    const most = (value) => Math.max(0, ...steps.map((step) => value(step) ?? 0));
    const requests = most((step) => step.count), latency = most((step) => step.p99);
    const rate = (step) => step.count ? step.errors / step.count : null;
    plot("requests", steps, linear(ceiling(requests)), count, `Requests in ${span}: ${count(report.count)} in total, at most ${count(requests)} in one step.`,
      bars(steps, (step) => step.count, ""), [["Requests", (step) => count(step.count)]]);
    const names = ["p50", "p95", "p99"];
    const chart = plot("latency", steps, logarithmic(steps.flatMap((step) => [step.p50, step.p99]).filter((value) => value)), time, `Latency in ${span}: the highest p99 is ${time(latency)}.`,
      curves(steps, names), names.map((name) => [name, (step) => time(step[name])]));
    const legend = add(chart, "ul", null, { class: "legend" });
    chart.prepend(legend);
    for (const name of names) {
      const item = add(legend, "li");
      const sample = add(item, "svg", null, { viewBox: "0 0 34 10", "aria-hidden": "true" });
      add(sample, "path", null, { d: "M1 5H33", class: `curve ${name}` });
      item.append(name);
    }
    plot("errors", steps, linear(ceiling(Math.max(most(rate), 0.01))), percent, `Error rate in ${span}: ${percent(report.error_rate)} in total.`,
      bars(steps, rate, "bad"), [["Errors", (step) => count(step.errors)], ["Error rate", (step) => percent(rate(step))]]);
  };
  const cache = (families) => {
    const list = empty("cache");
    for (const [name, family] of Object.entries(families)) {
      const item = add(list, "li"), rate = family.hit_rate;
      add(item, "span", name);
      const word = rate === null ? "" : rate < GOAL ? "✗ below the target" : "✓";
      add(item, "span", `${percent(rate)} ${word}`, { class: rate === null ? "muted" : rate < GOAL ? "fair" : "good" });
      const meter = add(item, "div", null, { class: "meter", "aria-hidden": "true" });
      add(meter, "i").style.setProperty("width", `${(rate ?? 0) * 100}%`);
      add(meter, "b");
      add(item, "span", `${count(family.hits)} of ${count(family.hits + family.misses)}`, { class: "muted" });
    }
    if (!list.children.length) add(list, "li", "There were no lookups in this window.");
  };
  const slow = (queries) => {
    const rows = queries.map((query) => [query.statement, query.endpoint ?? "–", clock(query.at, true), `${count(query.duration_ms)} ms`,
      query.rows === null ? "failed" : count(query.rows)]);
    fill(byId("slow"), ["Statement", "Endpoint", "Time", "Duration", "Rows"], rows.length ? rows : [["There were no slow queries in this window.", "", "", "", ""]], 2);
  };

  const WORDS = { healthy: ["✓ Healthy", "good"], degraded: ["! Degraded", "fair"], unhealthy: ["✗ Unhealthy", "bad"] };
  const show = (health) => {
    const allowed = health.database !== undefined;
    say("status", ...(WORDS[health.status] ?? ["? Unknown", "fair"]));
    byId("key-form").hidden = allowed;
    byId("figures").hidden = !allowed;
    byId("forget").hidden = !state.key;
    if (!allowed) return notice(state.key ? "The key is wrong. Enter the operator key." : "");
    dependencies(health);
    state.answered = new Date();
    byId("updated").textContent = `As of ${clock(state.answered, true)}.`;
    state.report = health.performance;
    for (const part of byId("figures").children) part.hidden = !state.report && !part.querySelector("#dependencies");
    if (!state.report) return notice("The statistics are unavailable at the moment. Only the dependencies are shown.");
    notice(state.report.count ? "" : "There were no requests in this window.");
    sums(state.report);
    charts(state.report);
    cache(state.report.cache.families);
    endpoints(state.report.endpoints);
    slow(state.report.slow_queries);
  };
  const lost = () => {
    say("status", "✗ No response", "bad");
    notice(state.answered ? `There has been no response since ${clock(state.answered, true)}. The page shows the data of that time.` : "The service has not responded yet.");
  };

  const interval = () => document.hidden ? HIDDEN : byId("window").value.endsWith("h") ? HOURS : EVERY;
  const ask = async () => {
    clearTimeout(timer);
    asking?.abort();
    const mine = asking = new AbortController();
    const patience = setTimeout(() => mine.abort(), PATIENCE);
    try {
      const headers = state.key ? { authorization: `Bearer ${state.key}` } : {};
      const answer = await fetch(`health/detailed?window=${byId("window").value}`, { headers, signal: mine.signal, cache: "no-store" });
      const health = await answer.json();
      if (mine === asking) health.status in WORDS ? show(health) : lost();
    } catch {
      if (mine === asking) lost();
    } finally {
      clearTimeout(patience);
      if (mine === asking && !state.paused) timer = setTimeout(ask, interval());
    }
  };

  byId("window").addEventListener("change", ask);
  byId("pause").addEventListener("click", () => {
    state.paused = !state.paused;
    byId("pause").textContent = state.paused ? "Resume" : "Pause";
    state.paused ? clearTimeout(timer) : ask();
  });
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    state.key = byId("key").value;
    sessionStorage.setItem("operator-key", state.key);
    byId("key").value = "";
    ask();
  });
  byId("forget").addEventListener("click", () => {
    state.key = null;
    sessionStorage.removeItem("operator-key");
    ask();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && !state.paused) ask(); });
  ask();
})();
