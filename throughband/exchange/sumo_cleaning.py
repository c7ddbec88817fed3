"""SUMO files from elsewhere, rid of all that would have a simulation write or load other files.

SUMO takes much more than streets and vehicles from its input: outputs with their file names,
further files to be loaded, logs of signals. A file that anybody may have made keeps only what is
known to do neither: the elements listed here, without the attributes and parameters that name
files. Which ones do was taken from SUMO's schemas (``data/xsd``), its documentation of outputs,
and its sources where the schemas are silent (parameters of programs and of devices).
"""

from __future__ import annotations

import gzip
import io
import re
import shutil
import zlib
from collections import Counter
from pathlib import Path
from typing import BinaryIO, Final, cast
from xml.sax import SAXException, SAXParseException
from xml.sax.handler import ContentHandler, property_lexical_handler
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

from defusedxml import DefusedXmlException
from defusedxml.expatreader import create_parser

from network.errors import FormatError, ScenarioError
from network.readers.xml_files import GZIP_MAGIC

NOWHERE: Final = "NUL"
"""SUMO's name of the file that keeps nothing, on every system."""

_ROOTS: Final = frozenset(
    {"net", "additional", "additionals", "add", "routes", "route-alternatives", "tlLogics"}
)
_KEPT: Final = frozenset(
    {
     # Streets and signals.
     "location", "type", "restriction", "edge", "lane", "neigh", "stopOffset", "junction",
     "request", "connection", "conflict", "prohibition", "roundabout", "taz", "tazSource",
     "tazSink", "district", "dsource", "dsink", "tlLogic", "phase", "condition", "assignment",
     "function", "WAUT", "wautJunction", "wautSwitch", "param",
     # Vehicles, people and their ways.
     "vType", "vTypeDistribution", "route", "routeDistribution", "vehicle", "trip", "flow",
     "interval", "stop", "person", "personFlow", "personTrip", "walk", "ride", "container",
     "containerFlow", "transport", "tranship", "carFollowing-IDM", "carFollowing-IDMM",
     "carFollowing-EIDM", "carFollowing-Krauss", "carFollowing-KraussPS",
     "carFollowing-KraussOrig1", "carFollowing-SmartSK", "carFollowing-Daniel1",
     "carFollowing-PWagner2009",
     "carFollowing-BKerner", "carFollowing-Wiedemann", "carFollowing-W99", "carFollowing-ACC",
     "carFollowing-CACC", "carFollowing-CC",
     # What stands beside the street, and changes what drivers do.
     "busStop", "trainStop", "containerStop", "chargingStation", "parkingArea", "access",
     "space", "variableSpeedSign", "step", "rerouter", "closingReroute", "closingLaneReroute",
     "destProbReroute", "routeProbReroute", "parkingAreaReroute", "viaProbReroute", "vaporizer",
     "calibrator",
    }
)  # fmt: skip
_MEASURING: Final = frozenset(
    {
     "e1Detector", "inductionLoop", "instantInductionLoop", "e2Detector", "laneAreaDetector",
     "e3Detector", "entryExitDetector", "detEntry", "detExit", "routeProbe",
    }
)  # fmt: skip
"""Kept for what refers to them (programs, calibrators), writing to nowhere."""

_NAMES_A_FILE: Final = re.compile(
    r"(?<!pro)file|output|href|schemalocation|\blog|swarmlog|\bpath|\bdest$|prefix|url\b"
    r"|\bssm\b|\bdump",
    re.IGNORECASE,
)
"""Attributes, and keys of parameters. Surrogate safety measures write a file for each vehicle
even where none is named."""
_LEADS_ELSEWHERE: Final = re.compile(r"^[\\/~]|^[A-Za-z]:[\\/]|\.\.[\\/]|://")
_OWN_SCHEMA: Final = re.compile(
    r"https?://(?:sumo\.dlr\.de|sumo\.sourceforge\.net|sumo-sim\.org)/xsd/(?:types/)?\w+\.xsd"
)
_CHUNK_BYTES: Final = 1 << 20

_NUMBER: Final = re.compile(r"[+-]?[\d.]+(?:e[+-]?\d+)?(?::[\d.]+)*|true|false|yes|no|on|off|x|-")
_WORD: Final = re.compile(r"[A-Za-z_]+")
_OPTIONS_OF_NUMBERS: Final = re.compile(
    r"(?:step-length|step-method\.ballistic|time-to-[a-z.-]+|scale|lateral-resolution"
    r"|max-depart-delay|max-num-vehicles|max-num-persons|random|seed|random-depart-offset|threads"
    r"|route-steps|no-internal-links|ignore-[a-z.-]+|sloppy-insertion|eager-insert"
    r"|extrapolate-departpos|keep-after-arrival|default\.[a-z.-]+|default\.speeddev"
    r"|(?:intermodal-)?collision\.[a-z.-]+|emergencydecel\.[a-z.-]+|lanechange\.[a-z.-]+"
    r"|tls\.[a-z.-]+|pedestrian\.striping\.[a-z.-]+|persontrip\.[a-z.-]+|parking\.[a-z.-]+"
    r"|overtake-right|weights\.[a-z.-]+|device\.rerouting\.[a-z.-]+|no-step-log|no-warnings"
    r"|verbose|duration-log\.(?:disable|statistics)|no-duration-log|aggregate-warnings"
    r"|mesosim|meso-[a-z.-]+|weights\.[a-z.-]+)"
)
_OPTIONS_OF_WORDS: Final = frozenset(
    {"collision.action", "intermodal-collision.action", "insertion-checks", "default.departspeed",
     "default.departlane", "default.carfollowmodel", "default.emergencydecel", "pedestrian.model",
     "routing-algorithm"}
)  # fmt: skip


def harmless_option(name: str, value: str) -> bool:
    """Tell whether an option of a configuration only says how traffic is simulated.

    Parameters
    ----------
    name, value
        As in the configuration. Only options known to name no file, port or module pass, with
        a number, a truth value, a time, or for a few of them a single word.
    """
    if name in _OPTIONS_OF_WORDS:
        return _WORD.fullmatch(value) is not None or _NUMBER.fullmatch(value) is not None
    return _OPTIONS_OF_NUMBERS.fullmatch(name) is not None and _NUMBER.fullmatch(value) is not None


def copy_clean(source: Path, target: Path) -> list[str]:
    """Copy a file of SUMO without what writes or loads files; one that has none stays as it is.

    Parameters
    ----------
    source
        A network, routes or additional file, plain or gzipped.
    target
        For the copy, gzipped if the source is.

    Returns
    -------
    list of str
        What was left out, one line for each kind.

    Raises
    ------
    FormatError
        If the source is damaged or declares entities.
    ScenarioError
        If the copy cannot be written.
    """
    try:
        dropped = _cleaned(source, None)
        if not dropped:
            shutil.copyfile(source, target)
            return []
        with source.open("rb") as probe:
            zipped = probe.read(2) == GZIP_MAGIC
        with target.open("wb") as file:
            if zipped:
                with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:
                    _cleaned(source, cast(BinaryIO, packed))
            else:
                _cleaned(source, file)
    except OSError as error:
        raise ScenarioError(f"{target}: cannot be written ({error.strerror or error})") from error
    return [
        f"{source.name}: {what} left out ({number} times), because simulations would write or "
        "load files by it"
        if number > 1
        else f"{source.name}: {what} left out, because simulations would write or load files by it"
        for what, number in sorted(dropped.items())
    ]


def _cleaned(source: Path, out: BinaryIO | None) -> Counter[str]:
    cleaner = _Cleaner(out)
    parser = create_parser()
    parser.setContentHandler(cleaner)
    parser.setProperty(property_lexical_handler, cleaner)
    try:
        with source.open("rb") as probe:
            zipped = probe.read(2) == GZIP_MAGIC
        with gzip.open(source) if zipped else source.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                parser.feed(chunk)
            parser.close()
    except DefusedXmlException as error:
        raise FormatError(f"{source}: declares XML entities, which are not read") from error
    except SAXParseException as error:
        raise FormatError(
            f"{source}: not well-formed XML ({error.getMessage()} at line {error.getLineNumber()})"
        ) from error
    except (EOFError, gzip.BadGzipFile, zlib.error, SAXException, ValueError) as error:
        raise FormatError(f"{source}: cannot be read ({error})") from error
    return cleaner.dropped


class _Cleaner(ContentHandler):
    """Passes on what is harmless, and counts the rest."""

    def __init__(self, out: BinaryIO | None) -> None:
        super().__init__()
        self.dropped: Counter[str] = Counter()
        self._out = (
            None
            if out is None
            else XMLGenerator(cast(io.RawIOBase, out), "UTF-8", short_empty_elements=True)
        )
        self._depth = 0
        self._skipped_below = 0
        self._names: list[str] = []

    def startDocument(self) -> None:  # noqa: N802
        if self._out is not None:
            self._out.startDocument()

    def endDocument(self) -> None:  # noqa: N802
        if self._out is not None:
            self._out.endDocument()

    # What the parser tells a lexical handler.

    def startDTD(self, name: str, public_id: str | None, system_id: str | None) -> None:  # noqa: N802
        self.dropped["the document type declaration"] += 1

    def endDTD(self) -> None:  # noqa: N802
        """Nothing of a declaration is passed on."""

    def comment(self, content: str) -> None:
        """Comments are not passed on, nor are they a reason to write a file anew."""

    def startCDATA(self) -> None:  # noqa: N802
        """Text is passed on as text."""

    def endCDATA(self) -> None:  # noqa: N802
        """Text is passed on as text."""

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        self._depth += 1
        if self._skipped_below:
            return
        if self._depth == 1 and name not in _KEPT | _ROOTS:
            # SUMO looks at any root as at one of its elements.
            self.dropped[f"the root <{name}>"] += 1
            self._open("additional", {})
            return
        # An inner <net> or <additional> would say nothing to SUMO.
        known = name in _KEPT or name in _MEASURING or (self._depth == 1 and name in _ROOTS)
        if not known:
            self.dropped[f"<{name}>"] += 1
            self._skipped_below = self._depth
            return
        key = attrs.get("key", "") if name == "param" else ""
        if name == "param" and (
            _NAMES_A_FILE.search(key) or _LEADS_ELSEWHERE.search(attrs.get("value", ""))
        ):
            self.dropped[f"<param key={key!r}>"] += 1
            self._skipped_below = self._depth
            return
        self._open(name, self._attributes(name, attrs))

    def _attributes(self, name: str, attrs: AttributesImpl) -> dict[str, str]:
        kept: dict[str, str] = {}
        for attribute, value in attrs.items():
            local = attribute.rsplit(":", 1)[-1]
            if name in _MEASURING and local in ("file", "output"):
                if value != NOWHERE:
                    self.dropped[f"{local}= of <{name}>"] += 1
                kept[attribute] = NOWHERE
            elif (local == "noNamespaceSchemaLocation" and _OWN_SCHEMA.fullmatch(value)) or not (
                _NAMES_A_FILE.search(local)
                or (local == "emissionClass" and (".." in value or _LEADS_ELSEWHERE.search(value)))
            ):
                kept[attribute] = value
            else:
                self.dropped[f"{local}= of <{name}>"] += 1
        return kept

    def _open(self, name: str, attributes: dict[str, str]) -> None:
        self._names.append(name)
        if self._out is not None:
            self._out.startElement(name, AttributesImpl(attributes))

    def endElement(self, name: str) -> None:  # noqa: N802
        if not self._skipped_below:
            opened = self._names.pop()
            if self._out is not None:
                self._out.endElement(opened)
        elif self._skipped_below == self._depth:
            self._skipped_below = 0
        self._depth -= 1

    def characters(self, content: str) -> None:
        if self._out is not None and not self._skipped_below:
            self._out.characters(content)
