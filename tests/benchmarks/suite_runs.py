"""Made-up outcomes of runs, for tests of what is made from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.suite.jobs import Job, Outcome, Street

MEASURES = {
    **{"resco_delay_s": 20.0, "delay_p95_s": 80.0, "stops": 1.1, "speed_mps": 8.0},
    **{"wait_p95_s": 40.0, "queue_p95_m": 55.0, "spillback_min": 3.0, "worst_approach_s": 60.0},
    **{"on_green": 0.4, "co2_g_per_veh": 200.0, "due": 100.0, "arrived": 98.0},
    **{"not_inserted": 1.0, "locked": 0.0},
}


def runs(
    controller: str,
    delays_s: Sequence[float],
    street: Street | None = None,
    variant: str = "",
    **measures: Any,
) -> list[Outcome]:
    """Return a run per delay, from seed 101 on."""
    where = street or Street("grid:2x2:1")
    facts = {
        "controller": {"version": "1", "source": f"book of {controller}", "note": "cycles 60 s"},
        "wall_s": 1.0,
        "machine": "x",
    }
    return [
        Outcome(
            Job(where, controller, 101 + at, variant),
            {**MEASURES, "delay_s": delay_s, **measures},
            "",
            facts,
        )
        for at, delay_s in enumerate(delays_s)
    ]


def refused(controller: str, reason: str, street: Street | None = None) -> Outcome:
    """Return a run that could not be played."""
    return Outcome(Job(street or Street("grid:2x2:1"), controller, 101), reason=reason)
