from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from network.errors import FormatError
from throughband.console.uploads import SUFFIXES, keep_upload, safe_name


@given(st.text(max_size=300))
def test_a_name_is_made_one_that_leads_nowhere(name: str) -> None:
    try:
        plain = safe_name(name + ".csv")
    except FormatError:
        return

    assert Path(plain).name == plain
    assert not plain.startswith(".")
    assert plain.isascii()
    assert len(plain) <= 100


@pytest.mark.parametrize("name", ["plan.exe", "x", "a.html", "../../etc/passwd", "b.svg"])
def test_a_file_that_nothing_reads_is_refused(name: str) -> None:
    with pytest.raises(FormatError, match="allowed are"):
        safe_name(name)


def archive(entries: dict[str, bytes], link: str = "") -> io.BytesIO:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if name == link:
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
            made.writestr(info, content)
    target.seek(0)
    return target


def test_an_archive_is_unpacked_without_the_folder_around_it(tmp_path: Path) -> None:
    content = archive({"town/node.csv": b"a", "town/sub/link.csv": b"bc"})

    kept, size = keep_upload(tmp_path / "u", "town.zip", content, 1000)

    assert (kept / "node.csv").read_bytes() == b"a"
    assert (kept / "sub" / "link.csv").read_bytes() == b"bc"
    assert size == 3


@pytest.mark.parametrize(
    ("entries", "link"),
    [
        ({"../out.csv": b"x"}, ""),
        ({"/etc/out.csv": b"x"}, ""),
        ({"a/../../out.csv": b"x"}, ""),
        ({"c:\\out.csv": b"x", "b.csv": b""}, ""),
        ({"link.csv": b"/etc/passwd"}, "link.csv"),
        ({}, ""),
        ({f"{number}.csv": b"" for number in range(2001)}, ""),
        ({"bomb.csv": b"0" * 25000}, ""),
    ],
)
def test_an_archive_that_leads_out_or_swells_is_refused_and_leaves_nothing(
    tmp_path: Path, entries: dict[str, bytes], link: str
) -> None:
    folder = tmp_path / "uploads" / "u"

    with pytest.raises(FormatError, match="archive"):
        keep_upload(folder, "a.zip", archive(entries, link), 1000)

    assert not folder.exists()
    assert [path.name for path in tmp_path.rglob("*")] == ["uploads"]


def test_what_only_claims_to_be_an_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="not a ZIP"):
        keep_upload(tmp_path / "u", "a.zip", io.BytesIO(b"PK no"), 1000)


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_an_archive_with_a_damaged_file_is_refused_whatever_packed_it(
    tmp_path: Path, method: int
) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as file:
        file.writestr("a.csv", b"begin_s,interval_s\n" * 200)
    damaged = bytearray(made.getvalue())
    for at in range(50, 58):
        damaged[at] ^= 0xFF

    with pytest.raises(FormatError, match="not a ZIP"):
        keep_upload(tmp_path / "u", "a.zip", io.BytesIO(bytes(damaged)), 10_000)

    assert not (tmp_path / "u").exists()


@pytest.mark.parametrize(
    "names", [("a", "a/b.csv"), ("x/a/b.csv", "x/a"), ("n" * 300 + ".csv", "b.csv")]
)
def test_names_that_no_folder_can_hold_are_the_archives_fault(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    content = archive(dict.fromkeys(names, b"1"))

    with pytest.raises(FormatError, match="no folder can hold"):
        keep_upload(tmp_path / "u", "a.zip", content, 1000)

    assert not (tmp_path / "u").exists()


def test_every_kind_is_kept_under_its_own_name(tmp_path: Path) -> None:
    for number, suffix in enumerate(sorted(SUFFIXES - {".zip"})):
        kept, size = keep_upload(tmp_path / str(number), f"a b{suffix}", io.BytesIO(b"12"), 10)
        assert (kept.name, size) == (f"a-b{suffix}", 2)
