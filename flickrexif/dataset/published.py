"""Photos of a published table to Parquet files: what `flickrexif fetch` writes.

    <out>/data/train-published.parquet    the nine published columns
    <out>/labels/train-published.parquet  the full record, and one column more: image_reason
    <out>/images/train-published-*.parquet  the images' bytes as fetched
    <out>/collection.json

Every photo gets a row, whether its image came or not. What the table does not tell (title, licence, dates) is null,
until `flickrexif refresh` has asked Flickr.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from flickrexif.core.columns import Column
from flickrexif.core.files import put, remove_unfinished
from flickrexif.core.parquet import write_rows
from flickrexif.core.photos import RawPhoto
from flickrexif.dataset.build import BuildReport, Collection, month_table, outcomes, write_collection
from flickrexif.dataset.images import StoredImage, write_images
from flickrexif.dataset.parquet import FOLDERS, PUBLISHED
from flickrexif.dataset.schema import FULL_COLUMNS, PUBLISHED_COLUMNS

TABLE = "table"  # the setting of a collection that says which table it was fetched from
IMAGE_REASON = Column(
    "image_reason",
    "string",
    "why there is no image: gone, private, refused, placeholder, not_an_image, damaged, wrong_size, too_large, not_yet",
)
LABEL_COLUMNS = (*FULL_COLUMNS, IMAGE_REASON)
BATCH = 4_096  # rows


def write_published(
    root: Path,
    collection: Collection,
    photos: Iterable[RawPhoto],
    images: Sequence[StoredImage],
    reasons: Mapping[int, str],
) -> BuildReport:
    """Write the data set `root` of `photos`, in the order of their ids. The same photos give the same bytes.

    `reasons`: why a photo has no image. Raises FlickrExifError for an image file that is missing or changed, and for a
    full disk.
    """
    import pyarrow as pa

    remove_unfinished((root, *(root / name for name in FOLDERS.values())))
    done = [write_collection(root, collection)]
    tables, left = [], iter(photos)
    while batch := list(islice(left, BATCH)):
        why = pa.array([reasons.get(photo.flickr_id) for photo in batch], pa.string())
        tables.append(month_table(batch).append_column(IMAGE_REASON.name, why))
    table = pa.concat_tables(tables)
    for config, columns in (("default", PUBLISHED_COLUMNS), ("labels", LABEL_COLUMNS)):
        path = root / FOLDERS[config] / f"train-{PUBLISHED}.parquet"
        done.append(put(path, partial(write_rows, table=table, columns=columns)))
    done += write_images(root / FOLDERS["images"], PUBLISHED, images)
    return BuildReport(root=root, rows={PUBLISHED: len(table)}, images={PUBLISHED: len(images)}, **outcomes(done))
