// The map of a network, without tiles: the page's own GeoJSON over a plain ground. Until this has
// run, and where it cannot (no WebGL), the server's SVG map stays in its place.
import * as maplibre from "./vendor/maplibre-gl.mjs";

const box = document.querySelector("[data-map]");
if (box) start().catch((fault) => { box.dataset.ready = "no"; console.warn("The map stays a picture:", fault); });

function color(name) {
  // Variables use light-dark(); a painted element resolves them to a plain color.
  const probe = document.createElement("i");
  probe.hidden = false;
  probe.style.color = `var(--${name})`;
  box.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  const canvas = document.createElement("canvas").getContext("2d");
  canvas.fillStyle = found;
  return canvas.fillStyle;
}

const limits = JSON.parse(box?.dataset.steps ?? "{}");

function paint(show) {
  const levels = ["A", "B", "C", "D", "E", "F"].flatMap((letter) => [letter, color(`los-${letter.toLowerCase()}`)]);
  const faint = color("edge");
  const ramp = ["los-a", "los-b", "los-c", "los-d", "los-e", "los-f"].map(color);
  // As the legend has it: a value at a limit is still below it.
  const steps = (name) => [
    "case", ["!=", ["typeof", ["get", name]], "number"], faint,
    ["step", ["get", name], ramp[0], ...limits[name].flatMap((limit, i) => [limit + 1e-9, ramp[i + 1]])],
  ];
  if (show === "delay") return steps("delay_s");
  if (show === "queue") return steps("queue_veh");
  return ["match", ["coalesce", ["get", "level_of_service"], "-"], ...levels, faint];
}

function style(data, show) {
  const width = ["interpolate", ["linear"], ["zoom"], 11, 1.6, 15, 5, 18, 12];
  const aside = ["interpolate", ["linear"], ["zoom"], 11, 0.8, 15, 3, 18, 8];
  return {
    version: 8,
    sources: { network: { type: "geojson", data, attribution: "", buffer: 32 } },
    layers: [
      { id: "ground", type: "background", paint: { "background-color": color("sunk") } },
      { id: "links", type: "line", source: "network", filter: ["==", ["get", "kind"], "link"],
        layout: { "line-cap": "round" },
        paint: { "line-color": color("edge"), "line-opacity": 0.5, "line-width": ["interpolate", ["linear"], ["zoom"], 11, 0.7, 16, 3], "line-offset": aside } },
      { id: "approaches", type: "line", source: "network", filter: ["==", ["get", "kind"], "approach"],
        paint: { "line-color": paint(show), "line-width": width, "line-offset": aside } },
      { id: "signals", type: "circle", source: "network", filter: ["==", ["get", "kind"], "signal"],
        paint: { "circle-radius": ["interpolate", ["linear"], ["zoom"], 11, 2.5, 15, 7], "circle-color": color("card"),
          "circle-stroke-color": color("ink"), "circle-stroke-width": 1.6 } },
      { id: "names", type: "symbol", source: "network", minzoom: 13, filter: ["==", ["get", "kind"], "signal"],
        layout: { "text-field": ["case", [">", ["length", ["get", "signal_id"]], 22], ["concat", ["slice", ["get", "signal_id"], 0, 11], "…", ["slice", ["get", "signal_id"], -9]], ["get", "signal_id"]], "text-size": 12, "text-offset": [0, 1.1], "text-anchor": "top", "text-font": ["sans-serif"], "text-optional": true },
        paint: { "text-color": color("ink"), "text-halo-color": color("sunk"), "text-halo-width": 1.5 } },
    ],
  };
}

function bounds(data) {
  const found = new maplibre.LngLatBounds();
  const add = (place) => (typeof place[0] === "number" ? found.extend(place) : place.forEach(add));
  const shown = data.features.filter((f) => f.properties.kind !== "link");
  for (const feature of shown.length ? shown : data.features) add(feature.geometry.coordinates);
  return found;
}

async function start() {
  const answer = await fetch(box.dataset.map, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`${box.dataset.map}: ${answer.status}`);
  const data = await answer.json();
  maplibre.setWorkerUrl(new URL("./vendor/maplibre-gl-worker.mjs", import.meta.url).href);
  const place = document.createElement("div");
  place.className = "map";
  box.append(place);
  let show = box.dataset.show || "los";
  let map;
  try {
    map = new maplibre.Map({
      container: place, style: style(data, show), bounds: bounds(data), fitBoundsOptions: { padding: 30 },
      attributionControl: false, dragRotate: false, pitchWithRotate: false, renderWorldCopies: false, maxZoom: 20,
      fadeDuration: 0,
    });
  } catch (fault) { place.remove(); throw fault; }
  map.touchZoomRotate.disableRotation();
  map.addControl(new maplibre.NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new maplibre.ScaleControl({ unit: "metric" }), "bottom-left");
  map.once("load", () => {
    box.querySelector(":scope > svg")?.setAttribute("hidden", "");
    box.dataset.ready = "yes";
  });
  const canvas = map.getCanvas();
  canvas.setAttribute("aria-label", "Map of the network; the table below it holds the same");
  const popup = new maplibre.Popup({ closeButton: false, closeOnClick: false, maxWidth: "18rem" });
  const found = (event) => map.queryRenderedFeatures(
    [[event.point.x - 4, event.point.y - 4], [event.point.x + 4, event.point.y + 4]],
    { layers: ["signals", "approaches"] })[0];
  map.on("mousemove", (event) => {
    const feature = found(event);
    canvas.style.cursor = feature ? "pointer" : "";
    if (!feature) { popup.remove(); return; }
    const p = feature.properties;
    const text = [p.kind === "approach" ? `${p.link_id} to signal ${p.signal_id}` : `Signal ${p.signal_id}`];
    if (typeof p.delay_s === "number") text.push(`${p.delay_s.toFixed(1)} s/veh, level ${p.level_of_service || "–"}`);
    if (typeof p.queue_veh === "number") text.push(`queue ${p.queue_veh.toFixed(1)} veh`);
    popup.setLngLat(event.lngLat).setText(text.join(" · ")).addTo(map);
  });
  map.on("mouseout", () => popup.remove());
  map.on("click", (event) => {
    const signal = found(event)?.properties.signal_id;
    if (signal) window.location.assign(box.dataset.sheet + encodeURIComponent(signal));
  });
  const repaint = () => map.setStyle(style(data, show), { diff: true });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  for (const choice of document.querySelectorAll("[data-map-show]"))
    choice.addEventListener("click", (event) => {
      event.preventDefault();
      show = choice.dataset.mapShow;
      for (const other of document.querySelectorAll("[data-map-show]"))
        other === choice ? other.setAttribute("aria-current", "true") : other.removeAttribute("aria-current");
      for (const scale of document.querySelectorAll("[data-map-scale]"))
        scale.hidden = (scale.dataset.mapScale === "queue") !== (show === "queue");
      box.dispatchEvent(new CustomEvent("map-show", { bubbles: true, detail: show }));
      repaint();
    });
  box.throughbandMap = map;
}
