// Keeps the page up to date: the server sends the whole content each time it has changed, and only what
// differs is replaced, so that focus, selection and open details stay as they are.
"use strict";

const main = document.querySelector("main[data-live]");
const notice = document.getElementById("notice");
let events = null;
let over = false;

function tell(text) {
  if (notice && notice.textContent !== text) {
    notice.textContent = text;
    notice.hidden = text === "";
  }
}

function start() {
  if (!main || events || over) return;
  events = new EventSource(location.href);
  events.addEventListener("content", (e) => {
    const page = new DOMParser().parseFromString("<main>" + JSON.parse(e.data) + "</main>", "text/html");
    const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 40;
    update(main, page.querySelector("main"));
    tell("");
    main.dataset.updates = String(Number(main.dataset.updates || 0) + 1);
    if (atEnd && main.querySelector("[data-follow]")) scrollTo(0, document.documentElement.scrollHeight);
  });
  events.addEventListener("problem", (e) => tell("Not up to date: " + JSON.parse(e.data)));
  events.addEventListener("end", () => {
    over = true;
    stop();
    main.dataset.live = "over";
  });
  events.addEventListener("error", (e) => tell(e.target.readyState === EventSource.CLOSED
    ? "Not up to date: the page's server refuses to go on. Reload the page." // the browser does not try again
    : "Not up to date: the page's server does not answer."));
}

function stop() {
  if (events) events.close();
  events = null;
}

// A browser opens few connections to one server, so a page that nobody sees needs none.
function byVisibility() {
  if (document.hidden) stop();
  else start();
}

// update makes the old element look like the new one. A form that a person has begun to fill in stays as
// it is.
function update(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.matches("[data-begun], [data-keep]") || old.matches("form") && old.contains(document.activeElement)) return;
  for (const a of [...old.attributes]) if (!fresh.hasAttribute(a.name) && !kept(old, a.name)) old.removeAttribute(a.name);
  for (const a of fresh.attributes) if (old.getAttribute(a.name) !== a.value && !kept(old, a.name)) old.setAttribute(a.name, a.value);
  updateChildren(old, fresh);
}

// kept are attributes that belong to the browser's side.
function kept(element, name) {
  return name === "open" && element.matches("details") || element === main;
}

function updateChildren(old, fresh) {
  const byId = new Map();
  for (const child of old.children) if (child.id) byId.set(child.id, child);
  let next = old.firstChild;
  for (const child of [...fresh.childNodes]) {
    let match = child.id ? byId.get(child.id) : next;
    if (match && alike(match, child)) {
      if (match !== next) old.insertBefore(match, next);
      else next = next.nextSibling;
      if (match.nodeType === Node.ELEMENT_NODE) update(match, child);
      else if (match.nodeValue !== child.nodeValue) match.nodeValue = child.nodeValue;
    } else {
      old.insertBefore(document.importNode(child, true), next);
    }
  }
  while (next) {
    const gone = next;
    next = next.nextSibling;
    gone.remove();
  }
}

function alike(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id || "") === (b.id || "");
}

document.addEventListener("input", (e) => {
  const form = e.target.closest("form");
  if (form) form.dataset.begun = "";
});
// A log that is followed begins at its end.
if (main && main.querySelector("[data-follow]") && location.hash === "") scrollTo(0, document.documentElement.scrollHeight);

document.addEventListener("visibilitychange", byVisibility);
addEventListener("pagehide", stop);
addEventListener("pageshow", byVisibility);
byVisibility();
