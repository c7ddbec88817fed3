"""What each detector counts on a day of each type, learned from few days or many.

Sums by weekday and time of day are shrunk in three steps: a group of days (working days,
Saturdays, Sundays and holidays) toward the mean of all days, a weekday toward its group, and all
of them toward the few shapes that the detectors of a network share (Wiener-like, by truncated
eigenvectors). How much of each is chosen by leaving out one day after the other; how fast old
days fade by predicting forward. Everything happens on the root scale of `engine.forecast.kernels`
and on the local clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.forecast.calendar import DAY_TYPES, HOLIDAY, SATURDAY, SUNDAY
from engine.forecast.kernels import smooth_circle

Floats = NDArray[np.float64]

TYPES = len(DAY_TYPES)
GROUPS: tuple[tuple[int, ...], ...] = ((0, 1, 2, 3, 4), (SATURDAY,), (SUNDAY, HOLIDAY))
GROUP_OF = np.array([0, 0, 0, 0, 0, 1, 2, 2])

ZERO_COUNT = 0.375
"""Anscombe's constant: what is added to a count before its root is taken."""

LONGEST_GROUP_EIGEN = 3000
"""Up to so many rows or columns a matrix of products is taken apart as it is."""


def to_root(counts: Floats) -> Floats:
    """Return counts on the root scale."""
    # In place: a year of counts is large.
    root: Floats = np.maximum(counts, 0.0)
    root += ZERO_COUNT
    np.sqrt(root, out=root)
    root *= 2.0
    return root


def from_root(z: Floats) -> Floats:
    """Return values of the root scale as counts, 0 at least."""
    half = np.maximum(z, 0.0) * 0.5
    counts: Floats = np.maximum(half * half - ZERO_COUNT, 0.0)
    return counts


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """How strongly days are smoothed and shrunk.

    Attributes
    ----------
    half_life_days
        Age at which a day counts half; infinite for never.
    smooth_s, smooth_weekday_s
        Standard deviation of the smoothing over the time of day, of groups and of the
        deviations of weekdays, s.
    keep_days
        So many days of a weekday make its deviation half believed.
    rank
        Shapes that detectors share; 0 for none.
    rest
        Part of what lies outside the shared shapes that is kept.
    """

    half_life_days: float = float("inf")
    smooth_s: float = 540.0
    smooth_weekday_s: float = 1350.0
    keep_days: float = 1.0
    rank: int = 0
    rest: float = 0.3


PRIOR_DAYS = 0.1
"""A group of days is shrunk toward the network's usual difference by so many days."""


def smooth(values: Floats, width: float) -> Floats:
    """Smooth over the time of day, which is a circle; axis -2, standard deviation in slots."""
    if width < 0.2:
        return values
    reach = min(int(np.ceil(3.0 * width)), (values.shape[-2] - 1) // 2)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    kernel /= kernel.sum()
    stack = np.ascontiguousarray(values).reshape(-1, *values.shape[-2:])
    out = np.empty_like(stack)
    smooth_circle(stack, kernel, out)
    return out.reshape(values.shape)


def empty_sums(slots: int, detectors: int) -> Floats:
    """Return sums of no day."""
    return np.zeros((2, TYPES, slots, detectors))


def common_shapes(stack: Floats, most: int) -> Floats:
    """Return the leading directions across detectors of rows of values, [N, R].

    Parameters
    ----------
    stack
        Rows of detectors' values, [M, N].
    most
        Greatest number of directions.
    """
    rows, columns = stack.shape
    most = min(most, columns, rows)
    if most < 1:
        return np.zeros((columns, 0))
    if columns <= LONGEST_GROUP_EIGEN or columns <= rows:
        _, vectors = np.linalg.eigh(stack.T @ stack)
        return np.ascontiguousarray(vectors[:, ::-1][:, :most])
    if rows > LONGEST_GROUP_EIGEN:
        stack = stack[:: -(-rows // LONGEST_GROUP_EIGEN)]
    values, vectors = np.linalg.eigh(stack @ stack.T)
    keep = values[::-1][:most] > values[-1] * 1e-10
    shapes = stack.T @ vectors[:, ::-1][:, :most][:, keep]
    return np.ascontiguousarray(shapes / np.linalg.norm(shapes, axis=0))


@dataclass(frozen=True, slots=True, eq=False)
class TypeParts:
    """Profiles of day types, smoothed, before weekdays are drawn toward their group.

    Attributes
    ----------
    base
        Profile of the group of each type, [K, S, N].
    own, seen
        Weighted sum and weight of what each type differs by, [K, S, N]; 0 where types have no
        profile of their own.
    """

    base: Floats
    own: Floats
    seen: Floats

    def joined(self, keep_days: float) -> Floats:
        """Return the profiles, [K, S, N]."""
        out: Floats = self.base + self.own / (self.seen + keep_days)
        return out


def type_parts(
    sums: Floats, settings: ProfileSettings, step_s: int, kinds: Sequence[int] = range(TYPES)
) -> TypeParts:
    """Return what profiles consist of; of the settings only the smoothing matters.

    Parameters
    ----------
    sums
        Weighted counts and weights by day type and time of day, [2, K, S, N].
    settings
        How to smooth.
    step_s
        Length of a slot, s.
    kinds
        Wanted day types.
    """
    value, weight = sums
    wide = settings.smooth_s / step_s
    narrow = settings.smooth_weekday_s / step_s
    all_value, all_weight = value.sum(axis=0), weight.sum(axis=0)
    level = all_value.sum(axis=0) / np.maximum(all_weight.sum(axis=0), 1e-9)
    everyday = (smooth(all_value, 1.5 * wide) + PRIOR_DAYS * level) / (
        smooth(all_weight, 1.5 * wide) + PRIOR_DAYS
    )
    base, own, seen = (np.zeros((len(kinds), *value.shape[1:])) for _ in range(3))
    groups: dict[int, Floats] = {}
    for at, kind in enumerate(kinds):
        g = int(GROUP_OF[kind])
        if g not in groups:
            groups[g] = _group(value, weight, g, everyday, wide)
        base[at] = groups[g]
        if kind in GROUPS[0] or kind == HOLIDAY:
            own[at] = smooth(value[kind] - weight[kind] * groups[g], narrow)
            seen[at] = smooth(weight[kind], narrow)
    return TypeParts(base, own, seen)


def type_profiles(
    sums: Floats, settings: ProfileSettings, step_s: int, kinds: Sequence[int] = range(TYPES)
) -> Floats:
    """Return profiles of day types before shared shapes are used, [len(kinds), S, N].

    Parameters
    ----------
    sums
        Weighted counts and weights by day type and time of day, [2, K, S, N].
    settings
        How to smooth and shrink.
    step_s
        Length of a slot, s.
    kinds
        Wanted day types.
    """
    return type_parts(sums, settings, step_s, kinds).joined(settings.keep_days)


def _group(value: Floats, weight: Floats, group: int, everyday: Floats, wide: float) -> Floats:
    members = list(GROUPS[group])
    a, w = value[members].sum(axis=0), weight[members].sum(axis=0)
    # How the network as a whole differs on such days, for detectors that were silent on them.
    moved = smooth((a - w * everyday).sum(axis=1, keepdims=True), 2.0 * wide)
    seen = smooth(w.sum(axis=1, keepdims=True), 2.0 * wide)
    prior = everyday + moved / (seen + PRIOR_DAYS * everyday.shape[1])
    out: Floats = (smooth(a, wide) + PRIOR_DAYS * prior) / (smooth(w, wide) + PRIOR_DAYS)
    return out


def share_shapes(profiles: Floats, shapes: Floats, rank: int, rest: float) -> Floats:
    """Draw profiles toward the shapes that detectors share.

    Parameters
    ----------
    profiles
        [..., S, N].
    shapes
        Directions across detectors, [N, R].
    rank
        How many of them to use; 0 leaves the profiles as they are.
    rest
        Part of what lies outside that is kept.
    """
    if rank == 0 or rank >= profiles.shape[-1] or shapes.shape[1] == 0:
        return profiles
    used = shapes[:, :rank]
    inside = (profiles @ used) @ used.T
    out: Floats = inside + rest * (profiles - inside)
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Profiles:
    """Profiles of all day types with what is needed to learn on.

    Attributes
    ----------
    settings
        As chosen.
    shapes
        Directions across detectors, [N, R].
    z
        Profiles on the root scale, [K, S, N].
    """

    settings: ProfileSettings
    shapes: Floats
    z: Floats


def make_profiles(
    sums: Floats, settings: ProfileSettings, step_s: int, shapes: Floats | None = None
) -> Profiles:
    """Return the profiles that sums of days amount to.

    Parameters
    ----------
    sums, settings, step_s
        As in `type_profiles`.
    shapes
        Directions across detectors, or None to find them.
    """
    raw = type_profiles(sums, settings, step_s)
    if shapes is None:
        shapes = common_shapes(raw.reshape(-1, raw.shape[-1]), 60 if settings.rank else 0)
    z = share_shapes(raw, shapes, settings.rank, settings.rest)
    return Profiles(settings, shapes, z)


def parts_without_day(
    sums: Floats, day_sums: Floats, kind: int, settings: ProfileSettings, step_s: int
) -> TypeParts:
    """Return the parts of the profile of a day as if that day had not been seen.

    Parameters
    ----------
    sums
        All days, that one included.
    day_sums
        Values and weights of that day alone, [2, S, N].
    kind
        Its type.
    settings, step_s
        As in `type_parts`.
    """
    sums[:, kind] -= day_sums
    parts = type_parts(sums, settings, step_s, (kind,))
    sums[:, kind] += day_sums
    return parts


def without_day(
    sums: Floats,
    day_sums: Floats,
    kind: int,
    settings: ProfileSettings,
    step_s: int,
    shapes: Floats,
) -> Floats:
    """Return the profile of a day as if that day had not been seen, [S, N].

    Parameters
    ----------
    sums, day_sums, kind
        As in `parts_without_day`.
    settings, step_s, shapes
        As in `make_profiles`.
    """
    raw = parts_without_day(sums, day_sums, kind, settings, step_s).joined(settings.keep_days)[0]
    return share_shapes(raw, shapes, settings.rank, settings.rest)
