"""The command of daily operation: operate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def operate(
    config: Annotated[Path, typer.Argument(help="Configuration of daily operation (TOML).")],
    check: Annotated[
        bool, typer.Option("--check", help="Read everything, say what would be done, and end.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="Look once, do what follows from it, and end.")
    ] = False,
    healthy: Annotated[
        bool, typer.Option("--health", help="Tell whether operation lives; else exit 1.")
    ] = False,
    template: Annotated[
        str | None,
        typer.Option(help="Write a commented configuration for this network, and end."),
    ] = None,
    bridge: Annotated[
        str, typer.Option(help="With --template: the bridge's configuration.")
    ] = "bridge.toml",
    drill: Annotated[
        Path | None, typer.Option(help="drill.json of 'throughband street': keep its clock.")
    ] = None,
) -> None:
    """Operate a street day by day: warn, ask for plans or change them within limits, take back."""
    from throughband.drill import clock_of
    from throughband.operate import command

    if template is not None:
        command.write_template(config, template, bridge)
    elif check:
        command.check_operation(config)
    elif healthy:
        command.tell_health(config, clock_of(drill))
    else:
        command.operate_street(config, once, clock_of(drill))
