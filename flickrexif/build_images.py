"""Image files to Parquet shards of bytes as fetched."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from operator import attrgetter
from pathlib import Path

from flickrexif.errors import FlickrExifError
from flickrexif.parquet import image_writer, parquet_files
from flickrexif.schema import IMAGE_COLUMNS
from flickrexif.whole import Outcome, put, remove

SHARD_BYTES = 500_000_000  # of image bytes a file
BATCH_BYTES = 16_000_000  # of image bytes in memory, and a row group
AGAIN = "Delete it and crawl its month again, then run `flickrexif build` again."


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image file on the disk, as it was fetched."""

    flickr_id: int
    path: Path
    sha256: str  # of the bytes, hexadecimal
    width: int  # pixels
    height: int
    size: str  # Flickr's suffix: o, l, c, z or m


def write_images(folder: Path, month: str, images: Sequence[StoredImage]) -> Iterator[tuple[Outcome, Path]]:
    """Shards of about SHARD_BYTES, sorted by id; shards of an earlier build that are no longer needed go."""
    images = sorted(images, key=attrgetter("flickr_id"))
    for first, second in pairwise(images):
        if first.flickr_id == second.flickr_id:
            raise FlickrExifError(f"Photo {first.flickr_id} has two images.", "Give each photo one.")
    stale = {path for found, path in parquet_files(folder.parent, "images") if found == month}
    for number, shard in enumerate(_chunks(images, SHARD_BYTES)):
        path = folder / f"train-{month}-{number:05}.parquet"
        yield put(path, partial(_write_shard, shard))
        stale.discard(path)
    yield from remove(sorted(stale))


def _write_shard(images: Sequence[StoredImage], path: Path) -> None:
    import pyarrow as pa

    with image_writer(path, IMAGE_COLUMNS) as writer:
        for batch in _chunks(images, BATCH_BYTES):
            writer.write_table(pa.Table.from_pylist([_image_row(image) for image in batch], writer.schema))


def _image_row(image: StoredImage) -> dict[str, object]:
    try:
        content = image.path.read_bytes()
    except OSError as error:
        raise _lost(image, f"cannot be read ({error.strerror})") from None
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
    return FlickrExifError(f"The image {image.path} {what}.", AGAIN)


def _chunks(images: Sequence[StoredImage], limit: int) -> Iterator[Sequence[StoredImage]]:
    """Consecutive runs of images whose files hold at most `limit` bytes together; at least one image each."""
    start = total = 0
    for index, image in enumerate(images):
        try:
            size = image.path.stat().st_size
        except OSError as error:
            raise _lost(image, f"cannot be read ({error.strerror})") from None
        if index > start and total + size > limit:
            yield images[start:index]
            start, total = index, 0
        total += size
    if images[start:]:
        yield images[start:]
