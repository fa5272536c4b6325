// Asks the server: a request in, its answer out; keys, tokens and busy servers are dealt with on the way.
//
// The key is in this tab's sessionStorage and nowhere else. A server that is busy says for how long: until then
// nobody here asks again.

const KEY = "mezzetin-key";
const MOST_TRIES = 6;
const LONGEST_WAIT = 60;

/** A request that came to nothing: `code` for programs, the message for people. */
export class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

let token = tokenOf(document);
let quietUntil = 0;
let asked = null;
let askForKey = () => Promise.reject(new Refused("unauthorized", "this server asks for a key"));

/** Have `ask` called with the server's words when a key is needed; it resolves to the key. */
export function onKeyNeeded(ask) {
  askForKey = ask;
}

export const hasKey = () => sessionStorage.getItem(KEY) !== null;
export const forgetKey = () => sessionStorage.removeItem(KEY);

/**
 * Send a request and return {status, text, header}; throws Refused for anything from 400 on.
 * `told` hears {sent: 0..1} and {wait: seconds}; `signal` ends it.
 */
export async function ask(method, path, { body = null, kind = null, signal = null, told = () => {} } = {}) {
  let renewed = false;
  for (let tries = 1; ; ) {
    await quiet(signal);
    const key = sessionStorage.getItem(KEY);
    const answer = await send(method, path, { body, kind, signal, told, key });
    if (answer.status < 400) return answer;
    const { code, message } = problemOf(answer);
    const seconds = Number(answer.header("Retry-After"));
    if (answer.status === 401) {
      await newKey(key, message);
    } else if (code === "csrf" && !renewed) {
      renewed = true;
      await renewToken();
    } else if ([429, 503].includes(answer.status) && seconds > 0 && tries < MOST_TRIES) {
      tries += 1;
      const wait = Math.min(seconds, LONGEST_WAIT);
      // A little more than asked for, and not all at once.
      quietUntil = Math.max(quietUntil, Date.now() + wait * 1000 * (1 + Math.random() / 4));
      told({ wait });
    } else {
      throw new Refused(code, message);
    }
  }
}

/** Wait for so many seconds, or until `signal` says that nobody wants it any more. */
export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(removed());
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(removed())), { once: true });
  });
}

async function quiet(signal) {
  while (Date.now() < quietUntil) await pause((quietUntil - Date.now()) / 1000, signal);
}

/** fetch() can't tell how much has been sent. */
function send(method, path, { body, kind, signal, told, key }) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(removed());
    const request = new XMLHttpRequest();
    const failed = (code, words) => () => reject(new Refused(code, words));
    request.open(method, path);
    request.setRequestHeader("X-CSRF-Token", token);
    if (kind) request.setRequestHeader("Content-Type", kind);
    if (key) request.setRequestHeader("X-Api-Key", key);
    request.upload.onprogress = (event) => told({ sent: event.total ? event.loaded / event.total : 0 });
    request.upload.onload = () => told({ sent: 1 });
    request.onload = () =>
      resolve({ status: request.status, text: request.responseText, header: (name) => request.getResponseHeader(name) });
    request.onerror = failed("connection", "the server does not answer: see whether it still runs, then try again");
    request.onabort = failed("removed", "removed");
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.send(body);
  });
}

const removed = () => new Refused("removed", "removed");

/** One question for all who wait for a key; whoever used an older one just tries again. */
async function newKey(used, message) {
  if (sessionStorage.getItem(KEY) !== used) return;
  asked ??= askForKey(message).finally(() => (asked = null));
  sessionStorage.setItem(KEY, await asked);
}

/** A restarted server does not know the token of a page from before: take it from a new page. */
async function renewToken() {
  const answer = await send("GET", "/", { told: () => {}, key: sessionStorage.getItem(KEY) });
  token = tokenOf(new DOMParser().parseFromString(answer.text, "text/html"));
}

function tokenOf(page) {
  return page.querySelector("meta[name=csrf-token]")?.content ?? "";
}

function problemOf(answer) {
  try {
    const { code, message } = JSON.parse(answer.text).error;
    return { code, message };
  } catch {
    return { code: "bad_answer", message: `the server answered ${answer.status}: try again later` };
  }
}
