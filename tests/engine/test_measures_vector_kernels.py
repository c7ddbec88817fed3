"""Sixteen numbers at once: each place as numpy has it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numpy.typing import NDArray

from engine.measures.vector_kernels import (
    WIDTH,
    above,
    choose,
    least,
    load,
    looked_up,
    most,
    root,
    splat,
    store,
)

Singles = NDArray[np.float32]


@njit
def worked(one: Singles, other: Singles, table: Singles, bits: int, out: Singles) -> int:
    a, b = load(one, 0), load(other, 1)
    store(out, 0, a + b)
    store(out, 1, a - b)
    store(out, 2, a * b)
    store(out, 3, a / b)
    store(out, 4, least(a, b))
    store(out, 5, most(a, b))
    store(out, 6, choose(bits, a, b))
    store(out, 7, root(b))
    store(out, 8, looked_up(table, b))
    store(out, 9, splat(2.5))
    return above(a, b)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 2**16 - 1))
def test_every_operation_is_that_of_numpy_in_every_place(seed: int, bits: int) -> None:
    rng = np.random.default_rng(seed)
    one = rng.uniform(-5.0, 5.0, WIDTH).astype(np.float32)
    both = rng.uniform(0.1, 5.0, (2, WIDTH)).astype(np.float32)
    other = both[1]
    table = rng.uniform(0.0, 1.0, 7).astype(np.float32)
    out = np.empty((10, WIDTH), np.float32)
    greater = worked(one, both, table, bits, out)
    chosen = (bits >> np.arange(WIDTH)) & 1 == 1
    want = [
        one + other, one - other, one * other, one / other, np.minimum(one, other),
        np.maximum(one, other), np.where(chosen, one, other), np.sqrt(other),
        np.interp(other, np.arange(7), table), np.full(WIDTH, 2.5),
    ]  # fmt: skip
    assert out == pytest.approx(np.array(want), rel=1e-5, abs=1e-5)
    assert greater == int(((one > other) << np.arange(WIDTH)).sum())
