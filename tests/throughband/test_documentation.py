"""The documentation tells of every command, and its links lead somewhere."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from benchmarks.suite.command import bench
from throughband.cli import app

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FETCHED = re.compile(r'<(?:script|link|img)\b[^>]*(?:src|href)="https?://[^"]*"')
INCLUDED = re.compile(r"```\{(?:include|literalinclude)\} (\S+)")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = importlib.util.spec_from_file_location("generated_pages", DOCS / "generated_pages.py")
    assert spec is not None
    assert spec.loader is not None
    pages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pages)
    folder = tmp_path_factory.mktemp("docs") / "generated"
    pages.write(folder)
    return folder


def commands() -> list[str]:
    whole = typer.Typer(add_completion=False)
    whole.registered_commands = [*app.registered_commands]
    whole.registered_groups = [*app.registered_groups]
    whole.command("bench")(bench)
    return list(_names(typer.main.get_group(whole), ""))


def _names(group: Any, before: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _names(command, f"{before}{name} ")
        else:
            yield f"{before}{name}"


@pytest.mark.parametrize("name", [name for name in commands() if " " not in name])
def test_every_command_is_told_of_in_the_written_pages(name: str) -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert re.search(rf"throughband {name}\b|`{name}`", text), name


def test_every_command_and_option_is_in_the_reference(generated: Path) -> None:
    text = (generated / "commands.md").read_text(encoding="utf-8")
    missing = [name for name in commands() if f"## throughband {name}\n" not in text]
    assert not missing


def test_no_page_tells_of_a_command_that_does_not_exist() -> None:
    known = commands()
    heads = {name.split()[0] for name in known}
    for page in PAGES:
        for line in re.findall(r"`?throughband [a-z ]+", page.read_text(encoding="utf-8")):
            word = line.split()[1]
            assert word in heads, f"{page.name}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_page_and_a_heading(page: Path, generated: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in [*LINK.findall(text), *INCLUDED.findall(text)]:
        if target.startswith(("http:", "https:")):
            continue
        name, _, anchor = target.partition("#")
        if name.startswith("generated/gallery"):
            continue
        inside = name.removeprefix("generated/")
        file = generated / inside if inside != name else DOCS / (name or page.name)
        assert file.is_file(), f"{page.name}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.M)
            assert anchor in [heading.lower().replace(" ", "-") for heading in headings], target


def test_every_page_is_in_a_table_of_contents() -> None:
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    listed = set("\n".join(re.findall(r"```\{toctree\}(.*?)```", text, re.S)).split("\n"))
    assert {page.stem for page in PAGES} - {"index"} <= listed


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_needs_no_internet(tmp_path: Path) -> None:
    pytest.importorskip("sphinx_gallery", reason="the extra 'docs' is not installed")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-q", str(DOCS), str(tmp_path / "html")],
        env=os.environ | {"MPLBACKEND": "agg", "PYTHONPATH": str(DOCS.parent)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "html" / "index.html").is_file()
    assert "<math" in (tmp_path / "html" / "mathematics.html").read_text(encoding="utf-8")
    for page in (tmp_path / "html").rglob("*.html"):
        fetched = FETCHED.findall(page.read_text(encoding="utf-8"))
        assert not fetched, f"{page.name}: {fetched}"
