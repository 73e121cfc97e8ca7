/* Reading a service code with the camera. The decoder is loaded when the button is pressed, never before; without a camera, or
   without the permission, words say what to do instead. */
(function () {
  "use strict";

  const nonce = document.currentScript.nonce;
  const one = (selector) => document.querySelector(selector);
  const button = one("#camera");
  const view = one("#camera-view");
  const field = one("#who");
  if (!button || !view || !field) return;

  const EVERY = 120; // ms between two looks
  const AGAIN = 3000; // ms before the same code counts once more
  const label = button.textContent;
  let stream = null;
  let timer = null;
  let last = { text: "", at: 0 };

  function tell(words) {
    const place = one("#notice");
    place.textContent = "";
    const bar = document.createElement("div");
    const says = document.createElement("p");
    bar.className = "said warning";
    says.textContent = words;
    bar.append(says);
    place.append(bar);
    field.focus({ preventScroll: true });
  }

  function load() {
    if (window.jsQR) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = button.dataset.library;
      script.nonce = nonce;
      script.onload = resolve;
      script.onerror = reject;
      document.head.append(script);
    });
  }

  function stop() {
    clearTimeout(timer);
    if (stream) stream.getTracks().forEach((track) => track.stop());
    stream = null;
    view.srcObject = null;
    view.hidden = true;
    button.textContent = label;
    button.setAttribute("aria-pressed", "false");
  }

  function found(text) {
    const now = Date.now();
    if (text === last.text && now - last.at < AGAIN) { last.at = now; return; }
    last = { text: text, at: now };
    field.value = text;
    field.form.querySelector("[type=submit]").click();
  }

  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });

  function look() {
    if (!stream) return;
    const width = view.videoWidth;
    const height = view.videoHeight;
    if (width && !field.value) {
      const shrink = Math.min(1, 640 / width);
      canvas.width = Math.round(width * shrink);
      canvas.height = Math.round(height * shrink);
      pen.drawImage(view, 0, 0, canvas.width, canvas.height);
      const image = pen.getImageData(0, 0, canvas.width, canvas.height);
      const code = window.jsQR(image.data, image.width, image.height, { inversionAttempts: "dontInvert" });
      if (code && code.data && code.data.length <= 60) found(code.data);
    }
    timer = setTimeout(look, EVERY);
  }

  async function start() {
    if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) { tell(button.dataset.none); return; }
    button.setAttribute("aria-busy", "true");
    try {
      await load();
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
      view.srcObject = stream;
      view.hidden = false;
      await view.play();
      button.textContent = button.dataset.stop;
      button.setAttribute("aria-pressed", "true");
      look();
    } catch (error) {
      stop();
      tell(error && error.name === "NotAllowedError" ? button.dataset.refused : button.dataset.none);
    }
    button.removeAttribute("aria-busy");
    field.focus({ preventScroll: true });
  }

  button.addEventListener("click", () => {
    if (!stream) { start(); return; }
    stop();
    field.focus({ preventScroll: true });
  });
  window.addEventListener("pagehide", stop);
  document.addEventListener("visibilitychange", () => { if (document.hidden) stop(); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && stream) stop(); });
  button.hidden = false;
  button.setAttribute("aria-pressed", "false");
})();
