"""Small towns to run commands on, made by SUMO's own generator and cheap to play."""

from __future__ import annotations

import gzip
import re
import subprocess
from pathlib import Path

from engine.validate.sumo_process import environment, find_program

LENGTH_M = 150
ROUTES = "town.rou.xml.gz"
NET = "town.net.xml"


def generate(net: Path, *options: str) -> Path:
    """Have netgenerate write a network."""
    program, home = find_program("netgenerate")
    subprocess.run(
        [str(program), *options, "--no-warnings", "-o", str(net)],
        env=dict(environment(home)),
        check=True,
        capture_output=True,
    )
    return net


def grid(folder: Path, size: int, *options: str) -> Path:
    """Write a grid of streets with arms that lead out of town."""
    folder.mkdir(parents=True, exist_ok=True)
    return generate(
        folder / NET,
        "--grid",
        f"--grid.number={size}",
        f"--grid.length={LENGTH_M}",
        f"--grid.attach-length={LENGTH_M}",
        *options,
    )


def signalized(folder: Path, size: int) -> Path:
    """Write a grid with a signal at every corner.

    The ends of the arms become signals of a single phase, which must be left alone.
    """
    return grid(folder, size, "--default-junction-type=traffic_light")


def config(folder: Path, end_s: int | None, flows: str, extra: str = "") -> Path:
    """Write the routes, gzipped, and a configuration over them."""
    with gzip.open(folder / ROUTES, "wt", encoding="utf-8") as file:
        file.write(f"<routes>{flows}</routes>")
    end = "" if end_s is None else f'<end value="{end_s}"/>'
    file = folder / "town.sumocfg"
    file.write_text(
        f'<configuration><net-file value="{NET}"/><route-files value="{ROUTES}"/>{extra}'
        f'<begin value="0"/>{end}</configuration>',
        encoding="utf-8",
    )
    return file


def flow(name: str, start: str, goal: str, per_hour: int, end_s: int) -> str:
    """Describe vehicles at random moments."""
    return (
        f'<flow id="{name}" from="{start}" to="{goal}" begin="0" end="{end_s}" '
        f'probability="{per_hour / 3600:.4f}" departSpeed="max" departLane="best"/>'
    )


def corner_town(folder: Path, end_s: int | None = 900) -> Path:
    """Build a town of one signal, busy one way and quiet the other; return its configuration."""
    signalized(folder, 1)
    return config(folder, end_s, corner_flows(end_s or 900))


def corner_flows(end_s: int) -> str:
    """Describe traffic over the only corner."""
    return (
        flow("we", "left0A0", "A0right0", 500, end_s)
        + flow("ew", "right0A0", "A0left0", 450, end_s)
        + flow("sn", "bottom0A0", "A0top0", 120, end_s)
        + flow("st", "bottom0A0", "A0right0", 60, end_s)
    )


def block_town(folder: Path, end_s: int = 1200) -> Path:
    """Build a town of four signals around a block; return its configuration."""
    signalized(folder, 2)
    flows = (
        flow("we", "left0A0", "B0right0", 450, end_s)
        + flow("ew", "right0B0", "A0left0", 300, end_s)
        + flow("we1", "left1A1", "B1right1", 350, end_s)
        + flow("sn", "bottom0A0", "A1top0", 150, end_s)
        + flow("ns", "top1B1", "B0bottom1", 150, end_s)
    )
    return config(folder, end_s, flows)


def single_phase(net: Path) -> None:
    """Give every signal of a network a program of one phase only."""
    text = net.read_text(encoding="utf-8")
    net.write_text(
        re.sub(r"(<tlLogic[^>]*>\s*<phase [^>]*/>)(?:\s*<phase [^>]*/>)*", r"\1", text),
        encoding="utf-8",
    )
