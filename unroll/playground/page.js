"use strict";
// Asks each network in turn what it makes of the text. Whatever is shown is set as text, never read as HTML.
(() => {
  document.documentElement.classList.add("scripted");
  const PAUSE = 300; // ms without a key before the text is read
  const STRONGEST = 50; // % of its colour behind the strongest word: ink stays readable on it
  const EXAMPLES = [
    "A joy from the first minute to the last.",
    "Three hours in the rain, and nobody had the key.",
    "The library opens at nine and closes at five.",
  ];
  const at = (id) => document.getElementById(id);
  const box = at("text");
  const state = { corpora: [], corpus: null, tint: "attention", cards: new Map(), turn: 0, timer: 0, asking: null };

  function made(name, properties = {}, ...children) {
    const { data, aria, ...others } = properties;
    const element = Object.assign(document.createElement(name), others);
    for (const [key, value] of Object.entries(aria || {})) element.setAttribute(key, value);
    Object.assign(element.dataset, data);
    element.append(...children);
    return element;
  }

  function drawn(name, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  const percent = (share) => (100 * share).toFixed(1);
  const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(3);
  const inWords = (names) => names.length < 2 ? names.join("") : names.slice(0, -1).join(", ") + " and " + names.at(-1);

  // The server: what it says, or why it does not.
  async function asked(path, options) {
    let response;
    try {
      response = await fetch(path, options);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Error("The server does not answer. Is python -m unroll try still running?");
    }
    const document = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(document.error || `The server failed (${response.status}): its terminal says why.`);
    return document;
  }

  function trouble(message) {
    at("trouble").textContent = message;
    at("trouble").hidden = !message;
  }

  // Corpora and networks
  function choose(corpus) {
    state.corpus = corpus;
    history.replaceState(null, "", "#" + corpus.name);
    box.maxLength = corpus.longest;
    for (const button of at("corpora").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", button.dataset.corpus === corpus.name);
    }
    state.cards = new Map(corpus.networks.filter((one) => one.seeds.length).map((one) => [one.name, card(one)]));
    at("cards").replaceChildren(...[...state.cards.values()].map((one) => one.element));
    const missing = corpus.networks.filter((one) => one.missing);
    at("tints").hidden = true;
    at("missing").hidden = !missing.length;
    at("missing").querySelector("ul").replaceChildren(
      ...missing.map((one) => made("li", {}, made("b", { textContent: one.name }), `: ${one.missing}`)),
    );
    count();
    ask();
  }

  function card(network) {
    const [answer, body] = [made("p", { className: "best" }), made("div")];
    const name = made("h3", {},
      made("i", { className: `dot ${network.colour}`, aria: { "aria-hidden": "true" } }),
      network.name, made("small", { textContent: network.is }));
    const element = made("article", { className: `card ${network.colour}`, data: { network: network.name } }, name, answer, body);
    return { element, answer, body, found: null };
  }

  // Asking
  function count() {
    const [taken, most] = [box.value.length, state.corpus.longest].map((each) => each.toLocaleString("en"));
    at("count").textContent = `${taken} of ${most} characters`;
  }

  function later() {
    if (!state.corpus) return; // once there is one, what stands in the box is read
    clearTimeout(state.timer);
    count();
    state.timer = setTimeout(ask, PAUSE);
  }

  async function ask() {
    clearTimeout(state.timer);
    const turn = ++state.turn;
    state.asking?.abort();
    state.asking = new AbortController();
    const { corpus, cards } = state;
    const text = box.value;
    trouble("");
    if (!text.trim()) {
      at("verdict").textContent = "Write something, or take an example.";
      for (const one of cards.values()) empty(one);
      return;
    }
    for (const one of cards.values()) one.element.setAttribute("aria-busy", "true");
    for (const [network, one] of cards) {
      try {
        const found = await asked("read", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ corpus: corpus.name, network, text }),
          signal: state.asking.signal,
        });
        if (turn !== state.turn) return;
        one.found = found;
        show(one);
      } catch (error) {
        if (turn !== state.turn || error.name === "AbortError") return;
        empty(one);
        one.body.append(made("p", { className: "caution", textContent: error.message }));
      }
      one.element.setAttribute("aria-busy", "false");
    }
    at("verdict").textContent = verdict();
  }

  function empty(one) {
    one.found = null;
    one.element.setAttribute("aria-busy", "false");
    one.answer.replaceChildren();
    one.body.replaceChildren();
  }

  function verdict() {
    const said = new Map();
    for (const [network, { found }] of state.cards) {
      if (!found) continue;
      const label = state.corpus.labels[found.winner];
      said.set(label, [...(said.get(label) || []), network]);
    }
    const ranked = [...said].sort(([, a], [, b]) => b.length - a.length);
    const all = ranked.reduce((sum, [, networks]) => sum + networks.length, 0);
    if (!all) return "No network could answer.";
    if (ranked.length === 1) return all === 1 ? `It says ${ranked[0][0]}.` : `All ${all} say ${ranked[0][0]}.`;
    const parts = ranked.map(([label, networks]) => `${inWords(networks)} ${networks.length === 1 ? "says" : "say"} ${label}`);
    return parts.join("; ") + ".";
  }

  // An answer
  function show(one) {
    const { found } = one;
    const label = state.corpus.labels[found.winner];
    const of = found.seeds.length === 1 ? `seed ${found.seeds[0]} alone` : `mean of ${found.seeds.length} seeds`;
    one.answer.replaceChildren(made("b", { textContent: label }),
      made("span", { textContent: `${percent(found.probabilities[found.winner])} %, ${of}` }));
    const attends = state.tint === "attention" && found.attention;
    if (found.attention) at("tints").hidden = false;
    const open = one.body.querySelector("details")?.open;
    one.body.replaceChildren(bars(found), words(found, attends), scale(found, attends, label), values(found, label));
    if (open) one.body.querySelector("details").open = true;
  }

  function bars(found) {
    const rows = state.corpus.labels.map((label, place) => {
      const share = found.probabilities[place];
      const spread = found.std ? ` ± ${percent(found.std[place])}` : "";
      const strokes = found.seeds.length < 2 ? [] : found.each.map((each) => {
        const x = `${percent(each[place])}%`;
        return drawn("line", { class: "seed", x1: x, x2: x, y1: 1, y2: 13 });
      });
      const bar = drawn("svg", { width: "100%", height: 14, "aria-hidden": "true" },
        drawn("rect", { class: "track", width: "100%", y: 3, height: 8, rx: 1 }),
        drawn("rect", { class: "share", width: `${percent(share)}%`, y: 3, height: 8, rx: 1 }), ...strokes);
      return made("tr", { className: place === found.winner ? "true" : "" },
        made("th", { scope: "row", textContent: label }), made("td", {}, bar),
        made("td", { className: "number", textContent: `${percent(share)}${spread} %` }));
    });
    return made("table", { className: "bars", aria: { "aria-label": "Probability of each class" } }, ...rows);
  }

  function words(found, attends) {
    const values = attends || found.saliency;
    const strongest = Math.max(...values.map(Math.abs)) || 1;
    const parts = found.words.flatMap((word, place) => {
      const element = made("span", { className: "word", textContent: word });
      element.classList.add(attends ? "attends" : values[place] < 0 ? "against" : "for");
      element.classList.toggle("unknown", !found.known[place]);
      element.style.setProperty("--share", `${(STRONGEST * Math.abs(values[place])) / strongest}%`);
      element.title = `${attends ? values[place].toFixed(3) : signed(values[place])}${found.known[place] ? "" : ", an unknown word"}`;
      return [element, " "];
    });
    return made("p", { className: "words", tabIndex: 0, role: "group", aria: { "aria-label": "The words as they were read" } }, ...parts);
  }

  function scale(found, attends, label) {
    const strongest = Math.max(...(attends || found.saliency).map(Math.abs));
    const colours = made("i", { className: attends ? "shares" : "signed", aria: { "aria-hidden": "true" } });
    if (attends) return made("p", { className: "scale" }, "0", colours, `${strongest.toFixed(3)} of its attention`);
    return made("p", { className: "scale" }, signed(-strongest), colours, `${signed(strongest)} for ${label}`);
  }

  // Filled when it is opened: a long text has thousands of rows.
  function values(found, label) {
    const details = made("details", {}, made("summary", { textContent: "Values" }));
    details.addEventListener("toggle", () => {
      if (!details.open || details.querySelector("table")) return;
      const heads = ["word", `for ${label}`, ...(found.attention ? ["attention"] : [])];
      const rows = found.words.map((word, place) => made("tr", {},
        made("th", { scope: "row", textContent: found.known[place] ? word : `${word} (unknown)` }),
        made("td", { className: "number", textContent: signed(found.saliency[place]) }),
        ...(found.attention ? [made("td", { className: "number", textContent: found.attention[place].toFixed(3) })] : [])));
      details.append(made("div", { className: "scroll", tabIndex: 0, role: "group", aria: { "aria-label": "Values of every word" } },
        made("table", {},
          made("thead", {}, made("tr", {}, ...heads.map((head, place) => made("th", { scope: "col", className: place ? "number" : "", textContent: head })))),
          made("tbody", {}, ...rows))));
    });
    return details;
  }

  // What a person does
  box.addEventListener("input", later);
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    ask();
  });
  at("ask").addEventListener("submit", (event) => event.preventDefault());
  at("tints").addEventListener("click", (event) => {
    const tint = event.target.dataset?.tint;
    if (!tint) return;
    state.tint = tint;
    for (const button of at("tints").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", button.dataset.tint === tint);
    }
    for (const one of state.cards.values()) if (one.found) show(one);
  });
  for (const text of EXAMPLES) {
    const button = made("button", { type: "button", textContent: text });
    button.addEventListener("click", () => {
      box.value = text;
      count();
      ask();
    });
    at("examples").append(button);
  }

  async function begin() {
    try {
      state.corpora = (await asked("networks")).corpora;
    } catch (error) {
      trouble(error.message);
      return;
    }
    for (const corpus of state.corpora) {
      const button = made("button", { type: "button", title: corpus.title, textContent: corpus.name, data: { corpus: corpus.name } });
      button.addEventListener("click", () => choose(corpus));
      at("corpora").append(button);
    }
    const named = state.corpora.find((corpus) => corpus.name === location.hash.slice(1));
    const trained = state.corpora.find((corpus) => corpus.networks.some((one) => one.seeds.length));
    choose(named || trained || state.corpora[0]);
  }
  box.focus();
  begin();
})();
