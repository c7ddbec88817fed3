"""What the bridge asks of a signal controller, whatever it speaks.

A driver knows one device. It reads who that device is and what limits it works under, works out
a change without making it, makes it so that it can be undone, calls a pattern, and tells how the
device is doing. `throughband.contracts.driver` says the same with examples.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, Final, Protocol

from network.errors import ControllerError
from network.timing import OffsetReference, TimingPlan

if TYPE_CHECKING:
    from controllers.device_profile import DeviceProfile

LOCAL_CONTROL: Final = 0
"""Pattern number that hands a device back to its own time base."""

VERSIONS: Final = ("v1", "v2c", "v3")

NTCIP: Final = "ntcip"
"""Protocol of devices that do not name one."""

COORDINATION_ALARM: Final = "coordination alarm"
"""Alarm of a device that is not in step within three cycles of a call."""

Network = IPv4Network | IPv6Network

PRIVATE_NETWORKS: Final[tuple[Network, ...]] = tuple(
    ip_network(text)
    for text in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
)
"""Loopback and private addresses (RFC 1918, RFC 4193): where a device may be unless told."""


@dataclass(frozen=True, slots=True)
class User:
    """An SNMPv3 user, always with authentication and privacy.

    Attributes
    ----------
    name
        The user's name in the device.
    auth_protocol, privacy_protocol
        ``"SHA-1"``, ``"SHA-256"`` and so on; ``"AES-128"``.
    auth_secret, privacy_secret
        The passwords, kept out of messages.
    """

    name: str
    auth_secret: str = field(repr=False)
    privacy_secret: str = field(repr=False)
    auth_protocol: str = "SHA-1"
    privacy_protocol: str = "AES-128"


@dataclass(frozen=True, slots=True)
class Device:
    """A controller in the field, as the device list names it.

    Attributes
    ----------
    signal_id
        The signal it runs.
    host, port
        Where it listens.
    read_community, write_community
        SNMP communities, kept out of messages.
    version
        ``"v1"``, ``"v2c"`` or ``"v3"``.
    offset_reference
        The event its offsets name, for devices that cannot tell themselves.
    slots
        Pattern rows set aside for this bridge; it writes no others, and never the one running.
    read_user, write_user
        Users of SNMPv3, in place of the communities; both are needed there.
    profile
        Name of the vendor profile that says where the device departs from the standard.
    max_clock_error_s
        How far its clock may be off before plans are refused.
    requests_per_s
        Most requests sent to it in a second.
    action_row
        Row of the time base's action table set aside for lasting activation; None for none.
    networks
        Where its address must lie once resolved; else not a byte is sent.
    protocol
        Name of the driver that it is reached by.
    options
        What that driver wants to be told, by name; NTCIP wants nothing.
    """

    signal_id: str
    host: str
    port: int
    read_community: str = field(repr=False)
    write_community: str = field(repr=False)
    version: str = "v1"
    offset_reference: OffsetReference = OffsetReference.BEGIN_GREEN
    slots: tuple[int, ...] = (15, 16)
    read_user: User | None = None
    write_user: User | None = None
    profile: str = "standard"
    max_clock_error_s: float = 2.0
    requests_per_s: float = 100.0
    action_row: int | None = None
    networks: tuple[Network, ...] = PRIVATE_NETWORKS
    protocol: str = NTCIP
    options: tuple[tuple[str, str | int | float | bool], ...] = ()

    def __post_init__(self) -> None:
        if self.version not in VERSIONS:
            raise ControllerError(
                f"device of signal {self.signal_id!r}: SNMP version {self.version!r}, "
                f"known are {', '.join(VERSIONS)}"
            )
        if self.version == "v3" and (self.read_user is None or self.write_user is None):
            raise ControllerError(
                f"device of signal {self.signal_id!r}: SNMPv3 needs a user to read and one to write"
            )
        if not (self.max_clock_error_s > 0 and self.requests_per_s > 0):
            raise ControllerError(
                f"device of signal {self.signal_id!r}: max_clock_error_s {self.max_clock_error_s} "
                f"and requests_per_s {self.requests_per_s} must be above 0"
            )
        if self.action_row is not None and not 1 <= self.action_row <= 255:
            raise ControllerError(
                f"device of signal {self.signal_id!r}: action_row {self.action_row}; allowed are "
                "1 to 255"
            )
        if not 1 <= self.port <= 65535:
            raise ControllerError(f"device of signal {self.signal_id!r}: port {self.port}")
        if len(set(self.slots)) < 2 or min(self.slots) < 1:
            raise ControllerError(
                f"device of signal {self.signal_id!r}: slots {list(self.slots)}; two pattern rows "
                "are needed, different ones from 1 on: one to run and one to write"
            )

    @property
    def address(self) -> str:
        """Host and port as one text."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class PhaseLimits:
    """What the controller itself enforces for a phase.

    Attributes
    ----------
    number
        Phase number.
    min_green_s, walk_s, ped_clear_s
        Whole seconds.
    yellow_ds, red_clear_ds
        Tenths of a second.
    ring
        The ring it runs in.
    concurrent
        Phases of other rings that may be green along with it.
    maximum_s
        Maximum green 1, whole seconds; 0 where it is not known.
    pedestrian_recall, non_actuated
        Whether the device serves the walk without anybody asking: always, or while it is called
        to non-actuated operation.
    """

    number: int
    min_green_s: int
    yellow_ds: int
    red_clear_ds: int
    walk_s: int
    ped_clear_s: int
    ring: int = 1
    concurrent: frozenset[int] = frozenset()
    maximum_s: int = 0
    pedestrian_recall: bool = False
    non_actuated: bool = False

    @property
    def min_split_ds(self) -> int:
        """Least split in tenths: green or walk and its clearance, then yellow and red."""
        return self.least_split_ds(walk=True)

    def least_split_ds(self, *, walk: bool) -> int:
        """Return the least split in tenths.

        Parameters
        ----------
        walk
            Whether walk and pedestrian clearance must fit even if somebody has to push a button
            for them.
        """
        green_s = self.min_green_s
        if walk or self.pedestrian_recall or self.non_actuated:
            green_s = max(green_s, self.walk_s + self.ped_clear_s)
        return green_s * 10 + self.yellow_ds + self.red_clear_ds


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a device is and what it works under, read from itself.

    Attributes
    ----------
    standards
        What it claims to conform to, one line.
    set_id
        Its fingerprint of the stored setup.
    phases
        Enabled phases.
    max_patterns, backup_time_s
        Number of pattern rows; silence after which it leaves central control.
    edition
        Edition of the object definitions, as established by asking.
    called_pattern
        What central control calls at present; `LOCAL_CONTROL` for nothing.
    running_pattern, time_base_patterns
        Rows that must not be touched.
    profile
        Everything else it tells about itself and that lasts; None if it was not asked.
    clock_error_s
        Bounds of how far its clock is ahead of ours; None if that was not measured.
    """

    standards: str
    set_id: int
    phases: tuple[PhaseLimits, ...]
    max_patterns: int
    backup_time_s: int
    edition: str
    called_pattern: int
    running_pattern: int
    time_base_patterns: tuple[int, ...]
    profile: DeviceProfile | None = None
    clock_error_s: tuple[float, float] | None = None

    @property
    def rings(self) -> tuple[int, ...]:
        """Rings with an enabled phase, in order."""
        return tuple(sorted({phase.ring for phase in self.phases}))

    def phase(self, number: int) -> PhaseLimits | None:
        """Return a phase's limits, or None if the device has no such phase enabled."""
        for phase in self.phases:
            if phase.number == number:
                return phase
        return None


@dataclass(frozen=True, slots=True)
class ObjectValue:
    """One instance and its value in wire units."""

    name: str
    index: tuple[int, ...]
    value: int | bytes

    @property
    def shown(self) -> str:
        """The value as people read it: octets in hexadecimal digits."""
        return self.value.hex() if isinstance(self.value, bytes) else str(self.value)

    def __str__(self) -> str:
        where = ".".join(str(part) for part in self.index)
        return f"{self.name}.{where} = {self.shown}"


@dataclass(frozen=True, slots=True)
class Change:
    """A change worked out against what is stored, so that it can be shown, made and undone.

    Attributes
    ----------
    signal_id
        The signal.
    pattern, split
        Rows it writes.
    old, new
        The same instances before and after.
    action_row
        The row of the time base that it points at the pattern, where it does only that.
    """

    signal_id: str
    pattern: int
    split: int
    old: tuple[ObjectValue, ...]
    new: tuple[ObjectValue, ...]
    action_row: int | None = None

    @property
    def difference(self) -> tuple[tuple[ObjectValue, ObjectValue], ...]:
        """Instances whose value changes, as pairs of before and after."""
        pairs = zip(self.old, self.new, strict=True)
        return tuple((before, after) for before, after in pairs if before != after)

    def undone(self) -> Change:
        """Return the change that takes this one back."""
        return replace(self, old=self.new, new=self.old)


@dataclass(frozen=True, slots=True)
class Status:
    """How a device is doing.

    Attributes
    ----------
    pattern
        The running pattern; 254 free, 255 flashing.
    called_pattern
        What central control calls; `LOCAL_CONTROL` for nothing.
    control
        Who is in control: ``systemControl``, ``timebase``, ``backupMode`` and so on.
    free_reason
        ``notFree`` while coordinated, else why not.
    flash
        ``notFlash``, or what made it flash.
    in_transition
        Whether the offset is still being reached.
    alarms
        Names of the alarms that are on; a bit that the standard does not name is told by its
        number.
    preempts
        Numbers of the preempts that are being served.
    cycle_left_s, since_reference_s
        Time until the local cycle's zero, and since the system's; None where it is not told.
    device_utc_s
        Its clock in whole s since 1970; None where it is not told.
    """

    pattern: int
    called_pattern: int
    control: str
    free_reason: str
    flash: str
    in_transition: bool
    alarms: tuple[str, ...] = ()
    preempts: tuple[int, ...] = ()
    cycle_left_s: int | None = None
    since_reference_s: int | None = None
    device_utc_s: int | None = None

    @property
    def coordination_failed(self) -> bool:
        """Whether the called pattern was not reached in step within three cycles."""
        return COORDINATION_ALARM in self.alarms

    def runs(self, pattern: int) -> bool:
        """Tell whether a pattern runs, coordinated and in step."""
        return self.pattern == pattern and self.free_reason == "notFree" and not self.in_transition


class Driver(Protocol):
    """One connected device.

    Every method raises `UnreachableError` when no answer comes and `RejectedValueError` when the
    device refuses.
    """

    async def identify(self) -> Identity:
        """Read who the device is, its limits, and which rows are in use."""
        ...

    async def prepare(self, plan: TimingPlan, identity: Identity) -> Change:
        """Choose a spare row and work out the change, reading only."""
        ...

    async def commit(self, change: Change) -> tuple[ObjectValue, ...]:
        """Make the change in one transaction and return what the device now stores.

        Raises `ReadBackMismatchError` if that is not what was written.
        """
        ...

    async def activate(self, pattern: int) -> None:
        """Call a pattern, or refresh the call; `LOCAL_CONTROL` hands back."""
        ...

    async def status(self) -> Status:
        """Read how the device is doing."""
        ...


class Connect(Protocol):
    """Opens a driver for a device; the context closes it."""

    def __call__(self, device: Device, /) -> AbstractAsyncContextManager[Driver]:
        """Connect to a device."""
        ...
