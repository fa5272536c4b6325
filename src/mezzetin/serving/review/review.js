// The pages of review with a script: decisions without a reload, the check of a text while it is typed, keys.
//
// Every form works without it: here the same forms are sent, and the card that the server answers with takes the place
// of the old one. Nothing that was typed is lost: a refused text stays in its field.

import { announce, check, send, sent } from "./deciding.js";
import { watchKeys } from "./keys.js";

const CHECK_AFTER = 350;
const timers = new WeakMap();

document.addEventListener("submit", (event) => {
  const form = event.target;
  const verb = event.submitter?.value;
  if (!form.matches(".deciding, .undoing, .writing") || verb === "keep") return;
  event.preventDefault();
  send(form, event.submitter);
});

document.addEventListener("click", (event) => {
  const offer = event.target.closest(".offer");
  if (offer) take(event, offer);
  const keep = event.target.closest(".keep");
  if (keep) keepTheirs(event, keep);
});

document.addEventListener("input", ({ target }) => {
  if (!target.matches("textarea[name=text]")) return;
  clearTimeout(timers.get(target));
  timers.set(target, setTimeout(() => check(target), CHECK_AFTER));
});

/** Over words that somebody is typing an alternative comes so that Ctrl+Z brings them back. */
function take(event, offer) {
  const field = offer.form.elements.text;
  if (field.value === field.defaultValue) return;
  event.preventDefault();
  field.focus();
  field.select();
  document.execCommand("insertText", false, offer.firstElementChild.textContent);
  announce("Put into the field, not saved: Ctrl+Z brings back what you had typed.");
}

function keepTheirs(event, button) {
  const card = button.closest(".card");
  if (!card) return;
  event.preventDefault();
  const field = button.form.elements.text;
  field.value = button.form.elements.shown.value;
  field.defaultValue = field.value;
  card.querySelector(".conflict").remove();
  button.remove();
  card.focus();
  announce("Theirs is kept.");
}

window.addEventListener("beforeunload", (event) => {
  const fields = [...document.querySelectorAll("textarea[name=text]")];
  if (fields.some((field) => field.value !== field.defaultValue) && !sent()) event.preventDefault();
});

const running = document.querySelector("[data-running]");
if (running) setTimeout(() => location.reload(), 1500);
document.querySelector("[data-focus]")?.focus();
watchKeys();
