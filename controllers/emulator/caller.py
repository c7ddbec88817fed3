"""Who calls the pattern that a cabinet runs: its front panel, central control or the time base.

Central control calls by `systemPatternControl`. If it is silent for longer than the backup time,
measured from its last SET of any control object, the time base calls again.
"""

from __future__ import annotations

from typing import Final

from controllers.emulator.clock import CabinetClock

NEVER: Final = float("inf")


class Caller:
    """What is called, and by whom.

    Parameters
    ----------
    clock
        The cabinet's clock, whose time base calls where nobody else does.
    """

    def __init__(self, clock: CabinetClock) -> None:
        self._clock = clock
        self.system_pattern = 0
        """`systemPatternControl`; 0 for none."""
        self.operational_mode = 0
        """`coordOperationalMode`: the pattern called by hand; 0 for automatic."""
        self.lapses_ds: float = NEVER
        """When central control will have been silent for too long."""
        self._backup_ds = 0
        self._heard_ds: int | None = None

    @property
    def who(self) -> str:
        """Who calls the pattern, by the name in `unitControlStatus`."""
        if self.operational_mode:
            return "manual"
        if self.silent:
            return "backupMode"
        return "systemControl" if self.system_pattern else "timebase"

    @property
    def pattern(self) -> int:
        """The called pattern; 0 if none is called."""
        if self.operational_mode:
            return self.operational_mode
        if self.system_pattern and not self.silent:
            return self.system_pattern
        return self._clock.choice.pattern

    @property
    def silent(self) -> bool:
        """Whether central control has called, and then been silent for too long."""
        return self._clock.time_ds >= self.lapses_ds

    def wait(self, backup_ds: int) -> None:
        """Let central control be silent for so long, in tenths of a second; 0 for ever."""
        self._backup_ds = backup_ds
        if self._heard_ds is None or not backup_ds:
            self.lapses_ds = NEVER
        else:
            self.lapses_ds = self._heard_ds + backup_ds

    def heard(self) -> None:
        """Take note of a SET of a control object."""
        self._heard_ds = self._clock.time_ds
        self.wait(self._backup_ds)

    def call(self, pattern: int) -> None:
        """Carry out a SET of `systemPatternControl`."""
        self.system_pattern = pattern
        self.heard()

    def set_mode(self, pattern: int) -> None:
        """Carry out a SET of `coordOperationalMode`, which is no control object."""
        self.operational_mode = pattern

    def command(self, action: int) -> None:
        """Carry out a SET of `actionPlanControl`."""
        self._clock.command(action)
        self.heard()

    def restart(self) -> None:
        """Forget whatever central control has called, and that it has."""
        self.system_pattern = 0
        self._clock.command(0)
        self._heard_ds = None
        self.wait(self._backup_ds)
