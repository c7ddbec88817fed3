"""Keep the README's table of plans equal to a generated one.

    throughband bench pretimed --out bench/pretimed
    python -m benchmarks.readme_table bench/pretimed/table.md

The suite's ``table.md`` is kept as ``benchmarks/results/pretimed.md`` and put between two marks of
the README. Without an argument the README is made equal to what is kept; ``--check`` only tells
whether it is.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from network.errors import FormatError

HOME: Final = Path(__file__).resolve().parents[1]
README: Final = HOME / "README.md"
KEPT: Final = HOME / "benchmarks" / "results" / "pretimed.md"
BEGIN: Final = "<!-- from benchmarks/results/pretimed.md -->\n"
END: Final = "<!-- end -->\n"


def with_table(readme: str, table: str) -> str:
    """Return a README with the table between its marks.

    Raises
    ------
    FormatError
        If the marks are not there, once each and in order.
    """
    head, begin, rest = readme.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end or BEGIN in rest:
        raise FormatError(
            f"README.md: found no place for the table; it needs {BEGIN.strip()!r} and then "
            f"{END.strip()!r}, once"
        )
    return f"{head}{BEGIN}\n{table.strip()}\n\n{END}{tail}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry it out from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("table", nargs="?", type=Path, help="a table.md to keep from now on")
    parser.add_argument("--check", action="store_true", help="change nothing")
    options = parser.parse_args(arguments)
    try:
        table = (options.table or KEPT).read_text(encoding="utf-8")
        was = README.read_text(encoding="utf-8")
        now = with_table(was, table)
    except (OSError, FormatError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    if options.check:
        sys.stderr.write("the README is up to date\n" if now == was else "the README is not\n")
        return int(now != was)
    KEPT.write_text(table, encoding="utf-8")
    README.write_text(now, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
