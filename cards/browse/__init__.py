"""A data set as static pages: they open from disk, load nothing and say whose photos they show."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flickrexif.cards.browse.page import Register
from flickrexif.cards.browse.pairs import write_pairs
from flickrexif.cards.browse.photos import write_photos
from flickrexif.cards.browse.variants import write_variants
from flickrexif.core.errors import UsageError
from flickrexif.core.kinds import DataSetKind
from flickrexif.kinds import kind_of

PHOTOS = 300  # shown
Write = Callable[[Path, DataSetKind, Path, int, int, Register], tuple[Path, int, int]]
WRITERS: Mapping[str, Write] = {
    "flickrexif": write_photos,
    "published": write_photos,
    "folder": write_photos,
    "paircams": write_pairs,
    "imagenet-traces": write_variants,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Browsed:
    """The page to open, the number of images shown, and the number in the data set."""

    index: Path
    shown: int
    total: int


def browse(
    folder: Path,
    out: Path | None = None,
    *,
    photos: int = PHOTOS,
    seed: int = 0,
    register: Register = lambda *_: None,
) -> Browsed:
    """Write pages of the FlickrExif, PairCams or processed images in `folder`; of these at most six images.

    `out` is a folder beside the data set when it is not named: data/browse/flickrexif for data/flickrexif. The same
    data and seed give the same bytes. `register` gets the pages before they are written. Raises UsageError when
    `folder` is no such data set or `out` holds other pages, FlickrExifError for a file that cannot be read or written.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Name the folder of a data set, such as data/flickrexif.")
    data_set = folder.resolve()
    out = out or data_set.parent / "browse" / data_set.name
    kind = kind_of(folder)
    index, shown, total = WRITERS[kind.name](folder, kind, out, photos, seed, register)
    return Browsed(index=index, shown=shown, total=total)
