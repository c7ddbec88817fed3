"""The bridge on a running street: a plan change over UDP is worth what it is in SUMO alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.bridge.closed_loop import compare
from benchmarks.bridge.hires import our_arrivals, our_counts, record
from tests.throughband.towns import block_town
from throughband.setting import open_setting

pytestmark = pytest.mark.sumo


@pytest.mark.slow
def test_a_pushed_plan_delays_as_the_same_plan_in_sumo(tmp_path: Path) -> None:
    town = block_town(tmp_path)
    (pair,) = compare(
        str(town),
        tmp_path / "loop",
        seeds=(11,),
        change_after_s=600.0,
        duration_s=1500.0,
        speed=20.0,
        effort=60,
        workers=1,
    )
    assert pair.in_step == pair.signals == 4
    assert pair.bridged_s == pytest.approx(pair.direct_s, rel=0.15)


def test_a_polled_log_counts_every_vehicle_that_sumo_saw(tmp_path: Path) -> None:
    setting = open_setting(str(block_town(tmp_path)))
    recorded = record(setting, tmp_path / "log", seed=1, minutes=2, rate_hz=10.0)
    passed = recorded.truth.passed
    assert sum(passed.values()) > 10
    ours = our_counts(recorded)
    assert {key: n for key, n in ours.items() if n} == passed
    arrivals = our_arrivals(recorded)
    every, green = (sum(pair[at] for pair in arrivals.values()) for at in (0, 1))
    assert every == sum(recorded.truth.arrived.values())
    # Whoever passes in the tenth in which yellow begins may be put on either side of it.
    assert green == pytest.approx(sum(recorded.truth.on_green.values()), abs=0.02 * every)
    assert all("; 0 gaps" in finding for finding in recorded.findings)
