"""What is laid down in deploy/ for systemd and for a container."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from throughband.cli import app

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy").glob("*.service"))
PROGRAM = "/opt/throughband/.venv/bin/throughband"
OWN = {"ExecStart", "ExecStartPre", "Restart", "RestartSec", "KillMode", "TimeoutStopSec"}
analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def settings_of(unit: Path) -> list[tuple[str, str]]:
    """Return the settings of a unit's service in their order."""
    service = unit.read_text(encoding="utf-8").partition("[Service]")[2].partition("[Install]")[0]
    return re.findall(r"(?m)^(\w+)=(.*)$", service)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_a_command_that_there_is_from_where_it_is_installed(unit: Path) -> None:
    started = [value for name, value in settings_of(unit) if name.startswith("ExecStart")]

    assert started
    for line in started:
        program, *arguments = line.split()
        assert program == PROGRAM
        command = [word for word in arguments if word.isalpha()]
        told = CliRunner().invoke(app, [*command, "--help"])
        assert told.exit_code == 0, told.output


def test_units_are_locked_down_alike_and_run_as_the_same_user() -> None:
    shared = {
        unit.stem: {pair for pair in settings_of(unit) if pair[0] not in OWN | {"WorkingDirectory"}}
        for unit in UNITS
    }

    shared["throughband-operate"].discard(("Environment", "THROUGHBAND_LOG=INFO"))
    first, *others = shared.values()
    assert ("User", "throughband") in first
    assert all(other == first for other in others), shared.keys()


@analyze
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_understands_a_unit_and_finds_it_locked_down(unit: Path, tmp_path: Path) -> None:
    there = tmp_path / unit.name
    there.write_text(unit.read_text(encoding="utf-8").replace(PROGRAM, sys.executable))

    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", there],
        capture_output=True,
        text=True,
        check=False,
    )
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", there],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (verified.returncode, verified.stderr) == (0, "")
    assert judged.returncode == 0, judged.stdout[-300:]


def test_the_image_has_the_libraries_that_the_makefile_installs_and_runs_as_nobody_mighty() -> None:
    image = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    wanted = re.findall(r"(?m)^(?:SUMO|PDF)_LIBRARIES := (.*)$", makefile)
    installed = image.partition("--no-install-recommends")[2].partition("&&")[0].split()

    assert len(wanted) == 2
    assert set(" ".join(wanted).split()) <= set(installed)
    assert image.index("USER throughband") < image.index("ENTRYPOINT")
    assert "VOLUME /var/lib/throughband" in image
    assert re.search(r"HEALTHCHECK(?:.*\\\n)*.*/readyz", image)


def test_a_changed_kernel_discards_what_was_compiled_and_nothing_else_does(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    compiled = tmp_path / "engine" / "__pycache__" / "callers.f-1.py311.nbi"
    compiled.parent.mkdir(parents=True)
    for folder in ("network", ".venv"):
        (tmp_path / folder).mkdir()
    kernel = tmp_path / "engine" / "called.py"
    kernel.write_text("from numba import njit\n", encoding="utf-8")
    (tmp_path / ".venv" / ".installed").touch()

    def left() -> bool:
        compiled.touch()
        subprocess.run(
            ["make", "-C", str(tmp_path), "fresh-kernels"], check=True, capture_output=True
        )
        return compiled.exists()

    assert [left(), left()] == [False, True]
    kernel.write_text("from numba import njit, prange\n", encoding="utf-8")
    assert [left(), left()] == [False, True]
