// Offsets dragged in a time-space diagram: by mouse, touch or keyboard. Bands are measured anew at
// once, here; the delay is asked of the server by the form's own htmx request, a moment later.
(() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const block = document.getElementById("space-data");
  const svg = document.querySelector("svg.space");
  const form = document.getElementById("offsets");
  if (!block || !svg || !form) return;
  const data = JSON.parse(block.textContent);
  const base = Object.fromEntries(data.rows.map((row) => [row.signal, row.offset_s]));
  const cycles = Object.fromEntries(data.rows.map((row) => [row.signal, row.cycle_s]));
  const ys = Object.fromEntries(data.rows.map((row) => [row.signal, row.y]));
  const inputs = new Map();
  for (const input of form.querySelectorAll("input[data-offset-input]")) inputs.set(input.dataset.offsetInput, input);
  const now = { ...base };
  const modulo = (a, n) => ((a % n) + n) % n;

  // ---- bands, as engine/measures/bandwidth.py measures them: a cycle in tenths of a second
  function openTimes(stops) {
    const cycle = 10 * Math.max(...stops.map((stop) => cycles[stop.signal]));
    const open = new Uint8Array(cycle).fill(1);
    let least = Infinity;
    for (const stop of stops) {
      const own = 10 * cycles[stop.signal];
      if (!own || cycle % own) return null;
      const shift = 10 * (now[stop.signal] - base[stop.signal]) - (stop.at_ds - stops[0].at_ds);
      const green = new Uint8Array(cycle);
      let length = 0;
      for (const [begin, long] of stop.greens) {
        length += long;
        for (let turn = 0; turn < cycle / own; turn++)
          for (let t = 0; t < long; t++) green[modulo(begin + t + shift + turn * own, cycle)] = 1;
      }
      least = Math.min(least, length);
      for (let t = 0; t < cycle; t++) open[t] &= green[t];
    }
    return { open, cycle, least };
  }

  function longestRun(open) {
    const size = open.length;
    if (open.every((value) => value)) return [0, size];
    let best = [0, 0];
    for (let begin = 0; begin < size; begin++) {
      if (!open[begin] || open[modulo(begin - 1, size)]) continue;
      let length = 0;
      while (open[modulo(begin + length, size)]) length++;
      if (length > best[1]) best = [begin, length];
    }
    return best;
  }

  function bandOf(stops) {
    const found = openTimes(stops);
    if (!found) return { width: 0, begin: 0, cycle: 0, least: 0 };
    const [begin, width] = longestRun(found.open);
    return { width: width / 10, begin: begin / 10, cycle: found.cycle / 10, least: found.least / 10 };
  }

  function outlines(stops, band, direction, partial, group) {
    const way = stops.map((stop) => [ys[stop.signal], (stop.at_ds - stops[0].at_ds) / 10]);
    const last = way[way.length - 1][1];
    let written = false;
    const texts = [];
    for (let turn = Math.floor((-last - band.width - band.begin) / band.cycle); turn <= data.seconds / band.cycle; turn++) {
      const begin = band.begin + turn * band.cycle;
      if (begin > data.seconds || begin + band.width + last < 0) continue;
      const edge = way.map(([y, s]) => [data.left + (begin + s) * data.per_s, y]);
      const back = edge.map(([x, y]) => [x + band.width * data.per_s, y]).reverse();
      const shape = document.createElementNS(SVG, "polygon");
      shape.setAttribute("class", `band ${direction}${partial ? " part" : ""}`);
      shape.setAttribute("points", [...edge, ...back].map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" "));
      group.append(shape);
      const part = (direction === "outbound" ? 0.36 : 0.3) * (way.length - 1);
      const leg = Math.min(Math.floor(part), way.length - 2);
      const middle = begin + way[leg][1] + (part - leg) * (way[leg + 1][1] - way[leg][1]) + band.width / 2;
      if (!written && middle > 0.04 * data.seconds && middle < 0.96 * data.seconds) {
        written = true;
        const text = document.createElementNS(SVG, "text");
        text.setAttribute("class", `band-width${partial ? " part" : ""}`);
        text.setAttribute("x", data.left + middle * data.per_s);
        text.setAttribute("y", way[leg][0] + (part - leg) * (way[leg + 1][0] - way[leg][0]));
        text.setAttribute("text-anchor", "middle");
        text.setAttribute("dominant-baseline", "middle");
        text.textContent = `${band.width.toFixed(1)} s`;
        texts.push(text);
      }
    }
    return texts;
  }

  const bands = document.getElementById("bands");
  const said = document.getElementById("band-said");
  function redraw() {
    const group = bands.cloneNode(false);
    const texts = [];
    const sentences = [];
    for (const course of data.courses) {
      const whole = bandOf(course.stops);
      if (whole.width) {
        texts.push(...outlines(course.stops, whole, course.direction, false, group));
        const attained = whole.least ? Math.min(100, (100 * whole.width) / whole.least) : 0;
        sentences.push(
          `${course.direction} band ${whole.width.toFixed(1)} s = ${Math.round((100 * whole.width) / whole.cycle)} % of the ${whole.cycle} s cycle, attainability ${Math.round(attained)} %`);
      } else {
        sentences.push(`${course.direction} band 0 s (${whole.cycle ? "no moment meets green at every signal" : "cycles differ"})`);
        for (let i = 0; i + 1 < course.stops.length; i++) {
          const pair = course.stops.slice(i, i + 2);
          const band = bandOf(pair);
          if (band.width) texts.push(...outlines(pair, band, course.direction, true, group));
        }
      }
    }
    group.append(...texts);
    document.getElementById("bands").replaceWith(group);
    said.textContent = sentences.join("; ");
  }

  // Vehicles were simulated under the plan as it is: under other offsets they would drive otherwise.
  const driven = document.getElementById("trajectories");
  const told = document.getElementById("vehicles-said");
  const toldFirst = told ? told.textContent : "";
  function showVehicles() {
    if (!told) return;
    const moved = Object.keys(base).some((signal) => now[signal] !== base[signal]);
    driven.classList.toggle("away", moved);
    told.textContent = moved ? told.dataset.moved : toldFirst;
  }

  // ---- handles
  let due = 0;
  function show(signal) {
    const handle = handles.get(signal);
    const cycle = cycles[signal];
    const moved = modulo(now[signal] - base[signal], cycle);
    handle.querySelector(".shift").setAttribute("transform", `translate(${(moved * data.per_s).toFixed(2)} 0)`);
    handle.classList.toggle("moved", moved !== 0);
    handle.setAttribute("aria-valuenow", now[signal]);
    handle.setAttribute("aria-valuetext", `${now[signal]} s of ${cycle} s${moved ? `, was ${base[signal]} s` : ""}`);
    const text = svg.querySelector(`[data-offset-of="${CSS.escape(signal)}"]`);
    if (text) text.textContent = moved ? `${base[signal]} → ${now[signal]}` : now[signal];
  }
  function move(signal, offset, final) {
    const value = modulo(Math.round(offset), cycles[signal]);
    const changed = value !== now[signal];
    now[signal] = value;
    const input = inputs.get(signal);
    if (input && input.value !== String(value)) input.value = value;
    if (changed) {
      show(signal);
      showVehicles();
      if (!due) due = requestAnimationFrame(() => { due = 0; redraw(); });
    }
    if (changed || final) form.dispatchEvent(new CustomEvent("offset-moved", { bubbles: true }));
  }

  const handles = new Map();
  for (const handle of svg.querySelectorAll(".handle[data-cycle]")) {
    const signal = handle.dataset.signal;
    handles.set(signal, handle);
    handle.setAttribute("tabindex", "0");
    handle.setAttribute("role", "slider");
    handle.setAttribute("aria-label", handle.dataset.label);
    handle.setAttribute("aria-valuemin", "0");
    handle.setAttribute("aria-valuemax", String(cycles[signal] - 1));
    let from = null;
    handle.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      from = { x: event.clientX, offset: now[signal] };
      handle.setPointerCapture(event.pointerId);
      handle.classList.add("dragging");
      handle.focus({ preventScroll: true });
      event.preventDefault();
    });
    handle.addEventListener("pointermove", (event) => {
      if (!from) return;
      const scale = svg.viewBox.baseVal.width / svg.getBoundingClientRect().width;
      move(signal, from.offset + ((event.clientX - from.x) * scale) / data.per_s, false);
    });
    const end = () => {
      if (!from) return;
      from = null;
      handle.classList.remove("dragging");
      move(signal, now[signal], true);
    };
    handle.addEventListener("pointerup", end);
    handle.addEventListener("pointercancel", end);
    handle.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 5, PageDown: -5 };
      if (event.key in steps) move(signal, now[signal] + steps[event.key], true);
      else if (event.key === "Home") move(signal, 0, true);
      else if (event.key === "End") move(signal, cycles[signal] - 1, true);
      else if (event.key === "Escape") move(signal, base[signal], true);
      else return;
      event.preventDefault();
    });
    show(signal);
  }
  for (const [signal, input] of inputs)
    input.addEventListener("input", () => {
      if (input.value !== "" && input.checkValidity()) move(signal, Number(input.value), true);
    });
  for (const button of form.querySelectorAll("button[data-reset]")) {
    button.hidden = false;
    button.addEventListener("click", () => { for (const signal of handles.keys()) move(signal, base[signal], true); });
  }
  svg.dataset.ready = "yes";
  // A page drawn with offsets from its address: what is drawn is the base of the strips, and the
  // plan's own offsets stand in the inputs.
})();
