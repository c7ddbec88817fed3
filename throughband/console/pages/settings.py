"""What pages are told of the installation."""

from __future__ import annotations

from dataclasses import dataclass, field
from zoneinfo import ZoneInfo


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
