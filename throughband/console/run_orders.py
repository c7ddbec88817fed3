"""Runs that people ask of the console, turned into commands of the command line.

Arguments come from checked fields only, each as an argument of its own; nothing goes through a
shell.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from network.errors import MissingError, MoveError
from throughband.console.carrying import FILES
from throughband.console.config import ConsoleConfig
from throughband.console.work import Work
from throughband.exchange.sources import require_own_files
from throughband.plan_life import PlanState
from throughband.store import Store
from throughband.store.rows import Network, Run


class RunOrders:
    """Has runs carried out; routes of the API and of pages alike call it.

    Parameters
    ----------
    config, store, work
        What the console works with.
    """

    def __init__(self, config: ConsoleConfig, store: Store, work: Work) -> None:
        self._config = config
        self._store = store
        self._work = work

    def optimize(self, network_id: str, by: str, title: str = "", **options: Any) -> Run:
        """Have plans computed; `options` are those of ``throughband optimize``."""
        network = self._store.networks.require(network_id)
        files = self._uploaded(options, "counts")
        asked = _titled(options, title)
        return self._submit("optimize", network, by, [network.source], options, files, asked)

    def whole_path(self, network_id: str, by: str, title: str = "", **options: Any) -> Run:
        """Have the whole path played on an emulated street; nothing is approved by it."""
        network = self._store.networks.require(network_id)
        asked = _titled(options, title)
        files = {} if self._config.rates is None else {"rates": self._config.rates}
        return self._submit("run", network, by, [network.source], options, files, asked)

    def validate(self, plan_id: str, by: str, **options: Any) -> Run:
        """Have a draft played against the plan in force; its report is attached at the end.

        A plan that was checked on an uploaded report may be, too; it is a draft again then.
        """
        plan = self._store.plans.get(plan_id)
        if plan.state is not PlanState.DRAFT and not plan.needs_proof:
            raise MoveError(f"plan {plan_id} is {plan.state}; only a draft is validated")
        network = self._store.networks.require(plan.network_id)

        def command(folder: Path) -> Sequence[str]:
            return [
                "validate", network.source, "--plan", str(folder / "plan.json"),
                *_options(options), "--out", str(folder / FILES),
            ]  # fmt: skip

        return self._work.submit(
            "validate",
            command,
            by,
            network_id=network.id,
            asked={"plan_id": plan_id, **options},
            files={"plan.json": plan.content},
        )

    def forecast(self, by: str, **options: Any) -> Run:
        """Have flows forecast from uploaded counts."""
        counts = self.upload(options["counts"])
        rest = {name: value for name, value in options.items() if name != "counts"}
        return self._submit("forecast", None, by, [str(counts)], rest, {}, options)

    def evaluate(self, by: str, **options: Any) -> Run:
        """Have uploaded measurements from before and after a change compared."""
        files = self._uploaded(options, "before", "after")
        return self._submit("evaluate", None, by, [], options, files)

    def import_network(self, name: str, upload_id: str, by: str, kind: str = "") -> Run:
        """Have an uploaded network made a scenario; it is on the list at the end."""
        if self._store.networks.of_name(name) is not None:
            raise MoveError(f"there is a network {name!r} already; choose another name")
        source = self.upload(upload_id)
        require_own_files(source)
        options = {"format": kind} if kind else {}
        asked = {"name": name, "upload": upload_id, **options}
        return self._submit("import", None, by, [str(source)], options, {}, asked)

    def upload(self, upload_id: str) -> Path:
        """Return an uploaded file, or the folder that an archive was unpacked into."""
        folder = self._config.uploads / upload_id
        entries = sorted(folder.iterdir()) if folder.is_dir() else []
        if not entries:
            raise MissingError(f"there is no upload {upload_id!r}")
        return entries[0]

    def _uploaded(self, options: dict[str, Any], *names: str) -> dict[str, Path]:
        return {name: self.upload(options[name]) for name in names if options.get(name) is not None}

    def _submit(
        self,
        kind: str,
        network: Network | None,
        by: str,
        head: Sequence[str],
        options: dict[str, Any],
        files: dict[str, Path],
        asked: dict[str, Any] | None = None,
    ) -> Run:
        given = {**options, **{name: str(path) for name, path in files.items()}}

        def command(folder: Path) -> Sequence[str]:
            return [kind, *head, *_options(given), "--out", str(folder / FILES)]

        return self._work.submit(
            kind,
            command,
            by,
            network_id=network.id if network else None,
            asked=options if asked is None else asked,
        )


def _titled(options: dict[str, Any], title: str) -> dict[str, Any]:
    """Return what was asked for, with the title its plan is to have."""
    return {**options, "title": title} if title else options


def _options(given: dict[str, Any]) -> list[str]:
    """Return options of the command line; ``=`` keeps a value from being taken for an option."""
    return [
        f"--{name.replace('_', '-')}={value}"
        for name, value in given.items()
        if value is not None and value != ""
    ]
