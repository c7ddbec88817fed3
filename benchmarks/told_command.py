"""The command a page of results was made with, as it stands at its head."""

from __future__ import annotations

import shlex
from collections.abc import Sequence


def told_command(module: str, arguments: Sequence[str]) -> str:
    """Return a command line without ``--out`` and the place of the machine that it names."""
    kept: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--out":
            next(rest, None)
        elif not argument.startswith("--out="):
            kept.append(argument)
    return shlex.join(["python", "-m", module, *kept])
