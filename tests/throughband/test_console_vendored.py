"""The files of others that the console ships are what VENDORED.md says they are."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import throughband

STATIC = Path(throughband.__file__).parent / "console" / "static"
VENDOR = STATIC / "vendor"
ROW = re.compile(r"^\| `([^`]+)` \| (\S+) \| ([\d.]+) \| ([^|]+) \| `([0-9a-f]{64})` \|$", re.M)


def _rows() -> dict[str, str]:
    text = (VENDOR / "VENDORED.md").read_text(encoding="utf-8")
    return {name: digest for name, _, _, _, digest in ROW.findall(text)}


def test_every_file_is_listed_and_every_listed_file_is_there() -> None:
    assert {file.name for file in VENDOR.iterdir()} - {"VENDORED.md"} == set(_rows())


def test_every_file_has_the_digest_it_is_listed_with() -> None:
    found = {name: hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() for name in _rows()}
    assert found == _rows()


def test_every_package_brings_its_license() -> None:
    packages = {package for _, package, *_ in ROW.findall((VENDOR / "VENDORED.md").read_text())}
    licensed = {
        package
        for name, package, *_ in ROW.findall((VENDOR / "VENDORED.md").read_text())
        if name.endswith("LICENSE.txt")
    }
    assert packages == licensed


def test_our_own_styles_and_scripts_name_no_other_host() -> None:
    """In an isolated network a page must not wait for anything from elsewhere."""
    own = [file for file in STATIC.rglob("*") if file.is_file() and VENDOR not in file.parents]
    named = {
        (file.name, address)
        for file in own
        if file.suffix in {".css", ".js", ".mjs"}
        for address in re.findall(r"(?:https?:)?//[\w.-]+\.\w+", file.read_text(encoding="utf-8"))
        if "www.w3.org" not in address
    }
    assert own
    assert not named
