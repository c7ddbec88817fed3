"""Let every single system call on the journal of a push fail, or be the last, one after another.

Needs strace (the Debian package of that name), which makes a chosen call on chosen files return an
error or kill the process. Kills do not show what a power cut does: what the kernel has taken, it
keeps. What they can show is in which order a push writes, syncs and sends: `order`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.bridge.journal_push import Story, judge, story_of
from network.errors import ThroughbandError
from throughband.journal import Journal, verify

ROOT: Final = Path(__file__).parents[2]
LIMIT_S: Final = 120.0
SYNCS: Final = ("fsync", "fdatasync")
CALLS: Final = (*SYNCS, "pwrite64", "ftruncate", "unlink", "openat", "pread64")
FAILURES: Final = {
    "pwrite64": ("ENOSPC", "EIO"),
    "openat": ("ENOSPC", "EIO"),
    **dict.fromkeys((*SYNCS, "ftruncate", "unlink", "pread64"), ("EIO",)),
}
"""How each call may fail; a full disk is met when writing and when making the file beside."""

_CALL = re.compile(r"^\d+ +(?:\d+\.\d+ )?(\w+)\(")


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault.

    Attributes
    ----------
    call
        Name of the system call.
    what
        ``"signal=SIGKILL"`` or ``"error=..."``.
    number
        Which one of them, from 1.
    lasting
        Whether all after it fail too, as on a disk that stays full.
    """

    call: str
    what: str
    number: int
    lasting: bool = False

    @property
    def option(self) -> str:
        """As strace wants it."""
        return f"inject={self.call}:{self.what}:when={self.number}{'+' if self.lasting else ''}"


@dataclass(slots=True)
class FaultTally:
    """What the faults did.

    Attributes
    ----------
    faults
        Runs with a fault.
    pushed, refused, taken_back, killed
        How they ended: the plan active and recorded; no SET sent; SETs sent and all as before;
        dead.
    unheard
        Runs with an entry on disk whose writing was reported to have failed, or that nobody lived
        to hear of.
    overstated
        Of these, the runs whose last entry says activated although all was taken back: the very
        last sync of that entry failed, and the journal took no other after it.
    wrong
        What must not be, with the fault.
    """

    faults: int = 0
    pushed: int = 0
    refused: int = 0
    taken_back: int = 0
    killed: int = 0
    unheard: int = 0
    overstated: int = 0
    wrong: list[str] = field(default_factory=list)


def strace() -> str | None:
    """Return the path of strace if it is here and may trace."""
    found = shutil.which("strace")
    if found is None:
        return None
    trial = subprocess.run([found, "-qq", "-o", "/dev/null", "true"], check=False)
    return found if trial.returncode == 0 else None


def traced(path: Path, log: Path, *options: str, only_journal: bool = True) -> Story:
    """Push once under strace.

    Parameters
    ----------
    path
        The journal.
    log
        Where strace writes.
    options
        More options for strace.
    only_journal
        Look at calls on the journal's file, the one beside it and their folder alone.
    """
    watched = (path, path.with_name(f"{path.name}-journal"), path.parent)
    done = subprocess.run(
        [
            *(str(strace()), "-f", "-qq", "-o", str(log), *options),
            *(part for file in watched for part in ("-P", str(file)) if only_journal),
            *(sys.executable, "-m", "benchmarks.bridge.journal_push", str(path)),
        ],
        cwd=ROOT,
        timeout=LIMIT_S,
        capture_output=True,
        text=True,
        check=False,
    )
    story = story_of(done.stdout.splitlines())
    if not story.ended and done.returncode not in (-9, 137):
        raise RuntimeError(f"the push broke down: {done.stderr[-2000:]}")
    return story


def counted_calls(folder: Path) -> Counter[str]:
    """Count the calls of a push that nothing happens to."""
    log = folder / "counted.strace"
    (folder / "counted").mkdir()
    traced(folder / "counted" / "journal.sqlite", log, "-e", f"trace={','.join(CALLS)}")
    found = (_CALL.match(line) for line in log.read_text().splitlines())
    calls = Counter(match[1] for match in found if match)
    if not calls["pwrite64"]:
        raise RuntimeError(f"strace saw no writing to the journal in {folder}: {dict(calls)}")
    return calls


def kills_at(calls: Counter[str], names: tuple[str, ...]) -> Iterator[Injection]:
    """Yield a kill at every one of some calls."""
    for name in names:
        for number in range(1, calls[name] + 1):
            yield Injection(name, "signal=SIGKILL", number)


def failures_at(calls: Counter[str]) -> Iterator[Injection]:
    """Yield each failure of every call, once and lasting."""
    for name, errors in FAILURES.items():
        for number in range(1, calls[name] + 1):
            for error in errors:
                yield Injection(name, f"error={error}", number)
                yield Injection(name, f"error={error}", number, lasting=True)


def inject(folder: Path, injection: Injection, tally: FaultTally) -> None:
    """Push with one fault, judge what came of it, and start the journal again.

    Parameters
    ----------
    folder
        An empty one for this fault.
    injection
        The fault.
    tally
        Counted here.
    """
    path = folder / "journal.sqlite"
    options = ("-e", f"trace={injection.call}", "-e", injection.option)
    story = traced(path, Path("/dev/null"), *options)
    try:
        wrong = judge(path, story)
        before = verify(path) if path.exists() else []
        Journal(path).write({"event": "next start"})
        if verify(path)[:-1] != before:
            wrong.append("the next start changed what was there")
    except ThroughbandError as error:
        wrong, before = [f"the journal cannot be read or continued: {error}"], []
    tally.wrong.extend(f"{injection.option}: {text}" for text in wrong)
    tally.faults += 1
    tally.unheard += len(before) > len(story.acknowledged)
    tally.overstated += bool(story.error and before and before[-1]["event"] == "activated")
    if not story.ended:
        tally.killed += 1
    elif not story.error:
        tally.pushed += 1
    elif story.sets:
        tally.taken_back += 1
    else:
        tally.refused += 1


def order(folder: Path) -> tuple[str, ...]:
    """Return the order in which an undisturbed push syncs its journal and sends.

    Returns
    -------
    tuple of str
        ``"sync NAME"`` of the journal's files, ``"remove NAME"``, and ``"set"`` for a SET handed
        to the network, in order.
    """
    path, log = folder / "journal.sqlite", folder.parent / f"{folder.name}.strace"
    calls = ",".join((*SYNCS, "unlink", "sendto"))
    options = ("-e", f"trace={calls}", "-y", "-x", "-s", "600")
    traced(path, log, *options, only_journal=False)
    found = (_step(line, path) for line in log.read_text().splitlines())
    return tuple(step for step in found if step)


def _step(line: str, path: Path) -> str:
    match = _CALL.match(line)
    if match is None:
        return ""
    if match[1] == "sendto":
        return "set" if _is_set(line) else ""
    names = {str(path): "journal", f"{path}-journal": "file beside", str(path.parent): "folder"}
    found = re.search(r'[<"](/[^>"]*)[>"]', line)
    name = names.get(found[1], "") if found else ""
    verb = "remove" if match[1] == "unlink" else "sync"
    return f"{verb} {name}" if name else ""


def _is_set(line: str) -> bool:
    """Tell whether a datagram that strace printed is a SET: RFC 1157, section 4, PDU type 3."""
    text = re.search(r'"((?:[^"\\]|\\.)*)"', line)
    if text is None:
        return False
    octets = text[1].encode().decode("unicode_escape").encode("latin-1")
    if octets[:1] != b"\x30":
        return False
    at = 2 + (octets[1] & 0x7F if octets[1] & 0x80 else 0)
    at += 2 + octets[at + 1]  # the version
    at += 2 + octets[at + 1]  # the community
    return octets[at] == 0xA3
