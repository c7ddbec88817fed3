"""What others add: entry points, found by group and loaded only when they are asked for.

A package registers under one of `GROUPS` in its own metadata; ours register the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, Final

from network.errors import ScenarioError

COMMANDS: Final = "throughband.commands"
GROUPS: Final = {
    COMMANDS: "a typer application or function, added to the command line",
    "throughband.controllers": "a controller that the benchmark suites can name",
}


def entries(group: str) -> dict[str, Callable[[], Any]]:
    """Return what is registered under a group, as functions that load it.

    Parameters
    ----------
    group
        One of `GROUPS`.

    Returns
    -------
    dict
        By name, in the order of names. Calling a value imports and returns what was registered;
        a class is called without arguments first, where it is one.

    Raises
    ------
    ScenarioError
        On calling a value: if it cannot be imported. At once: if two packages register one name.
    """
    found: dict[str, Callable[[], Any]] = {}
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        if entry.name in found:
            raise ScenarioError(
                f"two packages register {entry.name!r} under {group}; uninstall one"
            )

        def load(entry: Any = entry) -> Any:
            try:
                thing = entry.load()
                return thing() if isinstance(thing, type) else thing
            except (ImportError, AttributeError, TypeError) as error:
                raise ScenarioError(
                    f"plug-in {entry.name!r} of {group} ({entry.value}) cannot be loaded: {error}"
                ) from error

        found[entry.name] = load
    return found
