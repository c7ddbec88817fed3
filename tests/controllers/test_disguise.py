"""A cabinet that keeps its scalars elsewhere is walked as one device."""

from __future__ import annotations

import pytest

from controllers.emulator.disguise import Disguise
from controllers.emulator.faults import Faults
from controllers.ntcip.objects import OBJECTS, Oid
from tests.controllers.test_cabinet import cabinet


def walked(faults: Faults) -> list[Oid]:
    device = Disguise(cabinet().store, faults)
    found: list[Oid] = []
    oid = device.following(())
    while oid is not None:
        assert not found or oid > found[-1]
        assert device.get(oid) is not None
        found.append(oid)
        oid = device.following(oid)
    return found


@pytest.mark.parametrize("suffix", [(1,), ()])
def test_a_walk_meets_every_instance_once_wherever_scalars_are_kept(suffix: Oid) -> None:
    plain, moved = walked(Faults()), walked(Faults(scalars={"*": suffix}))
    assert len(moved) == len(plain) > 200
    scalar = OBJECTS["maxPatterns"].oid
    assert (*scalar, 0) in plain
    assert scalar + suffix in moved
    assert (*scalar, 0) not in moved
