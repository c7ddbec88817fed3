"""Offsets dragged by mouse, finger and keys; the map."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser.site import Site
from tests.browser.visits import NARROW, visit
from throughband.console.tunings import Tunings


def opened(page: Any, site: Site) -> Any:
    page.goto(f"{site.url}/plans/{site.plan_id}/diagram")
    page.wait_for_selector("svg.space[data-ready]")
    return page.locator(".handle[data-cycle]").first


def offset_of(handle: Any) -> int:
    return int(handle.get_attribute("aria-valuenow"))


def drag(page: Any, handle: Any, by: float) -> None:
    """Drag a row by so many seconds, from its middle."""
    box = handle.locator(".grip").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    seconds = page.evaluate("JSON.parse(document.getElementById('space-data').textContent).seconds")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + by * box["width"] / seconds, y, steps=6)
    page.mouse.up()


def test_a_dragged_offset_moves_bands_at_once_and_brings_the_predicted_delay(
    browser: Any, site: Site, pictures: Path
) -> None:
    with visit(browser, site.url, "ada") as page:
        handle = opened(page, site)
        before, said = offset_of(handle), page.locator("#band-said").inner_text()
        cycle = int(handle.get_attribute("data-cycle"))
        drag(page, handle, 10)
        assert offset_of(handle) == (before + 10) % cycle
        page.wait_for_function(
            "s => document.getElementById('band-said').innerText !== s", arg=said
        )
        page.get_by_text("Predicted delay, all approaches").wait_for()
        page.screenshot(path=pictures / "dragged.png", full_page=True)


@pytest.mark.parametrize(
    ("key", "by"), [("ArrowRight", 1), ("ArrowLeft", -1), ("PageUp", 5), ("PageDown", -5)]
)
def test_keys_move_an_offset(browser: Any, site: Site, key: str, by: int) -> None:
    with visit(browser, site.url, "ada") as page:
        handle = opened(page, site)
        before, cycle = offset_of(handle), int(handle.get_attribute("data-cycle"))
        handle.focus()
        page.keyboard.press(key)
        assert offset_of(handle) == (before + by) % cycle
        field = page.locator("[data-offset-input]").first
        assert int(field.input_value()) == (before + by) % cycle
        page.keyboard.press("Escape")
        assert offset_of(handle) == before


def test_a_finger_moves_an_offset(browser: Any, site: Site) -> None:
    with visit(browser, site.url, "ada", viewport=NARROW, has_touch=True, is_mobile=True) as page:
        handle = opened(page, site)
        before = offset_of(handle)
        handle.scroll_into_view_if_needed()
        session = page.context.new_cdp_session(page)
        box = page.locator(".space-box").bounding_box()
        y = handle.locator(".grip").bounding_box()
        x, row = box["x"] + box["width"] * 0.7, y["y"] + y["height"] / 2

        def touch(kind: str, points: list[dict[str, float]]) -> None:
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", [{"x": x, "y": row}])
        for step in range(1, 7):
            touch("touchMove", [{"x": x + 8 * step, "y": row}])
        touch("touchEnd", [])
        assert offset_of(handle) != before


def test_bands_of_the_script_are_those_of_the_server(browser: Any, site: Site) -> None:
    with visit(browser, site.url, "ada") as page:
        handle = opened(page, site)
        for seconds in (3, 11, 17):
            drag(page, handle, seconds)
            page.get_by_text("Predicted delay, all approaches").wait_for()
            mine = page.locator("#band-said").inner_text()
            fields = page.locator("#offsets input[data-offset-input]").all()
            given = {f.get_attribute("name"): f.input_value() for f in fields}
            address = f"/plans/{site.plan_id}/diagram"
            html = site.client("ada").get(address, params=given).text
            found = re.search(r'id="band-said"[^>]*>([^<]*)<', html)
            assert found is not None
            assert mine == found[1]


def test_a_diagram_that_had_to_be_worked_out_can_be_dragged_without_a_reload(
    browser: Any, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = site.desk.shelf
    for kept in (shelf._modeled, shelf._drawn):
        kept._found.clear()
    shelf._tunings.close()
    shelf._tunings = Tunings()
    monkeypatch.setattr(shelf, "patience_s", 0.0)
    with visit(browser, site.url, "ada") as page:
        page.goto(f"{site.url}/plans/{site.plan_id}/diagram")
        page.get_by_text("being worked out for the first time").wait_for()
        page.wait_for_selector("svg.space[data-ready]")
        drag(page, page.locator(".handle[data-cycle]").first, 10)
        page.get_by_text("Predicted delay, all approaches").wait_for()


def test_moved_offsets_are_kept_as_a_new_draft(browser: Any, site: Site) -> None:
    with visit(browser, site.url, "ada") as page:
        handle = opened(page, site)
        handle.focus()
        page.keyboard.press("PageUp")
        page.get_by_role("button", name="Keep as a new draft").click()
        page.get_by_text("A new draft was made of these offsets.").wait_for()
        assert "offsets by ada" in page.locator("h1").inner_text()


def test_the_map_is_drawn_from_our_own_data_and_leads_to_the_intersection(
    browser: Any, site: Site
) -> None:
    with visit(browser, site.url, "ada") as page:
        page.goto(f"{site.url}/networks/{site.network_id}")
        page.wait_for_selector('[data-map][data-ready="yes"]')
        drawn = page.evaluate(
            "() => { const m = document.querySelector('[data-map]').throughbandMap;"
            " return m.queryRenderedFeatures({layers: ['approaches', 'signals']}).length }"
        )
        assert drawn > 0
        page.get_by_role("link", name="Queue").click()
        assert page.get_by_role("link", name="Queue").get_attribute("aria-current") == "true"
        x, y = page.evaluate(
            "() => { const b = document.querySelector('[data-map]'), m = b.throughbandMap;"
            " const f = m.queryRenderedFeatures({layers: ['signals']})[0];"
            " const p = m.project(f.geometry.coordinates), r = b.getBoundingClientRect();"
            " return [r.x + p.x, r.y + p.y] }"
        )
        page.mouse.click(x, y)
        page.wait_for_url("**/signals/**")
        assert page.get_by_text("Intersection sheet").is_visible()


def test_simulated_vehicles_go_with_a_moved_offset_and_come_back_with_it(
    browser: Any, site: Site, pictures: Path
) -> None:
    with visit(browser, site.url, "ada") as page:
        opened(page, site)
        page.get_by_role("link", name="Simulated vehicles").click()
        page.wait_for_selector("svg.space[data-ready] .trajectory", state="attached")
        lines = page.locator(".trajectory").first
        assert lines.is_visible()
        page.screenshot(path=pictures / "vehicles.png", full_page=True)
        handle = page.locator(".handle[data-cycle]").first
        handle.focus()
        page.keyboard.press("ArrowRight")
        assert not lines.is_visible()
        assert "none are drawn for other offsets" in page.locator("#vehicles-said").inner_text()
        page.keyboard.press("Escape")
        assert lines.is_visible()
        page.get_by_role("link", name="In force").click()
        page.wait_for_selector(".trajectory", state="attached")
        page.get_by_role("link", name="Simulated vehicles").click()
        page.wait_for_selector("svg.space")
        assert page.locator(".trajectory").count() == 0
