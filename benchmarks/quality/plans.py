"""Plans of peers, kept with a fingerprint of what they were made from."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.peers.peer import Offer, Peer, Subject
from network.errors import ThroughbandError

ROOT: Final = Path(__file__).resolve().parents[2]
_SOURCES: Final = ("network", "engine", "scenarios", "throughband", "benchmarks/peers")


@dataclass(frozen=True, slots=True)
class Made:
    """Offers of a peer, and the wall time in which they were made, s."""

    offers: tuple[Offer, ...]
    made_s: float


def made(subject: Subject, peer: Peer, case_digest: str, folder: Path) -> Made:
    """Return a peer's offers, made now or kept from before.

    Kept plans hold while the scenario, the peer's version and the source code stay the same. What
    a peer refuses becomes an offer with the reason.

    Parameters
    ----------
    subject, peer
        Who times what.
    case_digest
        Of the scenario's files.
    folder
        Where its plans are kept.
    """
    record = folder / "offers.json"
    print_ = f"{case_digest} {peer.version} {code_fingerprint()}"
    kept = _kept(record, print_, folder)
    if kept is not None:
        return kept
    folder.mkdir(parents=True, exist_ok=True)
    _ = subject.demand  # counting is everybody's, and no peer's time
    began_s = time.perf_counter()
    try:
        offers: Sequence[Offer] = peer.offers(subject, folder)
    except ThroughbandError as error:
        offers = (Offer(reason=str(error)),)
    found = Made(tuple(offers), time.perf_counter() - began_s)
    document = {
        "fingerprint": print_,
        "made_s": found.made_s,
        "offers": [
            {**asdict(offer), "file": offer.file.name if offer.file else None}
            for offer in found.offers
        ],
    }
    record.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return found


def _kept(record: Path, fingerprint: str, folder: Path) -> Made | None:
    if not record.is_file():
        return None
    document = json.loads(record.read_text(encoding="utf-8"))
    if document["fingerprint"] != fingerprint:
        return None
    offers = tuple(
        Offer(o["variant"], folder / o["file"] if o["file"] else None, o["reason"], o["note"])
        for o in document["offers"]
    )
    if any(offer.file is not None and not offer.file.is_file() for offer in offers):
        return None
    return Made(offers, document["made_s"])


@cache
def code_fingerprint() -> str:
    """Return a digest of the source code that plans depend on."""
    seen = hashlib.sha256()
    for folder in _SOURCES:
        for file in sorted((ROOT / folder).rglob("*.py")):
            seen.update(file.read_bytes())
    return seen.hexdigest()[:16]
