"""What pages are told of the installation."""

from __future__ import annotations

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from throughband.bridge.config import read_config
from throughband.console.config import ConsoleConfig


@dataclass(frozen=True, slots=True)
class PageSettings:
    """What pages say of the installation.

    Attributes
    ----------
    site
        What it is called; may be empty.
    zone
        The zone its times are told in.
    """

    site: str = ""
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))


def settings_of(config: ConsoleConfig) -> PageSettings:
    """Return what pages say of a configuration: its site, and times on the clock of its bridge.

    Raises
    ------
    ThroughbandError
        If the bridge's configuration cannot be read.
    """
    if config.bridge is None:
        return PageSettings(config.site)
    return PageSettings(config.site, read_config(config.bridge).operating.zone)
