// A column of a card: what one captioner says of a picture, to be copied and heard.

import { lookable } from "./looks.js";

const UNLIKE_FROM = Number(document.body.dataset.unlikeFrom);

/**
 * What one captioner says of a picture, by `who`; `name` tells its buttons from those of other pictures. Where the model
 * looked is shown on the `mat`.
 */
export function column(who, { caption, error, attention = null }, name, mat = null) {
  const node = document.getElementById("column").content.firstElementChild.cloneNode(true);
  const at = (selector) => node.querySelector(selector);
  at("h4").textContent = who;
  if (caption === null) {
    at(".caption").className = "error";
    at(".error").textContent = `No caption: ${error.message}`;
    for (const part of [".looked", ".sure", ".actions", "details"]) at(part).remove();
    return node;
  }
  at(".caption").textContent = caption.text;
  at(".caption").lang = caption.language;
  if (attention !== null) lookable(node, caption, attention, mat);
  at(".sure").textContent = sure(caption.confidence);
  at(".warning").hidden = !(caption.unlike_training >= UNLIKE_FROM);
  others(at("details"), caption);
  for (const button of [at(".copy"), at(".read")]) named(button, `${who}, ${name}`);
  at(".copy").onclick = () => copy(caption.text, at(".copy"));
  at(".read").hidden = !("speechSynthesis" in window);
  at(".read").onclick = () => readAloud(caption, at(".read"));
  return node;
}

function sure(confidence) {
  if (confidence === null) return "How sure it is, it does not say";
  const words = [[0.8, "Sure"], [0.6, "Fairly sure"], [0.4, "Not very sure"], [0, "A guess"]];
  return `${words.find(([from]) => confidence >= from)[1]}: ${Math.round(confidence * 100)} %`;
}

function others(details, { alternatives, language }) {
  details.hidden = alternatives.length === 0;
  details.querySelector("summary").textContent = `It could also have said (${alternatives.length})`;
  for (const { text } of alternatives) {
    const line = document.createElement("li");
    Object.assign(line, { textContent: text, lang: language, dir: "auto" });
    details.querySelector("ul").append(line);
  }
}

/** Say something in the line of status, also to those who don't see it. */
export function say(words) {
  document.getElementById("told").textContent = words;
}

/** Tell a button from its like by ear: its text, and of what it is. */
export function named(button, what) {
  const more = document.createElement("span");
  Object.assign(more, { className: "unseen", textContent: ` (${what})` });
  button.append(more);
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    say("Your browser does not let this page copy: select the caption and copy it yourself.");
    return;
  }
  say(`Copied: ${text}`);
  const words = button.firstChild;
  words.data = "Copied";
  setTimeout(() => (words.data = "Copy as alt text"), 2000);
}

let reading = null;

/** Read a caption aloud, or stop; one voice at a time. */
function readAloud({ text, language }, button) {
  const stopped = reading === button;
  speechSynthesis.cancel();
  if (reading) ended(reading);
  if (stopped) return;
  reading = button;
  button.firstChild.data = "Stop reading";
  const speech = new SpeechSynthesisUtterance(text);
  speech.lang = language;
  speech.onend = () => ended(button);
  speech.onerror = ({ error }) => {
    ended(button);
    if (!["canceled", "interrupted"].includes(error)) say("Your browser has no voice to read this with.");
  };
  speechSynthesis.speak(speech);
}

function ended(button) {
  button.firstChild.data = "Read aloud";
  if (reading === button) reading = null;
}
