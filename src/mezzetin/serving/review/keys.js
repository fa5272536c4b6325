// Keys: letters that work while a card has the focus and nobody types, and that can be switched off (WCAG 2.1.4).

import { announce, send, undoLast } from "./deciding.js";

const REMEMBERED = "mezzetin-review-letters";
const byId = (id) => document.getElementById(id);
const EDITABLE = "textarea, input, select";

const lettersAreOn = () => localStorage.getItem(REMEMBERED) !== "off";

export function watchKeys() {
  const dialog = byId("keys");
  byId("keys-help").onclick = () => dialog.showModal();
  byId("letters").checked = lettersAreOn();
  byId("letters").onchange = ({ target }) => localStorage.setItem(REMEMBERED, target.checked ? "on" : "off");
  document.addEventListener("keydown", pressed);
}

function pressed(event) {
  const card = event.target.closest?.(".card");
  if (!card || event.isComposing) return;
  if (event.target.matches(EDITABLE)) return typing(event, card);
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !lettersAreOn()) return;
  const act = LETTERS[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act(card);
}

/** Inside a text two keys work, and neither is a letter. */
function typing(event, card) {
  if (event.key === "Escape") {
    event.preventDefault();
    card.focus();
  } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    press(card, "edit");
  }
}

const LETTERS = {
  a: (card) => press(card, "approve"),
  r: (card) => press(card, "reject"),
  d: (card) => press(card, "delete"),
  e: (card) => edit(card),
  u: () => undoLast(),
  o: (card) => card.querySelector(".name a")?.click(),
  j: (card) => move(card, 1),
  k: (card) => move(card, -1),
  "?": () => byId("keys").showModal(),
};

const KEYS = { approve: "A", reject: "R", delete: "D", edit: "none" };

function press(card, verb) {
  const button = card.querySelector(`button[value=${verb}], button[aria-keyshortcuts=${KEYS[verb]}]`);
  if (button && !button.form.matches(".deciding")) button.click();
  else if (button) send(button.form, button);
  else announce("That can’t be done to this text.");
}

function edit(card) {
  const field = card.querySelector("textarea[name=text]");
  if (!field) return announce("This card is decided: undo it first.");
  field.focus();
  field.setSelectionRange(field.value.length, field.value.length);
}

function move(card, by) {
  const cards = [...document.querySelectorAll(".card")];
  const target = cards[cards.indexOf(card) + by];
  if (!target) return announce(by > 0 ? "This is the last card of the page." : "This is the first card of the page.");
  target.focus();
  target.scrollIntoView({ block: "nearest" });
}
