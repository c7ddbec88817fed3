"""What the devices said of themselves, kept in the state folder: one file per device."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from pathlib import Path

from controllers.device_profile import DeviceProfile
from controllers.driver import Device
from network.errors import ControllerError, ThroughbandError
from throughband.results import read_json

_log = logging.getLogger(__name__)


class ProfileFolder:
    """Keeps device profiles, shared by the service and the commands.

    Parameters
    ----------
    path
        The folder; made when the first profile is kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: dict[Path, tuple[tuple[int, int], DeviceProfile | None]] = {}

    def known(self, device: Device) -> DeviceProfile | None:
        """Return what a device said at its address, or None if it was never met there.

        A file that is damaged is told in the log and counts as none: the device is asked anyway.
        """
        file = self._file(device)
        try:
            found = file.stat()
        except OSError:
            return None
        stamp = (found.st_mtime_ns, found.st_ino)
        if file not in self._seen or self._seen[file][0] != stamp:
            self._seen[file] = (stamp, self._read(file, device))
        return self._seen[file][1]

    def keep(self, device: Device, profile: DeviceProfile) -> None:
        """Keep what a device says now, in place of what it said before.

        Raises
        ------
        ControllerError
            It cannot be written.
        """
        file = self._file(device)
        aside = file.with_name(f".{file.name}.{os.getpid()}")
        content = {
            "signal_id": device.signal_id,
            "address": device.address,
            "profile": profile.to_dict(),
        }
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            aside.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
            aside.replace(file)
        except OSError as error:
            raise ControllerError(f"{file}: cannot be written ({error.strerror})") from error

    def _read(self, file: Path, device: Device) -> DeviceProfile | None:
        try:
            content = read_json(file)
            if (content.get("signal_id"), content.get("address")) != (
                device.signal_id,
                device.address,
            ):
                return None
            return DeviceProfile.from_dict(content.get("profile", {}), str(file))
        except ThroughbandError as error:
            _log.warning("%s", error)
            return None

    def _file(self, device: Device) -> Path:
        # Signals may differ in letters that file names do not allow.
        digest = hashlib.sha256(device.signal_id.encode()).hexdigest()[:8]
        name = re.sub(r"[^0-9A-Za-z]+", "-", device.signal_id)[:40]
        return self.path / f"{name}-{digest}.json"
