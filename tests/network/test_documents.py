"""Documents: sizes are limited before parsing, older versions are upgraded step by step."""

from __future__ import annotations

import gc
import gzip
import json
import time
import tracemalloc
from pathlib import Path

import pytest

from network.documents import (
    MOST_BYTES,
    MOST_CONTAINERS,
    Document,
    DocumentForm,
    load_document,
    read_document,
    without_collection,
    write_document,
)
from network.errors import FormatError


def _renamed(document: Document) -> Document:
    return {**document, "length_m": document["length"]}


def _scaled(document: Document) -> Document:
    return {**document, "length_m": document["length_m"] * 2}


FORM = DocumentForm("test.ruler", "ruler", 3, FormatError, {1: _renamed, 2: _scaled})


def test_an_older_document_is_upgraded_one_version_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "ruler.json"
    path.write_text('{"format": "test.ruler", "version": 1, "length": 2}')
    assert load_document(path, FORM)["version"] == 1
    assert read_document(path, FORM) == {
        **{"format": "test.ruler", "version": 3},
        **{"length": 2, "length_m": 4},
    }


def test_an_older_document_without_what_it_promised_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ruler.json"
    path.write_text('{"format": "test.ruler", "version": 1}')
    with pytest.raises(FormatError, match="malformed ruler of version 1"):
        read_document(path, FORM)


def bomb() -> bytes:
    return gzip.compress(b" " * (MOST_BYTES * 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a ruler"),
        (b"\x1f\x8b", "the gzipped data end too early"),
        (gzip.compress(b'{"format": "test.ruler"}')[:-9], "end too early"),
        (gzip.compress(b"{}") + b"more", "more follows"),
        (gzip.compress(b"") * 100_000, "more follows"),
        (b"\x1f\x8bnonsense", "damaged gzip"),
        (bomb(), "too long for a ruler"),
        (b" " * (MOST_BYTES + 1), "too long for a ruler"),
        (b"[" * (MOST_CONTAINERS + 1), "too large for a ruler"),
        (b"[" * 100_000, "not a ruler"),
        (b"\xff\xfe{\x00}\x00", "not text in UTF-8"),
        (b'{"a": "\x00"}', "control character"),
        (b'{"format": "test.ruler", "version": 1, "a": NaN}', "NaN is not a number"),
        (b'{"format": "test.ruler", "version": 1, "a": -Infinity}', "Infinity is not a number"),
        (b'{"format": "test.ruler", "version": 1, "a": 1e999}', "1e999 is too large"),
        (b'{"format": "test.ruler", "version": 1, "a": 1, "a": 2}', "'a' appears twice"),
        (b'{"format": "test.ruler", "version": 1, "a": "\\ud800"}', "surrogates not allowed"),
        (b'{"format": "test.ruler", "version": 1, "a": ' + b"9" * 5000 + b"}", "not a ruler"),
        (b'{"format": "test.ruler", "version": 4}', "version 4, this program reads up to 3"),
        (b'{"format": "test.ruler", "version": 0}', "not a whole number from 1"),
        (b'{"format": "test.rule"}', 'expected "format": "test.ruler"'),
    ],
    ids=range(21),
)
def test_what_is_no_document_is_refused_quickly_and_cheaply(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "ruler.json"
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(FormatError, match=message) as error:
        read_document(path, FORM)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "\n" not in str(error.value)
    assert most < 200e6
    begin_s = time.process_time()
    with pytest.raises(FormatError):
        read_document(path, FORM)
    assert time.process_time() - begin_s < 10.0


@pytest.mark.parametrize("name", ["missing.json", "a\0b.json", "."])
def test_a_file_that_cannot_be_opened_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        read_document(tmp_path / name, FORM)


def test_what_json_cannot_hold_is_not_written(tmp_path: Path) -> None:
    for value in (float("nan"), object(), "\ud800", {1j: 2}):
        with pytest.raises(FormatError, match="cannot be written"):
            write_document(tmp_path / "ruler.json", FORM, {"value": value})
    with pytest.raises(FormatError, match="too long for a ruler"):
        write_document(tmp_path / "ruler.json", FORM, {"value": "x" * MOST_BYTES})
    assert not list(tmp_path.iterdir())


def test_short_parts_share_a_line_and_long_lists_get_a_row_each(tmp_path: Path) -> None:
    rows = [[number] * 60 for number in range(3)]
    write_document(tmp_path / "ruler.json", FORM, {"small": {"a": [1, 2]}, "rows": rows})
    lines = (tmp_path / "ruler.json").read_text().splitlines()
    assert ' "small": {"a": [1, 2]},' in lines
    assert f"  {json.dumps(rows[0], separators=(',', ':'))}," in lines


def _fail() -> None:
    assert not gc.isenabled()
    raise FormatError("x")


def test_collection_goes_on_after_a_failure() -> None:
    with pytest.raises(FormatError), without_collection():
        _fail()
    assert gc.isenabled()
