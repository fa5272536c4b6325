// The form for a key, shown when the server asks for one, and the button that forgets it.

import { forgetKey, hasKey, onKeyNeeded } from "./asking.js";
import { say } from "./column.js";

const byId = (id) => document.getElementById(id);

function keyAsked(message) {
  const form = byId("key");
  byId("key-why").textContent = `It says: ${message}.`;
  form.hidden = false;
  byId("key-field").focus();
  return new Promise((resolve) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      const key = byId("key-field").value.trim();
      byId("key-field").value = "";
      form.hidden = true;
      byId("forget").hidden = false;
      byId("files").focus();
      resolve(key);
    };
  });
}

onKeyNeeded(keyAsked);
byId("forget").hidden = !hasKey();
byId("forget").onclick = () => {
  forgetKey();
  byId("forget").hidden = true;
  byId("files").focus();
  say("The key is forgotten.");
};
