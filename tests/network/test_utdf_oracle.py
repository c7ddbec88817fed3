"""`utdf2gmns` reads the same from our UTDF as from Synchro's.

It is not among the requirements, as it needs 25 packages more. Where it is installed beside us, or
``UTDF2GMNS_PYTHON`` names an interpreter that has it, it is asked.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from network.readers.utdf import read_utdf
from network.writers.utdf import write_utdf
from tests.network.utdf_streets import BULLHEAD

ORACLE = Path(__file__).parents[2] / "benchmarks" / "peers" / "utdf_oracle.py"


def interpreter() -> str:
    named = os.environ.get("UTDF2GMNS_PYTHON")
    if named:
        return named
    if importlib.util.find_spec("utdf2gmns") is None:
        pytest.skip("utdf2gmns is not installed and UTDF2GMNS_PYTHON names no interpreter with it")
    return sys.executable


def test_it_reads_the_same_nodes_links_volumes_and_phases(tmp_path: Path) -> None:
    python = interpreter()
    if not BULLHEAD.exists():
        pytest.skip("the shared data beside the repository are absent")
    ours = tmp_path / "ours.csv"
    write_utdf(ours, read_utdf(BULLHEAD))
    asked = subprocess.run(
        [python, str(ORACLE), str(BULLHEAD), str(ours)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert "movement.csv: 72 rows, equal" in asked.stdout
    assert "none different" in asked.stdout
