/* Small behaviours on top of pages that work without them. Plain ES2017, no eval, no inline handlers.
   Everything is asked for by a data-attribute in the page; texts come from the page in its language. */
(function () {
  "use strict";

  const one = (selector, root) => (root || document).querySelector(selector);
  const all = (selector, root) => Array.from((root || document).querySelectorAll(selector));
  const texts = () => document.body.dataset;

  /* ── the message bar: says what went wrong, stays until the next success or until closed ── */
  function say(text, kind) {
    const place = one("#notice");
    if (!place) return;
    place.textContent = "";
    if (!text) return;
    const bar = document.createElement("div");
    const words = document.createElement("p");
    const close = document.createElement("button");
    bar.className = "said " + (kind || "warning");
    words.textContent = text;
    close.type = "button";
    close.textContent = texts().textClose || "×";
    close.addEventListener("click", () => { place.textContent = ""; focusField(); });
    bar.append(words, close);
    place.setAttribute("role", kind === "info" ? "status" : "alert");
    place.append(bar);
  }

  /* ── focus: the scan field is ready after every action; what someone types is never disturbed ── */
  const fingers = window.matchMedia && window.matchMedia("(pointer: coarse)").matches;

  function isTyping(element, field) {
    return element && element !== field && element.matches("input:not([type=checkbox]):not([type=radio]), select, textarea, [contenteditable]");
  }

  function focusField() {
    const field = one("[data-focus]");
    if (!field || field === document.activeElement || isTyping(document.activeElement, field)) return;
    if (one("dialog[open]")) return;
    if (fingers && field.matches("input")) {
      // On a phone a scanner may type at once, but the keyboard opens only when the field is tapped.
      if (field.dataset.inputmode === undefined) {
        field.dataset.inputmode = field.getAttribute("inputmode") || "";
        field.addEventListener("touchstart", () => {
          if (field.getAttribute("inputmode") !== "none") return;
          if (field.dataset.inputmode) field.setAttribute("inputmode", field.dataset.inputmode);
          else field.removeAttribute("inputmode");
          field.blur();
        }, { passive: true });
      }
      field.setAttribute("inputmode", "none");
    }
    field.focus({ preventScroll: true });
    if (field.value && field.setSelectionRange) {
      try { field.setSelectionRange(field.value.length, field.value.length); } catch (error) { /* this kind of field has no caret */ }
    }
  }

  function focusFirst(root) {
    const problems = one(".errors[tabindex]", root);
    if (problems) problems.focus();
    else focusField();
  }

  /* ── buttons that need a script are hidden until the script is here ── */
  function wake(root) {
    all("[data-geolocate][hidden], [data-copy][hidden], [data-print][hidden]", root).forEach((button) => { button.hidden = false; });
    all("form[data-bulk]", root).forEach(countChosen);
    // On a phone a row of chips scrolls: the one that is chosen stands in sight.
    all(".chips", root).forEach((row) => {
      const chosen = one("[aria-current]", row);
      if (chosen) row.scrollLeft = chosen.offsetLeft - row.offsetLeft - (row.clientWidth - chosen.offsetWidth) / 2;
    });
  }

  function locate(button) {
    const form = button.form;
    const refused = () => { free(button); say(button.dataset.refused, "info"); };
    if (!form || !navigator.geolocation) { refused(); return; }
    button.setAttribute("aria-busy", "true");
    navigator.geolocation.getCurrentPosition((position) => {
      free(button);
      form.elements.lat.value = position.coords.latitude.toFixed(3);
      form.elements.lng.value = position.coords.longitude.toFixed(3);
      const send = one("[type=submit]", form);
      if (send) send.click();
      else form.submit();
    }, refused, { timeout: 10000, maximumAge: 60000 });
  }

  function copy(button) {
    const text = button.dataset.copy;
    const done = () => say(button.dataset.copied, "info");
    const byHand = () => {
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "sr";
      document.body.append(area);
      area.select();
      const worked = document.execCommand("copy");
      area.remove();
      button.focus();
      if (worked) done();
    };
    if (navigator.clipboard && navigator.clipboard.writeText) navigator.clipboard.writeText(text).then(done, byHand);
    else byHand();
  }

  /* ── lists: the whole row opens, actions appear with the first chosen row ── */
  function countChosen(form) {
    const boxes = all("[name][type=checkbox]", form).filter((box) => box.closest(".pick"));
    const chosen = boxes.filter((box) => box.checked).length;
    boxes.forEach((box) => { box.closest("tr").classList.toggle("chosen", box.checked); });
    all("[data-bulk-bar]", form).forEach((bar) => { bar.hidden = !chosen; });
    all("[data-bulk-count]", form).forEach((place) => { place.textContent = place.dataset.bulkCount.replace("{n}", chosen); });
    all("[data-bulk-all]", form).forEach((box) => {
      box.checked = chosen > 0 && chosen === boxes.length;
      box.indeterminate = chosen > 0 && chosen < boxes.length;
    });
  }

  document.addEventListener("change", (event) => {
    const form = event.target.closest && event.target.closest("form[data-bulk]");
    if (!form) return;
    if (event.target.matches("[data-bulk-all]")) {
      all(".pick [name][type=checkbox]", form).forEach((box) => { box.checked = event.target.checked; });
    }
    countChosen(form);
  });

  document.addEventListener("click", (event) => {
    const target = event.target;
    if (!target.closest) return;
    const button = target.closest("[data-geolocate], [data-copy], [data-print]");
    if (button) {
      event.preventDefault();
      if (button.matches("[data-geolocate]")) locate(button);
      else if (button.matches("[data-copy]")) copy(button);
      else window.print();
      return;
    }
    const row = target.closest("tr[data-open]");
    if (!row || target.closest("a, button, input, label, select, summary") || String(window.getSelection())) return;
    const link = one("a[href]", row);
    if (!link) return;
    if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank", "noopener");
    else link.click();
  });

  /* ── a form sent twice within two seconds is sent once ── */
  function free(button) {
    button.removeAttribute("aria-busy");
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    if (event.defaultPrevented || (form.getAttribute("method") || "get").toLowerCase() !== "post") return;
    const buttons = all("button:not([type=button]), [type=submit]", form);
    form.dataset.sent = "yes";
    buttons.forEach((button) => { button.setAttribute("aria-busy", "true"); });
    setTimeout(() => { delete form.dataset.sent; buttons.forEach(free); }, 2000);
  });

  /* The answer to a tap brings a fresh button under the finger: the second half of a double tap must not press it. */
  const tapped = {};
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("button[data-calm]");
    if (!button || !button.form) return;
    const person = button.form.elements.worker;  // the next person's button is another one, though it stands in the same place
    const name = button.form.id + button.form.getAttribute("action") + button.name + button.value + (person ? person.value : "");
    const now = Date.now();
    if (now - (tapped[name] || 0) < Number(button.dataset.calm)) { event.preventDefault(); event.stopPropagation(); return; }
    tapped[name] = now;
  }, true);

  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    all("form[data-sent]").forEach((form) => { delete form.dataset.sent; });
    all("button[aria-busy]").forEach(free);
    focusField();
  });

  /* ── htmx ── */
  function gone() {
    say(texts().textOffline);
    focusField();
  }
  document.addEventListener("htmx:sendError", gone);
  document.addEventListener("htmx:timeout", gone);
  document.addEventListener("htmx:responseError", (event) => {
    const code = event.detail.xhr ? event.detail.xhr.status : 500;
    say((code < 500 && texts().textRefused) || texts().textFailed);
    focusField();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.successful) return;
    say("");
    // Only what was typed goes; what was chosen for this tab stays.
    if (event.target.matches && event.target.matches("form[data-clear-after]")) {
      all("input:not([type=hidden]):not([type=checkbox]):not([type=radio])", event.target).forEach((input) => { input.value = ""; });
    }
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    wake(event.target);
    // A fragment that refreshes by itself leaves the focus of someone who walks by keyboard alone.
    const asker = event.detail.requestConfig && event.detail.requestConfig.elt;
    const active = document.activeElement;
    if (!active || active === document.body || (asker && asker.contains(active))) focusFirst(event.target);
  });
  window.addEventListener("online", () => say(""));

  function begin() { wake(); focusFirst(); }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
