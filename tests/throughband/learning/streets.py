"""Small streets for the environments."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.validate.sumo_process import run_process
from scenarios.builders import build
from scenarios.layout import Layout


def built(layout: Layout, folder: Path) -> str:
    """Build a street and return its configuration."""

    def run(command: Sequence[str], work: Path) -> str:
        return run_process(command, work, 60.0)

    return str(build(layout, folder, run, saturation=0.8).config_file)
