"""The whole story in a browser: a real console, a real bridge, emulated controllers.

The author works with a mouse, the approver in the dark with nothing but a keyboard, the operator
on a telephone; every page they come by is held against axe-core and pictured.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from scenarios.cities import city_config
from tests.browser.test_diagram import drag, offset_of
from tests.browser.test_pages import faults_of
from tests.browser.visits import NARROW, visit
from tests.end_to_end.test_console import CITY, Story

STREET_MS = 180_000
NAME = "Main Street"
TITLE = "Less waiting"
WINDOW = ("25200", "26100")


def zipped(folder: Path) -> Path:
    """Zip the files of a real street, as a city would send its SUMO network."""
    config = city_config(CITY)
    archive = folder / "main-street.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for file in sorted(config.parent.glob(f"{config.stem}.*")):
            target.write(file, file.name)
    return archive


def street_of(archive: Path, folder: Path) -> Path:
    """Import the same archive beside the console: what stands on the corridor."""
    with zipfile.ZipFile(archive) as source:
        source.extractall(folder / "unpacked")
    street = folder / NAME.replace(" ", "-")
    subprocess.run(
        [sys.executable, "-m", "throughband.cli", "import", str(folder / "unpacked"),
         "--out", str(street)],
        check=True, capture_output=True,
    )  # fmt: skip
    return street


def start(page: Any, title: str = "") -> None:
    """Fill in a short run and wait for its end."""
    if title:
        page.get_by_label("Title").fill(title)
        page.get_by_label("Time limit").fill("5")
    page.get_by_label("Simulated runs per plan").fill("2")
    page.get_by_label("Begin of the window").fill(WINDOW[0])
    page.get_by_label("End of the window").fill(WINDOW[1])
    page.get_by_role("button", name="Start").click()
    page.locator("#run-now .state", has_text="done").wait_for(timeout=STREET_MS)


def tabbed(page: Any, name: str) -> None:
    """Go on with the Tab key to a link, button or field, told by its text or its name."""
    for _ in range(80):
        page.keyboard.press("Tab")
        on = page.evaluate(
            "[document.activeElement.textContent.trim(), document.activeElement.name]"
        )
        if name in on:
            return
    raise AssertionError(f"the Tab key does not come to {name!r}")


def test_a_network_goes_from_upload_to_the_street_and_back_and_the_journal_has_it_all(
    browser: Any, pictures: Path, tmp_path: Path
) -> None:

    def kept(name: str, page: Any) -> None:
        """Keep a picture of a page that has no serious fault and does not scroll sideways."""
        # What is being worked out renews itself until it is there.
        page.locator("[data-again]").wait_for(state="detached", timeout=STREET_MS)
        page.screenshot(path=pictures / f"{name}.png", full_page=True)
        assert faults_of(page) == [], name
        width = page.viewport_size["width"]
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name

    with ExitStack() as stack:
        archive = zipped(tmp_path)
        story = Story(tmp_path, stack, str(street_of(archive, tmp_path)))
        url = f"http://127.0.0.1:{story.port}"

        with visit(browser, url, "anna") as page:
            page.get_by_role("link", name="Networks").click()
            page.get_by_role("link", name="Import a network").click()
            page.get_by_label("Name", exact=True).fill(NAME)
            page.get_by_label("File").set_input_files(archive)
            page.get_by_role("button", name="Import").click()
            page.locator("#run-now .state", has_text="done").wait_for(timeout=STREET_MS)
            kept("story-imported", page)
            page.get_by_role("link", name="The network it brought").click()
            page.locator("h1", has_text=NAME).wait_for()
            kept("story-network", page)
            page.goto(f"{url}/runs/new")
            start(page, TITLE)
            report = page.frame_locator("iframe.doc-frame")
            report.locator("h1").first.wait_for(timeout=STREET_MS)
            assert report.locator("#benefits table").count() == 1
            kept("story-report", page)
            page.get_by_role("button", name="Make its plan a draft").click()
            page.locator("h1", has_text=TITLE).wait_for()

            page.get_by_role("link", name="Time-space diagram").click()
            page.wait_for_selector("svg.space[data-ready]", timeout=STREET_MS)
            handle = page.locator(".handle[data-cycle]").first
            before, cycle = offset_of(handle), int(handle.get_attribute("data-cycle"))
            drag(page, handle, 5)
            assert offset_of(handle) == (before + 5) % cycle
            page.get_by_text("Predicted delay, all approaches").wait_for(timeout=STREET_MS)
            kept("story-dragged", page)
            page.get_by_role("button", name="Keep as a new draft").click()
            page.get_by_text("A new draft was made of these offsets.").wait_for()
            address = page.url.partition("?")[0]
            page.get_by_role("link", name="Start the proof").click()
            start(page)
            page.goto(address)
            page.get_by_text("Before and after, in simulation").wait_for()
            kept("story-proven", page)
            page.get_by_role("link", name="Check", exact=True).click()
            page.get_by_role("button", name="Check").click()
            page.get_by_text("Done; it stands in the journal.").wait_for()
            assert page.get_by_role("link", name="Approve").count() == 0

        with visit(browser, url, "ben", color_scheme="dark") as page:
            page.goto(address)
            kept("story-proven-dark", page)
            tabbed(page, "Approve")
            page.keyboard.press("Enter")
            page.locator("h1", has_text="Approve").wait_for()
            if page.get_by_label("Approve although no gain is proven").count():
                tabbed(page, "despite")
                page.keyboard.press("Space")
            tabbed(page, "why")
            page.keyboard.type("Agreed at the Monday meeting")
            kept("story-approve", page)
            tabbed(page, "Approve")
            page.keyboard.press("Enter")
            page.get_by_text("Done; it stands in the journal.").wait_for()

        with visit(browser, url, "carl", viewport=NARROW) as page:
            page.goto(address)
            page.get_by_role("link", name="Arm", exact=True).click()
            page.get_by_role("button", name="Arm").click()
            page.locator(".state", has_text="done").first.wait_for(timeout=STREET_MS)
            page.goto(f"{url}/live")
            page.locator(".state", has_text="our plan").first.wait_for(timeout=STREET_MS)
            kept("story-live", page)
            page.goto(address)
            assert page.locator(".track .now").inner_text() == "active"
            kept("story-active", page)
            page.get_by_role("link", name="Roll back").click()
            page.get_by_label("Why").fill("Trial over")
            page.get_by_role("button", name="Roll back").click()
            page.locator(".state", has_text="done").first.wait_for(timeout=STREET_MS)
            page.goto(address)
            assert page.locator(".track .now").inner_text() == "rolled back"
            page.goto(f"{url}/journal?verify=yes")
            page.get_by_text("Unbroken: ").wait_for()
            for said in (
                "uploaded", "network added", "plan drafted", "plan checked", "approved",
                "plan armed", "activated", "withdrawn",
            ):  # fmt: skip
                assert page.get_by_role("cell", name=said, exact=True).count() >= 1, said
            kept("story-journal", page)
