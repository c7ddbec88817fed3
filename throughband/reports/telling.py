"""From the result of a run to the story its report tells."""

from __future__ import annotations

import numpy as np

from engine.forecast.forecast import Forecast
from engine.forecast.quality import QualityRow as FoundQuality
from engine.measures.corridor import Corridor
from engine.measures.corridor_search import strongest_corridor
from engine.measures.street import Street
from engine.optimize.corridors import named_corridors
from network.counts import VALUED, CountSeries, Quality
from throughband.approval import POLICY_NAME
from throughband.counts.demand import movement_counts, sources_told
from throughband.exchange.imported import corridors_of
from throughband.pictures.forecast import forecast_picture
from throughband.pipeline import RunResult
from throughband.reports.charts import CountChart
from throughband.reports.story import (
    Approval,
    Certified,
    ForecastSummary,
    PushRow,
    QualityRow,
    Story,
    StreetRow,
)
from throughband.results import versions
from throughband.setting import Setting

CHARTED_MOVEMENTS = 4


def story_of(result: RunResult, command: str) -> Story:
    """Tell a run.

    Parameters
    ----------
    result
        Of the whole path.
    command
        The command line that reproduces it.

    Returns
    -------
    Story
    """
    network = result.setting.network
    done = result.optimization
    return Story(
        result.setting.scenario.name,
        network,
        done.street,
        {s.signal_id: s.plan_in_force for s in network.signals.values() if s.plan_in_force},
        done.plan_set,
        corridor_of(result.setting, done.street),
        done.in_force,
        done.planned,
        result.report.to_dict(),
        _quality(result),
        _forecast(result),
        _approval(result),
        _pushes(result),
        _after(result),
        {signal: " ".join(sentences) for signal, sentences in result.reasons.items()},
        dict(result.wall_s),
        versions(),
        command,
        result.setting.calibration,
        certificates=tuple(
            Certified(group, found.gap_pct_total, found.gap_pct_avoidable, found.statement)
            for group, found in done.certificates.items()
        ),
        window_s=result.setting.case.end_s - result.setting.case.begin_s,
    )


def corridor_of(setting: Setting, street: Street) -> Corridor | None:
    """Return the first corridor that is named beside a scenario; else that with most platoons."""
    network = setting.network
    named = corridors_of(setting.scenario, network)
    if named:
        return named_corridors(network, street, named[:1])[named[0].name]
    return strongest_corridor(network, street)


def _quality(result: RunResult) -> tuple[QualityRow, ...]:
    counts = result.today
    whole = counts.intervals * len(counts.series_ids)
    good = int(np.isin(counts.quality, VALUED).sum())
    missing = int((counts.quality == Quality.MISSING).sum())
    rows = [
        QualityRow(
            f"all {len(counts.series_ids)} detectors, read over SNMP",
            whole,
            good,
            0,
            whole - good,
            f"{missing} did not arrive" if missing else "",
        )
    ]
    rows += [told_quality(found, counts.intervals) for found in result.demand.quality]
    return tuple(rows)


def told_quality(found: FoundQuality, intervals: int) -> QualityRow:
    """Return a row of the report for what was found about a series.

    Parameters
    ----------
    found
        The finding.
    intervals
        How many intervals are reported on; a finding may speak of more.
    """
    touched = min(found.intervals, intervals)
    return QualityRow(
        found.series_id,
        intervals,
        intervals - touched,
        0,
        touched,
        f"{found.flag.name.lower()}: {found.reason}",
    )


def _forecast(result: RunResult) -> ForecastSummary:
    flows = result.demand.flows
    network = result.setting.network
    day = result.today if result.live is None else result.live.counts
    came = movement_counts(day, network).select(flows.movement_ids)
    error_pct, coverage_pct = _errors(flows, came)
    return ForecastSummary(
        "profile of earlier days, corrected by what today shows; of its cells "
        + sources_told(flows),
        window_text(flows),
        error_pct,
        coverage_pct,
        count_chart_of(flows, came),
    )


def _errors(flows: Forecast, came: CountSeries) -> tuple[float | None, float | None]:
    """Weighted absolute percentage error and coverage over the predicted intervals."""
    last = min(came.intervals, len(flows.flow_vph))
    seen = came.flow_vph()[flows.observed : last]
    known = np.isfinite(seen)
    total = float(np.nansum(seen))
    if not known.any() or total <= 0:
        return None, None
    predicted = flows.flow_vph[flows.observed : last]
    low, high = flows.low_vph[flows.observed : last], flows.high_vph[flows.observed : last]
    inside = (seen >= low) & (seen <= high)
    return (
        100.0 * float(np.nansum(np.abs(seen - predicted))) / total,
        100.0 * float(inside[known].mean()),
    )


def window_text(flows: Forecast) -> str:
    """Return what time a forecast is for, and until when of it was measured."""
    begin, end = flows.start_s, flows.start_s + flows.interval_s * len(flows.flow_vph)
    measured = begin + flows.observed * flows.interval_s
    until = f", measured until {_clock(measured)}" if flows.observed else ""
    return f"{_clock(begin)} to {_clock(end)}{until}"


def count_chart_of(flows: Forecast, came: CountSeries | None) -> CountChart:
    """Return the chart of the busiest movements of a forecast.

    Parameters
    ----------
    flows
        The forecast.
    came
        Counts of movements that begin with it, as far as they go.
    """
    busiest = np.argsort(-flows.flow_vph.mean(axis=0), kind="stable")[:CHARTED_MOVEMENTS]
    counted = np.full(flows.flow_vph.shape, np.nan)
    if came is not None and came.interval_s == flows.interval_s:
        picture = forecast_picture(flows, came)
        column_of = {name: m for m, name in enumerate(flows.movement_ids)}
        for line in picture.lines:
            values = [np.nan if value is None else value for value in line.came_vph]
            counted[:, column_of[line.name]] = values
    return CountChart(
        tuple(flows.movement_ids[m] for m in busiest),
        flows.start_s + np.arange(len(flows.flow_vph), dtype=np.float64) * flows.interval_s,
        counted[:, busiest],
        flows.flow_vph[:, busiest],
        flows.low_vph[:, busiest],
        flows.high_vph[:, busiest],
        "10 % to 90 %",
    )


def _approval(result: RunResult) -> Approval | None:
    release = result.release
    if release is None:
        return None
    return Approval(
        release.approved_by,
        release.approved_by == POLICY_NAME,
        release.approved_utc,
        release.expires_utc,
        release.plan_digest,
        release.report_digest,
        release.notes,
    )


def _pushes(result: RunResult) -> tuple[PushRow, ...]:
    if result.live is None:
        return ()
    return tuple(
        PushRow(
            device.signal_id,
            device.address,
            device.pattern,
            len(device.new),
            device.read_back == device.new,
            f"active: {result.live.statuses[device.signal_id]}",
        )
        for device in result.live.receipt.devices
    )


def _after(result: RunResult) -> tuple[StreetRow, ...]:
    live = result.live
    if live is None:
        return ()
    day = live.measures
    return (
        StreetRow(
            _clock(live.pushed_s),
            "the new patterns are called",
            f"{len(live.receipt.devices)} controllers",
        ),
        StreetRow(
            _clock(live.pushed_s + live.in_step_after_s),
            "every controller runs its new pattern in step",
            f"after {live.in_step_after_s:.0f} s of transition",
        ),
        StreetRow(
            _clock(result.setting.case.end_s),
            "the street's day ends",
            f"{day.delay_s:.1f} s of delay per vehicle over the whole day, "
            f"{result.report.baseline['delay_s']:.1f} s is the mean under the plan in force; "
            f"{day.arrived} vehicles arrived, {day.not_inserted} did not get in",
        ),
    )


def _clock(time_s: float) -> str:
    seconds = round(time_s)
    return f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
