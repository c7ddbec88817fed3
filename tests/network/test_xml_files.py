"""XML that is damaged or hostile is refused with one message."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from network.errors import FormatError
from network.readers.xml_files import iterate_elements


def tags_in(path: Path) -> int:
    return sum(1 for _ in iterate_elements(path, {"a"}))


def test_plain_and_gzipped_files_are_read_alike(tmp_path: Path) -> None:
    text = b"<root>" + b"<a/>" * 50 + b"</root>"
    (tmp_path / "plain.xml").write_bytes(text)
    (tmp_path / "zipped.xml").write_bytes(gzip.compress(text))
    assert tags_in(tmp_path / "plain.xml") == tags_in(tmp_path / "zipped.xml") == 50


def test_a_gzip_bomb_is_refused(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.xml.gz"
    bomb.write_bytes(gzip.compress(b"<root>" + b" " * 25_000_000 + b"</root>"))
    with pytest.raises(FormatError, match="unpacks to more than 100 times its size"):
        tags_in(bomb)


def test_a_truncated_gzip_is_refused(tmp_path: Path) -> None:
    cut = tmp_path / "cut.xml.gz"
    cut.write_bytes(gzip.compress(b"<root>" + b"<a/>" * 5000 + b"</root>")[:-20])
    with pytest.raises(FormatError, match=r"damaged gzip|not well-formed"):
        tags_in(cut)


@pytest.mark.parametrize("entity", ['<!ENTITY x "y">', '<!ENTITY x SYSTEM "file:///etc/hostname">'])
def test_entities_are_refused(tmp_path: Path, entity: str) -> None:
    path = tmp_path / "entity.xml"
    path.write_text(f"<!DOCTYPE root [{entity}]><root><a>&x;</a></root>")
    with pytest.raises(FormatError, match="entities"):
        tags_in(path)


def test_elements_nested_without_end_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.xml"
    path.write_text("<a>" * 5000 + "</a>" * 5000)
    with pytest.raises(FormatError, match="nested more than 100 deep"):
        tags_in(path)
