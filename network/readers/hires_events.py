"""Events of signal controllers as arrays, and the codes that the rest of the program reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from network.errors import FormatError

BEGIN_GREEN = 1
GREEN_TERMINATION = 7
BEGIN_YELLOW = 8
END_YELLOW = 9
BEGIN_RED_CLEARANCE = 10
END_RED_CLEARANCE = 11
DETECTOR_OFF = 81
DETECTOR_ON = 82
DETECTOR_RESTORED = 83
DETECTOR_FAULTS = (84, 85, 86, 87, 88)
"""Other, watchdog, open loop, shorted loop, excessive change."""
PATTERN_CHANGE = 131
CYCLE_CHANGE = 132
OFFSET_CHANGE = 133
FIRST_SPLIT_CHANGE = 134
"""Split of phase 1; that of phase 16 is 149."""
LAST_SPLIT_CHANGE = 149
COORDINATION_STATE = 150
LOCAL_ZERO = 5
"""Parameter of `COORDINATION_STATE` at the beginning of each local cycle."""
TRANSITIONS = (2, 3, 4)
"""Parameters of `COORDINATION_STATE` in transition: add, subtract, dwell."""
REPORTED_SPLIT = 300
"""Q-Free MAXTIME: the split phase 1 has just had, whole seconds; phases 2 to 16 follow."""
REPORTED_CYCLE = 316
REPORTED_OFFSET = 318
MOST_PHASES = 16


@dataclass(frozen=True, slots=True, eq=False)
class HiresEvents:
    """Events of one or more controllers, in order of time.

    Attributes
    ----------
    devices
        Names of the controllers.
    time_utc
        datetime64[us][N] in UTC, never decreasing. Copied, then read-only, as all arrays here.
    device
        Index into `devices`, int32[N].
    code, parameter
        Event code, int32[N], and its parameter (phase, detector, pattern, seconds ...), int32[N].
    findings
        What a reader of the log must know, sentences.

    Raises
    ------
    FormatError
        If the arrays disagree in length, times decrease or an index names no device.
    """

    devices: tuple[str, ...]
    time_utc: npt.NDArray[np.datetime64]
    device: npt.NDArray[np.int32]
    code: npt.NDArray[np.int32]
    parameter: npt.NDArray[np.int32]
    findings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "devices", tuple(self.devices))
        kinds = {"time_utc": "datetime64[us]", "device": "i4", "code": "i4", "parameter": "i4"}
        for name, kind in kinds.items():
            array = np.array(getattr(self, name), dtype=kind)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
            if array.shape != self.time_utc.shape or array.ndim != 1:
                raise FormatError(
                    f"events: {name} has shape {list(array.shape)}, times "
                    f"{list(self.time_utc.shape)}; allowed is one row of equal length"
                )
        if len(set(self.devices)) != len(self.devices) or not all(self.devices):
            raise FormatError("events: device names must be given and differ")
        if self.time_utc.size:
            if np.isnat(self.time_utc).any() or (np.diff(self.time_utc) < np.timedelta64(0)).any():
                raise FormatError("events: times must be given and never decrease")
            if int(self.device.min()) < 0 or int(self.device.max()) >= len(self.devices):
                raise FormatError("events: an index names no device")
            if int(self.code.min()) < 0:
                raise FormatError("events: codes must be 0 or more")

    def __reduce__(self) -> tuple[object, ...]:
        # Through the constructor, so that arrays come back read-only.
        return (HiresEvents, tuple(getattr(self, name) for name in self.__dataclass_fields__))

    def __len__(self) -> int:
        return int(self.time_utc.size)

    def of_device(self, name: str) -> HiresEvents:
        """Return the events of one controller; raise `FormatError` if it wrote none."""
        if name not in self.devices:
            raise FormatError(
                f"no events of device {name!r}; the log has {', '.join(self.devices[:5]) or 'none'}"
            )
        rows = self.device == self.devices.index(name)
        index = np.zeros(int(rows.sum()), dtype=np.int32)
        return HiresEvents(
            (name,), self.time_utc[rows], index, self.code[rows], self.parameter[rows]
        )
