"""Inventory files: every field comes back, also those that classes gain later."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from network.errors import FormatError
from network.inventory import Inventory, Node, NodeKind
from network.inventory_file import read_inventory, write_inventory
from network.records import read_record, record_document
from tests.inventories import arterial
from tests.network.damaged_counts import survives


def example(hint: Any) -> Any:
    """Make a value of an annotation that is no default."""
    origin, parts = get_origin(hint), get_args(hint)
    if NoneType in parts:
        return example(next(part for part in parts if part is not NoneType))
    if is_dataclass(hint):
        assert isinstance(hint, type)
        hints = get_type_hints(hint)
        return hint(**{field.name: example(hints[field.name]) for field in fields(hint)})
    if origin is tuple:
        return tuple(example(part) for part in parts if part is not Ellipsis)
    if origin is not None:
        return {example(parts[0]): example(parts[1])}
    if issubclass(hint, StrEnum):
        return list(hint)[-1]
    return {str: "a 'word' \u2013 two", int: 7, float: 0.1, bool: True}[hint]


def full() -> Inventory:
    """An inventory in which every field of every class has a value of its own."""
    found: Inventory = example(Inventory)
    node = replace(found.nodes[0], node_id="n")
    link = replace(found.links[0], link_id="l", from_node="n", to_node="n")
    turn = replace(found.turns[0], from_link="l", to_link="l")
    return replace(found, nodes=(node,), links=(link,), turns=(turn,))


@pytest.mark.parametrize("inventory", [full(), arterial(3), Inventory("", *[()] * 6)])
def test_an_inventory_comes_back_as_written(inventory: Inventory, tmp_path: Path) -> None:
    for name in ("inventory.json", "inventory.json.gz"):
        write_inventory(tmp_path / name, inventory)
        assert read_inventory(tmp_path / name) == inventory
    first = (tmp_path / "inventory.json.gz").read_bytes()
    write_inventory(tmp_path / "inventory.json.gz", inventory)
    assert (tmp_path / "inventory.json.gz").read_bytes() == first


def test_defaults_are_left_out(tmp_path: Path) -> None:
    write_inventory(tmp_path / "i.json", arterial(1))
    document = json.loads((tmp_path / "i.json").read_text())
    assert document["nodes"][0] == {"node_id": "c0", "x_m": 0.0, "y_m": 0.0, "kind": "signal"}


@dataclass(frozen=True)
class Older:
    name: str


@dataclass(frozen=True)
class Newer:
    name: str
    extra_m: float | None = None


def test_a_class_that_gains_an_optional_field_reads_what_was_written_before() -> None:
    old = record_document(Older("x"))
    assert read_record(Newer, old, "here", FormatError) == Newer("x")
    assert record_document(Newer("x")) == old


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(version=2), "version 2, this program reads up to 1"),
        (lambda d: d.update(zzz=1), "unknown keys"),
        (lambda d: d["nodes"][0].update(zzz=1), r"nodes 1, zzz: .* unknown keys \['zzz'\]"),
        (lambda d: d["nodes"][0].pop("x_m"), r"missing keys \['x_m'\]"),
        (lambda d: d["nodes"][0].update(x_m="0"), "x_m: found '0'; allowed is a number"),
        (lambda d: d["nodes"][0].update(x_m=10**400), "x_m: found"),
        (lambda d: d["nodes"][0].update(kind="circus"), "allowed is one of signal, stop"),
        (lambda d: d["nodes"].append(d["nodes"][0]), "node 'c0' appears twice"),
        (lambda d: d["links"][0].update(from_node="zz"), "unknown node 'zz'"),
        (lambda d: d["links"][0].update(shape_m=[[1]]), "a list of 2 values"),
        (lambda d: d["links"][0].update(lanes={}), "lanes: found"),
        (lambda d: d["turns"][0].update(lanes=[True]), "allowed is a whole number"),
        (lambda d: splits(d).update({"02": 1}), "found the key '02'"),
        (lambda d: splits(d).update({"\u0662": 1}), "found the key"),
        (lambda d: splits(d).update({"2": 1.5}), "splits_ds '2': found 1.5"),
        (
            lambda d: d["controllers"][0].update(turn_phases=[[["p", "t"], [[], []]]] * 2),
            "a key appears twice",
        ),
    ],
)
def test_a_file_that_lies_is_one_readable_line(
    change: Callable[[dict[str, Any]], None], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "i.json"
    write_inventory(path, arterial(1))
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(FormatError, match=message) as error:
        read_inventory(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def splits(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["controllers"][0]["plans"][0]["splits_ds"]
    return found


def test_values_of_other_kinds_are_not_written(tmp_path: Path) -> None:
    for x_m in (float("nan"), "1", 1e13):
        node = Node("a", x_m, 0.0, NodeKind.SIGNAL)  # type: ignore[arg-type]
        with pytest.raises(FormatError):
            write_inventory(tmp_path / "i.json", Inventory("x", (node,), *[()] * 5))
    assert not list(tmp_path.iterdir())


def test_damage_is_refused_in_one_line(tmp_path: Path) -> None:
    write_inventory(tmp_path / "i.json", full())
    content = (tmp_path / "i.json").read_bytes()
    assert survives(read_inventory, content, tmp_path / "damaged.json", 300) > 200


@pytest.mark.slow
def test_ten_thousand_damaged_files_are_refused_in_one_line(tmp_path: Path) -> None:
    write_inventory(tmp_path / "i.json", full())
    content = (tmp_path / "i.json").read_bytes()
    assert survives(read_inventory, content, tmp_path / "damaged.json", 10_000, seed=2) > 5000
