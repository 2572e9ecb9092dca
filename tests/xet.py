"""What a Xet store must read to have the files that `hf_xet` uploads: xorbs (chunks) and shards (how files are made).

Formats: https://huggingface.co/docs/xet, pages "xorb" and "shard".
"""

import hashlib
import struct
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

ENTRY = 48  # bytes of every record of a shard, its header included
LAST = b"\xff" * 32
WITH_VERIFICATION, WITH_SHA256 = 1 << 31, 1 << 30


class XetStore:
    """Chunks by the xorb that holds them."""

    def __init__(self) -> None:
        self.xorbs: dict[str, list[bytes]] = {}

    def put_xorb(self, name: str, content: bytes) -> bool:
        """Keep a xorb; whether it is new."""
        new = name not in self.xorbs
        self.xorbs[name] = list(_chunks(content))
        return new

    def put_shard(self, content: bytes) -> dict[str, bytes]:
        """The files that a shard tells how to make, by their SHA-256, which is checked."""
        files = {}
        for terms, sha256 in _files(content):
            whole = b"".join(b"".join(self.xorbs[xorb][first:last]) for xorb, first, last in terms)
            assert hashlib.sha256(whole).hexdigest() == sha256
            files[sha256] = whole
        return files


def _chunks(xorb: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(xorb) and xorb[at] == 0:  # version 0; what follows the chunks begins with letters
        packed, kind, size = _u24(xorb, at + 1), xorb[at + 4], _u24(xorb, at + 5)
        yield _unpack(xorb[at + 8 : at + 8 + packed], kind, size)
        at += 8 + packed


def _u24(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 3], "little")


def _unpack(packed: bytes, kind: int, size: int) -> bytes:
    if kind == 0:
        return packed
    plain: bytes = pa.decompress(packed, size, codec="lz4", asbytes=True)
    if kind == 1:
        return plain
    grouped, out = np.frombuffer(plain, np.uint8), np.empty(size, np.uint8)
    start = 0
    for place in range(4):  # all first bytes of four, then all second ones, ...
        length = len(out[place::4])
        out[place::4] = grouped[start : start + length]
        start += length
    return out.tobytes()


def _files(shard: bytes) -> Iterator[tuple[list[tuple[str, int, int]], str]]:
    """For each file its terms (xorb, first chunk, chunk after the last) and its SHA-256."""
    at = ENTRY
    while shard[at : at + 32] != LAST:
        flags, count = struct.unpack_from("<II", shard, at + 32)
        at += ENTRY
        terms = [
            (_hex(shard[at + i * ENTRY :][:32]), *struct.unpack_from("<II", shard, at + i * ENTRY + 40))
            for i in range(count)
        ]
        at += ENTRY * count * (2 if flags & WITH_VERIFICATION else 1)
        assert flags & WITH_SHA256
        yield terms, _hex(shard[at : at + 32])
        at += ENTRY


def _hex(digest: bytes) -> str:
    """A hash as text: four little-endian numbers of 64 bits."""
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", digest))
