"""Least squares for flows that cannot be negative, with the variances of what is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

Floats = NDArray[np.float64]

MOST_DENSE = 3000
"""Up to so many flows the variances come from one dense inverse, 72 MB; it is ten times faster."""

COLUMNS_AT_ONCE = 256
MOST_ROUNDS = 50


class FlowEquations:
    """Weighted equations of turn flows, each a sum with a right side and a deviation.

    Parameters
    ----------
    columns
        How many flows there are.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self._rows: list[int] = []
        self._columns: list[int] = []
        self._values: list[float] = []
        self._right: list[float] = []

    def add(self, columns: list[int], values: list[float], right: float, sd: float) -> None:
        """Say that a sum of flows, each times its value, is about the right side.

        Parameters
        ----------
        columns, values
            Flows and what each is multiplied with.
        right, sd
            What they sum up to, and its standard deviation, veh/h; above 0.
        """
        self._rows.extend([len(self._right)] * len(columns))
        self._columns.extend(columns)
        self._values.extend(value / sd for value in values)
        self._right.append(right / sd)

    def _normal(self) -> tuple[sparse.csc_matrix, Floats]:
        shape = (len(self._right), self.columns)
        matrix = sparse.csr_matrix((self._values, (self._rows, self._columns)), shape=shape)
        return (matrix.T @ matrix).tocsc(), matrix.T @ np.array(self._right)

    def solve(self) -> Floats:
        """Return the flows that fit best, none of them below 0.

        Block principal pivoting (Portugal, Judice and Vicente 1994): hold what is negative,
        release what would pull up, until neither is left.
        """
        normal, right = self._normal()
        held = np.zeros(self.columns, dtype=np.bool_)
        flow = np.zeros(self.columns)
        fewest, patience = self.columns + 1, 3
        for _ in range(MOST_ROUNDS):
            free = np.flatnonzero(~held)
            flow[:] = 0.0
            if free.size:
                flow[free] = splu(normal[free][:, free].tocsc()).solve(right[free])
            pull = normal @ flow - right
            tiny = 1e-9 * max(float(np.abs(right).max()), 1.0)
            wrong = (~held & (flow < -1e-9)) | (held & (pull < -tiny))
            count = int(wrong.sum())
            if not count:
                break
            if count < fewest:
                fewest, patience = count, 3
            elif patience:
                patience -= 1
            else:
                # Exchanging all at once may go in circles; the last one alone cannot.
                last = int(np.flatnonzero(wrong)[-1])
                wrong[:] = False
                wrong[last] = True
            held ^= wrong
        return np.maximum(flow, 0.0)

    def variances(self, sums: sparse.csr_matrix) -> tuple[Floats, Floats]:
        """Return the variance of every flow and of every given sum of flows.

        Flows held at 0 have the variance they would have if they were free.
        """
        normal, _ = self._normal()
        single = np.empty(self.columns)
        summed = np.empty(sums.shape[0])
        if self.columns <= MOST_DENSE:
            inverse = np.linalg.inv(normal.toarray())
            single[:] = np.diagonal(inverse)
            summed[:] = np.asarray(sums.multiply(sums @ inverse).sum(axis=1)).ravel()
        else:
            factor = splu(normal)
            self._by_columns(factor.solve, sparse.identity(self.columns, format="csr"), single)
            self._by_columns(factor.solve, sums, summed)
        return np.maximum(single, 0.0), np.maximum(summed, 0.0)

    @staticmethod
    def _by_columns(
        solve: Callable[[Floats], Floats], sums: sparse.csr_matrix, variance: Floats
    ) -> None:
        for begin in range(0, sums.shape[0], COLUMNS_AT_ONCE):
            part = sums[begin : begin + COLUMNS_AT_ONCE].toarray()
            variance[begin : begin + len(part)] = (part * solve(part.T).T).sum(axis=1)


def balances(
    links: list[str],
    into: Mapping[str, list[int]],
    out_of: Mapping[str, list[int]],
    columns: int,
) -> sparse.csr_matrix:
    """Return, row by row, what turns out of a link less what turns into it.

    Parameters
    ----------
    links
        One per row.
    into, out_of
        Columns of the turns at both ends, by link.
    columns
        How many flows there are.

    Returns
    -------
    sparse matrix
        [links, columns].
    """
    rows: list[int] = []
    turns: list[int] = []
    signs: list[float] = []
    for k, link in enumerate(links):
        here = [*into[link], *out_of[link]]
        rows += [k] * len(here)
        turns += here
        signs += [-1.0] * len(into[link]) + [1.0] * len(out_of[link])
    return sparse.csr_matrix((signs, (rows, turns)), shape=(len(links), columns))
