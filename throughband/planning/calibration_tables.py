"""A calibration as people read it: a line, and tables with error, observations and prior."""

from __future__ import annotations

from rich.table import Table

from network.calibration import Calibration, Estimate, LinkRunning
from network.graph import RoadNetwork

MOST_ROWS = 12
"""Lanes and links a table shows; the file has them all."""

_HEADS = ("s", "seen", "alone says", "drawn to")


def summary(calibration: Calibration) -> str:
    """Return in a line what drivers are taken to do."""
    own = sum(found.samples > 0 for found in calibration.headway_s.values())
    links = sum(found.running_s.samples > 0 for found in calibration.links.values())
    return (
        f"Calibrated from {calibration.source}: headways of {own} of "
        f"{len(calibration.headway_s)} connections and running times of {links} links measured, "
        f"a green loses {calibration.start_loss_s.value - calibration.end_gain_s.value:.1f} s"
    )


def rows_of(calibration: Calibration) -> list[tuple[str, Estimate]]:
    """Return what to show of a calibration: lost times, then the best-known headways."""
    best = sorted(calibration.headway_s.items(), key=lambda item: (-item[1].samples, item[0]))
    return [
        ("start-up lost time", calibration.start_loss_s),
        ("time used after green", calibration.end_gain_s),
        *((f"headway {name}", found) for name, found in best[:MOST_ROWS] if found.samples),
    ]


def best_links(calibration: Calibration) -> list[tuple[str, LinkRunning]]:
    """Return the links that most vehicles were followed on."""
    best = sorted(calibration.links.items(), key=lambda item: (-item[1].running_s.samples, item[0]))
    return [(name, found) for name, found in best[:MOST_ROWS] if found.running_s.samples]


def tables_of(calibration: Calibration, network: RoadNetwork) -> list[Table]:
    """Tabulate lost times and headways; running times and dispersion where links were run."""
    rows = Table("lost times, headways", *_HEADS)
    for name, found in rows_of(calibration):
        rows.add_row(name, *cells(found))
    if not calibration.links:
        return [rows]
    links = Table("running time", *_HEADS, "deviation", "free m/s", "limit", "F", "alpha", "beta")
    for name, running in best_links(calibration):
        links.add_row(
            name,
            *cells(running.running_s),
            f"{running.deviation_s.value:.2f}",
            f"{running.speed_mps.value:.1f}",
            f"{network.links[name].speed_mps:.1f}",
            *(f"{value:.2f}" for value in running.dispersion),
        )
    return [rows, links]


def cells(found: Estimate) -> tuple[str, ...]:
    """Return an estimate as the cells of a table's row."""
    alone = "-" if found.measured is None else f"{found.measured:.2f}"
    return (
        f"{found.value:.2f} ± {found.standard_error:.2f}",
        str(found.samples),
        alone,
        f"{found.prior:.2f}",
    )
