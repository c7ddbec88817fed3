"""Reading objects by name, wherever a device keeps them.

The standard keeps a scalar at instance 0; some devices keep some of them at 1 or at none. A
reader knows this from the vendor profile or finds it out by asking, and remembers it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from controllers.driver import ObjectValue
from controllers.ntcip.message_size import BATCH_LIMIT
from controllers.ntcip.objects import OBJECTS, Oid
from controllers.ntcip.profiles import STANDARD_SUFFIX, SUFFIXES, VendorProfile
from controllers.ntcip.session import Reading, Session
from network.errors import RejectedValueError

COUNTED: Final = ("max", "globalMax")
"""How the names of objects begin that say how many rows a table has."""


class Reader:
    """Reads one device.

    Parameters
    ----------
    session
        An open session with it.
    profile
        Where it departs from the standard.
    where
        What to name in messages.
    """

    def __init__(self, session: Session, profile: VendorProfile, where: str) -> None:
        self.where = where
        self._session = session
        self._profile = profile
        self._suffixes: dict[str, Oid] = {}
        self._absent: set[Oid] = set()

    @property
    def suffixes(self) -> Mapping[str, Oid]:
        """Where the scalars met so far were found, by name."""
        return dict(self._suffixes)

    async def get(self, oids: Sequence[Oid]) -> list[Reading]:
        """Read instances; None stands for those that the device does not have.

        An instance once found missing is not asked for again.
        """
        asked = [oid for oid in dict.fromkeys(oids) if oid not in self._absent]
        found: dict[Oid, Reading] = {}
        # The session cuts by bytes and by the common bound; only a narrower one is cut here.
        narrow = self._profile.bindings < BATCH_LIMIT
        size = self._profile.bindings if narrow else max(1, len(asked))
        for at in range(0, len(asked), size):
            part = asked[at : at + size]
            found.update(zip(part, await self._session.get(part), strict=True))
        self._absent.update(oid for oid, reading in found.items() if reading is None)
        return [found.get(oid) for oid in oids]

    async def oid(self, name: str, *index: int) -> Oid:
        """Return the identifier of a row, or of a scalar where this device keeps it."""
        if index:
            return OBJECTS[name].instance(*index)
        if name not in self._suffixes:
            await self.locate((name,))
        return OBJECTS[name].oid + self._suffixes[name]

    async def locate(self, names: Iterable[str]) -> None:
        """Find out where scalars are kept, so far as that is not known yet."""
        unknown = []
        for name in names:
            if name in self._suffixes:
                continue
            suffix = self._profile.suffix(name)
            if suffix is None:
                unknown.append(name)
            else:
                self._suffixes[name] = suffix
        for suffix in SUFFIXES.values():
            oids = [OBJECTS[name].oid + suffix for name in unknown]
            readings = await self.get(oids)
            for name, reading in zip(tuple(unknown), readings, strict=True):
                if reading is not None:
                    self._suffixes[name] = suffix
                    unknown.remove(name)
        # What exists nowhere reads as missing at the standard's place.
        self._suffixes.update(dict.fromkeys(unknown, STANDARD_SUFFIX))

    async def scalars(self, *names: str) -> dict[str, Reading]:
        """Read scalars; None stands for those that the device does not have."""
        await self.locate(names)
        oids = [OBJECTS[name].oid + self._suffixes[name] for name in names]
        return dict(zip(names, await self.get(oids), strict=True))

    async def numbers(self, *names: str) -> dict[str, int]:
        """Read scalars that must be numbers.

        Raises
        ------
        RejectedValueError
            One is missing, no number, or counts more rows than the standard allows.
        """
        found = await self.scalars(*names)
        return {name: self.number(name, reading) for name, reading in found.items()}

    async def optional(self, *names: str) -> dict[str, int | None]:
        """Read scalars that must be numbers where they exist."""
        found = await self.scalars(*names)
        return {
            name: None if reading is None else self.number(name, reading)
            for name, reading in found.items()
        }

    async def table(self, cells: Sequence[tuple[str, *tuple[int, ...]]]) -> list[int]:
        """Read cells of tables that must be numbers, each a name and its index."""
        readings = await self.get([OBJECTS[name].instance(*index) for name, *index in cells])
        return [
            self.number(".".join(map(str, cell)), reading)
            for cell, reading in zip(cells, readings, strict=True)
        ]

    async def values(self, like: Iterable[ObjectValue]) -> tuple[ObjectValue, ...]:
        """Read what is stored at the instances of some values, in their order."""
        wanted = list(like)
        oids = [await self.oid(entry.name, *entry.index) for entry in wanted]
        values = []
        for entry, reading in zip(wanted, await self.get(oids), strict=True):
            if reading is None:
                raise RejectedValueError(f"{self.where}: there is no {entry.name} {entry.index}")
            if isinstance(reading, tuple):
                raise RejectedValueError(f"{self.where}: {entry.name} is an object identifier")
            values.append(ObjectValue(entry.name, entry.index, reading))
        return tuple(values)

    def number(self, name: str, reading: Reading) -> int:
        """Return a reading that must be a number, or raise `RejectedValueError`."""
        if not isinstance(reading, int):
            raise RejectedValueError(f"{self.where}: {name} is {reading!r}, no number")
        if name.startswith(COUNTED) and not 0 <= reading <= OBJECTS[name].high:
            raise RejectedValueError(
                f"{self.where}: {name} is {reading}; the standard allows {OBJECTS[name].high}"
            )
        return reading

    def octets(self, name: str, reading: Reading) -> bytes:
        """Return a reading that must be octets, or raise `RejectedValueError`."""
        if not isinstance(reading, bytes):
            raise RejectedValueError(f"{self.where}: {name} is {reading!r}, no octets")
        return reading

    def text(self, name: str, reading: Reading) -> str:
        """Return a reading that must be text as one line; empty where the object is missing."""
        if reading is None:
            return ""
        words = self.octets(name, reading).decode("ascii", "replace").split()
        return " ".join(words)
