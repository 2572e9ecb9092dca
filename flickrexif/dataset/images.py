"""Images to Parquet shards of bytes as fetched."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, pairwise
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import Outcome, put, remove
from flickrexif.core.parquet import image_writer
from flickrexif.dataset.parquet import parquet_files
from flickrexif.dataset.schema import IMAGE_COLUMNS

SHARD_BYTES = 500_000_000  # of image bytes a file
BATCH_BYTES = 16_000_000  # of image bytes in memory, and a row group
CRAWL_AGAIN = "Delete it and crawl its month again, then run `flickrexif build` again."
BUILD_AGAIN = "Run `flickrexif build` on its data folder, then the same command again."


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image as it was fetched: a file on the disk, or what `read` gives."""

    flickr_id: int
    path: Path  # its name is kept; with `read`, it only says where the image comes from
    sha256: str  # of the bytes, hexadecimal
    width: int  # pixels
    height: int
    size: str  # Flickr's suffix: o, l, c, z or m
    read: Callable[[], bytes] | None = None  # the bytes, out of another data set's shard


class Placed(NamedTuple):
    """A row and where it goes: numbers of the shard, and of the batch in it."""

    shard: int
    batch: int
    row: dict[str, Any]


def write_images(folder: Path, month: str, images: Sequence[StoredImage]) -> Iterator[tuple[Outcome, Path]]:
    """Shards of about SHARD_BYTES, sorted by id; shards of an earlier build that are no longer needed go.

    Images are read as they are written, a batch at a time. Raises FlickrExifError for one that is not as told.
    """
    images = sorted(images, key=attrgetter("flickr_id"))
    for first, second in pairwise(images):
        if first.flickr_id == second.flickr_id:
            raise FlickrExifError(f"Photo {first.flickr_id} has two images.", "Give each photo one.")
    stale = {path for found, path in parquet_files(folder.parent, "images") if found == month}
    for number, shard in groupby(placed(map(_image_row, images)), itemgetter(0)):
        path = folder / f"train-{month}-{number:05}.parquet"
        yield put(path, partial(write_shard, shard))
        stale.discard(path)
    yield from remove(sorted(stale))


def placed(rows: Iterable[dict[str, Any]]) -> Iterator[Placed]:
    """Fill shards and batches up to their limits; at least one image each."""
    shard = batch = in_shard = in_batch = 0
    for row in rows:
        size = len(row["image"]["bytes"])
        if in_shard and in_shard + size > SHARD_BYTES:
            shard, batch, in_shard, in_batch = shard + 1, 0, 0, 0
        elif in_batch and in_batch + size > BATCH_BYTES:
            batch, in_batch = batch + 1, 0
        in_shard += size
        in_batch += size
        yield Placed(shard, batch, row)


def write_shard(shard: Iterable[Placed], path: Path) -> None:
    """Write the rows of one shard, a row group a batch."""
    import pyarrow as pa

    with image_writer(path, IMAGE_COLUMNS) as writer:
        for _, batch in groupby(shard, itemgetter(1)):
            writer.write_table(pa.Table.from_pylist([placed.row for placed in batch], writer.schema))


def _image_row(image: StoredImage) -> dict[str, Any]:
    try:
        content = image.read() if image.read else image.path.read_bytes()
    except OSError as error:
        raise _lost(image, f"cannot be read ({error.strerror or error})") from None
    if hashlib.sha256(content).hexdigest() != image.sha256:
        raise _lost(image, "is not the file that was fetched")
    return {
        "Flickr ID": image.flickr_id,
        "image": {"bytes": content, "path": image.path.name},
        "sha256": image.sha256,
        "width": image.width,
        "height": image.height,
        "image_size": image.size,
    }


def _lost(image: StoredImage, what: str) -> FlickrExifError:
    return FlickrExifError(f"The image {image.path} {what}.", BUILD_AGAIN if image.read else CRAWL_AGAIN)
