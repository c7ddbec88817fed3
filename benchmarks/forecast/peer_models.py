"""Foreign forecasters, run by an interpreter of their own; see `benchmarks.forecast.peers`.

    PEER_PYTHON benchmarks/forecast/peer_models.py NAME CASE.npz RESULT.npz

Imports nothing of this project; threads are pinned by its environment. The case holds counts on
the local clock, so that a day ago is the same hour, with gaps filled from the fit, where they
were missing, time of day and weekday of each row, and the rows to predict; the result holds
predictions [H, T, N] (NaN where none were made) and CPU times. Ends with 3 where a library is
absent.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

ABSENT = 3
SEED = 101
OWN_LAGS = 12
SLOW_BUDGET_S = 150.0
"""CPU time after which a library that fits anew at each origin stops."""
SLOW_WEEKS = 3
DEFAULT_LAGS = 24
"""What the libraries' own first examples look back."""
"""What such a library is given to fit on, up to the origin."""


@dataclass(frozen=True)
class Case:
    """What every peer is given.

    Attributes
    ----------
    counts
        [R, N], gaps filled.
    missing
        Where nothing was counted, bool[R, N].
    slot, weekday
        Local time of day in steps, and weekday from 0 (a holiday is a Sunday), [R].
    slots, horizons
        Steps of a day, and to predict.
    fit_end, choice_end
        Rows for fitting, and for choices such as when to stop.
    first, last
        Rows to predict.
    few
        Origins (last known rows) for those that fit anew at each one.
    """

    counts: Any
    missing: Any
    slot: Any
    weekday: Any
    slots: int
    horizons: int
    fit_end: int
    choice_end: int
    first: int
    last: int
    few: Any

    @classmethod
    def read(cls, path: Path) -> Case:
        """Read a case."""
        with np.load(path) as stored:
            return cls(**{k: v if v.ndim else int(v) for k, v in stored.items()})

    @property
    def origins(self) -> Any:
        """Last known row of every prediction."""
        return np.arange(self.first - self.horizons, self.last - 1)

    @property
    def lags(self) -> list[int]:
        """Own lags, and the same hour a day and a week ago as far as they fit into the fit."""
        day, week = self.slots, 7 * self.slots
        far = [lag for at in (day, week) for lag in range(at - 1, at + 2)]
        return [*range(1, OWN_LAGS + 1), *(lag for lag in far if lag < self.fit_end // 2)]

    def empty(self) -> Any:
        """Return predictions yet to be made."""
        return np.full((self.horizons, self.last - self.first, self.counts.shape[1]), np.nan)

    def place(self, found: Any, origin: int, values: Any) -> None:
        """Put what was predicted from an origin, [H, N], where it belongs."""
        for h in range(self.horizons):
            row = origin + 1 + h - self.first
            if 0 <= row < found.shape[1]:
                found[h, row] = values[h]

    def calendar(self) -> Any:
        """Return time of day and week as regressors, [R, 4]."""
        turn = 2 * np.pi * self.slot / self.slots
        return np.stack([np.sin(turn), np.cos(turn), self.slot, self.weekday], axis=1).astype(float)


@dataclass
class Result:
    """Predictions, and what they cost in CPU seconds."""

    predicted: Any
    fit_s: float
    step_s: float
    note: str


def stid(case: Case, seed: int) -> Result:
    """Train an MLP with spatial and temporal identities and predict.

    After Shao and others, "Spatial-Temporal Identity", CIKM 2022, doi:10.1145/3511808.3557702:
    twelve steps of value, time of day and weekday are embedded in 32 numbers, beside 32 each for
    node, time of day and weekday; three residual blocks; Adam with their rates, halved after 1, 50
    and 80 epochs, masked absolute error. Keeps the weights with the least error in the choices, and
    stops when it has not improved for 20 epochs; fewer would end before the rates are lowered.
    """
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    size, length, epochs, patience, batch = 32, 12, 100, 20, 32
    nodes, horizons = case.counts.shape[1], case.horizons

    class Block(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.inner, self.outer = nn.Linear(width, width), nn.Linear(width, width)
            self.drop = nn.Dropout(0.15)

        def forward(self, x: Any) -> Any:
            return x + self.outer(self.drop(torch.relu(self.inner(x))))

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.node = nn.Parameter(torch.empty(nodes, size))
            self.time = nn.Parameter(torch.empty(case.slots, size))
            self.day = nn.Parameter(torch.empty(7, size))
            for table in (self.node, self.time, self.day):
                nn.init.xavier_uniform_(table)
            self.series = nn.Linear(3 * length, size)
            self.blocks = nn.Sequential(*(Block(4 * size) for _ in range(3)))
            self.out = nn.Linear(4 * size, horizons)

        def forward(self, values: Any, slot: Any, day: Any) -> Any:
            now = [self.time[slot[:, -1]], self.day[day[:, -1]]]
            when = torch.cat([slot / case.slots, day / 7.0], dim=1)
            many = (values.shape[0], nodes)
            parts = [
                self.series(torch.cat([values, when[:, None].expand(*many, -1)], dim=2)),
                self.node.expand(*many, -1),
                *(one[:, None].expand(*many, -1) for one in now),
            ]
            return self.out(self.blocks(torch.cat(parts, dim=2)))

    mean, sd = case.counts[: case.fit_end].mean(), case.counts[: case.fit_end].std()
    scaled = torch.tensor((case.counts - mean) / sd, dtype=torch.float32)
    seen = torch.tensor(~case.missing)
    slot, day = torch.tensor(case.slot), torch.tensor(case.weekday)
    back, ahead = torch.arange(-length + 1, 1), torch.arange(1, horizons + 1)

    def forward(origins: Any) -> Any:
        rows = origins[:, None] + back
        return network(scaled[rows].transpose(1, 2), slot[rows], day[rows])

    def loss(origins: Any) -> Any:
        rows = origins[:, None] + ahead
        known = seen[rows].transpose(1, 2)
        error = (forward(origins) - scaled[rows].transpose(1, 2)).abs()
        return (error * known).sum() / known.sum().clamp(min=1)

    begun = time.process_time()
    network = Network()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.002, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, (1, 50, 80), 0.5)
    training = torch.arange(length - 1, case.fit_end - horizons)
    choosing = torch.arange(case.fit_end - 1, case.choice_end - horizons)
    best, kept, waited, epoch = float("inf"), {}, 0, 0
    while epoch < epochs and waited < patience:
        epoch += 1
        network.train()
        for part in training[torch.randperm(len(training))].split(batch):
            optimizer.zero_grad()
            loss(part).backward()
            optimizer.step()
        schedule.step()
        network.eval()
        with torch.no_grad():
            now = float(np.mean([float(loss(part)) for part in choosing.split(256)]))
        waited += 1
        if now < best:
            best, waited = now, 0
            kept = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(kept)
    fitted = time.process_time()
    found = case.empty()
    network.eval()
    with torch.no_grad():
        for origin in case.origins:
            values = forward(torch.tensor([origin]))[0].T.numpy() * sd + mean
            case.place(found, int(origin), np.maximum(values, 0.0))
    cost = (time.process_time() - fitted) / len(case.origins)
    note = f"torch {torch.__version__}, {epoch} epochs"
    return Result(found, fitted - begun, cost, note)


def skforecast_multi(case: Case, estimator: Any, plain: bool = False) -> Result:
    """Fit one recursive forecaster to all series, with lags and the calendar, and predict.

    Plainly, as in the first example of its manual: the last lags, and no calendar.
    """
    import pandas as pd
    from skforecast.recursive import ForecasterRecursiveMultiSeries

    index = pd.RangeIndex(len(case.counts))
    names = [f"s{n}" for n in range(case.counts.shape[1])]
    table = pd.DataFrame(case.counts, index=index, columns=names)
    calendar = pd.DataFrame(case.calendar(), index=index, columns=["sin", "cos", "slot", "weekday"])
    lags = list(range(1, DEFAULT_LAGS + 1)) if plain else case.lags
    model = ForecasterRecursiveMultiSeries(estimator, lags=lags, encoding="ordinal")
    begun = time.process_time()
    known = None if plain else calendar.iloc[: case.fit_end]
    model.fit(series=table.iloc[: case.fit_end], exog=known)
    fitted = time.process_time()
    found, reach = case.empty(), max(lags)
    for origin in case.origins:
        window = table.iloc[origin + 1 - reach : origin + 1]
        coming = calendar.iloc[origin + 1 : origin + 1 + case.horizons]
        if len(coming) < case.horizons:
            # The last origins look beyond the data; their calendar goes on as it began.
            coming = calendar.iloc[origin + 1 - 7 * case.slots :].iloc[: case.horizons]
            coming.index = pd.RangeIndex(origin + 1, origin + 1 + case.horizons)
        told = model.predict(
            steps=case.horizons,
            last_window=window,
            exog=None if plain else coming,
            suppress_warnings=True,
        )
        values = told.pivot(columns="level", values="pred")[names].to_numpy()
        case.place(found, int(origin), np.maximum(values, 0.0))
    cost = (time.process_time() - fitted) / len(case.origins)
    return Result(found, fitted - begun, cost, f"skforecast {version('skforecast')}")


def _lightgbm() -> Any:
    from lightgbm import LGBMRegressor

    # Many trees for many series; absolute error, which is what is scored.
    return LGBMRegressor(
        n_estimators=300, learning_rate=0.08, num_leaves=63, objective="mae", n_jobs=1,
        random_state=SEED, deterministic=True, force_row_wise=True, verbose=-1,
    )  # fmt: skip


def skforecast_lightgbm(case: Case) -> Result:
    """LightGBM in skforecast."""
    return skforecast_multi(case, _lightgbm())


def skforecast_default(case: Case) -> Result:
    """LightGBM in skforecast, both at their default settings."""
    from lightgbm import LGBMRegressor

    plain = LGBMRegressor(n_jobs=1, random_state=SEED, verbose=-1)
    return skforecast_multi(case, plain, plain=True)


def skforecast_ridge(case: Case) -> Result:
    """Ridge regression in skforecast, scaled per series."""
    from sklearn.linear_model import Ridge

    return skforecast_multi(case, Ridge())


def darts_global(case: Case, linear: bool, plain: bool = False) -> Result:
    """Fit one direct model of darts to all series, with lags, calendar and identity.

    Plainly: the last lags and the settings that it comes with.
    """
    import pandas as pd
    from darts import TimeSeries
    from darts.models import LightGBMModel, LinearRegressionModel

    rows = len(case.counts)
    beyond = case.horizons
    times = pd.RangeIndex(rows + beyond)
    week = 7 * case.slots
    calendar = case.calendar()
    coming = TimeSeries.from_times_and_values(
        times, np.concatenate((calendar, calendar[rows - week :][:beyond]))
    )
    nodes = case.counts.shape[1]
    series = [
        TimeSeries.from_times_and_values(
            times[:rows],
            case.counts[:, n],
            static_covariates=None if linear or plain else pd.DataFrame({"node": [float(n)]}),
        )
        for n in range(nodes)
    ]
    shared: dict[str, Any] = {
        "lags": [-lag for lag in reversed(case.lags)],
        "lags_future_covariates": [0],
        "output_chunk_length": case.horizons,
        "random_state": SEED,
    }
    if plain:
        shared |= {"lags": DEFAULT_LAGS}
        del shared["lags_future_covariates"]
    begun = time.process_time()
    if plain:
        model = LightGBMModel(**shared, n_jobs=1, verbose=-1)
    elif linear:
        model = LinearRegressionModel(**shared, n_jobs=1)
    else:
        options = _lightgbm().get_params()
        kept = ("n_estimators", "learning_rate", "num_leaves", "objective", "n_jobs", "verbose")
        model = LightGBMModel(**shared, **{k: options[k] for k in kept})
    known = None if plain else [coming] * nodes
    model.fit([s[: case.fit_end] for s in series], future_covariates=known)
    fitted = time.process_time()
    found = case.empty()
    for n, one in enumerate(series):
        told = model.historical_forecasts(
            one,
            future_covariates=None if plain else coming,
            start=int(case.origins[0]) + 1,
            start_format="value",
            forecast_horizon=case.horizons,
            stride=1,
            retrain=False,
            last_points_only=False,
            overlap_end=True,
            verbose=False,
            show_warnings=False,
        )
        for part in told:
            first = int(part.start_time())
            values = np.maximum(part.values()[:, 0], 0.0)
            for h, value in enumerate(values):
                row = first + h - case.first
                if 0 <= row < found.shape[1]:
                    found[h, row, n] = value
    cost = (time.process_time() - fitted) / len(case.origins)
    return Result(found, fitted - begun, cost, f"darts {version('darts')}")


def statsforecast_model(case: Case, make: Callable[[Any], Any]) -> Result:
    """Fit a model of statsforecast anew at each of the few origins, for all series."""
    from statsforecast import models

    model = make(models)
    found, done = case.empty(), 0
    begun = time.process_time()
    for origin in case.few:
        begin = max(0, int(origin) + 1 - SLOW_WEEKS * 7 * case.slots)
        told: list[Any] = []
        for column in case.counts[begin : int(origin) + 1].T:
            if time.process_time() - begun > SLOW_BUDGET_S:
                break
            told.append(model.forecast(y=np.ascontiguousarray(column), h=case.horizons)["mean"])
        if len(told) < case.counts.shape[1]:
            break
        done += 1
        case.place(found, int(origin), np.maximum(np.stack(told, axis=1), 0.0))
    note = f"statsforecast {version('statsforecast')}"
    if done < len(case.few):
        note += f", {done} of {len(case.few)} origins in {SLOW_BUDGET_S:.0f} s"
    return Result(found, 0.0, (time.process_time() - begun) / max(1, done), note)


PEERS: dict[str, Callable[[Case], Result]] = {
    **{f"stid-{seed}": lambda case, seed=seed: stid(case, seed) for seed in (101, 102, 103)},
    "skforecast-lightgbm": skforecast_lightgbm,
    "skforecast-ridge": skforecast_ridge,
    "darts-lightgbm": lambda case: darts_global(case, linear=False),
    "skforecast-default": skforecast_default,
    "darts-default": lambda case: darts_global(case, linear=False, plain=True),
    "darts-linear": lambda case: darts_global(case, linear=True),
    "statsforecast-seasonalnaive": lambda case: statsforecast_model(
        case, lambda models: models.SeasonalNaive(7 * case.slots)
    ),
    "statsforecast-theta": lambda case: statsforecast_model(
        case, lambda models: models.Theta(case.slots)
    ),
    "statsforecast-autoets": lambda case: statsforecast_model(
        case, lambda models: models.AutoETS(case.slots)
    ),
}


def main() -> None:
    """Run one peer on one case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(PEERS))
    parser.add_argument("case", type=Path)
    parser.add_argument("result", type=Path)
    options = parser.parse_args()
    np.random.seed(SEED)
    try:
        found = PEERS[options.name](Case.read(options.case))
    except ImportError as error:
        print(f"absent: {error}", file=sys.stderr)
        sys.exit(ABSENT)
    part = options.result.with_suffix(".part.npz")
    np.savez(
        part,
        predicted=found.predicted,
        fit_s=found.fit_s,
        step_s=found.step_s,
        note=found.note,
    )
    # Whole or not at all: it may be used again.
    part.replace(options.result)


if __name__ == "__main__":
    main()
