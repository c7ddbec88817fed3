"""The command ``throughband forecast --follow``: a current forecast for as long as it runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from engine.forecast.prediction import Source
from network.errors import ThroughbandError
from throughband.counts.growing_counts import GrowingCounts
from throughband.forecasts.forecast_files import (
    RECORD_VERSION,
    horizon_types,
    write_forecast_table,
    write_movement_table,
)
from throughband.forecasts.forecast_options import Form
from throughband.forecasts.live_forecast import LiveForecast, LiveSettings, Sight
from throughband.results import now_utc, output_folder, versions, write_json
from throughband.stopping import Halt, undisturbed
from throughband.teller import Teller

LIVE_FORMAT: Final = "throughband.live-forecast"
STATE_FILE: Final = "forecaster.npz"
RECORD: Final = "forecast.json"
MOVEMENTS: Final = "movements.csv"
LOOK_S: Final = 10.0
NAP_S: Final = 0.25
"""Ctrl-C is noticed so soon."""


class Follower:
    """Looks at the counts and keeps the files of the current forecast.

    The tables are there only while the forecast is current: nobody can plan from a stale one.

    Parameters
    ----------
    live
        The forecaster and its counts.
    folder
        Where files go.
    clock
        The present, aware.
    form
        Of the table of detectors.
    say
        Called with what a person should know.
    """

    def __init__(
        self,
        live: LiveForecast,
        folder: Path,
        clock: Callable[[], datetime],
        form: Form = "csv",
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._live = live
        self._folder = folder
        self._clock = clock
        self._form = form
        self._say = say
        self._state = ""
        self._written = -1

    def turn(self) -> Sight:
        """Look once; write where an interval came, one passed without counts, or trouble began."""
        sight = self._live.turn()
        now = self._clock()
        forecaster = self._live.forecaster
        step_s = 60 if forecaster is None else forecaster.clock.step_s
        interval = int(now.timestamp()) // step_s
        if sight.taken or sight.state != self._state or interval != self._written:
            self._write(sight, now)
            self._written = interval
        if sight.state != self._state:
            self._tell(sight)
            self._state = sight.state
        return sight

    def close(self) -> None:
        """Keep the state for the next start."""
        self._live.save()

    def _tell(self, sight: Sight) -> None:
        if sight.state != "current":
            self._say(sight.told)
        elif self._state == "stale":
            self._say("counts are back; the forecast is current again")
        else:
            assert sight.prediction is not None
            self._say(
                f"forecasting {len(sight.prediction.names)} detectors, "
                f"{len(sight.prediction.mean)} intervals of {sight.prediction.step_s} s ahead"
            )

    def _write(self, sight: Sight, now: datetime) -> None:
        if sight.state != "current":
            # First what must not be used any more, then the word that it must not.
            for name in (f"forecast.{self._form}", MOVEMENTS):
                (self._folder / name).unlink(missing_ok=True)
        with output_folder(self._folder) as work:
            if sight.prediction is not None:
                self._write_tables(work, sight)
            write_json(work / RECORD, self._record(sight, now))

    def _write_tables(self, work: Path, sight: Sight) -> None:
        prediction, forecaster = sight.prediction, self._live.forecaster
        assert prediction is not None
        assert forecaster is not None
        types = horizon_types(prediction, forecaster.clock, forecaster.calendar)
        write_forecast_table(work, prediction, types, self._form)
        if prediction.streets is not None:
            flows = prediction.movements()
            write_movement_table(work / MOVEMENTS, flows, prediction.quantiles, types)

    def _record(self, sight: Sight, now: datetime) -> dict[str, object]:
        prediction = sight.prediction
        told: dict[str, object] = {
            "format": LIVE_FORMAT,
            "version": RECORD_VERSION,
            "versions": versions(),
            "state": sight.state,
            "told": sight.told,
            "written": now.isoformat(),
            "last_good": None if sight.last_good is None else sight.last_good.isoformat(),
            "flagged": {
                name: {"quality": quality.name.lower(), "reason": why}
                for name, (quality, why) in sight.flagged.items()
            },
            "not_used": dict(sight.oddities),
        }
        if prediction is not None:
            told["forecast"] = {
                "begin": prediction.start.isoformat(),
                "step_s": prediction.step_s,
                "intervals": len(prediction.mean),
                "day_type": prediction.day_type,
                "cells": {
                    source.name.lower(): int((prediction.source == source).sum())
                    for source in Source
                },
            }
        return told


def follow_command(
    counts: Path,
    settings: LiveSettings,
    form: Form,
    out: Path,
    *,
    clock: Callable[[], datetime] = now_utc,
    nap: Callable[[float], None] = time.sleep,
) -> None:
    """Follow counts until Ctrl-C; the state is kept for the next start.

    Parameters
    ----------
    counts
        A file that grows, or a folder of ``throughband bridge count``.
    settings
        What to forecast.
    form
        Of the table of detectors.
    out
        Folder for the current forecast and the state.
    clock, nap
        The present; how to wait, s.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ThroughbandError(f"{out}: cannot be made ({error.strerror})") from error
    halt = Halt(None, time.monotonic)
    with Teller(1) as teller, halt.on_interrupt():
        teller.step(f"follow the counts of {counts}; Ctrl-C ends")
        live = LiveForecast(GrowingCounts(counts, settings.tz), settings, clock, out / STATE_FILE)
        follower = Follower(live, out, clock, form, teller.say)
        try:
            # Learning takes as long as there are counts; what was not learned is not half kept.
            follower.turn()
            while not halt.called():
                with undisturbed():
                    follower.turn()
                waited_s = 0.0
                while waited_s < LOOK_S and not halt.called():
                    nap(NAP_S)
                    waited_s += NAP_S
        finally:
            follower.close()
        teller.say(f"State kept in {out / STATE_FILE}")
