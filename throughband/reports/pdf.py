"""Pages as PDF, through WeasyPrint (extra ``pdf``), which lays them out without a browser."""

from __future__ import annotations

import base64
import logging
import re
from pathlib import Path
from typing import Final

from network.documents import replace_content
from network.errors import ThroughbandError

_VARIABLE: Final = re.compile(r"var\(--([a-z-]+)\)")
_SETTING: Final = re.compile(r"--([a-z-]+):\s*([^;}]+)[;}]")
_FIRST_ROOT: Final = re.compile(r":root\s*\{[^}]*\}")
_STYLE: Final = re.compile(r"(?<=<style>).*?(?=</style>)", re.DOTALL)
_SVG: Final = re.compile(r"<svg\b[^>]*>.*?</svg>", re.DOTALL)
_LABEL: Final = re.compile(r'aria-label="([^"]*)"')
_PRINT: Final = re.compile(r"@media print\s*\{\s*(:root\s*\{[^}]*\})", re.DOTALL)

MISSING: Final = (
    "a PDF needs WeasyPrint and Debian's libpango-1.0-0 and libpangoft2-1.0-0: install the extra "
    "'pdf' (pip install 'throughband[pdf]') and 'apt-get install libpango-1.0-0 "
    "libpangoft2-1.0-0'; the HTML page prints from any browser without them"
)


def printed(html: str) -> str:
    """Return a page as WeasyPrint sets it best: colors of print for variables, pictures apart.

    Pictures in SVG take their colors from the page's variables, which only a browser knows there.
    As images they are read as what they are; inside the page each of their thousands of lines is
    parsed as HTML and asked for by every rule of the page, which took as long as drawing them.

    Parameters
    ----------
    html
        A page of ours: variables are set in ``:root``, and for paper in ``@media print``; pictures
        are well-formed SVG, sized by rules that name ``svg`` and what it is in.
    """
    values: dict[str, str] = {}
    for block in (_FIRST_ROOT.search(html), _PRINT.search(html)):
        if block is not None:
            values |= dict(_SETTING.findall(block.group(0)))
    colored = _VARIABLE.sub(lambda found: values.get(found.group(1), "currentColor").strip(), html)
    return _SVG.sub(_apart, _STYLE.sub(lambda style: style[0].replace(" svg", " img"), colored))


def _apart(found: re.Match[str]) -> str:
    """Return an image of its own in the place of an SVG inside a page."""
    picture = found[0].replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    label = _LABEL.search(found[0])
    said = label[1] if label else ""
    content = base64.b64encode(picture.encode()).decode()
    return f'<img alt="{said}" src="data:image/svg+xml;base64,{content}" />'


def write_pdf(path: Path, html: str) -> None:
    """Write a page as PDF; nothing is fetched from anywhere.

    Parameters
    ----------
    path
        Where to.
    html
        A page that stands for itself.

    Raises
    ------
    ThroughbandError
        If WeasyPrint or the libraries it draws with are absent, or the file cannot be written.
    """
    require_pdf()
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    # Its complaints about rules for screens are of no use to anybody.
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    # Bars of colors are pictures inside the page; nothing else is fetched, of files or networks.
    only_inside = URLFetcher(allowed_protocols=("data",))
    content = HTML(string=printed(html), url_fetcher=only_inside).write_pdf()
    try:
        replace_content(path, content)
    except OSError as error:
        raise ThroughbandError(f"{path}: cannot be written ({error.strerror or error})") from error


def require_pdf() -> None:
    """Raise `ThroughbandError` unless PDFs can be made here."""
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError) as error:
        # It loads Pango when it is imported, and fails with OSError where that is not installed.
        raise ThroughbandError(f"{MISSING} ({str(error).splitlines()[0]})") from error
