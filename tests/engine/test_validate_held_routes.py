"""Routes held still: the same vehicles, the same ways, whatever the signals do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.validate.held_routes import hold_routes
from engine.validate.sumo import run
from network.readers.xml_files import iterate_elements
from throughband.setting import open_setting


def test_the_run_whose_routes_are_held_is_played_again(tmp_path: Path) -> None:
    case = replace(open_setting("cologne1").case, end_s=25200.0 + 600.0)
    held = hold_routes(case, 1, tmp_path)
    before, after = run(case, 1, emissions=False), run(held, 1, emissions=False)
    assert after.scheduled == before.scheduled
    assert after.delay_s == pytest.approx(before.delay_s, rel=0.02)
    assert after.stops == pytest.approx(before.stops, rel=0.02)
    (file,) = held.route_files
    routed = [e.find("route") is not None for e in iterate_elements(file, {"vehicle"})]
    assert routed == [True] * before.scheduled
