"""Keep the README's tables equal to generated ones.

    throughband bench pretimed --out bench/pretimed
    python -m benchmarks.readme_table bench/pretimed/table.md
    python -m benchmarks.readme_table --suite adaptive bench/adaptive/table.md

The suite's ``table.md`` is kept as ``benchmarks/results/<suite>.md`` and put between two marks of
the README. Without a table the README is made equal to what is kept; ``--check`` only tells
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
SUITES: Final = ("pretimed", "adaptive")
END: Final = "<!-- end -->\n"


def kept(suite: str) -> Path:
    """Return the file of a suite's table."""
    return HOME / "benchmarks" / "results" / f"{suite}.md"


def mark(suite: str) -> str:
    """Return the line before a suite's table."""
    return f"<!-- from benchmarks/results/{suite}.md -->\n"


def with_table(readme: str, table: str, suite: str) -> str:
    """Return a README with a suite's table between its marks.

    Raises
    ------
    FormatError
        If the marks are not there, once each and in order.
    """
    line = mark(suite)
    head, begin, rest = readme.partition(line)
    _, end, tail = rest.partition(END)
    if not begin or not end or line in rest:
        raise FormatError(
            f"README.md: found no place for the table; it needs {line.strip()!r} and then "
            f"{END.strip()!r}, once"
        )
    return f"{head}{line}\n{table.strip()}\n\n{END}{tail}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry it out from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("table", nargs="?", type=Path, help="a table.md to keep from now on")
    parser.add_argument("--suite", choices=SUITES, default=SUITES[0], help="whose table it is")
    parser.add_argument("--check", action="store_true", help="change nothing")
    options = parser.parse_args(arguments)
    wanted = SUITES if options.table is None else (options.suite,)
    try:
        was = now = README.read_text(encoding="utf-8")
        for suite in wanted:
            table = (options.table or kept(suite)).read_text(encoding="utf-8")
            now = with_table(now, table, suite)
    except (OSError, FormatError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    if options.check:
        sys.stderr.write("the README is up to date\n" if now == was else "the README is not\n")
        return int(now != was)
    if options.table is not None:
        kept(options.suite).write_text(table, encoding="utf-8")
    README.write_text(now, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
