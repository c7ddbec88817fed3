"""Some hours of daily operation on a simulated street, with what goes wrong in a day."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benchmarks.operate.day import fixed_day, operated_day
from benchmarks.operate.street_days import Mishaps, build, day_case, incident, write_history


@pytest.mark.slow
@pytest.mark.sumo
def test_two_operated_hours_are_lawful_on_record_and_better_than_the_fixed_plan(
    tmp_path: Path,
) -> None:
    setting = build(tmp_path, 3, 0.85, 1)
    hours, seed = (6, 8), 12
    mishaps = Mishaps.within(hours)
    case = day_case(setting, tmp_path / "traffic", seed, hours, incident(setting, mishaps))
    here = tmp_path / "operated"
    write_history(setting, tmp_path, here / "counts")
    fixed = asyncio.run(fixed_day(setting, case, seed))
    operated = asyncio.run(operated_day(setting, case, seed, here, mishaps, lambda text: None))
    assert operated.tenths == 3 * 2 * 3600 * 10
    assert (fixed.unlawful, operated.unlawful) == (0, 0), operated.findings
    assert operated.measures.delay_s < fixed.measures.delay_s
    assert operated.events["operate: changed"] >= 1
    assert operated.events["activated"] >= 1
    assert operated.events["operate: begins"] == operated.events["operate: ends"] == 1
    assert operated.notices >= 1
