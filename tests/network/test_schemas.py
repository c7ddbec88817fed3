"""Published schemas: every file we write is valid, and what a schema refuses no reader takes."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import tomllib
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from network import schemas
from network.calibration import Calibration, Estimate, LinkRunning
from network.calibration_file import read_calibration, write_calibration
from network.counts import KINDS, CountSeries, Quality
from network.documents import read_document
from network.errors import ThroughbandError
from network.files import PLAN_FORM, read_plan, write_plan
from network.inventory_file import inventory_schema, read_inventory, write_inventory
from network.network_file import read_network, write_network
from network.readers.counts_csv import OPTIONAL, REQUIRED, write_counts_csv
from network.schedule_file import read_schedule, write_schedule
from network.schemas import NAMES, schema
from network.signal_sheet import apply_sheet, write_sheet
from network.timing import PlanSet
from network.toml_text import toml_key, toml_value
from tests.network import streets
from tests.network.altered import altered
from tests.network.days import elm_street
from tests.network.test_files import GOLDEN
from tests.network.test_inventory_file import full
from tests.network.test_network_file import small
from tests.network.test_signal_sheet import street

FILES = tuple(name for name in NAMES if name not in ("counts", "evaluation", "explanation"))
"""JSON documents that we read; the other two are only written (tests/throughband)."""


def written(name: str, folder: Path) -> Path:
    """Write a document of every form."""
    path = folder / f"{name}.{'toml' if name in ('schedule', 'signals') else 'json'}"
    if name == "plan":
        network = small()
        plans = tuple(s.plan_in_force for s in network.signals.values() if s.plan_in_force)
        write_plan(path, PlanSet("small", plans, {"Y": "odd"}), network, {"bound_s": 1.5})
    elif name == "network":
        write_network(path, small())
    elif name == "inventory":
        write_inventory(path, full())
    elif name == "calibration":
        write_calibration(path, measured())
    elif name == "schedule":
        write_schedule(path, elm_street())
    else:
        write_sheet(path, street())
    return path


def measured() -> Calibration:
    """A calibration with every kind of entry."""
    known, unknown = Estimate(1.9, 0.1, 40, 1.95, 1.8), Estimate(2.1, 0.3, 0, None, 2.1)
    return Calibration(
        "small",
        "0123456789abcdef" * 4,
        "SUMO, seeds 1",
        known,
        Estimate(-0.5, 0.4, 0, None, -0.5),
        {"a_0>b_0": known, "a_1>b_1": unknown},
        {"a": LinkRunning(Estimate(20.0, 0.2, 30, 20.5, 18.0), known, unknown)},
    )


READERS: dict[str, Callable[[Path], object]] = {
    "calibration": read_calibration,
    "plan": read_plan,
    "network": read_network,
    "inventory": read_inventory,
    "schedule": read_schedule,
    "signals": lambda path: apply_sheet(street(), path),
}


def meaning(path: Path) -> Any:
    """What a file says, dates and times of day as text."""
    if path.suffix == ".toml":
        return as_text(tomllib.loads(path.read_text()))
    return json.loads(path.read_text())


def as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return value.isoformat() if isinstance(value, date | time | datetime) else value


def put(path: Path, document: Any) -> None:
    """Write an altered document."""
    if path.suffix == ".toml":
        lines = [f"{toml_key(key)} = {toml_value(item)}" for key, item in document.items()]
        path.write_text("\n".join(lines) + "\n")
    else:
        path.write_text(json.dumps(document))


def sealed(document: Any) -> Any:
    """Return a document with the digest that its content has."""
    if "file_digest" not in document:
        return document
    rest = {key: value for key, value in document.items() if key != "file_digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return {**rest, "file_digest": hashlib.sha256(text.encode()).hexdigest()}


@pytest.mark.parametrize("name", FILES)
def test_a_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))
    assert schema(name)["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


def test_every_schema_in_the_package_is_named() -> None:
    found = {path.stem for path in Path(str(schemas.__file__)).parent.glob("*.json")}
    assert found == set(NAMES)
    with pytest.raises(KeyError, match="no schema 'nothing'"):
        schema("nothing")


@pytest.mark.parametrize("name", FILES)
def test_what_we_write_is_valid(name: str, tmp_path: Path) -> None:
    Draft202012Validator(schema(name)).validate(meaning(written(name, tmp_path)))


@pytest.mark.parametrize("name", ["cologne8", "bullhead", "grid4x4"])
def test_real_networks_plans_and_sheets_are_valid(name: str, tmp_path: Path) -> None:
    network = streets.network(name)
    plans = tuple(s.plan_in_force for s in network.signals.values() if s.plan_in_force)
    write_network(tmp_path / "network.json", network)
    write_plan(tmp_path / "plan.json", PlanSet(name, plans, {}), network)
    write_sheet(tmp_path / "signals.toml", network)
    for file in ("network.json", "plan.json", "signals.toml"):
        judge = Draft202012Validator(schema(file.partition(".")[0]))
        judge.validate(meaning(tmp_path / file))


def test_an_upgraded_plan_file_is_valid() -> None:
    judge = Draft202012Validator(schema("plan"))
    assert not judge.is_valid(json.loads(GOLDEN.read_text()))
    judge.validate(read_document(GOLDEN, PLAN_FORM))


def refused(name: str, folder: Path, count: int, seed: int) -> int:
    """Count altered documents that the schema refuses; the reader must refuse them too."""
    path = written(name, folder)
    document, judge = meaning(path), Draft202012Validator(schema(name))
    found = 0
    for changed in map(sealed, altered(document, count, seed)):
        if judge.is_valid(changed):
            continue
        found += 1
        try:
            put(path, dated(changed) if path.suffix == ".toml" else changed)
        except (TypeError, ValueError):
            continue  # not to be written in this form at all
        with pytest.raises(ThroughbandError) as error:
            READERS[name](path)
        assert "\n" not in str(error.value)
    return found


def dated(value: Any, key: str = "") -> Any:
    """Put dates and times of day back where a schedule has them."""
    if isinstance(value, dict):
        return {name: dated(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [dated(item, key) for item in value]
    if value is None:
        raise TypeError("TOML has no null")
    try:
        if key in ("dates", "first", "last"):
            return date.fromisoformat(value)
        return time.fromisoformat(value) if key == "at" else value
    except (TypeError, ValueError):
        return value


@pytest.mark.parametrize("name", FILES)
def test_what_the_schema_refuses_the_reader_refuses(name: str, tmp_path: Path) -> None:
    assert refused(name, tmp_path, 400, seed=1) > 150


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_ten_thousand_altered_documents_are_refused_by_both(name: str, tmp_path: Path) -> None:
    assert refused(name, tmp_path, 10_000, seed=2) > 4000


def test_the_inventory_schema_follows_the_classes() -> None:
    """Set THROUGHBAND_WRITE_SCHEMAS to write it anew after a class has changed."""
    path = Path(str(schemas.__file__)).parent / "inventory.json"
    if os.environ.get("THROUGHBAND_WRITE_SCHEMAS"):
        path.write_text(json.dumps(inventory_schema(), indent=1) + "\n")
    assert schema("inventory") == inventory_schema()


def test_the_schema_of_counts_names_every_column_of_a_counts_file(tmp_path: Path) -> None:
    fields = {field["name"]: field for field in schema("counts")["fields"]}
    assert set(fields) == {*REQUIRED, *OPTIONAL, *KINDS}
    qualities = [quality.name.lower() for quality in Quality]
    assert fields["quality"]["constraints"]["enum"] == qualities
    counts = CountSeries(
        *("movement", ("a>b", "c>d"), 0.0, 900),
        np.array([[3.0, np.nan], [0.0, 12.5]]),
        np.array([[0, 1], [0, 6]], dtype=np.uint8),
        np.array([[50.0, np.nan], [0.0, 100.0]]),
    )
    write_counts_csv(tmp_path / "counts.csv", counts)
    with (tmp_path / "counts.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 4
    for row in rows:
        for name, cell in row.items():
            assert fits(fields[name], cell), (name, cell)


def fits(field: dict[str, Any], cell: str) -> bool:
    """Judge a cell as the Table Schema does, as far as ours goes."""
    limits = field.get("constraints", {})
    if cell == "":
        return not limits.get("required", False)
    if field["type"] == "string":
        return cell in limits.get("enum", [cell]) and len(cell) >= limits.get("minLength", 0)
    number = int(cell) if field["type"] == "integer" else float(cell)
    return bool(limits.get("minimum", number) <= number <= limits.get("maximum", number))


def test_a_calibration_comes_back_as_written(tmp_path: Path) -> None:
    assert read_calibration(written("calibration", tmp_path)) == measured()


def test_a_dispersion_that_does_not_follow_is_refused(tmp_path: Path) -> None:
    path = written("calibration", tmp_path)
    document = json.loads(path.read_text())
    document["links"]["a"]["dispersion"]["alpha"] += 0.1
    path.write_text(json.dumps(document))
    with pytest.raises(ThroughbandError, match="what follows from the running times"):
        read_calibration(path)
