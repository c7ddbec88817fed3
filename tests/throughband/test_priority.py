"""``throughband corridor``: one vehicle, the same seed, with and without a green wave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.validate.priority_loop import Ride
from network.errors import InfeasibleError
from throughband.priority import Wave, emergency_wave, show_corridor
from throughband.setting import open_setting

CITY = "cologne1"
FROM, TO = "-32038056#3", "32038051#0"


def test_shares_are_of_what_was_lost_after_the_departure() -> None:
    without, granted = Ride(200.0, 100.0, True, 50, 1500.0), Ride(120.0, 20.0, True, 50, 1600.0)
    wave = Wave(("a", "b"), ("x",), without, granted, lost_before_s=500.0)
    assert wave.travel_saved == pytest.approx(0.4)
    assert wave.others_lose == pytest.approx(0.1)
    late = Wave(("a", "b"), ("x",), Ride(float("inf"), 900.0, False, 50, 9.0), granted, 0.0)
    assert late.to_dict()["travel_saved"] is None
    assert json.loads(json.dumps(late.to_dict(), allow_nan=False))["without"]["travel_s"] is None


def test_what_cannot_be_driven_is_refused() -> None:
    setting = open_setting(CITY)
    with pytest.raises(InfeasibleError, match="no controller 'magic'"):
        emergency_wave(setting, FROM, TO, 25300.0, 1, "magic")
    with pytest.raises(InfeasibleError, match="no link 'nowhere'"):
        emergency_wave(setting, FROM, "nowhere", 25300.0, 1, "in-force")
    with pytest.raises(InfeasibleError, match="passes no signal"):
        emergency_wave(setting, FROM, FROM, 25300.0, 1, "in-force")
    with pytest.raises(InfeasibleError, match="departure at 100 s"):
        emergency_wave(setting, FROM, TO, 100.0, 1, "in-force")


@pytest.mark.sumo
def test_a_vehicle_with_priority_loses_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("throughband.priority.AFTER_S", 200.0)
    show_corridor(CITY, FROM, TO, 25260.0, tmp_path / "out", 11, "in-force")
    found = json.loads((tmp_path / "out" / "corridor.json").read_text())
    assert found["signals"] == ["GS_cluster_357187_359543"]
    assert found["without"]["arrived"]
    assert found["granted"]["arrived"]
    assert found["granted"]["delay_s"] <= found["without"]["delay_s"]


def test_nothing_is_written_for_a_way_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InfeasibleError, match="no link 'q'"):
        show_corridor(CITY, "q", TO, 25300.0, tmp_path / "out", 1, "in-force")
    assert not (tmp_path / "out").exists()
