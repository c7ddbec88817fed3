"""Networks of the console, opened and kept at hand."""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final

from network.errors import PlanError
from network.files import read_plan
from network.safety import require_safe
from network.timeline import watch
from network.timing import PlanSet
from scenarios.cities import CITIES
from throughband.setting import ANY_WINDOW_S, Setting, open_setting

KEPT: Final = 4


class Scenes:
    """Settings by the SCENARIO of the command line; the last few stay open.

    They are opened one at a time; a network that was changed on disk is opened anew.
    """

    def __init__(self) -> None:
        self._alone = threading.Lock()
        self._open: OrderedDict[tuple[str, int], Setting] = OrderedDict()

    def setting(self, source: str) -> Setting:
        """Return a network's setting.

        Raises
        ------
        ThroughbandError
            If it cannot be opened.
        """
        with self._alone:
            key = (source, _stamp(source))
            found = self._open.pop(key, None) or open_setting(source, *ANY_WINDOW_S)
            self._open[key] = found
            while len(self._open) > KEPT:
                self._open.popitem(last=False)
            return found

    def summary(self, source: str) -> tuple[str, dict[str, Any]]:
        """Return a scenario's own name, and how much is in it."""
        setting = self.setting(source)
        network = setting.network
        left = [signal for signal in network.signals.values() if signal.left_alone]
        return setting.scenario.name, {
            "links": len(network.links),
            "movements": len(network.movements),
            "signals": len(network.signals),
            "left_alone": len(left),
        }

    def require_lawful(self, source: str, plans: PlanSet) -> None:
        """Refuse plans that the safety rules or the timeline do not accept.

        Raises
        ------
        UnsafePlanError
            The rules refuse them.
        PlanError
            They are of another scenario, or the timeline sees something unlawful.
        """
        setting = self.setting(source)
        if plans.scenario != setting.scenario.name:
            raise PlanError(
                f"the plans are for {plans.scenario!r}, the network is {setting.scenario.name!r}"
            )
        require_safe(plans, setting.network)
        for plan in plans.plans:
            seen = watch(plan, setting.network.signals[plan.signal_id])
            if seen:
                raise PlanError(
                    f"signal {plan.signal_id!r}: the timeline sees {len(seen)} unlawful moments, "
                    f"the first: {seen[0]}"
                )


def plan_set_of(content: str) -> PlanSet:
    """Read the text of a ``plan.json``.

    Raises
    ------
    ThroughbandError
        If it is none, or was edited.
    """
    with tempfile.TemporaryDirectory(prefix="throughband-") as folder:
        file = Path(folder) / "plan.json"
        file.write_text(content, encoding="utf-8")
        try:
            return read_plan(file)
        except PlanError as error:
            raise PlanError(str(error).replace(str(file), "plan.json")) from error


def _stamp(source: str) -> int:
    if source in CITIES:
        return 0
    path = Path(source)
    try:
        files = [path, *path.iterdir()] if path.is_dir() else [path]
        return max(file.stat().st_mtime_ns for file in files)
    except OSError:
        return 0
