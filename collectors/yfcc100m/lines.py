"""The lines of YFCC100M's bzip2 files, in blocks of so many, decompressed on all cores."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from flickrexif.core.errors import FlickrExifError, UsageError

DATASET, EXIF = "yfcc100m_dataset", "yfcc100m_exif"
PARTS = 10  # files that the data set was once in
READ = 1 << 22  # bytes
MOST_CORES = 8  # each holds some megabytes
NEWLINE = b"\n"
HINT = "Name the folder with yfcc100m_dataset.bz2 (or its parts -0 to -9) and yfcc100m_exif.bz2 with --files."


def dataset_files(folder: Path) -> list[Path]:
    """The file of the photos, or its ten parts. UsageError where one is missing."""
    whole = folder / f"{DATASET}.bz2"
    paths = [whole] if whole.is_file() else [folder / f"{DATASET}-{part}.bz2" for part in range(PARTS)]
    if not any(path.is_file() for path in paths):
        raise UsageError(f"There is no {whole}.", HINT)
    return [_there(path) for path in paths]


def exif_file(folder: Path) -> Path:
    """The file of the Exif. UsageError where it is missing."""
    return _there(folder / f"{EXIF}.bz2")


class Lines:
    """The lines of some files, one file after another."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.read = 0  # lines that were taken
        self._blocks = self._decompressed(paths)
        self._rest = b""

    def take(self, count: int) -> bytes:
        """The next `count` lines, fewer at the end. FlickrExifError for a file that is cut off or damaged."""
        blocks, missing = [], count
        while missing and (block := self._rest or next(self._blocks, b"")):
            ends = block.count(NEWLINE)
            cut = len(block)
            if ends >= missing:
                cut = int(np.flatnonzero(np.frombuffer(block, np.uint8) == NEWLINE[0])[missing - 1]) + 1
            blocks.append(block[:cut])
            self._rest = block[cut:]
            taken = min(ends, missing)
            self.read, missing = self.read + taken, missing - taken
        return b"".join(blocks)

    def _decompressed(self, paths: Sequence[Path]) -> Iterator[bytes]:
        import indexed_bzip2

        for path in paths:
            last = NEWLINE
            try:
                with path.open("rb") as file:
                    if file.read(3) != b"BZh":  # the library takes such a file for an empty one
                        raise ValueError
                with indexed_bzip2.open(str(path), parallelization=min(os.cpu_count() or 1, MOST_CORES)) as lines:
                    while block := lines.read(READ):
                        yield block
                        last = block[-1:]
            except (RuntimeError, ValueError):
                where = f"after line {self.read:,}" if self.read else "at its beginning"
                hint = "Download it again, then run the same command: what is indexed is kept."
                raise FlickrExifError(f"{path} is cut off or damaged {where}.", hint) from None
            if last != NEWLINE:
                yield NEWLINE


def _there(path: Path) -> Path:
    if not path.is_file():
        raise UsageError(f"There is no {path}.", HINT)
    return path
