"""The plan in force as a controller shows what the plan shows, and comes back into step."""

from __future__ import annotations

import pytest

from engine.adaptive.plan_in_force import PlanInForce
from engine.adaptive.player import Player
from engine.adaptive.sites import build_sites
from network.film import Film
from tests.engine.adaptive_views import view
from throughband.setting import open_setting

CITY = "cologne8"


@pytest.mark.parametrize("interrupted", [False, True])
def test_the_street_sees_the_plan_in_force(interrupted: bool) -> None:
    network = open_setting(CITY).network
    sites = build_sites(network)
    controller = PlanInForce(network)
    controller.start(sites)
    players = {site.signal_id: Player(site, site.sequence[0], longest_wait_s=1e6) for site in sites}
    shown: dict[str, list[str]] = {name: [] for name in players}
    for now_s in range(400):
        wishes = controller.decide(float(now_s), dict.fromkeys(players, view()))
        for name, player in players.items():
            strange = interrupted and 100 <= now_s < 140
            shown[name].append(player.advance(0 if strange else wishes[name]))
    for name, pictures in shown.items():
        signal = network.signals[name]
        assert signal.plan_in_force is not None
        assert signal.phasing is not None
        plan = signal.plan_in_force
        film = Film(plan, signal.phasing)
        for now_s in range(300, 400):
            at = 10 * ((now_s - plan.begin_s(signal.phasing)) % plan.cycle_s)
            assert pictures[now_s] == film.lamps[at].tobytes().decode(), (name, now_s)
