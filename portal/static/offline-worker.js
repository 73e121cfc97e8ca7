/* The service worker of the desk: when a page of a station's desk cannot be fetched, its offline page is shown instead.
   It keeps no page but that one; what is kept is put there by offline.js. */
"use strict";

const KEPT = "desk-1";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => {
  event.waitUntil(caches.keys()
    .then((names) => Promise.all(names.filter((name) => name.startsWith("desk-") && name !== KEPT).map((name) => caches.delete(name))))
    .then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const request = event.request;
  if (request.method !== "GET") return;
  const address = new URL(request.url);
  if (address.origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    const station = /^\/desk\/([A-Za-z0-9-]+)(\/|$)/.exec(address.pathname);
    if (!station) return;
    event.respondWith(fetch(request).catch(() => caches.match("/desk/" + station[1] + "/offline").then((kept) => kept || Response.error())));
  } else if (address.pathname.startsWith("/static/")) {
    event.respondWith(fetch(request).catch(() => caches.match(request).then((kept) => kept || Response.error())));
  }
});
