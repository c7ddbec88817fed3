"""The files that a city keeps for the bridge and daily operation, and the webhook it listens on."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.operate.street_days import INTERVAL_S
from throughband.bridge.detector_map import scenario_map
from throughband.device_writing import write_devices
from throughband.setting import Setting
from throughband.street import Street


class Hook:
    """A webhook of its own on loopback; `broken` makes it answer 503."""

    def __init__(self) -> None:
        self.got: list[dict[str, object]] = []
        self.broken = False
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not hook.broken:
                    hook.got.append(body)
                self.send_response(503 if hook.broken else 204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/signals"

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def write_files(folder: Path, setting: Setting, street: Street, hook: Hook, drop: bool) -> Path:
    """Write what a city would: devices, detector map, the bridge's and operation's settings."""
    write_devices(folder, street.devices)
    rows = ["signal,detector,connection"]
    for signal, places in scenario_map(setting.network).places.items():
        rows += [f"{signal},{number},{name}" for number, name in places.items()]
    (folder / "detectors.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "bridge.toml").write_text(
        'devices = "devices.toml"\nstate = "state"\njournal = "journal.sqlite"\n'
        '[counts]\nfolder = "counts"\nmap = "detectors.csv"\n'
        f"interval_s = {INTERVAL_S}\n",
        encoding="utf-8",
    )
    path = folder / "operate.toml"
    path.write_text(
        f'scenario = "{setting.scenario.config_file.resolve()}"\nbridge = "bridge.toml"\n'
        'folder = "operate"\nmode = "act"\ninterval_s = 60\n'
        "[planning]\nseeds = 3\neffort = 300\nlongest_cycle_s = 120\n"
        "[limits]\nmax_cycle_step_s = 60\nmax_changes_per_day = 20\n"
        f"may_drop_phases = {str(drop).lower()}\n"
        f'[notices.webhook]\nurl = "{hook.url}"\n'
        f'[database]\nurl = "sqlite:///{folder.resolve()}/console/console.sqlite"\n',
        encoding="utf-8",
    )
    (folder / "console").mkdir(exist_ok=True)
    return path
