"""A combined UTDF file, taken apart into its sections."""

from __future__ import annotations

import re
from pathlib import Path

from network.errors import FormatError
from network.readers.utdf_columns import ONLY_PLAN, TITLES, key_of
from network.readers.utdf_tables import (
    Row,
    Tables,
    add_record,
    header_of,
    record_of,
    require_few_nodes,
    rows_of,
)

MOST_SECTIONS = 40
_SECTION = re.compile(r"\[\s*([A-Za-z ]+?)\s*\]")


def read_combined(path: Path) -> Tables:
    """Take a combined file apart.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Tables
        Its sheets.

    Raises
    ------
    FormatError
        If it is not UTDF, or a section, record or column is doubled, unknown or out of place.
    """
    tables = Tables(path)
    rows = rows_of(path, tables.findings)
    if not rows or _section(rows[0]) is None:
        found = ",".join(rows[0].cells[:4])[:40] if rows else ""
        raise FormatError(
            f"{path}, line {rows[0].line if rows else 1}: not a combined UTDF file; found "
            f"{found!r}, expected a section such as [Network]"
        )
    begins = [index for index, row in enumerate(rows) if _section(row) is not None]
    if len(begins) > MOST_SECTIONS:
        raise FormatError(
            f"{path}, line {rows[begins[MOST_SECTIONS]].line}: more than {MOST_SECTIONS} sections, "
            "which no UTDF file has"
        )
    seen: dict[str, int] = {}
    for begin, end in zip(begins, [*begins[1:], len(rows)], strict=True):
        title = _section(rows[begin]) or ""
        name = {key_of(known): known for known in TITLES}.get(key_of(title))
        if name is None:
            if seen.setdefault(key_of(title), begin) == begin:
                tables.findings.append(
                    f"Section [{title}] in line {rows[begin].line} was ignored; it is not known "
                    "here."
                )
            continue
        first = seen.setdefault(name, rows[begin].line)
        if first != rows[begin].line and name != "Timeplans":
            raise FormatError(
                f"{path}, line {rows[begin].line}: section [{name}] again; it began in line {first}"
            )
        _read_section(tables, name, rows[begin + 1 : end], rows[begin].line)
    for name in ("Nodes", "Links"):
        if name not in seen:
            raise FormatError(f"{path}: without a section [{name}], which every UTDF file has")
    missing = [f"[{name}]" for name in ("Lanes", "Timeplans", "Phases") if name not in seen]
    if missing:
        tables.findings.append(
            f"Sections missing: {', '.join(missing)}; the last row is line {rows[-1].line}. If the "
            "file was cut off, export it again."
        )
    return tables


def _section(row: Row) -> str | None:
    match = _SECTION.fullmatch(row.cells[0])
    return match[1] if match and not any(row.cells[1:]) else None


def _read_section(tables: Tables, name: str, rows: list[Row], line: int) -> None:
    path = tables.path
    first = "INTID" if name == "Nodes" else "RECORDNAME"
    start = 0
    if rows and key_of(rows[0].cells[0]).upper() != first:
        start = 1
    if start >= len(rows) or key_of(rows[start].cells[0]).upper() != first:
        at = rows[start].line if start < len(rows) else line
        raise FormatError(
            f"{path}, line {at}: section [{name}] without a header; expected a row that begins "
            f"with {first}"
        )
    columns = header_of(path, rows[start], name, tables.findings)
    needed = {"Nodes": ("INTID", "TYPE", "X", "Y"), "Network": ("DATA",), "Timeplans": ("DATA",)}
    for column in needed.get(name, ()) if name == "Network" else ("INTID", *needed.get(name, ())):
        if column not in columns:
            raise FormatError(
                f"{path}, line {rows[start].line}: section [{name}] has no column {column}"
            )
    if name == "Nodes":
        require_few_nodes(path, rows[start + 1 :])
    for row in rows[start + 1 :]:
        record = record_of(path, row, columns, name)
        if name == "Nodes":
            tables.nodes.append(record)
        elif name == "Network":
            tables.settings.setdefault(key_of(record.name), record)
        elif name == "Timeplans":
            add_record(tables.plans.setdefault(record.node, {}).setdefault(ONLY_PLAN, {}), record)
        else:
            sheets = {"Links": tables.links, "Lanes": tables.lanes, "Phases": tables.phases}
            add_record(sheets[name].setdefault(record.node, {}), record)
