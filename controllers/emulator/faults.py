"""What an emulated cabinet can be told to do wrong, for tests and drills.

Nothing here happens by itself: a fresh `Faults` is a healthy device that keeps to the standard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from controllers.ntcip.objects import Oid


@dataclass(slots=True)
class Faults:
    """Settings of misbehavior; change them at any time.

    Attributes
    ----------
    seed
        Of the generator that decides which datagrams are lost.
    request_loss
        Share of requests that never reach the device.
    reply_loss
        Share of replies that get lost after the device has done what was asked.
    silent_after
        Number of requests still answered before the device falls silent; None for never.
    restart_after
        Number of requests after which the communications side restarts; None for never.
    busy
        Whether another manager holds the database transaction.
    lies
        Instances whose GET shows another number than the stored one.
    stores
        Instances that store another number than the one set.
    lost_commits
        How many replies to the command that stores a transaction still get lost.
    frozen
        Whether the device acknowledges everything, does nothing and shows what it first showed.
    clock_skew_s
        How far the clock it shows is ahead of its own.
    scalars
        By object name where scalars are kept instead of instance 0: ``()`` for no instance at
        all; the name ``*`` stands for all others.
    old_enumerations
        Whether `dbVerifyStatus` counts from 0, as in the edition of 1996, whatever the edition.
    counted_time
        Whether `globalTime` travels as a counter, as in the edition of 1996.
    read_only
        Names of objects that refuse to be written although the edition allows it.
    """

    seed: int = 0
    request_loss: float = 0.0
    reply_loss: float = 0.0
    silent_after: int | None = None
    restart_after: int | None = None
    busy: bool = False
    lies: Mapping[Oid, int] = field(default_factory=dict)
    stores: Mapping[Oid, int] = field(default_factory=dict)
    lost_commits: int = 0
    frozen: bool = False
    clock_skew_s: int = 0
    scalars: Mapping[str, Oid] = field(default_factory=dict)
    old_enumerations: bool = False
    counted_time: bool = False
    read_only: frozenset[str] = frozenset()
    _random: Random = field(init=False, repr=False)
    _commit_to_lose: bool = field(init=False, default=False, repr=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)

    def request_lost(self) -> bool:
        """Decide whether the request at hand reaches the device."""
        if self.silent_after is not None:
            if self.silent_after <= 0:
                return True
            self.silent_after -= 1
        return self._random.random() < self.request_loss

    def reply_lost(self) -> bool:
        """Decide whether the reply at hand reaches the manager."""
        lost = self._random.random() < self.reply_loss
        if self._commit_to_lose:
            self._commit_to_lose = False
            return True
        return lost

    def committed(self) -> None:
        """Note that the request at hand has stored a transaction."""
        if self.lost_commits > 0:
            self.lost_commits -= 1
            self._commit_to_lose = True

    def restarts_now(self) -> bool:
        """Decide whether the device restarts before this request."""
        if self.restart_after is None:
            return False
        self.restart_after -= 1
        if self.restart_after >= 0:
            return False
        self.restart_after = None
        return True
