"""What is wrong now, from the forecast's judgment of counts and the bridge's of controllers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from scipy.stats import poisson

from network.counts import Quality
from throughband.forecasts.live_forecast import Sight
from throughband.operate.street_counts import Counted
from throughband.operate.warning_book import Kind, Sighting

STANDING: Final = 0.9
"""Part of an interval that a detector is occupied when something stands on it."""

LATELY: Final = 6
"""Intervals over which a detector that counts is held against the usual."""

_WORDS: Final = {
    Quality.MISSING: "is silent",
    Quality.IMPOSSIBLE: "counts what cannot be",
}


def beyond_chance(counted_veh: float, usual_veh: float) -> float:
    """Return how sure it is that a count is not chance: 1 less the probability of one so far off.

    Parameters
    ----------
    counted_veh, usual_veh
        Vehicles over the same time.
    """
    if usual_veh <= 0:
        return 1.0 if counted_veh > 0 else 0.0
    if counted_veh <= usual_veh:
        return float(1.0 - poisson.cdf(math.floor(counted_veh), usual_veh))
    return float(poisson.cdf(math.ceil(counted_veh) - 1, usual_veh))


def detectors_seen(
    sight: Sight,
    lately: Mapping[float, Mapping[str, Counted]],
    usual_veh: Mapping[str, float],
    signal_of: Mapping[str, str],
    excused: Iterable[str],
    now_utc: datetime,
    link_of: Mapping[str, str] | None = None,
) -> list[Sighting]:
    """Return detectors that cannot be believed; a whole signal's, or approach's, are one cause.

    Parameters
    ----------
    sight
        What the forecast found.
    lately
        Counts of the last intervals by their beginning, s since 1970.
    usual_veh
        By detector, usual vehicles in an interval at this time.
    signal_of
        By detector, whose it is.
    excused
        Signals whose controllers are known to be in trouble.
    now_utc
        The present.
    link_of
        By detector, the link whose end it counts.
    """
    out = set(excused)
    # A controller that is gone explains counts that do not come, and no others.
    flagged = {
        name: found
        for name, found in sight.flagged.items()
        if found[0] is not Quality.MISSING or signal_of.get(name) not in out
    }
    found = []
    members: dict[str, list[str]] = {}
    for name in signal_of:
        members.setdefault(signal_of[name], []).append(name)
    whole = {
        signal
        for signal, names in members.items()
        if len(names) > 1 and all(name in flagged for name in names)
    }
    for signal in sorted(whole):
        names = members[signal]
        each = [_since(name, lately, now_utc) for name in names]
        found.append(
            Sighting(
                Kind.DETECTOR,
                f"signal {signal}",
                max(each),
                1.0,
                f"signal {signal!r}: none of its {len(names)} detectors can be believed",
            )
        )
    silent = _silent(flagged, lately, link_of or {}, now_utc)
    for link, (names, at) in sorted(silent.items()):
        if signal_of.get(names[0]) in whole:
            continue
        text = (
            f"link {link!r}: none of the {len(names)} detectors at its end counts anybody; they "
            "are dead, or the road is closed"
        )
        found.append(Sighting(Kind.DETECTOR, f"link {link}", at, 1.0, text))
    approach = {name for names, _ in silent.values() for name in names}
    for name, (quality, why) in sorted(flagged.items()):
        if signal_of.get(name) in whole or name in approach:
            continue
        since = _since(name, lately, now_utc)
        sure = 1.0
        if quality is not Quality.MISSING:
            rows = [lately[begin][name] for begin in sorted(lately) if name in lately[begin]]
            spell = sum(_in(begin, since) for begin in lately if name in lately[begin])
            # Who counts, but other than usual, is held against the usual over some intervals.
            told = [row.volume_veh for row in rows[-(spell or LATELY) :]]
            told = [count for count in told if math.isfinite(count)]
            sure = beyond_chance(sum(told), usual_veh.get(name, 0.0) * len(told)) if told else 0.0
        words = _WORDS.get(quality, "counts what cannot be believed")
        newest = lately[max(lately)].get(name) if lately else None
        if newest is not None and newest.occupied_part >= STANDING:
            words = "is occupied all the time: something stands there, or it is stuck"
        text = f"detector {name!r} {words}" + (f": {why}" if why else "")
        found.append(Sighting(Kind.DETECTOR, name, since, sure, text))
    return found


def _silent(
    flagged: Iterable[str],
    lately: Mapping[float, Mapping[str, Counted]],
    link_of: Mapping[str, str],
    now_utc: datetime,
) -> dict[str, tuple[list[str], datetime]]:
    """Return links at whose ends nobody is counted, several detectors in doubt: all, since when."""
    doubted = set(flagged)
    members: dict[str, list[str]] = {}
    newest = lately[max(lately)] if lately else {}
    for name in sorted(newest):
        if name in link_of:
            members.setdefault(link_of[name], []).append(name)
    found = {}
    for link, names in members.items():
        if sum(name in doubted for name in names) < 2:
            continue
        if any(newest[name].volume_veh != 0 for name in names):
            continue
        found[link] = (names, max(_since(name, lately, now_utc) for name in names))
    return found


def _in(begin_s: float, since: datetime) -> bool:
    return begin_s >= since.timestamp() - 1e-6


def _since(name: str, lately: Mapping[float, Mapping[str, Counted]], now_utc: datetime) -> datetime:
    """Return since when a detector has counted nothing, or what it counts now for want of more."""
    since = now_utc
    for begin in sorted(lately, reverse=True):
        cell = lately[begin].get(name)
        if cell is not None and cell.good and cell.volume_veh > 0:
            break
        since = datetime.fromtimestamp(begin, UTC)
    return min(since, now_utc)


def coordination_seen(
    troubles: Mapping[str, str],
    called: Iterable[str],
    ours: Iterable[str],
    since: Mapping[str, datetime],
    now_utc: datetime,
) -> list[Sighting]:
    """Return signals that no longer run what was pushed there.

    Parameters
    ----------
    troubles
        By signal under our call, what the bridge finds wrong there.
    called
        Signals under our call.
    ours
        Signals that a plan of ours was pushed to and not taken back from.
    since
        By signal, since when it has been known.
    now_utc
        The present.
    """
    found = []
    there = set(called)
    for signal, trouble in sorted(troubles.items()):
        if signal in there:
            text = f"signal {signal!r} does not run its plan: {trouble}"
            at = since.get(signal, now_utc)
            found.append(Sighting(Kind.COORDINATION, signal, at, 1.0, text))
    for signal in sorted(set(ours) - there):
        text = f"signal {signal!r} is no longer called by us; it runs its own schedule"
        at = since.get(signal, now_utc)
        found.append(Sighting(Kind.COORDINATION, signal, at, 1.0, text))
    return found


def one_fact(kind: Kind, where: str, text: str, since: datetime) -> Sequence[Sighting]:
    """Return the sighting of something that says so itself; nothing where there is no text."""
    return [Sighting(kind, where, since, 1.0, text)] if text else []
