"""How smooth the map of a network is in a real browser, beside the same page with an empty map.

Debian's Chromium pans and zooms the map as the mouse does, while the page notes when it is given
each frame. Without a graphics card it draws in software (SwiftShader), on the processors that serve
the pages too: a lower bound of what an engineer's screen shows. What drawing costs whatever is on
the map, the empty map tells; what our page adds on its own thread, its processor time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

LEAST_FPS: Final = 30.0
"""Frames per second that eyes take for smooth."""

LEAST_OF_EMPTY: Final = 0.5
"""Where not even the empty map reaches `LEAST_FPS`: so much of its rate is asked of the town."""

ROUNDS: Final = 2
PATIENCE_MS: Final = 120_000
CHROMIUM: Final = Path("/usr/bin/chromium")
FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader")
WAYS: Final = ("panning", "zooming")
SCRIPT: Final = """async ({ way, empty, rounds }) => {
  const map = document.querySelector('[data-map]').throughbandMap;
  const idle = () => new Promise((done) => { map.once('idle', done); map.triggerRepaint(); });
  if (empty) {
    map.getSource('network').setData({ type: 'FeatureCollection', features: [] });
    await idle();
  }
  const center = map.getCenter(), zoom = map.getZoom();
  const easing = (part) => part;
  const moves = way === 'panning'
    ? [[200, 120], [-400, -240], [200, 120]].map((by) => () =>
        map.panBy(by, { duration: 1500, easing }))
    : [2.5, 0].map((more) => () =>
        map.easeTo({ center, zoom: zoom + more, duration: 2250, easing }));
  const gaps = [];
  for (let round = 0; round < rounds; round++) for (const move of moves) {
    await new Promise((done) => {
      let last = 0, over = false;
      map.once('moveend', () => { over = true; });
      const frame = (now) => {
        if (last) gaps.push(now - last);
        last = now;
        if (over) done(); else requestAnimationFrame(frame);
      };
      move();
      requestAnimationFrame(frame);
    });
  }
  return gaps;
}"""
"""Moves the map and returns the time between the frames that the page was given, ms."""


@dataclass(frozen=True, slots=True)
class Frames:
    """Frames of a moving map.

    Attributes
    ----------
    median_fps, least_fps
        Frames per second: median, and that of the slowest twentieth.
    longest_ms
        Longest time without a frame.
    page_ms, drawing_ms
        Processor time of the page and of the process that draws, per frame.
    """

    median_fps: float
    least_fps: float
    longest_ms: float
    page_ms: float
    drawing_ms: float


def measure_map(url: str, address: str, cookie: tuple[str, str]) -> int:
    """Move a network's map in a browser and print its frames; return how many ways are not smooth.

    Parameters
    ----------
    url, address
        Of the console, and of a network's page in it.
    cookie
        Name and value of the session's.
    """
    if not CHROMIUM.exists():
        print(f"map frames: not measured, there is no {CHROMIUM}")
        return 0
    found = _frames(url, address, cookie)
    heads = ("frames/s", "5th pct", "longest ms", "of limit", "of empty", "page CPU", "drawing CPU")
    print("map frames".ljust(22) + "".join(head.rjust(12) for head in heads))
    slow = 0
    for way in WAYS:
        peer = found[way, True]
        reached = peer.median_fps >= LEAST_FPS
        least_fps = LEAST_FPS if reached else LEAST_OF_EMPTY * peer.median_fps
        for empty in (False, True):
            told = found[way, empty]
            of_empty = told.median_fps / peer.median_fps
            slow += not empty and told.median_fps < least_fps
            figures = (
                f"{told.median_fps:.0f}", f"{told.least_fps:.0f}", f"{told.longest_ms:.0f}",
                f"{told.median_fps / least_fps:.2f}", f"{of_empty:.2f}", f"{told.page_ms:.0f} ms",
                f"{told.drawing_ms:.0f} ms",
            )  # fmt: skip
            name = f"{way}, {'empty map' if empty else 'town'}"
            print(f"{name:<22}" + "".join(figure.rjust(12) for figure in figures))
    print(
        f"map frames: limit {LEAST_FPS:g} frames/s, or {LEAST_OF_EMPTY:g} of the empty map's where "
        "not even that reaches them; CPU per frame; drawn in software"
    )
    return slow


def _frames(url: str, address: str, cookie: tuple[str, str]) -> dict[tuple[str, bool], Frames]:
    from playwright.sync_api import sync_playwright

    found = {}
    name, value = cookie
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_cookies([{"name": name, "value": value, "url": url}])
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(url + address)
        page.wait_for_selector('[data-map][data-ready="yes"]')
        for empty in (False, True):
            for way in WAYS:
                found[way, empty] = _moved(page, way, empty)
        browser.close()
    return found


def _moved(page: Any, way: str, empty: bool) -> Frames:
    before = _cpu_s()
    gaps = np.array(page.evaluate(SCRIPT, {"way": way, "empty": empty, "rounds": ROUNDS}))
    after = _cpu_s()
    page_s, drawing_s = (
        after.get(kind, 0.0) - before.get(kind, 0.0) for kind in ("renderer", "gpu-process")
    )
    return Frames(
        1000.0 / float(np.median(gaps)),
        1000.0 / float(np.percentile(gaps, 95)),
        float(gaps.max()),
        1000.0 * page_s / gaps.size,
        1000.0 * drawing_s / gaps.size,
    )


def _cpu_s() -> dict[str, float]:
    """Return the processor time of the processes below this one, by what Chromium calls them."""
    children: dict[int, list[tuple[int, str, float]]] = {}
    for process, parent, kind, seconds in _processes():
        children.setdefault(parent, []).append((process, kind, seconds))
    found: dict[str, float] = {}
    below = [os.getpid()]
    while below:
        for process, kind, seconds in children.get(below.pop(), ()):
            found[kind] = found.get(kind, 0.0) + seconds
            below.append(process)
    return found


def _processes() -> Iterator[tuple[int, int, str, float]]:
    ticks = os.sysconf("SC_CLK_TCK")
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_text()
        except OSError:
            continue
        kind = next(iter(command.partition("--type=")[2].replace("\0", " ").split()), "")
        yield int(folder.name), int(fields[1]), kind, (int(fields[11]) + int(fields[12])) / ticks
