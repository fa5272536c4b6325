// The form for a key or token: shown when the server asks for one; and the button that forgets it.
//
// A page that was opened without a key knows nothing of the server: once there is one, it takes what it lacks from the
// page that the server gives to who has shown it.

import { ask, forgetKey, hasKey, needKey, onKeyNeeded } from "./asking.js";
import { say } from "./column.js";

const byId = (id) => document.getElementById(id);

function keyAsked(message) {
  const form = byId("key");
  byId("key-why").textContent = message ?? "";
  byId("key-why").hidden = !message;
  form.hidden = false;
  byId("key-field").focus();
  return new Promise((resolve) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      const key = byId("key-field").value.trim();
      if (!key) return;
      byId("key-field").value = "";
      form.hidden = true;
      byId("forget").hidden = false;
      resolve({ key, keep: byId("keep").checked });
      if (!byId("give").hidden) byId("files").focus();
    };
  });
}

async function enter() {
  byId("key").hidden = true;
  if (!hasKey()) await needKey();
  const { text } = await ask("GET", "/");
  const page = new DOMParser().parseFromString(text, "text/html");
  for (const id of ["how", "who"]) byId(id).replaceWith(document.adoptNode(page.getElementById(id)));
  document.body.dataset.locked = "false";
  byId("give").hidden = false;
  byId("files").focus();
  say("You are in: add pictures.");
}

onKeyNeeded(keyAsked);
byId("forget").hidden = !hasKey();
byId("forget").onclick = () => {
  forgetKey();
  byId("forget").hidden = true;
  byId("files").focus();
  say("The key is forgotten.");
};
if (document.body.dataset.locked === "true") {
  enter().catch((error) => say(`${error.message}. Load the page again to try once more.`));
}
