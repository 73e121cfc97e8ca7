/* The full screen of a hand-out: scans are taken one after the other however fast they come, none is lost, each has its
   key; colour and sound say what happened. Without this file the same forms work by themselves. Plain ES2017. */
(function () {
  "use strict";
  const one = (selector) => document.querySelector(selector);
  const root = one("[data-handout]");
  if (!root) return;
  const waiting = [];
  let busy = false;

  function freshKey() {
    const bytes = new Uint8Array(18);
    window.crypto.getRandomValues(bytes);
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function tell() {
    const place = one("#waiting");
    if (place) place.textContent = waiting.length > 1 || (waiting.length && waiting[0].failed) ? root.dataset.waiting.replace("{n}", waiting.length) : "";
  }

  function show(html) {
    const frame = document.createElement("template");
    frame.innerHTML = html;
    const fresh = frame.content.querySelector("#given");
    if (!fresh) return false;
    one("#given").replaceWith(fresh);
    if (window.htmx) { window.htmx.process(fresh); window.htmx.trigger(document.body, "given"); }
    sound(fresh.dataset.outcome);
    return true;
  }

  function next() {
    if (busy || !waiting.length) { tell(); return; }
    busy = true;
    tell();
    const item = waiting[0];
    const body = new URLSearchParams(item.fields);
    fetch(root.dataset.handout, { method: "POST", body, headers: { "HX-Request": "true", "HX-Target": "given" }, credentials: "same-origin" })
      .then((answer) => answer.text().then((html) => {
        if (answer.status !== 200 && answer.status !== 422) throw new Error(String(answer.status));
        if (!show(html)) { window.location.reload(); return; }
        waiting.shift();
        busy = false;
        next();
      }))
      .catch(() => { item.failed = true; busy = false; tell(); setTimeout(next, 2000); });
  }

  /* Taken here before portal.js and htmx see it: the field is free for the next scan at once. */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-scan], [data-one]")) return;
    event.preventDefault();
    event.stopPropagation();
    const fields = {};
    new FormData(form).forEach((value, name) => { fields[name] = value; });
    fields.key = freshKey();
    if (form.matches("[data-scan]")) {
      const field = form.elements.who;
      field.value = "";
      field.focus();
      if (!fields.who.trim()) return;
    } else {
      const field = one("[data-focus]");
      if (field) field.focus();
    }
    waiting.push({ fields });
    next();
  }, true);
  window.addEventListener("online", next);
  /* An undo goes through htmx; what is left is then asked for at once, not only at the next round. */
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "given") window.htmx.trigger(document.body, "given");
  });

  /* ── sound: only after somebody asked for it with a tap ── */
  let audio = null;
  function beep(pitch, length, delay) {
    const tone = audio.createOscillator();
    const loud = audio.createGain();
    tone.frequency.value = pitch;
    loud.gain.value = 0.2;
    tone.connect(loud);
    loud.connect(audio.destination);
    tone.start(audio.currentTime + delay);
    tone.stop(audio.currentTime + delay + length);
  }
  function sound(outcome) {
    if (!audio || !outcome) return;
    if (outcome === "green") beep(880, 0.12, 0);
    else if (outcome === "amber") { beep(440, 0.15, 0); beep(440, 0.15, 0.25); }
    else beep(196, 0.6, 0);
  }
  const button = one("[data-sound]");
  const Audio = window.AudioContext || window.webkitAudioContext;
  if (button && Audio) {
    button.hidden = false;
    button.addEventListener("click", () => {
      if (audio) { audio.close(); audio = null; } else { audio = new Audio(); beep(880, 0.08, 0); }
      button.setAttribute("aria-pressed", audio ? "true" : "false");
      button.textContent = audio ? button.dataset.on : button.dataset.off;
      const field = one("[data-focus]");
      if (field) field.focus();
    });
  }
  const whole = one("[data-whole]");
  if (whole && root.requestFullscreen) {
    whole.hidden = false;
    whole.addEventListener("click", () => {
      if (document.fullscreenElement) document.exitFullscreen();
      else root.requestFullscreen().catch(() => {});
      const field = one("[data-focus]");
      if (field) field.focus();
    });
  }
  document.addEventListener("click", (event) => {
    if (event.target.closest && event.target.closest("input, select, textarea, summary, details, a")) return;
    const field = one("[data-focus]");
    if (field) setTimeout(() => field.focus({ preventScroll: true }), 0);
  });
})();
