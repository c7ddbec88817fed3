"""``throughband calibrate``: measure how a network's drivers drive, and show what was found."""

from __future__ import annotations

from pathlib import Path

from engine.measures.calibrating import calibrate
from engine.measures.log_greens import log_greens
from engine.validate.trajectories import observe
from network.calibration import Calibration
from network.calibration_file import CALIBRATION_FILE, write_calibration
from network.errors import CountError, FormatError
from network.readers.hires_counts import read_detector_roles
from network.readers.hires_log import read_hires_log
from throughband.counts.demand import COUNTING_SEEDS
from throughband.planning.calibration_tables import tables_of
from throughband.setting import Setting, open_setting
from throughband.teller import Teller

TABLE_WIDTH = 130


def calibrate_scenario(
    name: str,
    out: Path,
    seeds: str | None,
    log: Path | None,
    detectors: Path | None,
    zone: str,
    begin_s: float | None,
    end_s: float | None,
) -> None:
    """Carry out ``throughband calibrate``."""
    if log is not None and seeds is not None:
        raise CountError("--log and --seeds: allowed is one of them")
    if (log is None) != (detectors is None):
        raise CountError("--log and --detectors belong together: which detector counts which lane")
    if out.is_dir():
        raise FormatError(f"{out}: is a folder; name a file, as in {out / CALIBRATION_FILE}")
    with Teller(3) as teller:
        teller.step("read the network and its signals")
        # What lies beside the scenario is about to be replaced; it may be of an older network.
        setting = open_setting(name, begin_s, end_s, calibrated=False)
        if log is not None and detectors is not None:
            found = _from_log(setting, log, detectors, zone, teller)
        else:
            found = _from_sumo(setting, seeds_of(seeds or "1-3"), teller)
        teller.step("write the calibration")
        write_calibration(out, found)
        for table in tables_of(found, setting.network):
            # A table cut to the width of a pipe says nothing.
            teller.console.print(table, width=max(teller.console.width, TABLE_WIDTH))
        beside = setting.scenario.config_file.parent / CALIBRATION_FILE
        how = (
            "it is used from now on"
            if out.resolve() == beside.resolve()
            else f"used with --calibration {out}, or from {beside}"
        )
        teller.say(f"Calibration: {out}; {how}")


def seeds_of(text: str) -> tuple[int, ...]:
    """Read seeds as in ``1-3`` or ``2``.

    Raises
    ------
    CountError
        If it is no range, or a seed is not one to tune on.
    """
    first, dash, last = text.partition("-")
    try:
        seeds = tuple(range(int(first), int(last if dash else first) + 1))
    except ValueError as error:
        raise CountError(f"--seeds {text!r}: found no range; allowed is one as in 1-3") from error
    if not seeds or set(seeds) - set(COUNTING_SEEDS):
        raise CountError(
            f"--seeds {text!r}: allowed for tuning are {COUNTING_SEEDS[0]} to {COUNTING_SEEDS[-1]}"
        )
    return seeds


def _from_sumo(setting: Setting, seeds: tuple[int, ...], teller: Teller) -> Calibration:
    listed = ", ".join(map(str, seeds))
    teller.step(f"follow every vehicle in SUMO under the plan in force, seeds {listed}")
    seen = observe(
        setting.case,
        setting.network,
        seeds,
        progress=lambda done, whole: teller.tell("days", done, whole),
    )
    window = f"{setting.scenario.begin_s:g} s to {setting.scenario.end_s:g} s"
    source = f"SUMO, plan in force, {window}, seeds {listed}"
    return calibrate(setting.network, seen.greens, seen.passages, source)


def _from_log(
    setting: Setting, log: Path, detectors: Path, zone: str, teller: Teller
) -> Calibration:
    teller.step(f"read the log {log}")
    events = read_hires_log(log, zone)
    for finding in events.findings:
        teller.say(finding)
    greens = log_greens(events, read_detector_roles(detectors), setting.network, str(detectors))
    first, last = events.time_utc[[0, -1]].astype("datetime64[s]")
    source = f"high-resolution log {log.name}, {first} to {last} UTC"
    teller.say("A log follows nobody from signal to signal: running times are not calibrated")
    return calibrate(setting.network, greens, {}, source)
