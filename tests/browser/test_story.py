"""The whole story in a browser: a real console, a real bridge, emulated controllers."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.browser.visits import visit
from tests.end_to_end.test_console import CITY, Story, later_plan

STREET_MS = 180_000


def test_a_plan_goes_from_upload_to_the_street_and_back_and_the_journal_has_it_all(
    browser: Any, pictures: Path, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        story = Story(tmp_path, stack)
        url = f"http://127.0.0.1:{story.port}"
        plan = tmp_path / "plan.json"
        plan.write_text(later_plan(tmp_path), encoding="utf-8")

        with visit(browser, url, "anna") as page:
            page.get_by_role("link", name="Networks").click()
            page.get_by_role("link", name="Import a network").click()
            page.get_by_label("City").select_option(CITY)
            page.get_by_role("button", name="Add", exact=True).click()
            page.locator("h1", has_text=CITY).wait_for()
            page.goto(f"{url}/plans/upload")
            page.get_by_label("Title").fill("Ten seconds later")
            page.get_by_label("plan.json").set_input_files(plan)
            page.get_by_role("button", name="Upload").click()
            page.locator("h1", has_text="Ten seconds later").wait_for()
            address = page.url.partition("?")[0]
            page.get_by_role("link", name="Start the proof").click()
            page.get_by_label("Simulated runs per plan").fill("2")
            page.get_by_label("End of the window").fill("25500")
            page.get_by_role("button", name="Start").click()
            page.screenshot(path=pictures / "story-proof.png", full_page=True)
            page.locator(".state", has_text="done").first.wait_for(timeout=STREET_MS)
            page.goto(address)
            page.get_by_text("Before and after, in simulation").wait_for()
            page.screenshot(path=pictures / "story-report.png", full_page=True)
            page.get_by_role("link", name="Check", exact=True).click()
            page.get_by_role("button", name="Check").click()
            page.get_by_text("Done; it stands in the journal.").wait_for()
            assert page.get_by_role("link", name="Approve").count() == 0

        with visit(browser, url, "ben") as page:
            page.goto(address)
            page.get_by_role("link", name="Approve").click()
            despite = page.get_by_label("Approve although no gain is proven")
            if despite.count():
                despite.check()
            page.get_by_label("Why").fill("Agreed at the Monday meeting")
            page.screenshot(path=pictures / "story-approve.png", full_page=True)
            page.get_by_role("button", name="Approve").click()
            page.get_by_text("Done; it stands in the journal.").wait_for()

        with visit(browser, url, "carl") as page:
            page.goto(address)
            page.get_by_role("link", name="Arm", exact=True).click()
            page.get_by_role("button", name="Arm").click()
            page.locator(".state", has_text="done").first.wait_for(timeout=STREET_MS)
            page.goto(f"{url}/live")
            page.locator(".state", has_text="our plan").first.wait_for(timeout=STREET_MS)
            page.screenshot(path=pictures / "story-live.png", full_page=True)
            page.goto(address)
            assert page.locator(".track .now").inner_text() == "active"
            page.screenshot(path=pictures / "story-active.png", full_page=True)
            page.get_by_role("link", name="Roll back").click()
            page.get_by_label("Why").fill("Trial over")
            page.get_by_role("button", name="Roll back").click()
            page.locator(".state", has_text="done").first.wait_for(timeout=STREET_MS)
            page.goto(address)
            assert page.locator(".track .now").inner_text() == "rolled back"
            page.goto(f"{url}/journal?verify=yes")
            page.get_by_text("Unbroken: ").wait_for()
            for said in ("plan drafted", "plan checked", "approved", "plan armed"):
                assert page.get_by_role("cell", name=said, exact=True).count() >= 1, said
            page.screenshot(path=pictures / "story-journal.png", full_page=True)
