"""What ``throughband corridor`` does: one emergency vehicle, with and without a green wave."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from engine.adaptive.control import Controller
from engine.adaptive.passages import fastest_way, passages_of
from engine.adaptive.plan_in_force import PlanInForce
from engine.adaptive.requests import Rank, Request
from engine.adaptive.sites import build_sites
from engine.validate.priority_loop import VEHICLE_ID, Follower, Ride, ride
from network.errors import InfeasibleError
from throughband.results import output_folder, write_json
from throughband.setting import Setting, open_setting
from throughband.teller import Teller

AFTER_S: Final = 900.0
"""How long what the others lose is counted, from the departure."""
CONTROLLERS: Final = ("in-force", "adaptive")


@dataclass(frozen=True, slots=True)
class Wave:
    """One seed with and without priority.

    Attributes
    ----------
    links, signals
        The way, and the signals on it.
    without, granted
        The two rides, up to `AFTER_S` after the departure.
    lost_before_s
        What all vehicles had lost when the vehicle was due; the same in both, s.
    """

    links: tuple[str, ...]
    signals: tuple[str, ...]
    without: Ride
    granted: Ride
    lost_before_s: float

    @property
    def travel_saved(self) -> float:
        """Share of the vehicle's travel time that priority saves."""
        return 1.0 - self.granted.travel_s / self.without.travel_s

    @property
    def others_lose(self) -> float:
        """What the others lose more from the departure on, as a share of what they lose anyway."""
        anyway_s = self.without.others_lost_s - self.lost_before_s
        more_s = self.granted.others_lost_s - self.without.others_lost_s
        return more_s / anyway_s if anyway_s > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; a ride that did not end has no travel time."""
        rides = {"without": asdict(self.without), "granted": asdict(self.granted)}
        for row in rides.values():
            if not row["arrived"]:
                row["travel_s"] = None
        both = self.without.arrived and self.granted.arrived
        return {
            "links": list(self.links),
            "signals": list(self.signals),
            **rides,
            "travel_saved": self.travel_saved if both else None,
            "others_lost_before_s": self.lost_before_s,
            "others_lose": self.others_lose,
        }


def emergency_wave(
    setting: Setting, from_link: str, to_link: str, depart_s: float, seed: int, controller: str
) -> Wave:
    """Play the same seed without and with priority for one vehicle.

    Parameters
    ----------
    setting
        The scenario.
    from_link, to_link
        Where the vehicle starts and ends.
    depart_s
        When it is due, s of the scenario's clock.
    seed
        SUMO's random seed.
    controller
        Who decides otherwise: one of `CONTROLLERS`.

    Raises
    ------
    InfeasibleError
        No way leads there, it passes no controlled signal, the departure is outside the window,
        or there is no such controller.
    SimulationError
        SUMO failed.
    """
    if controller not in CONTROLLERS:
        raise InfeasibleError(f"no controller {controller!r}; there are {', '.join(CONTROLLERS)}")
    links = fastest_way(setting.network, from_link, to_link)
    sites = build_sites(setting.network)
    known = {site.signal_id for site in sites}
    passages = tuple(p for p in passages_of(setting.network, links) if p.signal_id in known)
    if not passages:
        raise InfeasibleError(
            f"the fastest way from {from_link!r} to {to_link!r} passes no signal that may be "
            "controlled; choose other links"
        )
    case = setting.case
    if not case.begin_s <= depart_s < case.end_s:
        raise InfeasibleError(
            f"a departure at {depart_s:g} s; allowed is {case.begin_s:g} s up to {case.end_s:g} s"
        )
    until = replace(case, end_s=min(case.end_s, depart_s + AFTER_S))
    follower = Follower(setting.network, links, Request(VEHICLE_ID, Rank.EMERGENCY, passages))
    without = ride(until, seed, sites, _beneath(setting, controller), links, depart_s)
    granted = ride(until, seed, sites, _beneath(setting, controller), links, depart_s, follower)
    before_s = 0.0
    if depart_s > case.begin_s:
        early = replace(case, end_s=depart_s + 1.0)
        beneath = _beneath(setting, controller)
        before_s = ride(early, seed, sites, beneath, links, depart_s).others_lost_s
    return Wave(links, tuple(p.signal_id for p in passages), without, granted, before_s)


def _beneath(setting: Setting, controller: str) -> Controller:
    if controller == "adaptive":
        from engine.adaptive.lookahead import LookAhead

        return LookAhead()
    return PlanInForce(setting.network)


def show_corridor(
    scenario: str,
    from_link: str,
    to_link: str,
    depart_s: float,
    out: Path,
    seed: int,
    controller: str,
) -> None:
    """Carry out ``throughband corridor``."""
    with Teller(2) as teller, output_folder(out) as folder:
        teller.step("read the network and find the way")
        setting = open_setting(scenario)
        teller.step("drive it without and with priority")
        wave = emergency_wave(setting, from_link, to_link, depart_s, seed, controller)
        write_json(
            folder / "corridor.json",
            {
                "scenario": setting.scenario.name,
                "controller": controller,
                "seed": seed,
                "depart_s": depart_s,
                **wave.to_dict(),
            },
        )
        teller.say(f"{len(wave.links)} links, {len(wave.signals)} signals on the way")
        for name, found in (("without", wave.without), ("with", wave.granted)):
            travel = f"{found.travel_s:.0f} s" if found.arrived else "not there within 15 minutes"
            teller.say(f"{name} priority: {travel}, of it {found.delay_s:.0f} s lost")
        teller.say(
            f"the other {wave.granted.others} vehicles lose {wave.others_lose:+.1%} in the "
            f"{AFTER_S / 60:.0f} minutes after the departure"
        )
