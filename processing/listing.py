"""The images of a split as its source listed them, kept with its shards, so that photos can be taken out of both.

    <config>/.done/<split>.listing.npz   a row an image, in the source's order

A row holds hashes of the image's id and content, its variant and its shard. When an image is taken out, its row stays
with zeros for hashes: so each shard can be made again without it, whether or not the source still has the image.
"""

from array import array
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from hashlib import blake2b
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from flickrexif.core.errors import UsageError
from flickrexif.core.files import put
from flickrexif.core.takedowns import Takedowns
from flickrexif.core.versions import fields_of, versioned
from flickrexif.processing.parts import AGAIN
from flickrexif.processing.shards import MARKERS
from flickrexif.processing.source import Source
from flickrexif.processing.sources import Files

Hashes = npt.NDArray[np.uint64]  # 0: of an image that was taken out
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """The images of a split, a row each."""

    images: Hashes  # of the ids
    contents: Hashes  # of label and, of files, size
    variants: npt.NDArray[np.uint8]  # places in the config's names
    shards: npt.NDArray[np.int32]  # numbers

    @property
    def is_whole(self) -> bool:
        """Whether no image was taken out."""
        return bool(self.images.all())

    def without(self, hashes: Collection[int]) -> "Listing":
        """The listing with the images of these hashes taken out."""
        gone = np.isin(self.images, np.array(sorted(hashes), np.uint64))
        zero = np.uint64(0)
        return Listing(
            np.where(gone, zero, self.images), np.where(gone, zero, self.contents), self.variants, self.shards
        )

    def cuts(self, shards: int) -> list[tuple[int, int]]:
        """Where each of the shards begins and ends among the images that are left."""
        ends = np.cumsum(np.bincount(self.shards[self.images != 0], minlength=shards)).tolist()
        return list(zip([0, *ends], ends, strict=False))

    def places_in(self, source: "Opened", *, exact: bool) -> Places | None:
        """Where `source` has the images that are left; None when it is not the source that was listed.

        With `exact`, `source` may have further allowed images only where images were taken out of the listing.
        """
        rows = np.flatnonzero(self.images)
        order = np.argsort(source.images)
        at = np.searchsorted(source.images, self.images[rows], sorter=order)
        places: Places = order[np.minimum(at, len(order) - 1)]
        same = (source.images[places] == self.images[rows]) & (source.contents[places] == self.contents[rows])
        if not same.all() or (np.diff(places) <= 0).any():
            return None
        before = np.concatenate([[0], np.cumsum(source.allowed)])  # allowed images before each place
        more = before[np.append(places, len(before) - 1)] - before[np.append(0, places + 1)]
        taken_out = np.diff(np.concatenate([[-1], rows, [len(self.images)]])) - 1
        return None if exact and (more > taken_out).any() else places


def hash_of(text: str) -> int:
    """64 bits for an image's id; never 0."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") or 1


def _hashes(texts: Iterable[str]) -> Hashes:
    return np.fromiter(map(hash_of, texts), np.uint64)


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A source with the hashes of its images, and which of them are allowed."""

    source: Source
    images: Hashes
    contents: Hashes
    allowed: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, source: Source, takedowns: Takedowns) -> "Opened":
        """`source`, with the images on the list of takedowns not allowed."""
        sizes = source.sizes if isinstance(source.reader, Files) else [0] * len(source)  # else a mean, of all alike
        contents = (f"{label}\0{size}" for label, size in zip(source.labels, sizes, strict=True))
        allowed = (not takedowns.image(image_id) for image_id in source.ids)
        return cls(source, _hashes(source.ids), _hashes(contents), np.fromiter(allowed, np.bool_, len(source)))

    def take(self, places: Places) -> Source:
        """The images at these places."""
        return self.source.take(array("q", places.tolist())) if len(places) < len(self.source) else self.source

    def listing(self, variants: bytes, cuts: Sequence[tuple[int, int]]) -> Listing:
        """The listing of the allowed images in these shards."""
        shards = np.repeat(np.arange(len(cuts), dtype=np.int32), [stop - start for start, stop in cuts])
        indices = np.frombuffer(variants, np.uint8)
        return Listing(self.images[self.allowed], self.contents[self.allowed], indices, shards)


def listing_path(folder: Path, split: str) -> Path:
    """The path of a split's listing; `folder` is the config's."""
    return folder / MARKERS / f"{split}.listing.npz"


def read_listing(folder: Path, split: str) -> Listing | None:
    """The listing of a split; None without one. Raises UsageError when it cannot be read."""
    path = listing_path(folder, split)
    try:
        with path.open("rb") as file, np.load(file) as columns:
            arrays = fields_of(dict(columns), path)
        return Listing(*(arrays[field.name] for field in fields(Listing)))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise UsageError(f"{path} cannot be read ({str(error)[:80]}).", AGAIN) from None


def write_listing(folder: Path, split: str, listing: Listing) -> None:
    """Write the listing of a split, whole or not at all."""
    put(listing_path(folder, split), partial(_save, listing=listing))


def _save(path: Path, listing: Listing) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, **versioned({field.name: getattr(listing, field.name) for field in fields(Listing)}))
