/* The queue of a desk without network. It holds {key, station, service, occupation, heads, at, offset, card token}: no name,
   no phone. Each entry is an item of its own in localStorage, so that two tabs never write over each other. Plain ES2017. */
(function () {
  "use strict";
  const one = (selector) => document.querySelector(selector);
  const root = one("[data-offline]");
  if (!root) return;
  const base = root.dataset.offline;
  const prefix = "portal.offline." + root.dataset.station + ".";
  const page = root.id === "offline";
  const BATCH = 200;
  let sending = false;
  let last = null;

  const text = (name, values) => Object.keys(values || {}).reduce((said, key) => said.replace("{" + key + "}", values[key]), root.dataset["text" + name] || "");

  function entries() {
    const found = [];
    for (let n = 0; n < localStorage.length; n += 1) {
      const name = localStorage.key(n);
      if (!name.startsWith(prefix)) continue;
      try { found.push(JSON.parse(localStorage.getItem(name))); } catch (error) { /* not ours */ }
    }
    return found.sort((a, b) => a.at - b.at);
  }

  function tell(extra) {
    const count = entries().length;
    const place = one("#pending");
    if (!place) return;
    place.textContent = (count ? text("Pending", { n: count }) : text("None")) + (extra ? " · " + extra : "");
    place.classList.toggle("amber", count > 0);
    place.classList.toggle("green", !count);
    place.hidden = !page && !count && !extra;
    place.dataset.count = count;
  }

  function freshKey() {
    const bytes = new Uint8Array(18);
    window.crypto.getRandomValues(bytes);
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  /* ── sending: a fresh token first, then batches; what the server took leaves the queue, whatever became of it ── */
  function ask(path, options) {
    return fetch(base + path, Object.assign({ credentials: "same-origin", redirect: "manual", cache: "no-store" }, options)).then((answer) => {
      if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) throw new Error("signin");
      if (!answer.ok) throw new Error("failed");
      return answer.json();
    });
  }

  function send() {
    if (sending) return Promise.resolve();
    const waiting = entries().slice(0, BATCH);
    if (!waiting.length) { tell(); return Promise.resolve(); }
    sending = true;
    tell(text("Sending"));
    return ask("/offline/token").then((answer) => {
      keepOffset(answer.now);
      return ask("/offline", { method: "POST", body: new URLSearchParams({ csrf_token: answer.csrf_token, entries: JSON.stringify(waiting) }) });
    }).then((answer) => {
      answer.taken.forEach((taken) => localStorage.removeItem(prefix + taken.key));
      const conflicts = answer.taken.filter((taken) => taken.became === "conflict" || taken.became === "unreadable").length;
      sending = false;
      signin(false);
      if (entries().length && answer.taken.length) return send();
      tell(text("Sent", { n: answer.taken.length }) + (conflicts ? " " + text("Conflicts", { n: conflicts }) : ""));
      return undefined;
    }).catch((error) => {
      sending = false;
      signin(error.message === "signin");
      tell(text(error.message === "signin" ? "Signin" : "Gone"));
    });
  }

  function signin(needed) {
    const link = one("#offline-signin");
    if (link) link.hidden = !needed;
  }

  /* How far the server's clock is ahead of this one, measured whenever they speak; kept for when they cannot. */
  function keepOffset(now) {
    try { localStorage.setItem("portal.offset", String(now - Date.now())); } catch (error) { /* full: the last one stays */ }
  }

  /* ── keeping the page itself: only this page, its style and this script ── */
  function keep() {
    if (!("serviceWorker" in navigator) || !("caches" in window)) return;
    navigator.serviceWorker.register("/desk/offline-worker", { scope: "/desk/" }).catch(() => {});
    const address = base + "/offline";
    const mark = "portal.kept." + address;
    const kept = Number(sessionStorage.getItem(mark)) || 0;
    if (Date.now() - kept < 600000) { root.dataset.kept = "yes"; return; }  // it is minutes old; asking at every page would slow the desk
    fetch(address, { credentials: "same-origin", redirect: "manual" }).then((answer) => {
      if (!answer.ok || answer.type === "opaqueredirect") return undefined;
      const copy = answer.clone();
      return answer.text().then((html) => {
        const found = new DOMParser().parseFromString(html, "text/html");
        const parts = Array.from(found.querySelectorAll("link[href], script[src]"), (part) => part.getAttribute("href") || part.getAttribute("src"));
        return caches.open("desk-1").then((kept) => Promise.all([kept.put(address, copy)].concat(parts.map((part) => kept.add(part).catch(() => {})))));
      });
    }).then(() => { root.dataset.kept = "yes"; sessionStorage.setItem(mark, String(Date.now())); }).catch(() => {});
  }

  /* ── noting, on the offline page ── */
  function note(what, occupation, card) {
    const entry = { key: freshKey(), station: root.dataset.station, service: one("#offline-service").value, occupation, heads: 1, at: Date.now(),
      offset: Math.round(Number(localStorage.getItem("portal.offset")) || 0) };
    if (card) entry.card = card;
    const said = one("#offline-said");
    try {
      localStorage.setItem(prefix + entry.key, JSON.stringify(entry));
    } catch (error) {
      said.textContent = text("Full");
      return false;
    }
    last = entry.key;
    one("#offline-undo").hidden = false;
    said.textContent = text("Noted", { what: what + " · " + one("#offline-service").selectedOptions[0].textContent });
    tell();
    return true;
  }

  if (page) {
    const field = one("#who");
    const wrong = one("#offline-wrong");
    const card = new RegExp("^(?:" + root.dataset.card + ")$");
    one("#offline-scan").addEventListener("submit", (event) => {
      event.preventDefault();
      const typed = field.value.replace(/[\s-]/g, "").toUpperCase();
      if (!typed) return;
      if (!card.test(typed)) { wrong.textContent = text("Phone"); return; }
      wrong.textContent = "";
      if (note(text("Card"), "other", typed)) field.value = "";
      field.focus();
    });
    let tapped = 0;
    document.addEventListener("click", (event) => {
      const button = event.target.closest && event.target.closest("[data-occupation]");
      if (!button || Date.now() - tapped < 400) return;
      tapped = Date.now();
      note(button.querySelector("b").textContent, button.dataset.occupation);
      field.focus();
    });
    one("#offline-undo").addEventListener("click", () => {
      if (last) localStorage.removeItem(prefix + last);
      last = null;
      one("#offline-undo").hidden = true;
      one("#offline-said").textContent = "";
      tell();
    });
    one("#offline-send").addEventListener("click", () => send());
    field.focus();
  } else {
    const go = one("#offline-go");
    const away = () => { go.hidden = false; };
    window.addEventListener("offline", away);
    document.addEventListener("htmx:sendError", away);
    if (!navigator.onLine) away();
  }
  window.addEventListener("online", () => send());
  window.addEventListener("storage", () => tell());
  window.addEventListener("pageshow", () => tell());
  setInterval(() => { if (entries().length && navigator.onLine) send(); }, 30000);
  tell();
  keep();
  if (navigator.onLine) {
    if (entries().length) send();
    else ask("/offline/token").then((answer) => keepOffset(answer.now)).catch(() => {});
  }
})();
