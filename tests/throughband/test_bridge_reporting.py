"""A bridge's reports of itself, and what is told where they stay away."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controllers.calls import Call
from controllers.driver import Device
from controllers.service import Service
from tests.browser.site import Site, site_in
from tests.throughband.test_bridge_state import CALL, PATHS, configured
from throughband.bridge.reporting import REPORT_S, SILENT_S, Reporter, unwatched
from throughband.bridge.state import StateFolder
from throughband.console.pages.street import read_live

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


class Wall:
    """A wall clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def utc(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def now_s(self) -> float:
        return self.seconds


def service_of(wall: Wall, state: StateFolder) -> Service:
    devices = (Device("a", "127.0.0.1", 9, "look", "change"),)
    return Service(
        devices, state, clock=wall.utc, now=wall.now_s, journal=lambda _: None, alert=lambda _: None
    )


def reported(state: StateFolder) -> datetime:
    status = state.status()
    assert status is not None
    return datetime.fromisoformat(status["utc"])


def test_a_bridge_without_news_reports_all_the_same_and_not_at_every_turn(tmp_path: Path) -> None:
    wall, state = Wall(), StateFolder(tmp_path)
    service, reporter = service_of(wall, state), Reporter(state, wall.utc, wall.now_s)
    reporter.report(service, "3 called, 0 in step")
    wall.seconds = REPORT_S - 1
    reporter.report(service, "3 called, 3 in step")
    assert reported(state) == NOW
    wall.seconds = REPORT_S
    reporter.report(service, "3 called, 3 in step")
    assert reported(state) == NOW + timedelta(seconds=REPORT_S)
    assert (state.status() or {})["text"] == "3 called, 3 in step"


def aged(state: StateFolder, age_s: float) -> None:
    """Have the last report be of so long before `NOW`."""
    state.keep_status({"utc": NOW.isoformat(), "text": "1 called, 1 in step", "signals": SEEN})
    at_s = NOW.timestamp() - age_s
    os.utime(state.path / "status.json", (at_s, at_s))


SEEN = {
    "a": {
        "pattern": 15,
        "control": "systemControl",
        "trouble": "",
        "answered_utc": NOW.isoformat(),
    }
}


def test_a_bridge_that_is_not_there_or_hangs_is_told_with_the_age_of_its_report(
    tmp_path: Path,
) -> None:
    state, now_s = StateFolder(tmp_path), NOW.timestamp()
    assert unwatched(state, now_s) == "Nobody watches: 'throughband bridge run' is not running."
    aged(state, 600)
    state.add({"a": CALL})
    told = unwatched(state, now_s)
    assert "is not running, and last reported 10 min ago. Controllers called: 1;" in told
    with state.serving():
        assert "hangs, and last reported 10 min ago" in unwatched(state, now_s)
        aged(state, SILENT_S)
        assert unwatched(state, now_s) == ""


def test_a_controller_is_not_called_well_on_a_report_of_long_ago(tmp_path: Path) -> None:
    bridge, now_s = configured(tmp_path, PATHS), NOW.timestamp()
    state = StateFolder(tmp_path / "state")
    state.add({"a": Call.from_dict({**CALL.to_dict(), "address": "127.0.0.1:1161"}, "test")})
    aged(state, 1)
    with state.serving():
        live = read_live(bridge, now_s)
        assert (live.devices[0].state, live.unwatched) == ("our plan", "")
        assert live.devices[0].answered_utc == NOW
    live = read_live(bridge, now_s)
    assert live.devices[0].state == "called, not watched"
    assert live.devices[0].kind == "warn"


def seen_by(site: Site, address: str) -> str:
    return site.client("ada").get(address).text


def test_pages_and_the_api_warn_while_nobody_watches_and_say_what_to_run(
    tmp_path: Path,
) -> None:
    bridge = configured(tmp_path, PATHS)
    (tmp_path / "site").mkdir()
    with site_in(tmp_path / "site", bridge=bridge) as site:
        for address in ("/", "/live", "/live/now"):
            assert "Nobody watches" in seen_by(site, address)
        assert f"throughband bridge run {bridge}" in seen_by(site, "/live")
        told = site.client("ada").get("/api/v1/corridor").json()
        assert told["unwatched"].startswith("Nobody watches")
        state = StateFolder(tmp_path / "state")
        with state.serving():
            state.keep_status({"utc": NOW.isoformat(), "text": "0 called", "signals": {}})
            text = seen_by(site, "/live")
            assert "Nobody watches" not in text
            assert f"throughband bridge status {bridge}</code> asks each" in text
            assert site.client("ada").get("/api/v1/corridor").json()["unwatched"] == ""
