"""Networks that the console knows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from network.errors import MissingError, StoreError
from throughband.store.repository import Repository, first, many, one
from throughband.store.rows import Network
from throughband.store.tables import networks


class Networks(Repository):
    """Scenarios by id; those taken off the list stay, as plans and runs speak of them."""

    def add(
        self,
        name: str,
        kind: str,
        source: str,
        scenario: str,
        summary: Mapping[str, Any],
        by: str,
        now_utc: datetime,
    ) -> Network:
        """Add a network.

        Parameters
        ----------
        name
            For people; nobody else's.
        kind, source
            ``catalog`` or ``folder``, and what the command line takes as SCENARIO.
        scenario
            The scenario's own name.
        summary
            What is in it.
        by, now_utc
            Who, when.

        Raises
        ------
        StoreError
            If another has the name.
        """
        row = Network(
            self._new_id(), name, kind, source, scenario, dict(summary), by, now_utc, None
        )
        with self._database.writing() as connection:
            if first(connection, Network, networks, networks.c.name == name) is not None:
                raise StoreError(f"there is a network {name!r} already; choose another name")
            connection.execute(insert(networks).values(**_values(row)))
        return row

    def get(self, network_id: str) -> Network:
        """Return a network; raise `MissingError` if there is none."""
        with self._database.reading() as connection:
            return one(connection, Network, networks, network_id, "network")

    def require(self, network_id: str) -> Network:
        """Return a network that is on the list; raise `MissingError` otherwise."""
        found = self.get(network_id)
        if found.removed_utc is not None:
            raise MissingError(f"network {network_id!r} was taken off the list")
        return found

    def of_name(self, name: str) -> Network | None:
        """Return the network of a name, or None."""
        with self._database.reading() as connection:
            return first(connection, Network, networks, networks.c.name == name)

    def listed(self, removed: bool = False) -> list[Network]:
        """Return the networks by name; those taken off only if asked for."""
        statement = select(networks).order_by(networks.c.name)
        if not removed:
            statement = statement.where(networks.c.removed_utc.is_(None))
        with self._database.reading() as connection:
            return many(connection, Network, statement)

    def remove(self, network_id: str, now_utc: datetime) -> Network:
        """Take a network off the list; its name can be used again."""
        with self._database.writing() as connection:
            found = one(connection, Network, networks, network_id, "network")
            if found.removed_utc is None:
                freed = f"{found.name} (removed {network_id})"
                connection.execute(
                    update(networks)
                    .where(networks.c.id == network_id)
                    .values(removed_utc=now_utc, name=freed)
                )
            return one(connection, Network, networks, network_id, "network")


def _values(row: Network) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in networks.columns}
