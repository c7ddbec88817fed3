"""What a cabinet is built from."""

from __future__ import annotations

from dataclasses import dataclass

from controllers.driver import User
from controllers.emulator.timetable import Timetable
from controllers.ntcip.objects import Edition
from network.phasing import Phasing
from network.timing import TimingPlan


@dataclass(frozen=True, slots=True)
class CabinetConfig:
    """What a cabinet is built from.

    Attributes
    ----------
    name
        Of the signal; for messages.
    phasing, plan_in_force
        The phases, and the plan that becomes pattern 1, called by the time base.
    detectors
        Number of vehicle detectors.
    read_community, write_community
        SNMP communities; the second may also read.
    backup_time_s
        Without a control SET for so long the cabinet leaves central control; 0 for never.
    volume_period_s
        Length of a counting period, at most 255 s.
    edition
        Edition of the object definitions.
    midnight_utc_s
        Universal time of second zero of the street, in s since 1970; must be a local midnight
        for the daily reference to be second zero.
    schedule
        What the time base calls when; without one it calls the plan in force, always.
    preempts
        Rows of the preempt table, 1 to 255; all are switched off until they are set.
    read_user, write_user
        Users of SNMPv3, which is spoken only if there is one; the second may also read.
    standard_zone_s
        Local time less universal time, in s, as delivered; the 1996 edition has none.
    """

    name: str
    phasing: Phasing
    plan_in_force: TimingPlan
    detectors: int
    read_community: str
    write_community: str
    backup_time_s: int = 300
    volume_period_s: int = 60
    edition: Edition = Edition.V03
    midnight_utc_s: int = 0
    read_user: User | None = None
    write_user: User | None = None
    schedule: Timetable | None = None
    preempts: int = 2
    standard_zone_s: int = 0
