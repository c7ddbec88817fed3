"""Seeds on the command line of benchmarks."""

from __future__ import annotations

import argparse

from benchmarks.suite import suite_file
from network.errors import ScenarioError


def seeds_of(text: str) -> list[int]:
    """Read ``101-105`` or ``101,104,107`` as at least two seeds, for ``argparse``."""
    try:
        seeds = list(suite_file.seeds_of(text))
    except ScenarioError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if len(seeds) < 2:
        raise argparse.ArgumentTypeError("give at least two different seeds, such as 101-105")
    return seeds
