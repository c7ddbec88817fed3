"""What `utdf2gmns` reads from a UTDF file, and whether two files read the same.

The package (MIT, on PyPI) drags 25 others along, so it lives in an environment of its own and this
script needs nothing of ours::

    python -m venv oracle && oracle/bin/pip install utdf2gmns
    oracle/bin/python benchmarks/peers/utdf_oracle.py theirs.csv ours.csv

Node, link, lane and movement tables of GMNS (the last with volumes) must be equal to the byte;
of the signals every value that both files state, and which movements each phase serves.
It prints one line per table and ends with 1 if any differs.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

TABLES = ("node.csv", "link.csv", "lane.csv", "movement.csv")
ORIGIN = (-114.598, 35.026)
"""Where the first node is put, degrees; any place does, as only differences matter."""


def tables_of(path: Path, folder: Path) -> dict[str, str]:
    """Convert a file to GMNS and return its tables by name.

    Parameters
    ----------
    path
        A combined UTDF file.
    folder
        An empty folder to work in.

    Returns
    -------
    dict of str to str
        Content of each table.
    """
    from utdf2gmns import UTDF2GMNS

    # The package writes beside its input, and wants it to be called .csv.
    source = folder / "UTDF.csv"
    shutil.copyfile(path, source)
    with contextlib.redirect_stdout(io.StringIO()):
        street = UTDF2GMNS(str(source), "anywhere")
        street.geocode_utdf_intersections(
            single_intersection_coord={
                "INTID": _first_node(path),
                "x_coord": ORIGIN[0],
                "y_coord": ORIGIN[1],
            }
        )
        street.create_signal_control()
        street.create_gmns_links()
        street.utdf_to_gmns(output_dir=str(folder / "gmns"), incl_utdf=False)
    return {
        name: (folder / "gmns" / name).read_text(encoding="utf-8")
        for name in (*TABLES, "signal.json")
    }


def _first_node(path: Path) -> str:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    header = next(at for at, line in enumerate(lines) if line.startswith("INTID,TYPE"))
    return lines[header + 1].split(",")[0]


def phases_alike(one: str, two: str) -> tuple[int, list[str]]:
    """Compare two signal tables.

    Parameters
    ----------
    one, two
        Content of ``signal.json``.

    Returns
    -------
    tuple
        How many values both state, and a line for each that differs.
    """
    first: dict[str, Any] = json.loads(one)
    second: dict[str, Any] = json.loads(two)
    differing = []
    if first.keys() != second.keys():
        differing.append(f"signals {sorted(first)} and {sorted(second)}")
    compared = 0
    for node in first.keys() & second.keys():
        for phase in first[node].keys() & second[node].keys():
            a, b = first[node][phase], second[node][phase]
            if not (isinstance(a, dict) and isinstance(b, dict)):
                compared += 1
                if _value(a) != _value(b):
                    differing.append(f"{node} {phase}: {a} and {b}")
                continue
            served = {"protected", "permitted"}
            for key in (a.keys() & b.keys()) | ((a.keys() | b.keys()) & served):
                compared += 1
                if _value(a.get(key)) != _value(b.get(key)):
                    differing.append(f"{node} {phase} {key}: {a.get(key)} and {b.get(key)}")
    return compared, sorted(differing)


def _value(found: object) -> object:
    try:
        return float(found) if isinstance(found, str) else found
    except ValueError:
        return found


def main(arguments: list[str]) -> int:
    """Compare two files; return 1 if the package reads them differently."""
    theirs, ours = (Path(argument) for argument in arguments)
    found = []
    for path in (theirs, ours):
        with tempfile.TemporaryDirectory() as folder:
            found.append(tables_of(path.resolve(), Path(folder)))
    failed = False
    for name in TABLES:
        same = found[0][name] == found[1][name]
        failed |= not same
        rows = found[0][name].count("\n") - 1
        print(f"{name}: {rows} rows, {'equal' if same else 'DIFFERENT'}")
    compared, differing = phases_alike(found[0]["signal.json"], found[1]["signal.json"])
    print(f"signal.json: {compared} values, {len(differing) or 'none'} different")
    for line in differing[:20]:
        print(f"  {line}")
    return int(failed or bool(differing) or not compared)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
