"""The pictures of a report: thumbnails of the images that records name, with the credit that Flickr's terms require."""

import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from flickrexif.core.errors import UsageError
from flickrexif.core.parquet import Row, check_columns, read_rows
from flickrexif.core.pictures import BadPicture
from flickrexif.eval.data.embeddings import FLICKR_ID
from flickrexif.eval.data.formats import apart, dataset_of, open_images, stored_variants
from flickrexif.eval.data.names import NAMES
from flickrexif.eval.data.source import Source
from flickrexif.eval.report.spec import Figure, Shot, Strips
from flickrexif.kinds import data_sets, recognised
from flickrexif.processing.kind import TRACES
from flickrexif.processing.operations import decode

SIDE = 160  # longer side of a thumbnail, pixels
QUALITY = 80
MOST_FLICKR = 30  # most photos a page, by the terms of use of Flickr's API
MOST = 4 * MOST_FLICKR  # pictures on a page, of whatever data set
BARE = " The images are not in the data folder: their names stand in their place."
IDENTITY = "IDENTITY"
CREDITS = ("attribution", "page_url")


class Key(NamedTuple):
    """The name of an image in records."""

    dataset: str
    image_id: str
    variant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An upright thumbnail, as a JPEG file without metadata, and its credit, "" if unknown; texts are strangers'."""

    jpeg: bytes
    attribution: str = ""
    page_url: str = ""  # http or https


def illustrated(figures: Sequence[Figure], data_dir: Path | None) -> list[Figure]:
    """The figures with the pictures that the data folder has of their images; a caption says where it has none."""
    strips = [figure.content for figure in figures if isinstance(figure.content, Strips)]
    keys = list(dict.fromkeys(key_of(shot) for content in strips for shot in content.shots))
    thumbnails = pictures(data_dir, keys[:MOST]) if data_dir else {}
    return [with_pictures(figure, thumbnails) for figure in figures]


def with_pictures(figure: Figure, thumbnails: Mapping[Key, Picture]) -> Figure:
    """The figure with those of the pictures that it shows."""
    if not isinstance(figure.content, Strips):
        return figure
    rows = tuple(tuple(_with_picture(shot, thumbnails) for shot in row) for row in figure.content.rows)
    content = Strips(rows=rows)
    caption = figure.caption + ("" if any(shot.jpeg for shot in content.shots) else BARE)
    return replace(figure, content=content, caption=caption)


def key_of(shot: Shot) -> Key:
    """The name of a shot's image."""
    return Key(shot.dataset, shot.image_id, shot.variant)


def _with_picture(shot: Shot, thumbnails: Mapping[Key, Picture]) -> Shot:
    picture = thumbnails.get(key_of(shot))
    if picture is None:
        return shot
    return replace(shot, jpeg=picture.jpeg, attribution=picture.attribution, page_url=picture.page_url)


def pictures(data_dir: Path, images: Iterable[Key]) -> dict[Key, Picture]:
    """The pictures of `images`, without those that `data_dir` lacks or that are broken.

    Of photos on Flickr only the first MOST_FLICKR have a picture. An image whose variant is not stored is shown
    unprocessed. Raises FlickrExifError for a data set that cannot be read.
    """
    keys = list(dict.fromkeys(images))
    credits_ = _credits(data_dir / "flickrexif" / "labels", keys)
    keys = [key for key in keys if key not in credits_] + _first(MOST_FLICKR, [key for key in keys if key in credits_])
    shown = {}
    for name, folder in _folders(data_dir):
        dataset_keys = [key for key in keys if NAMES.get(key.dataset, key.dataset) == name]
        for key, data in _stored(folder, dataset_keys) if dataset_keys else ():
            if jpeg := thumbnail(data):
                attribution, page_url = credits_.get(key, ("", ""))
                shown[key] = Picture(jpeg=jpeg, attribution=attribution, page_url=page_url)
    return shown


def thumbnail(data: bytes) -> bytes | None:
    """A JPEG file of at most SIDE pixels a side, turned as the Exif orientation says; None for a broken image."""
    try:
        image = decode(data, upright=True)
    except BadPicture:
        return None
    image.thumbnail((SIDE, SIDE))
    image.info = {}  # else Pillow writes the comment of the original
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _first(most: int, keys: Sequence[Key]) -> list[Key]:
    """The keys of the first `most` images, in whatever variants."""
    images = list(dict.fromkeys((key.dataset, key.image_id) for key in keys))[:most]
    return [key for key in keys if (key.dataset, key.image_id) in images]


# --- the stored images


def _folders(data_dir: Path) -> Iterator[tuple[str, Path]]:
    """(name in records, folder) of each data set."""
    inside = [path for path in data_dir.glob("*/") if not path.name.startswith(".")]
    for folder in sorted({*inside, *(folder for folder, _ in data_sets(data_dir))}):
        yield apart(dataset_of(folder), folder, data_dir), folder


def _stored(folder: Path, keys: Sequence[Key]) -> Iterator[tuple[Key, bytes]]:
    """The keys that the data set has an image for, with its bytes."""
    names = dict.fromkeys(key.variant or IDENTITY for key in keys)
    kind = recognised(folder)
    try:
        stored = [name for name in names if name in stored_variants(folder, kind)] if kind is TRACES else []
        sources = open_images(str(folder), variants=stored)
    except UsageError:  # not a folder of images
        return
    by_image: dict[tuple[str, str], list[Key]] = {}
    for key in keys:
        by_image.setdefault((key.image_id, (key.variant or IDENTITY) if stored else IDENTITY), []).append(key)
    # Training images last: an id may be in two splits, and strips show test images.
    for source in sorted(sources, key=lambda source: source.split == "train"):
        for image, data in _read(source, by_image):
            for key in by_image.pop(image):
                yield key, data


def _read(source: Source, images: Collection[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], bytes]]:
    """((id, variant), bytes) of those `images` that the source has, in its order."""
    rows = [row for row, image_id in enumerate(source.ids) if (image_id, source.variant) in images]
    for row in rows:
        (data,) = source.read(row, row + 1)
        if data is not None:
            yield (source.ids[row], source.variant), data


# --- credits


def _credits(folder: Path, keys: Sequence[Key]) -> Mapping[Key, tuple[str, str]]:
    """(attribution, page) of the photos on Flickr: FlickrExif's, and those of data sets made from them."""
    numbers = {key: int(key.image_id) for key in keys if _is_number(key.image_id)}
    files = sorted(folder.glob("*.parquet")) if numbers else []
    for path in files:
        check_columns(path, CREDITS)
    rows = read_rows(files, FLICKR_ID, set(numbers.values()), (FLICKR_ID, *CREDITS))
    credit_by_id = {row[FLICKR_ID]: _credit(row) for row in rows}
    of_flickr = {key.dataset for key in keys} - {key.dataset for key in keys if numbers.get(key) not in credit_by_id}
    of_flickr.add("FlickrExif")
    return {key: credit_by_id.get(number, ("", "")) for key, number in numbers.items() if key.dataset in of_flickr}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 20 and int(text) < 2**63


def _credit(row: Row) -> tuple[str, str]:
    attribution, page = (row[column] or "" for column in CREDITS)
    return attribution, page if page.startswith(("https://", "http://")) else ""
