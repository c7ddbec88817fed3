"""All pre-timed peers, in the order of the tables."""

from __future__ import annotations

from typing import Final

from benchmarks.peers.bands import BandPeer
from benchmarks.peers.following import Following
from benchmarks.peers.in_force import InForce
from benchmarks.peers.nema import Nema
from benchmarks.peers.peer import Peer
from benchmarks.peers.sumo_tools import SumoTools
from benchmarks.peers.webster import Webster

PEERS: Final[tuple[Peer, ...]] = (
    InForce(),
    Webster(),
    SumoTools(),
    BandPeer("maxband"),
    BandPeer("multiband"),
    Following("actuated"),
    Following("delay_based"),
    Nema(),
)
