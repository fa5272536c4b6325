// The gallery with a script: a picture dropped or pasted, texts read aloud, and how many were found said once more.
//
// Searching, narrowing down and turning pages are links and forms, and need none of this.

const form = document.querySelector(".by-picture");
const told = document.getElementById("told");

// What is on a page from the beginning nobody announces: said a moment later, it is.
const found = document.querySelector("[data-told]");
if (found) setTimeout(() => { told.textContent = found.textContent; }, 400);

document.querySelector(".asking")?.addEventListener("submit", ({ target }) => {
  // An address is for people, too: what was left empty does not stand in it.
  for (const field of target.elements) if (field.name && !field.value) field.disabled = true;
});
window.addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll(".asking .filter [disabled]")) field.disabled = false;
});

function search(files) {
  const file = [...files].find(({ type }) => type.startsWith("image/")) ?? files[0];
  if (!form || !file) return false;
  const held = new DataTransfer();
  held.items.add(file);
  form.elements.picture.files = held.files;
  told.textContent = "Looking for pictures like yours.";
  form.requestSubmit();
  return true;
}

if (form) {
  const holds = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!holds(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", ({ relatedTarget }) => {
    if (!relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    if (!holds(event)) return;
    event.preventDefault();
    search(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length && search(event.clipboardData.files)) event.preventDefault();
  });
}

const voice = window.speechSynthesis;
let reading;

function quiet() {
  voice.cancel();
  if (!reading) return;
  reading.textContent = "Read aloud";
  reading.classList.remove("reading");
  reading = undefined;
}

function read(button) {
  const again = reading === button;
  quiet();
  if (again) return;
  const text = document.getElementById(button.dataset.reads);
  const speech = new SpeechSynthesisUtterance(text.textContent);
  if (text.lang) speech.lang = text.lang;
  speech.onend = speech.onerror = () => { if (reading === button) quiet(); };
  reading = button;
  button.textContent = "Stop reading";
  button.classList.add("reading");
  voice.speak(speech);
}

/** A browser may have the interface and no voice; some learn of their voices only after a while. */
function offer() {
  const none = !voice?.getVoices().length;
  for (const button of document.querySelectorAll(".aloud")) button.hidden = none;
}

if (voice && "SpeechSynthesisUtterance" in window) {
  for (const button of document.querySelectorAll(".aloud")) button.addEventListener("click", () => read(button));
  voice.addEventListener?.("voiceschanged", offer);
  window.addEventListener("pagehide", () => voice.cancel());
  offer();
}
