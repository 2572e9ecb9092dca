"""A data set as static pages to look at: they open from disk, load nothing and say whose photos they show."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flickrexif.cards.browse.pairs import write_pairs
from flickrexif.cards.browse.photos import write_photos
from flickrexif.cards.browse.variants import variant_files, write_variants
from flickrexif.core.errors import UsageError

PHOTOS = 300  # shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Browsed:
    """What was written: the page to open, images shown, images there are."""

    index: Path
    shown: int
    total: int


def browse(folder: Path, out: Path | None = None, *, photos: int = PHOTOS, seed: int = 0) -> Browsed:
    """Write pages of the FlickrExif, PairCams or processed images in `folder`; of these at most six images.

    `out` is a folder beside the data set when it is not named: data/browse/flickrexif for data/flickrexif. The same
    data and seed give the same bytes. Raises UsageError when `folder` is no such data set or `out` holds other pages,
    FlickrExifError for a file that cannot be read or written.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Name the folder of a data set, such as data/flickrexif.")
    here = folder.resolve()
    out = out or here.parent / "browse" / here.name
    if any((folder / "labels").glob("train-*.parquet")):
        write: Callable[[Path, Path, int, int], tuple[Path, int, int]] = write_photos
    elif (folder / "pairs.json").is_file():
        write = write_pairs
    elif variant_files(folder) or any(folder.glob("*/*-*-of-*.parquet")):
        write = write_variants
    else:
        known = "FlickrExif with its labels/, PairCams and processed images can be browsed."
        raise UsageError(f"{folder} holds no data set.", known)
    index, shown, total = write(folder, out, photos, seed)
    return Browsed(index=index, shown=shown, total=total)
