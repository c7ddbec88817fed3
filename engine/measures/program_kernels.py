"""The programs of signals as bits: what each way shows in each second, for many plans in step."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engine.measures.cyclic_arrays import MIXED, PLAIN, YIELDS, CyclicArrays
from engine.measures.kernels import TINY
from engine.measures.street import Integers

Singles = NDArray[np.float32]
Bits = NDArray[np.uint16]


class Programs(NamedTuple):
    """What ways show; tables are written twice in a row, so that no index runs over their end."""

    opens: Bits  # [row, 2 cycles], all bits set where green is protected
    yields: Bits  # where it is permissive
    row: Integers  # per way, of its first program
    stride: Integers  # per way, rows from one of its programs to the next
    kind: Integers  # [program, lane], as `CyclicArrays.kind`
    column: Integers  # per signal, where in a plan its program and its beginning stand


@njit(cache=True, error_model="numpy")
def write_tables(
    arrays: CyclicArrays,
    programs: Programs,
    number: int,
    ways: Integers,
    lanes: Integers,
    shown: NDArray[np.int8],
    begin_s: int,
) -> None:
    """Lay one program of a signal into the tables.

    Parameters
    ----------
    arrays, programs
        The group and its tables.
    number
        Of the program.
    ways, lanes
        The signal's, ways in the order of `shown`.
    shown
        [way, second]: 1 protected, -1 permissive, 0 red.
    begin_s
        When its second 0 comes, for tables that are in system time.
    """
    cycle = shown.shape[1]
    row_of, stride = programs.row, programs.stride
    opens, permits = programs.opens, programs.yields
    everything = np.uint16(0xFFFF)
    for n in range(ways.size):
        row = row_of[ways[n]] + number * stride[ways[n]]
        k = -begin_s % cycle
        for t in range(cycle):
            green = everything if shown[n, k] > 0 else np.uint16(0)
            permissive = everything if shown[n, k] < 0 else np.uint16(0)
            opens[row, t] = green
            opens[row, t + cycle] = green
            permits[row, t] = permissive
            permits[row, t + cycle] = permissive
            k = k + 1 if k + 1 < cycle else 0
    for lane in lanes:
        programs.kind[number, lane] = lane_kind(arrays, lane, programs, number)


@njit(cache=True, error_model="numpy")
def write_each(
    arrays: CyclicArrays,
    programs: Programs,
    ways: Integers,
    lanes: Integers,
    shown: NDArray[np.int8],
) -> None:
    """Lay a signal's programs into the tables, numbered from 0, each from its second 0 on.

    Parameters
    ----------
    shown
        [program, way, second], as for `write_tables`.
    arrays, programs, ways, lanes
        As for `write_tables`.
    """
    for number in range(shown.shape[0]):
        write_tables(arrays, programs, number, ways, lanes, shown[number], 0)


@njit(cache=True, error_model="numpy")
def lane_kind(arrays: CyclicArrays, lane: int, programs: Programs, number: int) -> int:
    """Return which kind a lane is under a program in the tables."""
    first_way, way_share = arrays.first_way, arrays.way_share
    row_of, stride = programs.row, programs.stride
    opens, permits = programs.opens, programs.yields
    yields = False
    apart = False
    busy = 0
    before = 0
    for w in range(first_way[lane], first_way[lane + 1]):
        if way_share[w] <= TINY:
            continue
        row = row_of[w] + number * stride[w]
        for t in range(opens.shape[1]):
            yields |= permits[row, t] != 0
            if busy:
                apart |= opens[row, t] != opens[before, t]
        before = row
        busy += 1
    if busy > 1:
        return MIXED if yields or apart else PLAIN
    return YIELDS if yields else PLAIN
