"""Pictures that are computed, not taken: the same pixels with any library."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pillow_heif
from PIL import Image


def photograph(width: int, height: int, seed: int = 0) -> Image.Image:
    """Shapes, edges and grain in colour, from integers alone: the same pixels with any library."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    waves = np.stack([x * 5 + y * 3, x * 2 - y * 7, (x - 40) ** 2 // 9 + (y - 30) ** 2 // 5], axis=-1)
    edges = np.where((x // 16 + y // 12) % 2 == 0, 40, 0)[..., None]
    grain = ((x * 7919 + y * 104729 + seed * 31) * 2654435761 >> 16)[..., None] % 23
    return Image.fromarray(((waves % 160) + edges + grain).clip(0, 255).astype(np.uint8))


def file(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(out, **options)
    else:
        image.save(out, kind, **options)
    return out.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is that large and holds next to nothing."""
    chunks = (b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(b""))
    framed = (struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)
