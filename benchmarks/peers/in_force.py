"""The plan in force: what runs today, as the scenario brings it."""

from __future__ import annotations

from pathlib import Path

from benchmarks.peers.peer import Offer, Subject


class InForce:
    """The program that SUMO loads with the scenario."""

    name = "in force"
    version = "1"
    source = "the scenario's own programs"

    def offers(self, subject: Subject, folder: Path) -> tuple[Offer, ...]:
        """Return the one offer that changes nothing."""
        return (Offer(),)
