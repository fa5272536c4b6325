// The page: pictures in, a card each out. What it shows came from strangers: text goes in as text, never as markup.

import { Refused, ask, pause } from "./asking.js";
import { column, named, say } from "./column.js";
import "./key.js";

const AT_ONCE = 4;
const MOST_CARDS = 300;
const MEGABYTE = 1 << 20;
const byId = (id) => document.getElementById(id);
const cards = byId("cards");
const largest = Number(document.body.dataset.largest);

/** Those that wait for their turn, and how many are under way. */
const waiting = [];
let running = 0;

// --- what comes in -----------------------------------------------------------------------------------------------

function take(files) {
  for (const file of files) begin({ name: file.name || "pasted picture", file });
}

/** Take the links of a text; true if every part of it was one. */
function takeLinks(text) {
  const parts = text.split(/\s+/).filter(Boolean);
  const links = parts.map((part) => (URL.canParse(part) ? new URL(part) : null));
  if (!links.length || links.some((link) => link === null || !/^https?:$/.test(link.protocol))) return false;
  // A link may carry a signature, which nobody needs to see.
  for (const link of links) begin({ name: `${link.host}${decoded(link.pathname)}`, link, folder: isFolder(link) });
  return true;
}

function decoded(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Whether a link has the SAS of more than a file, and its path names none. */
function isFolder({ pathname, searchParams: query }) {
  if (!query.has("sig")) return false;
  return (["c", "d"].includes(query.get("sr")) || query.has("ss")) && !/\.\w{3,4}$/.test(pathname);
}

function linksGiven(event) {
  event.preventDefault();
  const field = byId("links");
  const wrong = takeLinks(field.value) ? "" : "Give whole links, one a line: https://example.org/picture.jpg";
  byId("links-wrong").textContent = wrong;
  byId("links-wrong").hidden = !wrong;
  field.toggleAttribute("aria-invalid", Boolean(wrong));
  if (wrong) field.focus();
  else field.value = "";
}

function pasted(event) {
  const { files } = event.clipboardData;
  if (files.length) {
    event.preventDefault();
    take(files);
  } else if (!event.target.closest?.("input, textarea")) {
    takeLinks(event.clipboardData.getData("text/plain"));
  }
}

function dropped(event) {
  event.preventDefault();
  document.body.classList.remove("dropping");
  const { files } = event.dataTransfer;
  if (files.length) take(files);
  else if (!takeLinks(event.dataTransfer.getData("text/uri-list"))) say("That was neither a picture nor a link.");
}

// --- cards and their turns ---------------------------------------------------------------------------------------

function begin(picture) {
  const node = byId("card").content.firstElementChild.cloneNode(true);
  const at = (name) => node.querySelector(name);
  Object.assign(picture, { node, at, ends: new AbortController(), failed: false, done: false });
  at(".name").textContent = picture.name;
  for (const button of ["remove", "again"]) named(at(`.${button}`), picture.name);
  at(".remove").onclick = () => remove(picture);
  at(".again").onclick = () => again(picture);
  node.picture = picture;
  if (picture.folder) node.classList.add("folder");
  if (picture.file) display(picture);
  cards.append(node);
  byId("results").hidden = false;
  if (picture.item) return show(picture, picture.item);
  waiting.push(picture);
  working(picture, "Waiting for its turn");
  next();
}

function display({ file, name, at }) {
  const image = at("img");
  image.alt = name;
  image.onload = () => (at(".absent").hidden = true);
  image.onerror = () => {
    image.hidden = true;
    at(".absent").textContent = "your browser can’t show it";
  };
  image.hidden = false;
  image.src = URL.createObjectURL(file);
}

function next() {
  while (running < AT_ONCE && waiting.length) {
    running += 1;
    caption(waiting.shift()).finally(() => {
      running -= 1;
      next();
    });
  }
}

async function caption(picture) {
  try {
    if (picture.file?.size > largest) throw new Refused("too_large", `larger than ${largest / MEGABYTE} MB: send a smaller copy`);
    const answer = await ask("POST", "/score", { ...request(picture), ...watch(picture) });
    if (answer.status === 202) await follow(picture, JSON.parse(answer.text));
    else if (picture.folder) spread(picture, JSON.parse(answer.text).results, answer.text);
    else show(picture, JSON.parse(answer.text).results[0]);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.code !== "removed") fail(picture, error.message);
  }
}

function request({ file, link, folder }) {
  const external = [...document.querySelectorAll(".external:checked")].map((box) => box.value);
  const neutral = byId("neutral")?.checked ?? false;
  const attention = byId("how").dataset.attention === "true";
  if (link) {
    const what = folder ? { sas_uri: link.href } : { urls: [link.href] };
    return { body: JSON.stringify({ ...what, external, gender_neutral: neutral, attention }), kind: "application/json" };
  }
  const body = new FormData();
  body.append("images", file);
  body.append("gender_neutral", String(neutral));
  body.append("attention", String(attention));
  // An empty one says that nobody else is asked.
  for (const name of external.length ? external : [""]) body.append("external", name);
  return { body };
}

/** Who hears how far a picture's request is, and what ends it. */
function watch(picture) {
  const told = ({ sent, wait, often }) => {
    if (wait) working(picture, `${often ? "That was too often for this server" : "The server is busy"}: trying again in ${wait} s`);
    else if (sent < 1) working(picture, "Sending", sent);
    else working(picture, picture.link ? "Reading the link" : "Looking at the picture", null);
  };
  return { signal: picture.ends.signal, told };
}

/** A folder with many pictures is a job on the server: ask how far it is until it ends. */
async function follow(folder, job) {
  const ways = { signal: folder.ends.signal };
  try {
    for (let wait = 1; ["queued", "running"].includes(job.state); wait = Math.min(wait + 1, 5)) {
      working(folder, job.total === null ? "Listing the folder" : `${job.done} of ${job.total} pictures`, job.total ? job.done / job.total : null);
      await pause(wait, folder.ends.signal);
      job = JSON.parse((await ask("GET", job.url, ways)).text);
    }
  } catch (error) {
    // Nobody waits for it any more.
    if (error.code === "removed") await ask("DELETE", job.url);
    throw error;
  }
  if (job.error) return fail(folder, job.error.message);
  const { text } = await ask("GET", job.results, ways);
  spread(folder, text.split("\n").filter(Boolean).map((line) => JSON.parse(line)), text);
}

/** Show the pictures of a folder as cards of their own. */
function spread(folder, items, text) {
  const failed = items.filter((item) => item.error).length;
  const more = items.length > MOST_CARDS ? `, the first ${MOST_CARDS} below` : "";
  folder.at(".state").textContent = `${items.length} pictures${failed ? `, ${failed} without a caption` : ""}${more}`;
  folder.at("progress").hidden = true;
  folder.at(".lines").href = URL.createObjectURL(new Blob([text], { type: "application/jsonl" }));
  folder.at(".lines").download = "captions.jsonl";
  folder.at(".lines").hidden = false;
  folder.done = true;
  for (const item of items.slice(0, MOST_CARDS)) begin({ name: item.image, item });
  counted();
}

// --- what a card says --------------------------------------------------------------------------------------------

function working({ at }, words, share = 0) {
  at(".working").hidden = false;
  at(".state").textContent = words;
  const bar = at("progress");
  bar.setAttribute("aria-label", words);
  if (share === null) bar.removeAttribute("value");
  else bar.value = share;
}

function fail(picture, message) {
  picture.failed = true;
  picture.node.classList.add("failed");
  picture.at(".working").hidden = true;
  picture.at(".error").textContent = `No caption: ${message}`;
  picture.at(".error").hidden = false;
  picture.at(".again").hidden = Boolean(picture.item);
  counted();
}

function show(picture, item) {
  if (item.error) return fail(picture, item.error.message);
  picture.done = true;
  picture.at(".working").hidden = true;
  if (picture.file) picture.at("img").alt = item.caption.text;
  picture.at(".columns").append(column(item.caption.model.name, item, picture.name, picture.at(".mat")));
  for (const [name, answer] of Object.entries(item.external)) {
    picture.at(".columns").append(column(name, answer, picture.name));
  }
  counted();
}

function counted() {
  const pictures = [...cards.children].map((node) => node.picture).filter(({ folder, failed }) => !folder || failed);
  const done = pictures.filter((picture) => picture.done).length;
  const failed = pictures.filter((picture) => picture.failed).length;
  say(`${done} of ${pictures.length} captioned${failed ? `, ${failed} without a caption` : ""}.`);
}

// --- what can be done with a card --------------------------------------------------------------------------------

function again(picture) {
  picture.failed = false;
  picture.node.classList.remove("failed");
  picture.at(".error").hidden = picture.at(".again").hidden = true;
  working(picture, "Waiting for its turn");
  picture.at(".remove").focus();
  waiting.push(picture);
  next();
}

function remove(picture) {
  const neighbour = picture.node.nextElementSibling ?? picture.node.previousElementSibling;
  dispose(picture);
  (neighbour?.picture.at(".remove") ?? byId("files")).focus();
  say(`Removed ${picture.name}.`);
}

function dispose({ node, at, ends }) {
  ends.abort();
  for (const address of [at("img").src, at(".lines").href]) if (address) URL.revokeObjectURL(address);
  node.remove();
  byId("results").hidden = cards.children.length === 0;
}

function clear() {
  waiting.length = 0;
  for (const node of [...cards.children]) dispose(node.picture);
  byId("files").focus();
  say("All are removed.");
}

// --- what the page listens to -----------------------------------------------------------------------------------

byId("files").onchange = ({ target }) => {
  take(target.files);
  target.value = "";
};
byId("give").onsubmit = linksGiven;
byId("clear").onclick = clear;
document.addEventListener("paste", pasted);
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", ({ relatedTarget }) => {
  if (relatedTarget === null) document.body.classList.remove("dropping");
});
document.addEventListener("drop", dropped);
