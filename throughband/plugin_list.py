"""``throughband plugins``: what may be named, whose it is, and what cannot be used."""

from __future__ import annotations

from rich.console import Console

from network.errors import PluginError
from throughband.plugins import GROUPS, plugins


def list_plugins() -> None:
    """Carry out ``throughband plugins``; every plug-in is loaded to see whether it can be.

    Raises
    ------
    PluginError
        If one cannot be loaded; after all have been listed.
    """
    console = Console(highlight=False)
    broken = 0
    for group, what in GROUPS.items():
        console.print(f"{group}: {what}", markup=False, soft_wrap=True)
        found = plugins(group)
        for one in found:
            line = f"  {one.name}  {one.package} {one.version}  {one.value}"
            try:
                one.load()
            except PluginError as error:
                broken += 1
                line += f"  CANNOT BE USED: {one.trouble or error.__cause__ or error}"
            console.print(line, markup=False, soft_wrap=True)
        if not found:
            console.print("  none")
    if broken:
        raise PluginError(f"{broken} of the plug-ins cannot be used; they are marked above")
