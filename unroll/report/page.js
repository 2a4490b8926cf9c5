"use strict";
// Filters, figures as they come into view, and what can be saved. All of it works on the page's own
// JSON; no text of it is ever read as HTML.
(() => {
  document.documentElement.classList.add("scripted");
  const data = JSON.parse(document.getElementById("data").textContent);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const tasks = new Map(data.tasks.map((task) => [task.slug, task]));
  const state = { corpora: new Set(), networks: new Set(), choices: new Map() };
  const places = new Map(); // slot -> what is drawn there
  const AT_FIRST = 3; // of the texts on which two networks disagree
  const PRINT_WIDTH = 660;

  // The state in the address, so that a view can be linked: #?corpora=a&networks=b,c&show=figure
  function read() {
    const query = new URLSearchParams(location.hash.startsWith("#?") ? location.hash.slice(2) : "");
    const names = (key) => (query.get(key) || "").split(",").filter(Boolean);
    state.corpora = new Set(names("corpora").filter((name) => data.tasks.some((task) => task.corpus === name)));
    state.networks = new Set(names("networks").filter((name) => name in data.colours));
    state.choices = new Map();
    for (const name of names("show")) {
      const figure = data.figures.find((one) => one.name === name);
      if (figure) state.choices.set(figure.slot, figure);
    }
  }

  function write() {
    const parts = [];
    if (state.corpora.size) parts.push("corpora=" + [...state.corpora].join(","));
    if (state.networks.size) parts.push("networks=" + [...state.networks].join(","));
    if (state.choices.size) parts.push("show=" + [...state.choices.values()].map((one) => one.name).join(","));
    history.replaceState(null, "", parts.length ? "#?" + parts.join("&") : location.pathname + location.search);
  }

  const shownOf = (names) => names.filter((name) => !state.networks.size || state.networks.has(name));

  function apply() {
    for (const button of all("[data-corpora]")) {
      const name = button.dataset.corpora;
      button.setAttribute("aria-pressed", name ? state.corpora.has(name) : !state.corpora.size);
    }
    for (const button of all("[data-networks]")) {
      const name = button.dataset.networks;
      button.setAttribute("aria-pressed", name ? state.networks.has(name) : !state.networks.size);
    }
    for (const part of all("[data-corpus]")) {
      part.classList.toggle("off", state.corpora.size > 0 && !state.corpora.has(part.dataset.corpus));
    }
    for (const part of all("[data-task]")) {
      part.classList.toggle("off", !shownOf(tasks.get(part.dataset.task).networks).length);
    }
    for (const row of all("tr[data-network]")) {
      row.hidden = state.networks.size > 0 && !state.networks.has(row.dataset.network);
    }
    for (const place of places.values()) {
      place.element.classList.toggle("off", place.slot.endsWith("-pairs") && shownOf(place.networks).length < 2);
      choose(place, state.choices.get(place.slot) || place.figures[0]);
      refresh(place);
    }
  }

  function toggle(set, name) {
    if (!name) set.clear();
    else if (!set.delete(name)) set.add(name);
    write();
    apply();
  }

  // Figures
  function choose(place, figure) {
    if (place.figure === figure) return;
    place.figure = figure;
    place.element.querySelector(".axes").textContent = figure.axes;
    place.element.querySelector("figcaption").textContent = figure.explanation;
    place.plot.setAttribute("aria-label", figure.spec.description);
    for (const button of all("[data-choice]", place.element)) {
      button.setAttribute("aria-pressed", button.dataset.choice === figure.name);
    }
  }

  // Draw what is in sight; the rest is drawn when it comes there.
  function refresh(place) {
    const wanted = [place.figure.name, shownOf(place.networks), place.plot.clientWidth].join();
    if (near.has(place) && place.wanted !== wanted) {
      place.wanted = wanted;
      draw(place);
    }
  }

  function sized(figure, width, count) {
    const spec = structuredClone(figure.spec);
    const { least, most, margin, less } = spec.usermeta || {};
    delete spec.title;
    if (spec.facet) {
      const gap = spec.spacing, room = width - margin + gap;
      const fit = Math.max(1, Math.floor(room / (least + gap)));
      spec.columns = Math.ceil(count / Math.ceil(count / fit)); // rows of nearly equal length
      spec.spec.width = Math.min(most, Math.floor(room / spec.columns) - gap);
    } else {
      spec.width = Math.min(width, most || width);
      // Vega-Lite would warn of a chart that steps its height and fits its width.
      if (spec.height.step) spec.height = spec.height.step * (count - (less || 0));
      spec.autosize = { type: "fit-x", contains: "padding" };
    }
    return spec;
  }

  function embed(spec, renderer, config) {
    return vegaEmbed(document.createElement("div"), spec, {
      config, renderer, actions: false, defaultStyle: false, tooltip: { disableDefaultStyle: true },
      ast: true, // expressions are interpreted, since the page's policy forbids to compile them
    });
  }

  async function draw(place, width = place.plot.clientWidth) {
    const turn = (place.turn = (place.turn || 0) + 1);
    const spec = sized(place.figure, width, shownOf(place.networks).length || 1);
    spec.params[0].value = shownOf(place.networks);
    const result = await embed(spec, "svg", data.config);
    if (turn !== place.turn) return result.finalize();
    if (place.result) place.result.finalize();
    place.result = result;
    place.view = result.view;
    place.plot.replaceChildren(result.view.container());
    place.plot.style.minHeight = "0";
    place.view.addEventListener("mouseover", (_, item) => focus((item && item.datum && item.datum.network) || ""));
    place.view.addEventListener("mouseout", () => focus(""));
  }

  const near = new Set();
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const place = places.get(entry.target.dataset.slot);
      if (!entry.isIntersecting) near.delete(place);
      else {
        near.add(place);
        refresh(place);
      }
    }
  }, { rootMargin: "500px" });

  let resized;
  addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(() => near.forEach(refresh), 150);
  });
  addEventListener("beforeprint", () => places.forEach((place) => draw(place, PRINT_WIDTH)));
  addEventListener("afterprint", () => places.forEach((place) => { place.wanted = ""; refresh(place); }));

  // Pointing at a network anywhere lets the others step back everywhere in sight.
  let pointed = "";
  function focus(name) {
    if (name === pointed) return;
    pointed = name;
    for (const row of all("tr[data-network]")) row.classList.toggle("focus", row.dataset.network === name);
    for (const place of near) {
      if (place.view && (!name || place.networks.includes(name))) place.view.signal("focus", name).runAsync();
    }
  }
  for (const part of all("tr[data-network], button[data-networks]")) {
    const name = part.dataset.network || part.dataset.networks;
    part.addEventListener("pointerenter", () => focus(name));
    part.addEventListener("pointerleave", () => focus(""));
  }

  // What can be saved
  function save(name, kind, content) {
    const link = document.createElement("a");
    link.download = name;
    link.href = content.startsWith("data:") ? content : URL.createObjectURL(new Blob([content], { type: kind }));
    link.click();
    if (!content.startsWith("data:")) setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  function csv(rows) {
    const cell = (value) => {
      const text = value === null || value === undefined ? "" : String(value);
      return /[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
    };
    return rows.map((row) => row.map(cell).join(",")).join("\n") + "\n";
  }

  async function saveFigure(place, kind) {
    const { figure } = place;
    if (kind === "csv") {
      const rows = figure.spec.datasets.rows, keys = Object.keys(rows[0]).filter((key) => !key.startsWith("_"));
      return save(figure.name + ".csv", "text/csv", csv([keys, ...rows.map((row) => keys.map((key) => row[key]))]));
    }
    // For a paper: as it lies in figures/, light and in one width, with the networks that are chosen.
    const spec = structuredClone(figure.spec);
    spec.params[0].value = shownOf(place.networks);
    const paper = await embed(spec, "none", data.paper);
    const content = kind === "svg" ? await paper.view.toSVG() : await paper.view.toImageURL("png", 3);
    paper.finalize();
    save(`${figure.name}.${kind}`, "image/svg+xml", content);
  }

  function saveTable(name) {
    const rows = all("tr", document.querySelector(`[data-csv="${name}"]`)).filter((row) => !row.hidden);
    const cells = (row) => all("th, td", row).filter((one) => !one.hidden).map((one) => one.textContent.trim());
    save(name + ".csv", "text/csv", csv(rows.map(cells)));
  }

  // Where two networks disagree
  function element(name, text = "", className = "") {
    const made = document.createElement(name);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function drawn(name, attributes) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  function bars(labels, truth, sides) {
    const table = element("table", "", "bars");
    labels.forEach((label, place) => {
      const row = table.insertRow(), cell = element("td"), percents = [];
      if (place === truth) row.className = "true";
      const picture = drawn("svg", { width: "100%", height: 13, "aria-hidden": true });
      sides.forEach(([network, answer], side) => {
        const percent = (100 * answer[place]).toFixed(0);
        const own = data.colours[network];
        picture.append(drawn("rect", { width: percent + "%", height: 6, y: 7 * side, rx: 1, class: own }));
        percents.push(element("td", percent, "number"));
      });
      cell.append(picture);
      row.append(element("th", label + (place === truth ? " ✓" : "")), cell, ...percents);
    });
    return table;
  }

  function disagree(part) {
    const task = tasks.get(part.dataset.disagreements);
    const [a, b] = all("select", part).map((select) => select.value);
    const found = task.disagreements.find((one) => (one.a === a && one.b === b) || (one.a === b && one.b === a));
    const legend = element("p", "", "legend");
    for (const name of [a, b]) legend.append(element("i", "", "dot " + data.colours[name]), name + " ");
    const lines = found ? found.rows.map(({ row }) => {
      const text = task.texts[row];
      const line = element("div", "", "text"), quote = element("blockquote");
      quote.append(element("p", text.text), element("footer", "test row " + row));
      line.append(quote, bars(task.labels, text.label, [a, b].map((name) => [name, text.answers[name]])));
      return line;
    }) : [element("p", a === b ? "Choose two different networks." : "No row of these two is kept.", "axes")];
    const more = element("details");
    more.append(element("summary", `${lines.length - AT_FIRST} more`), ...lines.splice(AT_FIRST));
    part.querySelector(".rows").replaceChildren(legend, ...lines, ...(more.children.length > 1 ? [more] : []));
  }

  // Measured times, where times.js lies beside the page
  function fillTimes(times) {
    const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const measured = (corpus, network, key) => {
      const runs = Object.values((times[corpus] || {})[network] || {}).map((run) => run[key]).filter(Number.isFinite);
      return runs.length ? mean(runs) : null;
    };
    for (const task of data.tasks) {
      if (!task.networks.some((network) => measured(task.corpus, network, "seconds") !== null)) continue;
      const table = document.querySelector(`[data-csv="${task.slug}-costs"]`);
      for (const part of all(".timed", table)) part.hidden = false;
      for (const row of all("tr[data-network]", table)) {
        for (const cell of all("[data-time]", row)) {
          const value = measured(task.corpus, row.dataset.network, cell.dataset.time);
          if (value !== null) cell.textContent = value.toLocaleString("en", { maximumFractionDigits: value < 100 ? 1 : 0 });
        }
      }
      for (const figure of data.measured.filter((one) => one.slot.startsWith(task.slug + "-"))) {
        const rows = figure.spec.datasets.rows;
        for (const row of rows) {
          const seconds = measured(task.corpus, row.network, "seconds");
          if ("cost" in row) row.cost = seconds;
          else row.hours = seconds === null ? null : (row.trials * seconds) / 3600;
        }
        figure.spec.datasets.rows = rows.filter((row) => (row.cost ?? row.hours) > 0);
        data.figures.push(figure);
        const button = element("button", figure.choice);
        button.type = "button";
        button.dataset.choice = figure.name;
        document.querySelector(`#${figure.slot} .choices`).append(button);
      }
    }
  }

  if (window.unrollTimes) fillTimes(window.unrollTimes);
  for (const element of all("[data-slot]")) {
    const slot = element.dataset.slot;
    const figures = data.figures.filter((figure) => figure.slot === slot);
    const place = { slot, element, figures, plot: element.querySelector(".plot"), networks: figures[0].spec.params[0].value };
    places.set(slot, place);
    watch.observe(element);
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { corpora, networks, choice, save: kind, table } = button.dataset;
    if (corpora !== undefined) toggle(state.corpora, corpora);
    else if (networks !== undefined) toggle(state.networks, networks);
    else if (table) saveTable(table);
    else {
      const place = places.get(button.closest("figure").dataset.slot);
      if (kind) saveFigure(place, kind);
      else {
        state.choices.set(place.slot, place.figures.find((figure) => figure.name === choice));
        if (state.choices.get(place.slot) === place.figures[0]) state.choices.delete(place.slot);
        write();
        apply();
      }
    }
  });
  for (const part of all("[data-disagreements]")) {
    part.addEventListener("change", () => disagree(part));
    disagree(part);
  }
  // Links within the page scroll, and leave the state in the address.
  for (const link of all("a[href^='#']")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      document.getElementById(link.getAttribute("href").slice(1)).scrollIntoView();
    });
  }
  addEventListener("hashchange", () => { read(); apply(); });
  read();
  apply();
})();
