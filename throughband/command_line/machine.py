"""Commands that say what is there: schema, cities, plugins, doctor."""

from __future__ import annotations

from typing import Annotated

import typer


def schema(
    name: Annotated[
        str,
        typer.Argument(
            help="calibration, counts, evaluation, explanation, inventory, network, plan, "
            "schedule or signals."
        ),
    ],
) -> None:
    """Print the JSON Schema of a file that throughband reads and writes."""
    import json

    from network.errors import FormatError
    from network.schemas import NAMES
    from network.schemas import schema as published

    if name not in NAMES:
        raise FormatError(f"no schema {name!r}; there are {', '.join(NAMES)}")
    typer.echo(json.dumps(published(name), indent=2))


def cities() -> None:
    """List the catalog of city networks."""
    from scenarios.cities import CITIES

    for name in CITIES:
        typer.echo(name)


def plugins_() -> None:
    """List what may be named: ours, and what other packages registered."""
    from throughband.plugin_list import list_plugins

    list_plugins()


def doctor() -> None:
    """Check that this machine can run everything."""
    from throughband.doctor import run_doctor

    run_doctor()
