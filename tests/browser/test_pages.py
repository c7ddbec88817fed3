"""Every page in a real browser: light and dark, wide and narrow, with scripts and without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.site import Site
from tests.browser.visits import NARROW, WIDE, sign_in, visit

SERIOUS = ("serious", "critical")


def faults_of(page: Any) -> list[tuple[str, str]]:
    """What axe-core finds serious, with the first place of each."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in SERIOUS]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_a_serious_fault_or_scrolls_sideways(
    browser: Any, site: Site, pictures: Path, scheme: str
) -> None:
    with visit(browser, site.url, color_scheme=scheme) as page:
        page.goto(f"{site.url}/login")
        assert faults_of(page) == []
        page.screenshot(path=pictures / f"login-{scheme}.png")
        sign_in(page, site.url, "ada")
        for name, address in site.addresses().items():
            page.goto(site.url + address)
            if name == "network":
                page.wait_for_selector("[data-map][data-ready]")
            assert faults_of(page) == [], name
            page.screenshot(path=pictures / f"{name}-{scheme}.png", full_page=True)
            page.set_viewport_size(NARROW)
            assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], name
            assert faults_of(page) == [], f"{name}, narrow"
            page.screenshot(path=pictures / f"{name}-{scheme}-narrow.png", full_page=True)
            page.set_viewport_size(WIDE)


def test_every_page_stands_without_scripts(browser: Any, site: Site, pictures: Path) -> None:
    with visit(browser, site.url, "ada", java_script_enabled=False) as page:
        for name, address in site.addresses().items():
            page.goto(site.url + address)
            assert page.locator("main h1").inner_text(), name
        page.goto(site.url + site.addresses()["network"])
        assert page.locator(".map-box svg .approach").count() > 0
        page.screenshot(path=pictures / "network-without-scripts.png", full_page=True)


def test_forms_work_without_scripts(browser: Any, site: Site) -> None:
    with visit(browser, site.url, "ada", java_script_enabled=False) as page:
        page.goto(f"{site.url}/plans/{site.plan_id}")
        page.get_by_label("Your comment").fill("Pedestrians at the school?")
        page.get_by_role("button", name="Add comment").click()
        page.get_by_text("Your comment was added.").wait_for()
        assert page.get_by_text("Pedestrians at the school?").is_visible()
        page.goto(f"{site.url}/plans/{site.plan_id}/diagram")
        field = page.locator("#offsets input[type=number]").first
        field.fill(str((int(field.input_value()) + 5) % 30))
        page.get_by_role("button", name="Predict").click()
        page.get_by_text("Predicted delay, all approaches").wait_for()
        page.goto(f"{site.url}/")
        page.get_by_role("button", name="Appearance").click()
        assert page.locator("html").get_attribute("data-theme") == "light"
        page.get_by_role("button", name="Sign out").click()
        page.get_by_text("You are signed out.").wait_for()


def test_the_menu_of_a_narrow_screen_opens_and_closes(browser: Any, site: Site) -> None:
    with visit(browser, site.url, "vi", viewport=NARROW) as page:
        assert not page.get_by_role("link", name="Journal").is_visible()
        page.get_by_role("button", name="Menu").click()
        page.get_by_role("link", name="Journal").click()
        page.wait_for_url("**/journal")
        assert not page.get_by_role("link", name="Networks", exact=True).is_visible()


def test_a_page_is_worked_by_keyboard_alone(browser: Any, site: Site) -> None:
    with visit(browser, site.url) as page:
        page.goto(f"{site.url}/login")
        page.keyboard.type("ada")
        page.keyboard.press("Tab")
        page.keyboard.type("correct horse battery")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{site.url}/")
        page.keyboard.press("Tab")
        skip = page.evaluate("document.activeElement.textContent")
        assert skip == "Skip to the page's content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"
        page.goto(f"{site.url}/plans/{site.plan_id}/moves/check")
        reached = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            found = page.evaluate(
                "(() => { const e = document.activeElement, s = getComputedStyle(e);"
                " return [e.tagName, e.textContent.trim() || e.name,"
                " s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2]; })()"
            )
            if found[0] == "BODY":
                break
            assert found[2], f"the focus on {found[:2]} cannot be seen"
            reached.add(found[1])
        assert {"Check", "Cancel", "why"} <= reached
