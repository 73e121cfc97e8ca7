/* The screen of a paired device: it locks itself when nobody taps, and the locked screen has a pad of digits.
   What waits in the browser for the network is never touched here. Plain ES2017. */
(function () {
  "use strict";

  /* ── the pad: the plain form is there without it ── */
  const form = document.querySelector("form[data-pad]");
  if (form) {
    const pin = form.elements.pin;
    form.querySelector(".pad").hidden = false;
    form.querySelector(".plain").hidden = true;
    pin.setAttribute("inputmode", "none"); /* the pad is the keyboard of a tablet; a real one types all the same */
    form.addEventListener("click", (event) => {
      const key = event.target.closest("[data-digit]");
      if (!key) return;
      const digit = key.dataset.digit;
      pin.value = digit === "back" ? pin.value.slice(0, -1) : (pin.value + digit).slice(0, pin.maxLength);
    });
    pin.focus();
  }

  /* ── the lock: by itself after some minutes without a tap ── */
  const bar = document.querySelector("[data-lock]");
  const lock = bar && bar.querySelector("form[data-locks-after]");
  if (!lock) return;
  const curtain = bar.querySelector(".curtain");
  document.body.append(curtain);
  let last = Date.now();
  let locking = false;

  const tapped = () => { if (!locking) last = Date.now(); };
  ["pointerdown", "keydown", "touchstart"].forEach((kind) => document.addEventListener(kind, tapped, { passive: true, capture: true }));

  /* Names must not stay in what lies beneath the curtain. */
  function blank() {
    const gone = document.querySelectorAll("#person, #aside, #undo, #counter .people, [data-hides-when-locked]");
    gone.forEach((part) => { part.textContent = ""; });
    document.querySelectorAll("input[type=text], input[type=search], input:not([type])").forEach((field) => { field.value = ""; });
  }

  function draw() {
    blank();
    curtain.hidden = false;
    curtain.querySelector("button").focus();
  }

  function close() {
    locking = true;
    const gone = () => window.location.replace(bar.dataset.lock);
    window.fetch(lock.action, { method: "POST", body: new FormData(lock), credentials: "same-origin", redirect: "manual" })
      .then(gone, draw);
  }

  curtain.querySelector("button").addEventListener("click", () => {
    curtain.hidden = true;
    locking = false;
    last = Date.now();
  });
  window.addEventListener("online", () => { if (!curtain.hidden) close(); });

  function look() {
    if (!locking && Date.now() - last >= Number(lock.dataset.locksAfter) * 1000) close();
  }
  window.setInterval(look, 1000);
  document.addEventListener("visibilitychange", look); /* a tablet that slept wakes up locked */

  /* Where the session ended on the server meanwhile, the whole page becomes the locked screen, not a part of it. */
  document.addEventListener("htmx:beforeSwap", (event) => {
    const address = event.detail.xhr && event.detail.xhr.responseURL;
    if (address && new URL(address).pathname === bar.dataset.lock) {
      event.detail.shouldSwap = false;
      window.location.replace(bar.dataset.lock);
    }
  });
})();
