"""Mutations of BER datagrams: of their octets, and of their elements with lengths put right.

An octet changed at random is mostly refused by the first length it breaks. Changing an element and
then encoding everything around it anew reaches what lies deeper. All randomness comes from the
generator handed in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Final

MAX_BYTES: Final = 1472
"""Longest datagram made: what one Ethernet frame carries."""

TAGS: Final = (
    *(0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0A, 0x1F, 0x30, 0x31, 0x40, 0x41, 0x42, 0x43),
    *(0x44, 0x46, 0x47, 0x80, 0x81, 0x82, 0x9F, 0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7),
    *(0xA8, 0xA9, 0xBF, 0xFF),
)
NASTY: Final = (
    *(b"\x00", b"\x7f", b"\x80", b"\x81", b"\x82", b"\x84\xff\xff\xff\xff", b"\x88", b"\xff"),
    *(b"\x30\x80", b"\x00\x00", b"\x02\x00", b"\x06\x00", b"\x05\x81\x00", b"\x03\x80\x03\x00"),
    *(b"\x1f\xff\xff\xff", b"\x30\x82\xff\xff", b"\xff" * 130, b"\x30\x02" * 40),
)
CONTENTS: Final = (
    b"",
    *(b"\x00", b"\x7f", b"\x80", b"\xff", b"\x00\x80", b"\xff\x7f", b"\x00" * 5, b"\xff" * 5),
    *(b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\x00\xff\xff\xff\xff", b"\xff" * 9),
    *(b"\x01" + b"\x00" * 8, b"\x7f" * 400, b"\x00" * 1200, b"\xff" * 1200),
    *(b"+", b"+\x06", b"+\x80", b"+\x80\x80\x80\x01", b"+\x8f\xff\xff\xff\x7f"),
    *(b"+\x90\x80\x80\x80\x00", b"+\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"+" + b"\x01" * 126),
    *(b"+" + b"\x01" * 127, b"+" + b"\x01" * 128, b"+" + b"\x8f\xff\xff\xff\x7f" * 127, b"\x78"),
    *(b"\x81\x00", b"%s%n%x" * 20, b"A" * 127, b"A" * 128, b"A" * 255, b"A" * 256, b"\xc3\x28"),
    *(b"\x30\x00", b"\x30\x80\x00\x00", b"\x30\x84\x00\x00\x00\x00", b"\x02\x01\x00" * 30),
)
"""Exceptional contents in the manner of the PROTOS suite c06-snmpv1."""

HEADS: Final = (
    *(b"\x80", b"\x81", b"\x82\xff", b"\x84\xff\xff\xff\xff", b"\x84\x7f\xff\xff\xff"),
    *(b"\x84\x80\x00\x00\x00", b"\x85\x01\x00\x00\x00\x00", b"\x88" + b"\xff" * 8, b"\xfe"),
    *(b"\xff", b"\x82\x00\x01", b"\x84\x00\x00\x00\x01", b"\xfe" + b"\x00" * 126, b"\x7f", b"\x00"),
)
"""Length octets that lie, or say the truth at length."""

_DEEPEST: Final = 200


@dataclass(slots=True, eq=False)
class Node:
    """An element: its tag, its content or the elements inside, and length octets if they lie."""

    tag: int
    content: bytes = b""
    inside: list[Node] | None = None
    length: bytes | None = field(default=None)

    def encode(self) -> bytes:
        """Return the octets."""
        if self.inside is None:
            content = self.content
        else:
            content = b"".join([node.encode() for node in self.inside])
        length = _length(len(content)) if self.length is None else self.length
        return bytes((self.tag,)) + length + content

    def copy(self) -> Node:
        """Return a copy that shares nothing that changes."""
        inside = None if self.inside is None else [node.copy() for node in self.inside]
        return Node(self.tag, self.content, inside, self.length)


def parse(data: bytes) -> Node | None:
    """Return the element that fills some octets, or None if none does."""
    found = _elements(data)
    return found[0].copy() if found is not None and len(found) == 1 else None


def exceptional(data: bytes) -> Iterator[bytes]:
    """Yield a datagram with one element after another made exceptional, lengths put right."""
    root = parse(data)
    if root is None:
        return
    for _, node in _nodes(root):
        sound = node.tag, node.content, node.inside, node.length
        for content in CONTENTS:
            node.content, node.inside = content, None
            yield root.encode()
        node.tag, node.content, node.inside, node.length = sound
        for length in HEADS:
            node.length = length
            yield root.encode()
        node.length = None
        for tag in TAGS:
            node.tag = tag
            yield root.encode()
        node.tag = sound[0]


class Mutator:
    """Draws mutations.

    Parameters
    ----------
    random
        The source of all decisions.
    donors
        Datagrams whose parts are spliced in.
    """

    def __init__(self, random: Random, donors: Sequence[bytes]) -> None:
        self._random = random
        self._donors = donors

    def mutate(self, data: bytes) -> bytes:
        """Return a mutated copy of a datagram, never empty."""
        random = self._random
        if random.random() < 0.6:
            root = parse(data)
            if root is not None:
                for _ in range(random.choice((1, 1, 1, 2, 3))):
                    self._change(root)
                data = root.encode()
                if random.random() < 0.7:
                    return data[:MAX_BYTES]
        octets = bytearray(data)
        for _ in range(random.choice((1, 1, 2, 3, 5))):
            self._spoil(octets)
        return bytes(octets[:MAX_BYTES]) or b"\x30"

    def _change(self, root: Node) -> None:
        random = self._random
        siblings, node = random.choice(list(_nodes(root)))
        act = random.randrange(9)
        if act == 0:
            node.tag = random.choice(TAGS)
        elif act == 1:
            node.content, node.inside = random.choice(CONTENTS), None
        elif act == 2:
            node.length = random.choice(HEADS)
        elif act == 3 and siblings is not None:
            at = siblings.index(node)
            siblings[at:at] = [node.copy() for _ in range(random.choice((1, 2, 40)))]
        elif act == 4 and siblings is not None:
            siblings.remove(node)
        elif act == 5:
            levels = random.choice((1, 2, 10, _DEEPEST))
            inner = node.encode()
            for _ in range(levels):
                inner = bytes((0x30,)) + _length(len(inner)) + inner
            node.tag, node.content, node.inside = 0x30, inner, None
        elif act == 6:
            donor = parse(random.choice(self._donors))
            if donor is not None:
                _, part = random.choice(list(_nodes(donor)))
                node.tag, node.content, node.inside = part.tag, part.content, part.inside
        elif act == 7:
            content = bytearray(node.content or b"\x00")
            content[random.randrange(len(content))] ^= 1 << random.randrange(8)
            node.content, node.inside = bytes(content), None
        else:
            node.content, node.inside = random.randbytes(random.choice((1, 4, 5, 16, 300))), None

    def _spoil(self, octets: bytearray) -> None:
        random = self._random
        if not octets:
            return
        at = random.randrange(len(octets))
        end = min(len(octets), at + random.choice((1, 2, 8, 64)))
        act = random.randrange(8)
        if act < 2:
            octets[at] ^= 1 << random.randrange(8)
        elif act == 2:
            octets[at] = random.randrange(256)
        elif act == 3:
            del octets[at:]
        elif act == 4:
            del octets[at:end]
        elif act == 5:
            octets[at:at] = octets[at:end] * random.choice((1, 1, 20))
        elif act == 6:
            octets[at:end] = random.choice(NASTY)
        else:
            donor = random.choice(self._donors)
            start = random.randrange(len(donor))
            octets[at:end] = donor[start : start + random.choice((4, 30, 400))]


def _nodes(root: Node) -> Iterator[tuple[list[Node] | None, Node]]:
    """Yield every element with the list it stands in."""
    waiting: list[tuple[list[Node] | None, Node]] = [(None, root)]
    while waiting:
        siblings, node = waiting.pop()
        yield siblings, node
        if node.inside is not None:
            waiting += [(node.inside, inner) for inner in node.inside]


@lru_cache(maxsize=512)
def _elements(data: bytes) -> tuple[Node, ...] | None:
    found = []
    at = 0
    while at < len(data):
        if len(data) - at < 2:
            return None
        tag, length, start = data[at], data[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[start : start + count], "big")
            start += count
        content = data[start : start + length]
        if len(content) < length:
            return None
        # The security parameters of v3 are a sequence inside of octets.
        compound = tag & 0x20 or (tag == 0x04 and content[:1] == b"\x30")
        inside = _elements(content) if compound else None
        found.append(Node(tag, content, None if inside is None else list(inside)))
        at = start + length
    return tuple(found)


def _length(length: int) -> bytes:
    if length < 0x80:
        return bytes((length,))
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets
