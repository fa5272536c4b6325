// A gallery of plain files with a script: search in the browser, and texts read aloud. Reading needs none of this.
(() => {
  "use strict";
  const up = document.body.dataset.up;
  const form = document.querySelector(".asking");
  const field = document.getElementById("q");
  const told = document.getElementById("told");
  const grid = document.getElementById("grid");
  const paging = document.querySelector("main > .paging");
  const most = 48;
  const entries = [];
  let loading, results, shown = 0;

  const folded = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const words = (text) => folded(text).match(/[\p{L}\p{N}]+/gu) ?? [];

  // A part of the index calls this when it is loaded: a page from a disk may load scripts, and no other files.
  const parts = new Map();
  window.mezzetin.take = (number, list) => parts.set(number, list);

  function load() {
    loading ??= Promise.all(Array.from({ length: window.mezzetin.files }, (_, place) => new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = `${up}search/${place + 1}.js`;
      script.onload = done;
      script.onerror = failed;
      document.head.append(script);
    }))).then(() => {
      for (let number = 1; number <= window.mezzetin.files; number += 1) {
        for (const entry of parts.get(number)) {
          entries.push({ entry, text: words(entry[7]), other: words(`${entry[1]} ${entry[2]} ${entry[9]}`) });
        }
      }
    }).catch((error) => { loading = undefined; throw error; });
    return loading;
  }

  // Every word has to be there, a whole one counting more than a beginning, and the text more than the rest.
  function score({ text, other }, wanted) {
    let sum = 0;
    for (const word of wanted) {
      const begins = (own) => own.startsWith(word);
      if (text.includes(word)) sum += 4;
      else if (other.includes(word)) sum += 3;
      else if (text.some(begins)) sum += 2;
      else if (other.some(begins)) sum += 1;
      else return 0;
    }
    return sum + 1 / (1 + text.length);
  }

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  function tile([id, name, by, small, width, height, lang, text, mark]) {
    const image = element("img", { src: up + small, width, height, alt: text, lang, dir: "auto", loading: "lazy" });
    const link = element("a", { href: `${up}pictures/${id}.html` }, element("bdi", { dir: "auto" }, name));
    const made = element("li", { class: "tile" }, element("div", { class: "mat" }, image),
      element("h3", { class: "title" }, link));
    if (by) made.append(element("p", { class: "small by" }, element("bdi", { dir: "auto" }, by)));
    made.append(element("p", { class: "words", "aria-hidden": "true", dir: "auto", lang }, text));
    if (mark) made.append(element("p", { class: "small from" }, mark));
    return made;
  }

  function more(found, list, button) {
    const first = shown;
    for (const { entry } of found.slice(shown, shown + most)) list.append(tile(entry));
    shown = Math.min(found.length, shown + most);
    button.hidden = shown === found.length;
    if (first) list.children[first].querySelector("a").focus();
  }

  function show(found, query) {
    const count = found.length === 1 ? "1 picture" : `${found.length.toLocaleString("en")} pictures`;
    const said = found.length ? `${count} found` : "Nothing was found: try fewer or other words";
    const heading = element("h2", { id: "found", tabindex: "-1" }, `${said} for “`, element("bdi", { dir: "auto" }, query), "”");
    const list = element("ul", { class: "tiles" });
    const button = element("button", { type: "button" }, "Show more");
    const back = element("p", {}, element("a", { href: "#" }, "Back to the pictures"));
    results?.remove();
    results = element("section", { "aria-labelledby": "found" }, heading, back, list, button);
    shown = 0;
    more(found, list, button);
    button.addEventListener("click", () => more(found, list, button));
    grid.before(results);
    for (const part of [grid, paging]) if (part) part.hidden = true;
    told.textContent = said;
  }

  function leave() {
    results?.remove();
    results = undefined;
    told.textContent = "";
    for (const part of [grid, paging]) if (part) part.hidden = false;
  }

  async function follow() {
    const asked = new URLSearchParams(location.hash.slice(1)).get("q")?.slice(0, 200) ?? "";
    const wanted = words(asked);
    if (!asked.trim()) { leave(); return; }
    field.value = asked;
    told.textContent = "Searching…";
    try {
      await load();
    } catch {
      told.classList.remove("unseen");
      told.textContent = "The search index can't be loaded: check that the folder search/ is beside this page.";
      return;
    }
    const found = wanted.length ? entries.map((one) => ({ ...one, score: score(one, wanted) })) : [];
    show(found.filter((one) => one.score).sort((a, b) => b.score - a.score || a.entry[0] - b.entry[0]), asked);
  }

  if (window.mezzetin.files) {
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const query = new URLSearchParams({ q: field.value.trim() });
      location.hash = field.value.trim() ? query : "";
    });
    field.addEventListener("focus", () => load().catch(() => undefined), { once: true });
    window.addEventListener("hashchange", follow);
    follow();
  }

  const voice = window.speechSynthesis;
  let reading;
  function quiet() {
    voice.cancel();
    if (!reading) return;
    reading.firstChild.data = "Read aloud";
    reading.classList.remove("reading");
    reading = undefined;
  }
  for (const button of voice ? document.querySelectorAll(".aloud") : []) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const again = reading === button;
      quiet();
      if (again) return;
      const text = document.getElementById(button.dataset.reads);
      const speech = new SpeechSynthesisUtterance(text.textContent);
      if (text.lang) speech.lang = text.lang;
      speech.onend = speech.onerror = () => { if (reading === button) quiet(); };
      reading = button;
      button.firstChild.data = "Stop reading";
      button.classList.add("reading");
      voice.speak(speech);
    });
  }
  if (voice) window.addEventListener("pagehide", quiet);
})();
