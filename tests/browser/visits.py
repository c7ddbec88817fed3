"""A person at a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.browser.site import PASSWORD

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@contextmanager
def visit(browser: Any, url: str, name: str = "", **settings: Any) -> Iterator[Any]:
    """Open a page, signed in by the form; afterwards nothing may have gone wrong unseen.

    Parameters
    ----------
    browser, url
        Where.
    name
        Who signs in; nobody if empty.
    settings
        Of the browser's context, such as ``viewport``.
    """
    context = browser.new_context(**{"viewport": WIDE, **settings})
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on(
        "console",
        lambda said: faults.append(f"console: {said.text}") if said.type == "error" else None,
    )

    def seen(request: Any) -> None:
        if not request.url.startswith((f"{url}/", "data:", "blob:")):
            faults.append(f"fetched from elsewhere: {request.url}")

    page.on("request", seen)
    page.on(
        "response",
        lambda answer: (
            faults.append(f"{answer.status}: {answer.url}") if answer.status >= 500 else None
        ),
    )
    try:
        if name:
            sign_in(page, url, name)
        yield page
        assert not faults, faults
    finally:
        context.close()


def sign_in(page: Any, url: str, name: str, password: str = PASSWORD) -> None:
    """Sign in by the form."""
    page.goto(f"{url}/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}/")
