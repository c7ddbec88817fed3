"""Who may connect: the version message that a site opens with, checked.

RSMP core 3.2, "RSMP/SXL Version": site identity and revision of the signal exchange list must
match, and both must speak a common version of the core; else the message is refused and the
connection closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controllers.rsmp.messages import MOST_ID, Message, shown
from controllers.rsmp.sheet import SiteSheet
from controllers.rsmp.signals import RSMP_VERSIONS, SXL_VERSIONS
from network.errors import RejectedValueError


@dataclass(frozen=True, slots=True)
class Agreement:
    """What is spoken on a connection.

    Attributes
    ----------
    sheet
        The site.
    version
        The newest version of the core that both know.
    sxl
        Revision of the signal exchange list, which the site chooses.
    """

    sheet: SiteSheet
    version: str
    sxl: str


def agree(opening: Message, sheets: Mapping[str, SiteSheet], peer: str) -> Agreement:
    """Return what is agreed with a site.

    Parameters
    ----------
    opening
        Its version message.
    sheets
        Sites that may connect, by site identity.
    peer
        The address it connects from.

    Raises
    ------
    RejectedValueError
        It is none of them, comes from elsewhere, or speaks nothing that is known here.
    """
    names = _named(opening, "siteId", "sId")
    sheet = next((sheets[name] for name in names if name in sheets), None)
    if sheet is None:
        raise RejectedValueError(f"no site is known as {shown(names)}")
    if peer != sheet.host:
        raise RejectedValueError(
            f"site {sheet.site_id!r} connects from {peer}, not from {sheet.host}"
        )
    theirs = _named(opening, "RSMP", "vers")
    common = [version for version in RSMP_VERSIONS if version in theirs]
    if not common:
        raise RejectedValueError(
            f"site {sheet.site_id!r} speaks RSMP {shown(theirs)}; known are "
            f"{', '.join(RSMP_VERSIONS)}"
        )
    sxl = opening.content.get("SXL")
    if not isinstance(sxl, str) or not SXL_VERSIONS.match(sxl):
        raise RejectedValueError(
            f"site {sheet.site_id!r} has SXL {shown(sxl)}; known are 1.1 and 1.2"
        )
    return Agreement(sheet, common[-1], sxl)


def _named(message: Message, array: str, name: str) -> list[str]:
    found = message.content.get(array)
    entries = found if isinstance(found, list) else []
    names = [entry.get(name) for entry in entries if isinstance(entry, dict)]
    return [text for text in names if isinstance(text, str) and len(text) <= MOST_ID]
