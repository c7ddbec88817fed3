"""The arrays of a group in its steady cycle, and the columns of what comes of them."""

from __future__ import annotations

from typing import NamedTuple

from engine.measures.street import Floats, Integers

# Columns of the result per lane: vehicles delayed on average, stops per second, arrivals and
# capacity per second, longest queue, growth of the queue per cycle, mean queue beyond storage.
DELAYED, STOPS, VOLUME, CAPACITY, LONGEST, GROWTH, OVER = range(7)
RESULTS = 7

PERIOD_S, DELAY, STOP_S, OVER_PRICE, LIMIT_VEH, GROWING, WAIT_S, UNFAIR, RIDING = range(9)
"""Columns of the weights per lane: length of the analysis period; what a second of delay, a stop
and a vehicle beyond its lane's limit cost; that limit; what a vehicle beyond it costs that stands
there because the queue grows from cycle to cycle; mean wait beyond which waiting costs more, and
how much; what delay by chance and by growing queues costs besides, for those who ride in them."""

WEIGHTS = 9

RIDE_CYCLES = 3
"""Cycles after which those who ride in a queue are taken to get through, whatever stands there."""

PLAIN, YIELDS, MIXED = range(3)
"""Kinds of lanes: all ways open at the same seconds, protected; a single way that yields some of
the time; several ways that yield or are open at different seconds."""


class CyclicArrays(NamedTuple):
    """A coordination group, ready for the kernels; rows are its own, not the street's.

    Approach a takes streams ``first_stream[a]`` to ``first_stream[a + 1]``; what leaves by exit x
    comes from the ways ``source[first_source[x]:first_source[x + 1]]``; lane l owns the ways
    ``first_way[l]`` to ``first_way[l + 1]``.
    """

    order: Integers  # approaches a as a, lanes l as n_approaches + l, in order of evaluation
    steady_vps: Floats  # per approach: traffic that arrives evenly over the cycle
    approach_vps: Floats  # per approach: all its traffic, what loops of streets are begun with
    first_stream: Integers
    stream_exit: Integers
    stream_share: Floats
    stream_delay_s: Integers
    stream_smoothing: Floats
    first_source: Integers
    source: Integers
    lane_approach: Integers
    lane_share: Floats  # of the approach's traffic
    storage_veh: Floats  # per lane, queue beyond which vehicles are counted
    kind: Integers  # per lane: PLAIN, YIELDS or MIXED
    first_way: Integers
    way_lane: Integers
    way_signal: Integers
    way_share: Floats  # of the lane's traffic
    way_vps: Floats  # mean flow, what loops of streets are begun with
    way_headway_s: Floats
    way_box_veh: Floats
    first_foe: Integers
    foe: Integers
    rides: Integers  # per lane: the lane in whose queue it waits, whose ways are its foes; or -1
