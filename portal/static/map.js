/* The map of stations: markers with names over tiles, or over a plain ground with the counties' names.
   Everything it needs stands in data-map; the list beside it says the same without any of this. Plain ES2017. */
(function () {
  "use strict";

  const place = document.getElementById("map");
  if (!place || !window.L) return;
  const L = window.L;
  const known = JSON.parse(place.dataset.map);

  const make = (tag, className, words) => {
    const element = document.createElement(tag);
    element.className = className;
    if (words) element.textContent = words;
    return element;
  };

  const map = L.map(place, {
    attributionControl: false, zoomControl: false, maxZoom: 18, minZoom: 5, fadeAnimation: false, zoomAnimation: false,
  });
  L.control.zoom({ zoomInTitle: known.words.nearer, zoomOutTitle: known.words.farther }).addTo(map);
  L.control.scale({ imperial: false }).addTo(map);
  if (known.tiles) {
    L.tileLayer(known.tiles, { maxZoom: 18 }).addTo(map);
    // As text: what stands in a setting is no markup.
    if (known.attribution) place.append(make("p", "map-source", known.attribution));
  }

  known.counties.forEach((county) => {
    const icon = L.divIcon({ className: "map-county", html: make("span", "", county[0]), iconSize: null });
    L.marker([county[1], county[2]], { icon: icon, interactive: false, keyboard: false }).addTo(map);
  });

  const points = [];
  known.markers.forEach((station, nth) => {
    const pin = make("span", "pin " + station[4]);
    const label = make("span", "name", station[0]);
    const whole = make("span", "");
    whole.append(pin, label);
    const card = make("div", "map-card");
    const link = make("a", "", station[0]);
    link.href = station[3];
    card.append(link, make("p", "", station[5]));
    const marker = L.marker([station[1], station[2]], {
      icon: L.divIcon({ className: nth < 5 && known.here ? "map-station first" : "map-station", html: whole, iconSize: null }), keyboard: false,
    });
    marker.bindPopup(card, { closeButton: false }).addTo(map);
    points.push([station[1], station[2]]);
  });
  if (known.here) {
    const icon = L.divIcon({ className: "map-here", html: make("span", "", ""), iconSize: [18, 18] });
    L.marker(known.here, { icon: icon, keyboard: false, interactive: false, zIndexOffset: 1000 }).addTo(map);
  }

  /* With a position: so that the nearest few are in sight; without: all of them. */
  const inSight = known.here ? points.slice(0, 8).concat([known.here]) : points;
  if (inSight.length) map.fitBounds(inSight, { padding: [30, 30], maxZoom: 15 });
  else map.setView(known.counties.length ? known.counties[0].slice(1) : [34.76, 113.65], 9);

  /* Names of stations and counties only where they have room. */
  const names = () => { 
    place.classList.toggle("named", map.getZoom() >= 13);
    place.classList.toggle("placed", map.getZoom() >= 9);
  };
  map.on("zoomend", names);
  names();

  const again = document.querySelector("[data-map-again]");
  if (again) {
    map.on("dragend", () => { again.hidden = false; });
    again.addEventListener("click", () => {
      const middle = map.getCenter();
      const more = new URLSearchParams({ lat: middle.lat.toFixed(5), lng: middle.lng.toFixed(5), system: known.system });
      window.location.assign(known.again + (known.again.includes("?") ? "&" : "?") + more);
    });
  }
  place.dataset.ready = String(points.length);
})();
