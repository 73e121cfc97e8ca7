/* The counter by keyboard and scanner. Plain ES2017; pages work without it. Whatever is typed lands in the one field; while
   the field is empty a letter alone, with no sign after it for a moment, presses the button that bears it. */
(function () {
  "use strict";

  const QUIET = 250; // ms without another sign: a scanner types far quicker, a hand that types a word as well
  const LETTERS = "asdfghjklqetyuiopxcvbnm"; // not r and w, with which service codes begin, and not z, which takes back
  const one = (selector, root) => (root || document).querySelector(selector);
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const field = one("#who");
  const keys = one("#keys");
  if (!field || !keys) return;

  let waiting = null;
  const memory = {
    get(name, store) { try { return store.getItem(name); } catch (error) { return null; } },
    set(name, value, store) { try { store.setItem(name, value); } catch (error) { /* a private window keeps nothing */ } },
  };

  /* ── which button bears which letter: a person's services, otherwise the occupations ── */
  function buttons() {
    const places = all("[data-keys]");
    const place = places[places.length - 1];
    // what stands in a form beneath a button is for the hand, not for a letter
    const free = (one) => one.matches("summary") || !one.closest("details");
    return place ? all("button:not([disabled]), a.give, summary.give", place).filter(free).slice(0, LETTERS.length) : [];
  }

  function isOn() { return one("#use-keys").checked; }

  function draw() {
    all(".hint").forEach((hint) => hint.remove());
    all("[aria-keyshortcuts]").forEach((button) => button.removeAttribute("aria-keyshortcuts"));
    if (!isOn()) return;
    buttons().forEach((button, number) => {
      const hint = document.createElement("kbd");
      hint.className = "hint";
      hint.setAttribute("aria-hidden", "true");
      hint.textContent = LETTERS[number];
      button.append(hint);
      button.setAttribute("aria-keyshortcuts", LETTERS[number].toUpperCase());
    });
  }

  function focus() { field.focus({ preventScroll: true }); }

  function undo() {
    const button = one("#undo button");
    if (button) button.click();
  }

  function next() {
    if (!one("#person, #matches, #newcomer, #doubt")) return;
    const here = one("#counter").dataset.here;
    if (window.htmx) window.htmx.ajax("GET", here, { target: "#counter", swap: "outerHTML" });
    else window.location.assign(here);
  }

  function press(letter) {
    if (letter === "?" || letter === "？") { keys.open = !keys.open; return; }
    if (letter === "z") { undo(); return; }
    const button = buttons()[LETTERS.indexOf(letter)];
    if (button) button.click();
  }

  function known(letter) {
    if (letter === "?" || letter === "？" || letter === "z") return true;
    const place = LETTERS.indexOf(letter);
    return letter.length === 1 && place >= 0 && place < buttons().length;
  }

  /* ── typing ── */
  function isOtherField(element) {
    return element !== field && element.matches("input:not([type=checkbox]):not([type=radio]), select, textarea, [contenteditable]");
  }

  document.addEventListener("keydown", (event) => {
    clearTimeout(waiting);
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape") {
      if (document.activeElement && isOtherField(document.activeElement)) { focus(); return; }
      if (field.value) field.value = "";
      else next();
      focus();
      return;
    }
    if (isOtherField(event.target)) return;
    if (event.ctrlKey && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "z") {
      if (field.value) return;
      event.preventDefault();
      undo();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.key.length !== 1) return;
    if (event.target !== field && event.key === " ") return; // the space bar presses the button that has the focus
    // A scanner types wherever the focus is: its signs belong into the field, and its Enter must press no other button.
    if (event.target !== field) focus();
    const letter = event.key.toLowerCase();
    if (field.value || event.repeat || !isOn() || !known(letter)) return;
    waiting = setTimeout(() => {
      if (field.value.toLowerCase() !== letter) return;
      field.value = "";
      press(letter);
    }, QUIET);
  });

  /* ── the focus comes back: after a tap beside the buttons, and when the window is looked at again ── */
  document.addEventListener("click", () => {
    setTimeout(() => {
      const active = document.activeElement;
      if ((!active || active === document.body || active.matches("main, summary")) && !String(window.getSelection())) focus();
    });
  });
  window.addEventListener("focus", () => { if (!document.activeElement || document.activeElement === document.body) focus(); });

  /* ── what a scan gives is chosen for this tab ── */
  all("[data-keep]").forEach((select) => {
    const kept = memory.get(select.dataset.keep, sessionStorage);
    if (kept !== null && all("option", select).some((option) => option.value === kept)) select.value = kept;
    select.addEventListener("change", () => {
      memory.set(select.dataset.keep, select.value, sessionStorage);
      focus();
    });
  });

  const useKeys = one("#use-keys");
  useKeys.checked = memory.get("use-keys", localStorage) !== "no";
  useKeys.addEventListener("change", () => {
    memory.set("use-keys", useKeys.checked ? "yes" : "no", localStorage);
    draw();
    focus();
  });

  /* ── on a phone whoever was found stands below the field: bring them up, so that the first thing seen is what to tap ── */
  document.addEventListener("htmx:afterSettle", (event) => {
    const shown = event.target.id === "counter" && one("#person, #matches, #newcomer, #doubt");
    if (shown && shown.getBoundingClientRect().top > window.innerHeight / 2) shown.scrollIntoView({ block: "start" });
  });

  keys.hidden = false;
  document.addEventListener("htmx:afterSettle", draw);
  draw();
})();
