"""Inventories on disk: every value under the name it has in the program, with its unit.

The names are those of `network.inventory` and `network.inventory_signals`.
"""

from __future__ import annotations

from pathlib import Path

from network.documents import DocumentForm, read_document, without_collection, write_document
from network.errors import FormatError, TopologyError
from network.inventory import Inventory
from network.records import read_record, record_document, record_schemas

INVENTORY_FORM = DocumentForm("throughband.inventory", "inventory file", 1, FormatError)


def write_inventory(path: Path, inventory: Inventory) -> None:
    """Write an inventory; equal inventories give equal bytes.

    Parameters
    ----------
    path
        Where to; gzipped if it ends on ``.gz``.
    inventory
        What to write. `read_inventory` gives the same back.

    Raises
    ------
    FormatError
        If a value in it is not what its field promises, or the file cannot be written.
    """
    path = Path(path)
    with without_collection():
        body = record_document(inventory)
        # What could not be read back must not be written.
        if _inventory(body, str(path)) != inventory:
            raise FormatError(f"{path}: inventory {inventory.name!r} holds values of other kinds")
        write_document(path, INVENTORY_FORM, body)


def read_inventory(path: Path) -> Inventory:
    """Read an inventory.

    Parameters
    ----------
    path
        A file made by `write_inventory`, of this version or an older one, gzipped or not.

    Returns
    -------
    Inventory

    Raises
    ------
    FormatError
        If the file is missing, damaged, of a newer version, or its parts do not fit together.
    """
    path = Path(path)
    with without_collection():
        document = read_document(path, INVENTORY_FORM)
        body = {key: value for key, value in document.items() if key not in ("format", "version")}
        return _inventory(body, str(path))


def inventory_schema() -> dict[str, object]:
    """Return the JSON Schema of inventory files, as ``schemas/inventory.json`` publishes it."""
    parts = record_schemas(Inventory)
    own = parts.pop(Inventory.__name__)
    properties, required = own["properties"], own["required"]
    assert isinstance(properties, dict)
    assert isinstance(required, list)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Throughband inventory",
        "description": "What an engineer's files say of a street. SI units; times ending on _ds "
        "in tenths of a second. Optional fields are left out where they hold their default.",
        "type": "object",
        "properties": {
            "format": {"const": INVENTORY_FORM.name},
            "version": {"const": INVENTORY_FORM.version},
            **properties,
        },
        "required": ["format", "version", *required],
        "additionalProperties": False,
        "$defs": parts,
    }


def _inventory(body: object, where: str) -> Inventory:
    try:
        return read_record(Inventory, body, where, FormatError)
    except TopologyError as error:
        raise FormatError(f"{where}: {error}") from error
