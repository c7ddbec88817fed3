"""The best whole-second offsets near given ones, found exactly.

Both searches look at every combination of small moves, 3^(n-1) of them for moves of -1, 0 and
1 s, without listing them. For bands along the whole corridor, once both bands are placed each
signal either fits them with one of its moves or does not, independently of the others. Bands by
link couple neighbors only, which is a shortest path.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from engine.optimize.band_windows import Score, Ticks, Windows, link_widths
from network.units import TENTHS_PER_SECOND


def best_moves(windows: Sequence[Windows], score: Score, reach_s: int) -> tuple[int, ...]:
    """Return offset changes within reach that give the bands of most worth.

    Parameters
    ----------
    windows
        Outbound, and inbound if there is such a way.
    score
        What bands are worth.
    reach_s
        Largest change, s; the first signal stays.

    Returns
    -------
    tuple of int
        Change at each stop, s; the smallest of those that serve.
    """
    steps, moves = _moves(len(windows[0].begin), reach_s)
    out = _rooms(windows[0], moves)
    back = _rooms(windows[1], moves) if len(windows) > 1 else None
    widest = int(back.max(axis=2).min(axis=1).max()) if back is not None else 0
    # Every width at which some signal runs out of moves, for every moment a band may begin.
    most = out.max(axis=2).min(axis=1)
    pairs = {(int(e), s) for s in range(len(out)) for e in np.unique(out[s]) if e <= most[s]}
    best, chosen = -1.0, None
    for width, s in sorted(pairs | {(0, 0)}, key=lambda pair: (-pair[0], pair[1])):
        if score.worth(width, widest) <= best:
            continue
        fits = out[s] >= width
        other = 0
        if back is not None:
            rooms = np.where(fits[None], back, -1).max(axis=2).min(axis=1)
            begin = int(rooms.argmax())
            other = int(rooms[begin])
            fits = fits & (back[begin] >= other)
        worth = score.worth(width, other)
        if worth > best:
            best, chosen = worth, fits
    assert chosen is not None
    return tuple(int(steps[int(row.argmax())]) for row in chosen)


def best_link_moves(
    windows: Sequence[Windows], weights: Sequence[Sequence[float]], reach_s: int
) -> tuple[int, ...]:
    """Return offset changes within reach with the largest weighted sum of bands by link.

    Parameters
    ----------
    windows, reach_s
        As for `best_moves`.
    weights
        Of each link, by direction, in outbound order.
    """
    steps, _ = _moves(len(windows[0].begin), reach_s)
    values = {0: 0.0}
    origins: list[dict[int, int]] = []
    for i in range(len(windows[0].begin) - 1):
        reached: dict[int, float] = {}
        origin: dict[int, int] = {}
        for here, there in product(values, steps.tolist()):
            value = values[here] + sum(
                weight[i] * _link_width(w, i, here, there)
                for w, weight in zip(windows, weights, strict=True)
            )
            if value > reached.get(there, -1.0):
                reached[there], origin[there] = value, here
        values = reached
        origins.append(origin)
    move = max(values, key=lambda step: (values[step], -abs(step)))
    found = [move]
    for origin in reversed(origins):
        found.append(origin[found[-1]])
    return tuple(found[::-1])


def _link_width(windows: Windows, link: int, here_s: int, there_s: int) -> int:
    pair = slice(link, link + 2)
    part = Windows(windows.begin[pair], windows.length[pair], windows.lag[pair], windows.cycle)
    return link_widths(part, (here_s, there_s))[0]


def _moves(stops: int, reach_s: int) -> tuple[Ticks, Ticks]:
    """Return the moves in s, small ones first, and those of each stop in ticks."""
    steps = np.array(sorted(range(-reach_s, reach_s + 1), key=abs), dtype=np.int64)
    moves = np.tile(TENTHS_PER_SECOND * steps, (stops, 1))
    # The first signal stays: only differences of offsets matter.
    moves[0] = 0
    return steps, moves


def _rooms(windows: Windows, moves: Ticks) -> Ticks:
    """How long each stop and move lets a band go on, for every moment it may begin.

    A widest band begins where some window does.
    """
    moments = np.unique((windows.at_first_stop[:, None] + moves) % windows.cycle)
    return windows.ahead(moments, moves)
