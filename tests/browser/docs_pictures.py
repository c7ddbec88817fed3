"""``python -m tests.browser.docs_pictures`` draws the pictures of docs/console.md anew."""

from __future__ import annotations

import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.site import site_in
from tests.browser.test_diagram import drag, opened
from tests.browser.visits import visit

TARGET = Path(__file__).parents[2] / "docs" / "pictures"
VIEW = {"width": 1100, "height": 760}
COLORS = 255


def main() -> None:
    """Draw them: what a plan changes, its diagram with a dragged offset, and the map."""
    TARGET.mkdir(exist_ok=True)

    def keep(name: str, picture: bytes) -> None:
        # A palette keeps a picture of a page at a tenth of its size.
        image = Image.open(BytesIO(picture)).convert("RGB").quantize(COLORS)
        image.save(TARGET / f"console-{name}.png", optimize=True)

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        with (
            site_in(Path(folder)) as site,
            visit(browser, site.url, "ada", viewport=VIEW) as page,
        ):
            page.goto(f"{site.url}/plans/{site.plan_id}")
            keep("plan", page.screenshot())
            drag(page, opened(page, site), 6)
            page.get_by_text("Predicted delay, all approaches").wait_for()
            keep("diagram", page.screenshot(full_page=True))
            page.goto(f"{site.url}/networks/{site.network_id}")
            page.wait_for_selector('[data-map][data-ready="yes"]')
            keep("network", page.screenshot())
        browser.close()


if __name__ == "__main__":
    main()
