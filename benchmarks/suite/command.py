"""``throughband bench``: play a suite and tell what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def bench(
    suite: Annotated[
        str, typer.Argument(help="A suite of the box ('list' shows them), or a TOML file.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for results; bench/<suite> by default.")
    ] = None,
    scenarios: Annotated[
        str, typer.Option(help="Others than the suite's, by commas; 'resco' for the eight cities.")
    ] = "",
    controllers: Annotated[str, typer.Option(help="Others than the suite's, by commas.")] = "",
    seeds: Annotated[str, typer.Option(help="Others than the suite's, as in 101-110.")] = "",
    rules: Annotated[
        str,
        typer.Option(help="Others than the suite's, by commas: shipped, street, resco."),
    ] = "",
    workers: Annotated[int, typer.Option(help="Processes at a time.", min=1, max=256)] = 2,
    cluster: Annotated[
        str | None, typer.Option(help="Address of a dask scheduler instead, as tcp://HOST:8786.")
    ] = None,
) -> None:
    """Play a benchmark suite: scenarios, controllers and seeds, with intervals and tests.

    What is in the folder already is not played again, so that a suite which was stopped goes on.
    """
    from benchmarks.suite.bench import run_bench

    run_bench(suite, out, scenarios, controllers, seeds, rules, workers, cluster)
