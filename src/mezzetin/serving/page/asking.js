// Asks the server: a request in, its answer out; keys, tokens and busy servers are dealt with on the way.
//
// The key is in this page's memory or, where its owner wishes, in this tab's sessionStorage, and nowhere else. A server
// that is busy says for how long: until then nobody here asks again.

const KEY = "mezzetin-key";
const MOST_TRIES = 6;
const LONGEST_WAIT = 60;
/** A token of Entra, as opposed to a key. */
const TOKEN = /^eyJ[\w-]*\.[\w-]+\.[\w-]+$/;
/** Refusals whose own words say too little of what to do. */
const WORDS = {
  csrf: "this page is too old: load it again",
  foreign_host: "this server answers to localhost and 127.0.0.1 only: open this page under one of these names",
  foreign_origin: "this site may not ask this server: open the server’s own page",
  too_many_requests: "you ask more often than this server allows: wait a minute, then try again",
};

/** A request that came to nothing: `code` for programs, the message for people. */
export class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

let token = tokenOf(document);
let key = sessionStorage.getItem(KEY);
let quietUntil = 0;
let asked = null;
let askForKey = () => Promise.reject(new Refused("unauthorized", "this server asks for a key"));

/** Have `ask` called with the server's words when a key is needed; it resolves to {key, keep}. */
export function onKeyNeeded(ask) {
  askForKey = ask;
}

export const hasKey = () => key !== null;
export const needKey = () => newKey(key, null);

export function forgetKey() {
  key = null;
  sessionStorage.removeItem(KEY);
}

/**
 * Send a request and return {status, text, header}; throws Refused for anything from 400 on.
 * `told` hears {sent: 0..1} and {wait: seconds, often: whether we ask too often}; `signal` ends it.
 */
export async function ask(method, path, { body = null, kind = null, signal = null, told = () => {} } = {}) {
  let renewed = false;
  for (let tries = 1; ; ) {
    await quiet(signal);
    const used = key;
    const answer = await send(method, path, { body, kind, signal, told, used });
    if (answer.status < 400) return answer;
    const { code, message } = problemOf(answer);
    const seconds = Number(answer.header("Retry-After"));
    if (answer.status === 401) {
      await newKey(used, used === null ? null : `That one does not count: ${message}.`);
    } else if (code === "csrf" && !renewed) {
      renewed = true;
      await renewToken();
    } else if ([429, 503].includes(answer.status) && seconds > 0 && tries < MOST_TRIES) {
      tries += 1;
      const wait = Math.min(seconds, LONGEST_WAIT);
      // A little more than asked for, and not all at once.
      quietUntil = Math.max(quietUntil, Date.now() + wait * 1000 * (1 + Math.random() / 4));
      told({ wait, often: answer.status === 429 });
    } else {
      throw new Refused(code, WORDS[code] ?? message);
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
function send(method, path, { body = null, kind = null, signal = null, told = () => {}, used = null } = {}) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(removed());
    const request = new XMLHttpRequest();
    const failed = (code, words) => () => reject(new Refused(code, words));
    request.open(method, path);
    request.setRequestHeader("X-CSRF-Token", token);
    if (kind) request.setRequestHeader("Content-Type", kind);
    if (used) request.setRequestHeader(...(TOKEN.test(used) ? ["Authorization", `Bearer ${used}`] : ["X-Api-Key", used]));
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
  if (key !== used) return;
  forgetKey();
  asked ??= askForKey(message).finally(() => (asked = null));
  const given = await asked;
  key = given.key;
  if (given.keep) sessionStorage.setItem(KEY, key);
}

/** A restarted server does not know the token of a page from before: take it from a new page. */
async function renewToken() {
  const answer = await send("GET", "/");
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
