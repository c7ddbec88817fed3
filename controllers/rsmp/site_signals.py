"""What an emulated site holds and runs: plans, counters, who chose the plan, and its statuses.

Statuses and commands are those of the SXL for traffic light controllers 1.2.1 (and 1.1 where they
differ). The base cycle counter counts from midnight UTC, which the list leaves open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from controllers.rsmp.session import Clock

SECONDS_PER_MINUTE = 60


class Refusal(Exception):  # noqa: N818 - it is no error of the emulator's
    """Why a message is not acknowledged."""


@dataclass(slots=True)
class SitePlan:
    """Settings of a plan: cycle time and offset in s, extension of each band in s."""

    cycle_s: int
    offset_s: int = 0
    bands: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SiteConfig:
    """What a site is.

    Attributes
    ----------
    site_id, component_id, security_code
        As in its sheet.
    plans
        Its plans at start, by number; the emulator changes them.
    programmed
        The plan its own programming chooses.
    timed
        Its time tables, as S0027 tells them.
    timeout_min
        Minutes without connection after which it goes back to its own choice; 0 for never.
    waits_for_zero
        Whether a commanded plan runs only when the local cycle counter is at 0.
    sxl, versions
        What it speaks.
    host
        The address it connects from.
    alarms
        Alarms that it tells of when it connects.
    missing
        Statuses that it has not implemented.
    """

    site_id: str
    component_id: str
    security_code: str
    plans: Mapping[int, SitePlan]
    programmed: int = 1
    timed: str = "1-1-6-0"
    timeout_min: int = 10
    waits_for_zero: bool = False
    sxl: str = "1.2.1"
    versions: tuple[str, ...] = ("3.1.5", "3.2.1")
    host: str = "127.0.0.1"
    alarms: tuple[str, ...] = ("A0005",)
    missing: frozenset[str] = frozenset()


class SiteSignals:
    """The plans of a site and the one that runs.

    Parameters
    ----------
    config
        What it is.
    clock
        The present.

    Attributes
    ----------
    plans
        Settings by plan.
    running, source
        What runs and who chose it (S0014).
    timeout_min
        As in the configuration; M0023 sets it.
    modes
        Truth values of S0008, S0010 to S0012 and, for S0007, of being dark.
    """

    def __init__(self, config: SiteConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self.plans = {
            number: SitePlan(plan.cycle_s, plan.offset_s, dict(plan.bands))
            for number, plan in config.plans.items()
        }
        self.running = config.programmed
        self.source = "calendar_clock"
        self.timeout_min = config.timeout_min
        self.modes = dict.fromkeys(("S0007", "S0008", "S0010", "S0011", "S0012"), False)
        self._next: tuple[datetime, int, str] | None = None
        self._lost_utc: datetime | None = None

    def connected(self) -> None:
        """Take note that the supervisor is there."""
        self.advance()
        self._lost_utc = None

    def disconnected(self) -> None:
        """Take note that the supervisor is gone; after the time-out its call ends."""
        self._lost_utc = self._lost_utc or self._clock()

    def advance(self) -> None:
        """Change plans if it is time to."""
        now = self._clock()
        if self._next is not None and now >= self._next[0]:
            _, self.running, self.source = self._next
            self._next = None
        if self._lost_utc is not None and self.timeout_min:
            limit = timedelta(minutes=self.timeout_min)
            if now - self._lost_utc >= limit and self.source == "forced":
                self.running, self.source = self._config.programmed, "control_block"

    def counters(self, now: datetime) -> tuple[int, int]:
        """Return the base and the local cycle counter: ``c = (b + o) mod t``."""
        plan = self.plans[self.running]
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        base = int((now - midnight).total_seconds()) % plan.cycle_s
        return base, (base + plan.offset_s) % plan.cycle_s

    def command(self, code: str, given: Mapping[str, str], *, in_earnest: bool = True) -> None:
        """Carry out a command; raise `Refusal` if it is refused.

        Parameters
        ----------
        code, given
            The command and its arguments, the order among them as ``cO``.
        in_earnest
            Whether anything is changed by it.
        """
        orders = {
            "M0002": ("setPlan", ("status", "timeplan")),
            "M0014": ("setCommands", ("plan", "status")),
            "M0015": ("setOffset", ("status", "plan")),
            "M0018": ("setCycleTime", ("status", "plan")),
            "M0023": ("setTimeout", ("status",)),
        }
        if code not in orders:
            raise Refusal(f"SXL mismatch. Command {code} does not exist")
        order, names = orders[code]
        if given["cO"] != order or set(given) != {*names, "securityCode", "cO"}:
            raise Refusal("SXL mismatch. Wrong arguments")
        if given["securityCode"] != self._config.security_code:
            raise Refusal("Incorrect security code")
        number = int(given.get("plan", given.get("timeplan", self.running)))
        if number not in self.plans:
            raise Refusal("Plan does not exist")
        if in_earnest:
            self._carry_out(code, given, number)

    def _carry_out(self, code: str, given: Mapping[str, str], number: int) -> None:
        plan, status = self.plans[number], given["status"]
        if code == "M0002":
            self._call(number if status == "True" else 0)
        elif code == "M0014":
            for entry in status.split(","):
                band, extension = entry.split("-")
                plan.bands[int(band)] = int(extension)
        elif code == "M0015":
            plan.offset_s = int(status)
        elif code == "M0018":
            plan.cycle_s = int(status)
        else:
            self.timeout_min = int(status)

    def _call(self, number: int) -> None:
        self.advance()
        now = self._clock()
        wait_s = 0
        if self._config.waits_for_zero and number not in (0, self.running):
            _, count = self.counters(now)
            wait_s = (self.plans[self.running].cycle_s - count) % self.plans[self.running].cycle_s
        chosen = (number, "forced") if number else (self._config.programmed, "calendar_clock")
        self._next = (now + timedelta(seconds=wait_s), *chosen)
        self.advance()

    def status(self, code: str, name: str, now: datetime) -> object:
        """Return a status, None for one that is not implemented.

        Raises
        ------
        Refusal
            The list knows no such status.
        """
        self.advance()
        base, count = self.counters(now)
        checksum = hashlib.sha256(self._config.component_id.encode()).hexdigest()
        values: dict[tuple[str, str], object] = {
            ("S0001", "cyclecounter"): str(count),
            ("S0001", "basecyclecounter"): str(base),
            ("S0007", "status"): str(not self.modes["S0007"]),
            ("S0014", "status"): str(self.running),
            ("S0014", "source"): self.source,
            ("S0020", "controlmode"): "control",
            ("S0022", "status"): ",".join(str(number) for number in self.plans),
            ("S0023", "status"): ",".join(
                f"{number}-{band}-{extension}"
                for number, plan in self.plans.items()
                for band, extension in sorted(plan.bands.items())
            ),
            ("S0024", "status"): ",".join(f"{n}-{p.offset_s}" for n, p in self.plans.items()),
            ("S0027", "status"): self._config.timed,
            ("S0028", "status"): ",".join(
                f"{number:02d}-{plan.cycle_s:02d}" for number, plan in self.plans.items()
            ),
            ("S0032", "status"): "centralized",
            ("S0034", "status"): str(self.timeout_min),
            ("S0095", "status"): "Emulated, Site, 1",
            ("S0097", "checksum"): checksum,
        }
        for mode in ("S0008", "S0010", "S0011", "S0012"):
            values[mode, "status"] = str(self.modes[mode])
        if self._config.sxl.startswith("1.1"):
            values["S0006", "status"], values["S0006", "emergencystage"] = "False", "0"
        else:
            values["S0035", "emergencyroutes"] = []
        if (code, name) not in values:
            raise Refusal(f"SXL mismatch. Status {code} {name} does not exist")
        return None if code in self._config.missing else values[code, name]
