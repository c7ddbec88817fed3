"""Controllers that decide while the day runs, and what they see."""

from __future__ import annotations

from engine.adaptive.sensing import Sensing
from throughband.setting import open_setting
from throughband.steering import live_controller


def test_what_is_seen_is_the_controllers_own_under_the_seed() -> None:
    setting = open_setting("grid4x4")
    _, sensing = live_controller("adaptive-missed-20").start(setting, 7)
    assert sensing == Sensing(missed=0.2, seed=7)
