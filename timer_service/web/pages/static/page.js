// Keeps a view of the page up to date, and adds what only a script can: the reader's own time zone, buttons that copy.
// Without it everything can be read and done. templates/pages/parts.html lists the attributes that it looks at.
//
// Every 2 s it asks for the view's live part. XMLHttpRequest parses that into a document in which nothing runs and
// nothing is loaded, so that no text is ever made HTML here: the policy of the page forbids it (Trusted Types).

const EVERY = 2000; // ms between two looks, when all is well
const MOST = 30000; // ms between two looks, when nothing answers
const PATIENCE = 10000; // ms for an answer
const MISSES = 3; // answers that may be missed before the page says so; one that took all its time counts as these
const TEXTS = ["count", "say", "next"]; // ids of what is replaced by its text

const head = document.querySelector(".asof");
const token = document.querySelector('meta[name="form-token"]')?.content ?? "";

// What the server wrote, by name: what is on the screen has been changed since, by us and by its reader.
const written = new Map();

// Moments in the zone that was chosen.

let isUtcChosen = remembered() === "UTC";
let own = ""; // what the reader's zone is called: to ask for that takes 12 ms, so it is known once the page is painted

function remembered() {
  try {
    return localStorage.getItem("timer-zone");
  } catch {
    return null; // the browser keeps nothing
  }
}

function remember(value) {
  try {
    localStorage.setItem("timer-zone", value);
  } catch {
    // Then it is forgotten at the next view.
  }
}

function isUtc(name) {
  return ["UTC", "Etc/UTC", "GMT", "Etc/GMT", "Etc/UCT", "UCT", "Zulu", "Etc/Zulu"].includes(name);
}

function cityOf(name) {
  return isUtc(name) ? "UTC" : name.split("/").at(-1).replaceAll("_", " ");
}

// As the server writes it, `of` saying how: "ms", "s" or "min", with "day " before it where the date stands there too.
function moment(ms, of) {
  const behind = isUtcChosen ? 0 : new Date(ms).getTimezoneOffset(); // minutes
  const [day, time] = new Date(ms - behind * 60000).toISOString().split("T");
  const shown = time.slice(0, of.endsWith("ms") ? 12 : of.endsWith("min") ? 5 : 8);
  return of.startsWith("day ") ? `${day} ${shown}` : shown;
}

function writeMoments(within) {
  for (const it of within.querySelectorAll("time[datetime][data-of]")) {
    setText(it, moment(Date.parse(it.dateTime), it.dataset.of));
  }
  if (!own) return;
  for (const it of within.querySelectorAll(".zone")) setText(it, isUtcChosen ? "UTC" : cityOf(own));
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function nameZone() {
  own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  writeMoments(document);
  if (!head || isUtc(own)) return;
  const label = make("label", { className: "vh", htmlFor: "zone", textContent: "Show times in" });
  const select = make("select", { className: "auto", id: "zone" });
  for (const name of [own, "UTC"]) {
    const selected = (name === "UTC") === isUtcChosen;
    select.append(make("option", { value: name, textContent: cityOf(name), selected }));
  }
  select.addEventListener("change", () => {
    isUtcChosen = select.value === "UTC";
    remember(isUtcChosen ? "UTC" : "own");
    writeMoments(document);
  });
  head.querySelector("form").before(label, select);
}

function make(name, properties) {
  return Object.assign(document.createElement(name), properties);
}

// Countdowns, by the server's clock: no answer can come before what it tells of was read.

let ahead = -Infinity; // ms by which that clock is ahead of performance.now(), at least
let ticking = 0;

function tick() {
  clearTimeout(ticking);
  const all = document.querySelectorAll("[data-count-down]");
  const now = performance.now() + ahead;
  let soonest = Infinity;
  for (const it of all) {
    const left = Number(it.dataset.countDown) - now;
    if (left > 0) soonest = Math.min(soonest, left);
    setText(it, left > 0 ? it.dataset.before + span(left) : "due");
  }
  if (isUpdating && !document.hidden && soonest < Infinity) ticking = setTimeout(tick, soonest < 61000 ? 100 : 1000);
}

// In at most two units, as the server writes it.
function span(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59950) return `${(ms / 1000).toFixed(1)} s`;
  const units = [[86400000, "d", 3600000, "h"], [3600000, "h", 60000, "min"], [60000, "min", 1000, "s"]];
  const [unit, name, less, lesser] = units.find(([size]) => ms >= size) ?? units.at(-1);
  const whole = Math.max(ms, unit);
  const count = grouped(Math.floor(whole / unit));
  const rest = Math.floor((whole % unit) / less);
  return rest ? `${count} ${name} ${rest} ${lesser}` : `${count} ${name}`;
}

function grouped(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

// Buttons that copy.

function addCopyButtons(within) {
  for (const it of within.querySelectorAll("pre.all")) {
    const button = make("button", { type: "button", className: "link copy", textContent: "Copy" });
    button.addEventListener("click", async () => {
      button.textContent = (await copy(it)) ? "Copied" : "Press Ctrl-C";
      setTimeout(() => setText(button, "Copy"), 2000);
    });
    it.after(button);
  }
}

async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    // Only a page by HTTPS or of this machine may write there by itself; then its reader's own key does it.
    getSelection().selectAllChildren(element);
    return false;
  }
}

// What is live.

// Without what only the reader's own page has, so that the same is found to be the same.
function plain(element) {
  const copied = element.cloneNode(true);
  for (const it of copied.querySelectorAll("[data-count-down]")) it.textContent = "";
  for (const it of copied.querySelectorAll("input[name=token]")) it.setAttribute("value", "");
  return copied;
}

function* partsOf(root) {
  for (const it of root.querySelectorAll("[data-live]")) yield [`live ${it.dataset.live}`, it];
  for (const it of root.querySelectorAll("[data-list]")) yield [`list ${it.dataset.list}`, it];
  for (const id of TEXTS) {
    const it = root.getElementById(id);
    if (it) yield [`text ${id}`, it];
  }
}

function isInUse(element) {
  const focused = document.activeElement;
  if (focused !== document.body && element.contains(focused)) return true;
  if (element.matches(":active") || element.querySelector(":active")) return true;
  const selection = getSelection();
  if (!selection.isCollapsed && selection.containsNode(element, true)) return true;
  return [...element.querySelectorAll("input, textarea, select")].some(isChanged);
}

function isChanged(field) {
  if (field.type === "hidden") return false;
  if (field.type === "checkbox") return field.checked || field.defaultChecked;
  if (field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.options) return !isAsItWas(field);
  return field.value !== field.defaultValue;
}

// A select without a chosen option shows its first.
function isAsItWas(select) {
  const chosen = [...select.options].findIndex((it) => it.defaultSelected);
  return select.selectedIndex === Math.max(chosen, 0);
}

// Whether all could be replaced that differs.
function apply(fetched) {
  let isWhole = true;
  if (fetched.title) document.title = fetched.title;
  const late = fetched.getElementById("late");
  const shown = document.getElementById("late");
  if (late && shown) setText(shown.lastChild, late.lastChild.textContent); // its icon stays
  else if (late) head.before(document.importNode(late, true));
  else if (shown && shown !== document.activeElement) shown.remove();
  const here = new Map(partsOf(document));
  const there = new Map(partsOf(fetched));
  for (const [name, element] of here) {
    if (there.has(name) || name.startsWith("list")) continue;
    // It is gone: what it offered is no longer so. Its place stays, for its return.
    if (isInUse(element)) {
      isWhole = false;
    } else {
      element.replaceChildren();
      written.delete(name);
    }
  }
  for (const [name, part] of there) {
    const now = plain(part);
    const element = here.get(name);
    if (!element || now.isEqualNode(written.get(name))) continue;
    if (name.startsWith("list")) {
      tellOfMore(element, part);
    } else if (isInUse(element)) {
      isWhole = false;
    } else {
      written.set(name, now);
      replace(name, element, document.importNode(part, true));
    }
  }
  return isWhole;
}

function replace(name, element, by) {
  if (name.startsWith("text")) {
    element.replaceChildren(...by.childNodes);
    enrich(element);
    return;
  }
  const shown = detailsOf(element);
  for (const [key, it] of detailsOf(by)) it.open = shown.get(key)?.open ?? it.open;
  for (const it of by.querySelectorAll("input[name=token]")) it.value = token;
  const known = rowsOf(element);
  for (const it of by.querySelectorAll("[data-row]")) {
    if (!known.has(it.dataset.row)) it.classList.add("new");
  }
  element.replaceWith(by);
  enrich(by);
}

// By the entry that each belongs to, what it is called, and its place among those of that name.
function detailsOf(root) {
  const found = new Map();
  for (const it of root.querySelectorAll("details")) {
    const name = `${it.closest("[data-row]")?.dataset.row} ${it.querySelector("summary")?.textContent}`;
    let number = 0;
    while (found.has(`${name} ${number}`)) number += 1;
    found.set(`${name} ${number}`, it);
  }
  return found;
}

function rowsOf(list) {
  return new Set([...list.querySelectorAll("[data-row]")].map((it) => it.dataset.row));
}

// A list stays as it is under its reader's eyes.
function tellOfMore(list, fetched) {
  const known = rowsOf(list);
  const now = rowsOf(fetched);
  const more = [...now].filter((it) => !known.has(it)).length;
  if (!more && known.size === now.size) return;
  const block = list.closest("table") ?? list;
  let line = block.previousElementSibling;
  if (!line?.matches("[data-more]")) {
    line = make("p", { className: "note" });
    line.dataset.more = "";
    line.append(make("a", { href: head.dataset.address }));
    block.before(line);
  }
  const them = more === 1 ? "it" : "them";
  const text = more ? `${grouped(more)} more; show ${them}` : "This list has changed; show it";
  setText(line.firstChild, text);
}

function enrich(within) {
  writeMoments(within);
  addCopyButtons(within);
}

// Asking.

let isUpdating = true;
let asOf = 0; // ms: what is shown was read then
let etag = "";
let misses = 0;
let waiting = 0;
let asking = null;

function ask() {
  clearTimeout(waiting);
  if (asking || !isUpdating || document.hidden) return;
  asking = new XMLHttpRequest();
  const url = head.dataset.address;
  asking.open("GET", `${url}${url.includes("?") ? "&" : "?"}live`);
  asking.responseType = "document";
  asking.timeout = PATIENCE;
  asking.addEventListener("timeout", () => (misses = Math.max(misses, MISSES - 1)));
  if (etag) asking.setRequestHeader("If-None-Match", etag);
  asking.addEventListener("loadend", answered);
  asking.send();
}

function answered() {
  const answer = asking;
  asking = null;
  const isWell = answer.status === 304 || (answer.status === 200 && answer.response);
  if (isWell) {
    misses = 0;
    take(answer);
  } else {
    misses += 1;
  }
  if (answer.status === 401) {
    stop("you are signed out");
    disown("Signed out", "You are signed out of this page");
  } else if (misses >= MISSES) {
    tell("no answer since");
    disown("No answer", "This page gets no answer");
  } else if (isWell) {
    tell("");
  }
  waiting = setTimeout(ask, Math.min(EVERY * 2 ** Math.max(misses - 1, 0), MOST));
}

// What is older than what is shown is passed over: several processes answer, and each reads for itself.
function take(answer) {
  const readAt = Number(answer.getResponseHeader("Timer-As-Of"));
  if (!readAt || readAt < asOf) return;
  asOf = readAt;
  ahead = Math.max(ahead, asOf - performance.now());
  const time = head.querySelector("time");
  time.dateTime = new Date(asOf).toISOString();
  if (answer.status === 200) {
    // What was in use is still to be replaced: then the next answer has to be a whole one.
    etag = apply(answer.response) ? answer.getResponseHeader("ETag") ?? "" : "";
  }
  writeMoments(head);
  tick();
}

function tell(words) {
  setText(head.querySelector("[data-since]"), words && `, ${words}`);
}

// A sentence that nobody answers for any more must not go on saying that all is well. The next answer is taken whole.
function disown(state, words) {
  document.title = [state, ...document.title.split(" · ").slice(-2)].join(" · ");
  etag = "";
  const say = document.getElementById("say");
  if (!say) return;
  for (const it of document.querySelectorAll("[data-live=icon], #count, #next")) it.replaceChildren();
  setText(say, `${words}: what it shows is old.`);
  for (const name of ["live icon", ...TEXTS.map((id) => `text ${id}`)]) written.delete(name);
}

function stop(words) {
  isUpdating = false;
  tell(words);
  head.querySelector("button").textContent = "Reload";
}

function offerToStop() {
  const button = head.querySelector("button");
  button.textContent = "Stop updating";
  button.addEventListener("click", (event) => {
    if (button.textContent === "Reload") return;
    event.preventDefault();
    isUpdating = !isUpdating;
    button.textContent = isUpdating ? "Stop updating" : "Go on updating";
    if (isUpdating) ask();
    tick();
  });
}

enrichFirst();

function enrichFirst() {
  if (head) {
    asOf = Number(head.dataset.asOf);
    ahead = asOf - performance.now();
    for (const [name, part] of partsOf(document)) written.set(name, plain(part));
    offerToStop();
    document.addEventListener("visibilitychange", () => {
      ask();
      tick();
    });
    waiting = setTimeout(ask, EVERY);
  }
  enrich(document);
  tick();
  // Intl takes 27 ms at first; what it names is seen anyway, in UTC, so the page is painted before.
  new PerformanceObserver((_, observer) => {
    observer.disconnect();
    nameZone();
  }).observe({ type: "paint", buffered: true });
}
