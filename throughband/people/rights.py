"""The rights a person of the console may have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from network.errors import AccessError


class Right(StrEnum):
    """What somebody may do; each brings the rights that it rests on."""

    VIEW = "view"
    ENGINEER = "engineer"
    APPROVE = "approve"
    OPERATE = "operate"
    ADMINISTER = "administer"


BRINGS: Final[Mapping[Right, frozenset[Right]]] = MappingProxyType(
    {
        Right.VIEW: frozenset({Right.VIEW}),
        Right.ENGINEER: frozenset({Right.VIEW, Right.ENGINEER}),
        Right.APPROVE: frozenset({Right.VIEW, Right.ENGINEER, Right.APPROVE}),
        Right.OPERATE: frozenset({Right.VIEW, Right.ENGINEER, Right.OPERATE}),
        # Who keeps the accounts does not thereby decide what happens on the street.
        Right.ADMINISTER: frozenset({Right.VIEW, Right.ADMINISTER}),
    }
)

ROLES: Final[Mapping[str, frozenset[Right]]] = MappingProxyType(
    {
        "viewer": BRINGS[Right.VIEW],
        "engineer": BRINGS[Right.ENGINEER],
        "approver": BRINGS[Right.APPROVE],
        "operator": BRINGS[Right.OPERATE],
        "administrator": BRINGS[Right.ADMINISTER],
    }
)
"""Usual sets of rights by the name of the role; a person may have several."""


def rights_of(names: Iterable[str]) -> frozenset[Right]:
    """Return the rights that names of rights or roles stand for, with what they rest on.

    Parameters
    ----------
    names
        Names of `Right` or of `ROLES`.

    Raises
    ------
    AccessError
        If a name is neither.
    """
    found: set[Right] = set()
    for name in names:
        if name in ROLES:
            found |= ROLES[name]
        elif name in set(Right):
            found |= BRINGS[Right(name)]
        else:
            allowed = ", ".join(sorted({*ROLES, *Right}))
            raise AccessError(f"{name!r} is neither a right nor a role; allowed are {allowed}")
    return frozenset(found)


def told_rights(rights: Collection[Right]) -> str:
    """Return rights as a text, in their order."""
    return ", ".join(right for right in Right if right in rights) or "none"
