"""Do the forecasts beat a trained network and the libraries people use, and at what cost?

    python -m benchmarks.forecast.peers --peer-python PYTHON [--data DIRECTORY] [--keep FOLDER]

PYTHON is an interpreter with torch, skforecast, darts, lightgbm and statsforecast; what it lacks
is left out, and said. One run, one thread, fixed seeds; CPU times, ours after compiling. Every
forecaster fits on the first 60 % of a set, may stop or choose by the next 20 %, and predicts each
step of the last 20 % at every horizon from the counts before. Those that fit anew at each origin
are scored at a few origins, with all others beside them. Gaps in what peers see are filled with
the time-of-week mean of the fit; no score counts them. The sets are the generated city, and with
``--data`` the real one. With ``--keep`` what peers predicted stays in a folder, and what is there
for the same case and script is not made anew, so that a run of hours can be taken up again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.forecast.peer_models import ABSENT, PEERS
from benchmarks.forecast.protocol import FlowSet, city_set, scats_set
from benchmarks.forecast.scores import last_week, ours, persistence, shrunk_profile, time_of_week
from engine.forecast.calendar import SUNDAY, LocalClock

Floats = NDArray[np.float64]

SCRIPT = Path(__file__).with_name("peer_models.py")
FEW_ORIGINS = 6
LEAST_ORIGINS = 2
PATIENCE_S = 5400.0
PINNED = {
    **{f"{pool}_NUM_THREADS": "1" for pool in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "NUMBA")},
    "PYTHONHASHSEED": "0",
}
STATIC, MIDNIGHT, PROFILE, STID = "ours, static", "ours, midnight", "shrunk profile", "STID"
LIBRARIES = ("skforecast", "darts", "statsforecast")
SET_UP, AS_SHIPPED = "best library, well set up", "best library at default settings"
MOST = {"STID": 0.98, SET_UP: 0.85, AS_SHIPPED: 0.85, PROFILE: 0.96}
"""Largest allowed ratio of our error to theirs."""
LEAST_FIT_RATIO = 200.0
SHOWN = 4


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What one forecaster did on one set.

    Attributes
    ----------
    predicted
        [H, T, N]; NaN where it made none.
    fit_s, step_s
        CPU time of the fit and of all predictions from one origin; None where there is nothing
        to time.
    note
        Version and the like.
    """

    predicted: Floats
    fit_s: float | None = None
    step_s: float | None = None
    note: str = ""

    @property
    def whole(self) -> bool:
        """Whether it predicted from every origin, not from a few."""
        return bool(np.isfinite(self.predicted).mean() > 0.5)

    @property
    def origins(self) -> int:
        """From how many origins it predicted."""
        return int(np.isfinite(self.predicted[-1]).any(axis=1).sum())


def few_origins(first: int, last: int, horizons: int) -> NDArray[np.int64]:
    """Return origins spread over a stretch, at different times of day."""
    return np.linspace(first, last - horizons - 1, FEW_ORIGINS).astype(np.int64)


def local_rows(flows: FlowSet) -> NDArray[np.int64]:
    """Return where each row stands on a grid of local days of equal length, int64[T].

    Peers look back a day or a week by counting rows; on this grid that is the same hour, also
    across a change of the clock. A skipped hour is a gap; of an hour that comes twice, the second
    pass counts.
    """
    ordinal, slot, _ = LocalClock(flows.tz, flows.step_s).read(flows.start, len(flows.counts))
    at = (ordinal - ordinal[0]) * (86_400 // flows.step_s) + slot
    found: NDArray[np.int64] = at - at[0]
    return found


def write_case(path: Path, flows: FlowSet, first: int, last: int) -> None:
    """Write what peers are given; see `peer_models.Case`."""
    at = local_rows(flows)
    slots = 86_400 // flows.step_s
    ordinal, slot, _ = LocalClock(flows.tz, flows.step_s).read(flows.start, 1)
    begin = int(slot[0])
    grid = begin + np.arange(at[-1] + 1)
    days = ordinal[0] + grid // slots
    counts = np.full((len(grid), flows.counts.shape[1]), np.nan)
    counts[at] = flows.counts
    usual = np.full_like(counts, np.nan)
    usual[at] = time_of_week(flows, 0, len(flows.counts))[0]
    missing = np.isnan(counts)
    level = np.nanmean(flows.counts[: flows.fit_end], axis=0)
    filled = np.where(missing, np.where(np.isnan(usual), level, usual), counts)
    holidays = [day.toordinal() for day in flows.holidays]
    np.savez(
        path,
        counts=filled,
        missing=missing,
        slot=grid % slots,
        weekday=np.where(np.isin(days, holidays), SUNDAY, (days - 1) % 7),
        slots=slots,
        horizons=flows.horizons,
        fit_end=at[flows.fit_end],
        choice_end=at[flows.choice_end],
        first=at[first],
        last=at[last - 1] + 1,
        few=at[few_origins(first, last, flows.horizons)],
    )


def run_peer(
    python: Path, name: str, case: Path, result: Path, rows: NDArray[np.int64]
) -> Run | str:
    """Run one peer in its own interpreter; return what it did, or why it did nothing.

    Parameters
    ----------
    python
        The interpreter.
    name
        One of `peer_models.PEERS`.
    case, result
        Files to exchange.
    rows
        Rows of its prediction that are ours, int64[T].
    """
    if not result.exists():
        try:
            done = subprocess.run(
                [str(python), str(SCRIPT), name, str(case), str(result)],
                env={**os.environ, **PINNED},
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
        except OSError as error:
            return f"{python} cannot be started ({error.strerror})"
        except subprocess.TimeoutExpired:
            return f"not finished after {PATIENCE_S:.0f} s"
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no message"]
            return lines[-1] if done.returncode == ABSENT else f"failed: {lines[-1][:160]}"
    with np.load(result) as stored:
        return Run(
            stored["predicted"][:, rows],
            float(stored["fit_s"]) or None,
            float(stored["step_s"]),
            str(stored["note"]),
        )


def errors(runs: Sequence[Run], truth: Floats, cells: NDArray[np.bool_]) -> Floats:
    """Return the mean absolute error by horizon over given cells, the mean over runs, [H]."""
    missed = [np.abs(run.predicted - truth) for run in runs]
    return np.mean(
        [[float(row[seen].mean()) for row, seen in zip(one, cells, strict=True)] for one in missed],
        axis=0,
    )


def shared_cells(runs: Sequence[Run], truth: Floats) -> NDArray[np.bool_]:
    """Return the cells that all of these predicted and that were counted, bool[H, T, N]."""
    seen = np.isfinite(truth) & np.isfinite(runs[0].predicted)
    for run in runs[1:]:
        seen &= np.isfinite(run.predicted)
    return seen


def print_errors(
    title: str,
    flows: FlowSet,
    groups: Mapping[str, tuple[Run, ...]],
    truth: Floats,
    cells: NDArray[np.bool_],
    console: Console,
) -> dict[str, float]:
    """Print a table of errors and costs; return the mean error of each."""
    shown = sorted({*np.linspace(0, flows.horizons - 1, SHOWN).astype(int).tolist()})
    table = Table(title=title)
    table.add_column("forecaster")
    for h in shown:
        table.add_column(f"{(h + 1) * flows.step_s // 60} min", justify="right")
    for name in ("mean", "static / this", "midnight / this", "fit s", "step ms"):
        table.add_column(name, justify="right")
    table.add_column("note", overflow="fold")
    by_horizon = {name: errors(runs, truth, cells) for name, runs in groups.items()}
    mean = {name: float(found.mean()) for name, found in by_horizon.items()}
    for name, runs in groups.items():
        fits = [run.fit_s for run in runs if run.fit_s is not None]
        steps = [run.step_s for run in runs if run.step_s is not None]
        table.add_row(
            name,
            *(f"{by_horizon[name][h]:.3f}" for h in shown),
            f"{mean[name]:.3f}",
            f"{mean[STATIC] / mean[name]:.3f}",
            f"{mean[MIDNIGHT] / mean[name]:.3f}",
            f"{np.mean(fits):.2f}" if fits else "",
            f"{1e3 * np.mean(steps):.3f}" if steps else "",
            runs[0].note,
        )
    console.print(table)
    return mean


def print_verdicts(
    mean: Mapping[str, float], groups: Mapping[str, tuple[Run, ...]], console: Console
) -> None:
    """Print each promised ratio beside its limit."""
    rivals = {PROFILE: PROFILE}
    if STID in mean:
        rivals["STID"] = STID
    for rival, plain in ((SET_UP, False), (AS_SHIPPED, True)):
        # The models of statsforecast have little to set: they stand on both sides.
        libraries = {
            name: mean[name]
            for name in mean
            if name.startswith(LIBRARIES)
            and (name.endswith("-default") == plain or name.startswith("statsforecast"))
        }
        if libraries:
            rivals[rival] = min(libraries, key=lambda name: libraries[name])
    for rival, name in rivals.items():
        known = f" ({name})" if name != rival else ""
        for way in (STATIC, MIDNIGHT):
            ratio = mean[way] / mean[name]
            said = "met" if ratio <= MOST[rival] else "MISSED"
            console.print(
                f"error, {way} / {rival}{known}: {ratio:.3f}; at most {MOST[rival]}: {said}"
            )
    fit, step = groups[STATIC][0].fit_s, groups[STATIC][0].step_s
    if STID in groups and fit:
        ratio = float(np.mean([run.fit_s or 0.0 for run in groups[STID]])) / fit
        said = "met" if ratio >= LEAST_FIT_RATIO else "MISSED"
        console.print(f"fit CPU, STID / ours: {ratio:.0f}; at least {LEAST_FIT_RATIO:.0f}: {said}")
    for name, runs in groups.items():
        cost = runs[0].step_s
        if step and cost and name not in (STATIC, MIDNIGHT):
            console.print(f"predict CPU, {name} / ours: {cost / step:.0f}")


def compare(
    flows: FlowSet, python: Path | None, only: Sequence[str], folder: Path, console: Console
) -> None:
    """Run all forecasters on one set and print the tables."""
    first, last = flows.stretch(test=True)
    truth = flows.truth(first, last)
    # Once for nothing, so that no kernel compiles while it is timed.
    ours(city_set(detectors=8, days=21), 18 * 288, 19 * 288, refit=True)
    groups: dict[str, tuple[Run, ...]] = {}
    for name, refit in ((STATIC, False), (MIDNIGHT, True)):
        found, fit_s, step_us = ours(flows, first, last, refit)
        note = "update, predict with 4 quantiles" + (", refits" if refit else "")
        groups[name] = (Run(found.predicted, fit_s, step_us * 1e-6, note),)
    for plain in (persistence, last_week, shrunk_profile):
        groups[plain.__name__.replace("_", " ")] = (Run(plain(flows, first, last)),)
    if python is None:
        console.print("no --peer-python: trained networks and libraries are left out")
    else:
        case = folder / f"{flows.name}.npz"
        write_case(case, flows, first, last)
        digest = hashlib.sha256(case.read_bytes() + SCRIPT.read_bytes()).hexdigest()[:12]
        rows = local_rows(flows)[first:last] - local_rows(flows)[first]
        for name in only or PEERS:
            console.print(f"... {name} on {flows.name}", style="dim")
            run = run_peer(python, name, case, folder / f"{flows.name}-{digest}-{name}.npz", rows)
            if isinstance(run, str):
                console.print(f"{name} left out: {run}")
            elif run.origins < LEAST_ORIGINS:
                console.print(f"{name} left out: {run.note}")
            else:
                group = STID if name.startswith("stid") else name
                groups[group] = (*groups.get(group, ()), run)
    whole = {name: runs for name, runs in groups.items() if runs[0].whole}
    cells = shared_cells([run for runs in whole.values() for run in runs], truth)
    unit = f"veh per {flows.step_s} s"
    mean = print_errors(
        f"{flows.name}: mean absolute error over {cells[0].sum()} cells, {unit}",
        flows, whole, truth, cells, console,
    )  # fmt: skip
    if STID in groups:
        each = ", ".join(f"{errors((run,), truth, cells).mean():.3f}" for run in groups[STID])
        console.print(f"STID by seed: {each}")
    print_verdicts(mean, whole, console)
    if len(whole) < len(groups):
        few = shared_cells([run for runs in groups.values() for run in runs], truth)
        if few.any(axis=(1, 2)).all():
            title = f"{flows.name}: the same at few origins, {few[0].sum()} cells, {unit}"
            mean = print_errors(title, flows, groups, truth, few, console)
            print_verdicts(mean, {name: groups[name] for name in (STATIC, MIDNIGHT)}, console)


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare on every set at hand."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="directory of the shared forecasting sets")
    parser.add_argument("--peer-python", type=Path, help="interpreter that has the libraries")
    parser.add_argument("--keep", type=Path, help="folder for what peers predicted")
    parser.add_argument("--only", nargs="*", default=(), choices=sorted(PEERS), metavar="NAME")
    options = parser.parse_args(arguments)
    if any(os.environ.get(key) != value for key, value in PINNED.items()):
        # The pools of numpy are as large as the environment said when it was loaded.
        again = [sys.executable, "-m", "benchmarks.forecast.peers", *sys.argv[1:]]
        os.execve(sys.executable, again, {**os.environ, **PINNED})
    console = Console(width=150)
    sets = [scats_set(options.data / "scats_boroondara_2006.npz")] if options.data else []
    with tempfile.TemporaryDirectory() as folder:
        kept: Path = options.keep or Path(folder)
        kept.mkdir(parents=True, exist_ok=True)
        for flows in (*sets, city_set()):
            compare(flows, options.peer_python, options.only, kept, console)


if __name__ == "__main__":
    main()
