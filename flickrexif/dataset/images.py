"""Images to Parquet shards of bytes as fetched."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from operator import attrgetter
from pathlib import Path

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import Outcome, put, remove
from flickrexif.core.parquet import Row, runs, schema_of
from flickrexif.core.parquet import write_images as write_shard
from flickrexif.dataset.parquet import parquet_files
from flickrexif.dataset.schema import IMAGE_COLUMNS

SHARD_BYTES = 500_000_000  # of image bytes a file
CRAWL_AGAIN = "Delete it and crawl its month again, then run `flickrexif build` again."
BUILD_AGAIN = "Run `flickrexif build` on its data folder, then the same command again."


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image as it was fetched: the file `path`, or the bytes that `read` returns."""

    flickr_id: int
    path: Path  # its name is kept; with `read`, it only says where the image comes from
    sha256: str  # of the bytes, hexadecimal
    width: int  # pixels
    height: int
    size: str  # Flickr's suffix: o, l, c, z or m
    read: Callable[[], bytes] | None = None  # the bytes, out of another data set's shard


def write_images(folder: Path, month: str, images: Sequence[StoredImage]) -> Iterator[tuple[Outcome, Path]]:
    """Write shards of about SHARD_BYTES, sorted by id, and remove those of an earlier build that are left over.

    Images are read a batch at a time. Raises FlickrExifError for an image whose hash is not `sha256`.
    """
    images = sorted(images, key=attrgetter("flickr_id"))
    for first, second in pairwise(images):
        if first.flickr_id == second.flickr_id:
            raise FlickrExifError(f"Photo {first.flickr_id} has two images.", "Give each photo one.")
    stale = {path for shard_month, path in parquet_files(folder.parent, "images") if shard_month == month}
    schema = schema_of(IMAGE_COLUMNS)
    for number, shard in enumerate(runs(map(_image_row, images), SHARD_BYTES)):
        path = folder / f"train-{month}-{number:05}.parquet"
        yield put(path, partial(write_shard, schema=schema, rows=shard))
        stale.discard(path)
    yield from remove(sorted(stale))


def _image_row(image: StoredImage) -> Row:
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
