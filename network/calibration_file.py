"""Calibrations on disk: ``calibration.json`` beside the network it was measured on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from network.calibration import Calibration, Estimate, LinkRunning
from network.documents import DocumentForm, read_document, write_document
from network.errors import FormatError, TopologyError
from network.fields import Fields, place_in

CALIBRATION_FORM = DocumentForm("throughband.calibration", "calibration", 1, FormatError)

CALIBRATION_FILE = "calibration.json"
"""Its name beside a scenario."""

LONGEST_S = 3600.0
DECIMALS = 4
_SHOWN_WITHIN = 2e-3

_KEYS = ("network", "network_digest", "source", "start_loss_s", "end_gain_s", "headway_s", "links")
_ESTIMATE = ("value", "standard_error", "samples", "measured", "prior")
_LINK = ("running_s", "deviation_s", "speed_mps", "dispersion")
_DISPERSION = ("smoothing", "alpha", "beta")


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Write a calibration; equal ones give equal bytes.

    Parameters
    ----------
    path
        Where to; replaced whole or not at all.
    calibration
        What to write; numbers are kept to four decimals.

    Raises
    ------
    FormatError
        If the file cannot be written.
    """
    write_document(
        Path(path),
        CALIBRATION_FORM,
        {
            "network": calibration.network,
            "network_digest": calibration.digest,
            "source": calibration.source,
            "start_loss_s": _written(calibration.start_loss_s),
            "end_gain_s": _written(calibration.end_gain_s),
            "headway_s": {
                name: _written(found) for name, found in sorted(calibration.headway_s.items())
            },
            "links": {
                name: {
                    "running_s": _written(found.running_s),
                    "deviation_s": _written(found.deviation_s),
                    "speed_mps": _written(found.speed_mps),
                    "dispersion": {
                        key: round(value, DECIMALS)
                        for key, value in found.dispersion._asdict().items()
                    },
                }
                for name, found in sorted(calibration.links.items())
            },
        },
    )


def read_calibration(path: Path) -> Calibration:
    """Read a calibration.

    Parameters
    ----------
    path
        JSON as `write_calibration` makes it.

    Raises
    ------
    FormatError
        If the file is missing or anything in it is malformed, unknown or out of bounds, or a
        link's dispersion does not follow from its running times.
    """
    path = Path(path)
    document = read_document(path, CALIBRATION_FORM)
    found = Fields.of(document, place_in(str(path)), FormatError, ("format", "version", *_KEYS))
    digest = found.text("network_digest")
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise found.refusal("network_digest", "are 64 hexadecimal digits")
    try:
        return Calibration(
            found.text("network"),
            digest,
            found.text("source"),
            _estimate(found, "start_loss_s", str(path), -LONGEST_S),
            _estimate(found, "end_gain_s", str(path), -LONGEST_S),
            {
                name: _estimate(_named(found, "headway_s"), name, f"{path}, headway_s", 1e-3)
                for name in _named(found, "headway_s").values
            },
            {
                name: _link(_named(found, "links"), name, f"{path}, links")
                for name in _named(found, "links").values
            },
        )
    except TopologyError as error:
        raise FormatError(f"{path}: {error}") from error


def _named(found: Fields, key: str) -> Fields:
    """Return an object whose keys are names of the network."""
    value = found.values[key]
    if type(value) is not dict or not all(type(name) is str and name for name in value):
        raise found.refusal(key, "is an object with one entry per name")
    return Fields(value, place_in(f"{found.place(key)}"), FormatError)


def _estimate(found: Fields, key: str, where: str, least: float) -> Estimate:
    own = Fields.of(found.values[key], place_in(f"{where}, {key}"), FormatError, _ESTIMATE)
    measured = None if own.values["measured"] is None else own.number("measured", least, LONGEST_S)
    samples = own.whole("samples", 0, 2**31 - 1)
    if (measured is None) != (samples == 0):
        raise own.refusal("samples", "are 0 where nothing was measured, and only there")
    return Estimate(
        own.number("value", least, LONGEST_S),
        own.number("standard_error", 0.0, LONGEST_S),
        samples,
        measured,
        own.number("prior", least, LONGEST_S),
    )


def _link(found: Fields, name: str, where: str) -> LinkRunning:
    here = f"{where}, {name}"
    own = Fields.of(found.values[name], place_in(here), FormatError, _LINK)
    running = LinkRunning(
        _estimate(own, "running_s", here, 1e-3),
        _estimate(own, "deviation_s", here, 0.0),
        _estimate(own, "speed_mps", here, 1e-3),
    )
    told = Fields.of(
        own.values["dispersion"], place_in(f"{here}, dispersion"), FormatError, _DISPERSION
    )
    follows: Mapping[str, Any] = running.dispersion._asdict()
    for key, most in zip(_DISPERSION, (1.0, float("inf"), 1.0), strict=True):
        value = told.number(key, 0.0, most)
        if abs(value - follows[key]) > _SHOWN_WITHIN * max(1.0, abs(follows[key])):
            raise told.refusal(key, f"is what follows from the running times, {follows[key]:.4f}")
    return running


def _written(estimate: Estimate) -> dict[str, float | int | None]:
    return {
        "value": round(estimate.value, DECIMALS),
        "standard_error": round(estimate.standard_error, DECIMALS),
        "samples": estimate.samples,
        "measured": None if estimate.measured is None else round(estimate.measured, DECIMALS),
        "prior": round(estimate.prior, DECIMALS),
    }
