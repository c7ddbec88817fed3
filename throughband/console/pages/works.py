"""What people order on pages, handed to the same orders that the API gives."""

from __future__ import annotations

import io
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from network.errors import MoveError, ScenarioError
from scenarios.cities import CITIES, city_config
from throughband.console.desk import Desk
from throughband.console.pages.street import Live, read_live
from throughband.console.uploads import keep_upload
from throughband.people.door import Person
from throughband.plan_life import Move
from throughband.store.rows import Network, Plan, Run

RUN_OPTIONS = {
    "optimize": ("time_limit_s", "minimize", "begin_s", "end_s"),
    "run": ("time_limit_s", "minimize", "seeds", "begin_s", "end_s"),
    "validate": ("seeds", "begin_s", "end_s"),
}
OPTION_NAMES = {"time_limit_s": "time_limit", "begin_s": "begin", "end_s": "end"}


@dataclass(frozen=True, slots=True)
class Works:
    """What the application does for its pages; each says in one error what it will not do."""

    desk: Desk

    def catalog(self) -> list[str]:
        """Return the cities that are installed and not on the list."""
        known = {network.source for network in self.desk.store.networks.listed()}
        return [city for city in CITIES if city not in known and _is_installed(city)]

    def add_city(self, person: Person, city: str) -> Network:
        """Add a network of the catalog."""
        if city not in CITIES:
            raise MoveError(f"the catalog has no {city!r}; it has {', '.join(CITIES)}")
        scenario, summary = self.desk.scenes.summary(city)
        now = self.desk.clock()
        found = self.desk.store.networks.add(
            city, "catalog", city, scenario, summary, person.name, now
        )
        self.desk.store.audit("network added", person.name, now, network_id=found.id, name=city)
        return found

    def import_network(self, person: Person, name: str, file_name: str, content: bytes) -> Run:
        """Keep an upload and have it made a scenario; the network is there when the run is done."""
        desk, upload_id = self.desk, secrets.token_hex(6)
        kept, _ = keep_upload(
            desk.config.uploads / upload_id, file_name, io.BytesIO(content),
            desk.config.upload_bytes,
        )  # fmt: skip
        desk.store.audit("uploaded", person.name, desk.clock(), upload_id=upload_id, file=kept.name)
        return desk.run_orders.import_network(name, upload_id, person.name)

    def start_run(
        self, person: Person, network_id: str, kind: str, arguments: Mapping[str, Any]
    ) -> Run:
        """Start work on a network."""
        options = {
            OPTION_NAMES.get(name, name): arguments[name]
            for name in RUN_OPTIONS[kind]
            if name in arguments
        }
        title = str(arguments.get("title", ""))
        if kind == "validate":
            return self.desk.run_orders.validate(arguments["plan"], person.name, **options)
        if kind == "run":
            return self.desk.run_orders.whole_path(network_id, person.name, title, **options)
        return self.desk.run_orders.optimize(network_id, person.name, title, **options)

    def move_plan(
        self,
        person: Person,
        plan_id: str,
        move: Move,
        seen_version: int,
        why: str,
        at: datetime | None,
        despite_verdict: bool,
    ) -> Run | None:
        """Make or order a move; return the run that carries it to the street, if one does.

        Raises
        ------
        StaleError
            If the plan changed since it was seen.
        """
        plans, street, by = self.desk.plan_moves, self.desk.street_orders, person.name
        if move is Move.CHECK:
            plans.check(plan_id, by, why, seen_version)
        elif move is Move.APPROVE:
            plans.approve(plan_id, by, why, seen_version, despite_verdict)
        elif move is Move.REJECT:
            plans.reject(plan_id, by, why, seen_version)
        elif move is Move.DISARM:
            street.disarm(plan_id, by, why, seen_version)
        elif move is Move.ARM:
            return street.arm(plan_id, by, why, seen_version, at)[1]
        elif move is Move.ROLL_BACK:
            return street.roll_back(plan_id, by, why, seen_version)[1]
        else:
            raise MoveError(f"the move {move} is made by the street, not on a page")
        return None

    def live(self) -> Live:
        """Return the street as the bridge last saw it."""
        return read_live(self.desk.config.bridge, self.desk.clock().timestamp())

    def add_plan(
        self,
        person: Person,
        network_id: str,
        title: str,
        content: str,
        report: dict[str, Any] | None,
        origin: str,
    ) -> Plan:
        """Make the text of a plan.json a draft."""
        return self.desk.plan_moves.add_plan(
            network_id, title, content, person.name, origin, report
        )


def _is_installed(city: str) -> bool:
    try:
        city_config(city)
    except ScenarioError:
        return False
    return True
