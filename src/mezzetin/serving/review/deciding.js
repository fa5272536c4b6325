// Sends a form and puts the answered card in its place.

let token = document.querySelector("meta[name=csrf-token]").content;
let leaving = false;
let undoable = null;

/** Whether the page is left on purpose. */
export const sent = () => leaving;

/** Say something to everybody; `undo` is the form that takes it back. */
export function announce(words, undo = null) {
  const told = document.getElementById("told");
  told.textContent = "";
  // A line that is said twice in a row has to change in between.
  requestAnimationFrame(() => (told.textContent = words));
  undoable = undo;
  const place = document.getElementById("told-undo");
  place.replaceChildren();
  if (undo) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: "Undo", onclick: () => undoLast() });
    place.append(button);
  }
}

/** Take back what was done last. */
export function undoLast() {
  const form = undoable?.isConnected ? undoable : null;
  if (!form) return announce("There is nothing to undo here: the history of a picture can undo more.");
  return send(form, form.querySelector("button"));
}

/** Send a form as `button` would, and show what came of it. */
export async function send(form, button) {
  const card = form.closest(".card");
  if (card?.ariaBusy === "true") return;
  if (card) card.ariaBusy = "true";
  try {
    const fields = new URLSearchParams(new FormData(form, button));
    const { status, answer } = await asked(form.action, fields);
    if (answer) show(form, card, status, answer);
  } finally {
    if (card) card.ariaBusy = null;
  }
}

/** See what is to be looked at in a field, and show it beside it. */
export async function check(field) {
  const form = field.form;
  const list = document.getElementById(field.getAttribute("aria-describedby").split(" ")[0]);
  const fields = new URLSearchParams({
    text: field.value,
    kind: field.dataset.kind ?? form.elements.kind?.value ?? "alt",
    lang: field.lang || form.elements.lang?.value || "en",
  });
  const words = field.value;
  const { answer } = await asked("/review/check", fields, true);
  if (!answer || field.value !== words) return;
  list.replaceChildren(
    ...answer.findings.map(({ severity, message }) => {
      const line = document.createElement("li");
      Object.assign(line, { className: severity, textContent: message });
      return line;
    }),
  );
  const length = form.querySelector(".length");
  if (length) length.textContent = `${[...words].length.toLocaleString("en")} characters`;
}

function show(form, card, status, answer) {
  if (!answer.card) return announce(answer.error ? `${answer.error.message}.` : "That did not work: load the page again.");
  const parsed = document.createElement("template");
  parsed.innerHTML = answer.card;
  const made = parsed.content.querySelector(".card");
  const old = card ?? document.getElementById(made.id);
  if (old) {
    old.replaceWith(made);
    if (status === 409 || status === 422) keepDraft(made);
  }
  const undo = made.querySelector(".undoing");
  announce(/[.!?…)]$/.test(answer.said) ? answer.said : `${answer.said}.`, undo);
  if (form.matches(".writing") || !old) {
    leaving = true;
    location.reload();
    return;
  }
  if (answer.change !== null) next(made);
  else (made.querySelector(".conflict, .error") ? made.querySelector("textarea[name=text]") ?? made : made).focus();
}

/** What was typed is not what the server keeps: leaving the page would lose it. */
function keepDraft(card) {
  const field = card.querySelector("textarea[name=text]");
  if (!field) return;
  const typed = field.value;
  // The one changes with the other while nobody has typed.
  field.defaultValue = card.querySelector("textarea[name=shown]").value;
  field.value = typed;
}

/** On to the next card that is not decided, in the order of the page. */
function next(card) {
  const cards = [...document.querySelectorAll(".card")];
  const after = cards.slice(cards.indexOf(card) + 1);
  const target = after.find((one) => !one.matches(".decided")) ?? document.getElementById("next-page") ?? card;
  target.focus();
  target.scrollIntoView({ block: "nearest" });
}

async function asked(address, fields, quiet = false, again = true) {
  let response;
  try {
    response = await fetch(address, {
      method: "POST",
      body: fields,
      headers: { Accept: "application/json", "X-CSRF-Token": token },
    });
  } catch {
    if (!quiet) announce("The server does not answer, and nothing is lost: what you typed is still here. Try again.");
    return {};
  }
  let answer = null;
  try {
    answer = await response.json();
  } catch {
    if (!quiet) announce(`The server answered ${response.status}: load the page again.`);
    return {};
  }
  if (response.status === 403 && answer.error?.code === "csrf" && again) {
    await renew();
    return asked(address, fields, quiet, false);
  }
  if (response.status === 401 && !quiet) announce("You are signed out. Sign in in another tab, then try again: what you typed is still here.");
  if (answer.error && (quiet || response.status === 401)) return {};
  return { status: response.status, answer };
}

/** A server that was started again does not know the token of a page from before. */
async function renew() {
  const response = await fetch("/review", { headers: { Accept: "text/html" } });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  token = page.querySelector("meta[name=csrf-token]")?.content ?? token;
}
