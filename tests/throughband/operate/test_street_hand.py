from throughband.bridge.state import StateFolder
from throughband.operate.street_hand import StreetHand

from .cases import NOON
from .office_cases import read_files


async def sleep(span_s: float) -> None:
    """Nobody waits here."""


def test_an_alarm_beside_the_pattern_is_not_lost_coordination(tmp_path):
    config = read_files(tmp_path).bridge
    hand = StreetHand(config, {}, lambda: NOON, sleep)
    assert hand.troubles() == {}
    signals = {
        "A": {"trouble": "alarm"},
        "B": {"trouble": "never-in-step"},
        "C": {"trouble": ""},
        "D": {"trouble": "clock-off"},
    }
    StateFolder(config.state).keep_status({"utc": "x", "text": "", "signals": signals})
    assert hand.troubles() == {"B": "never-in-step"}
    assert not hand.served
