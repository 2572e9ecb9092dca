"""Image files that are named by photos' ids: fetched by a crawl, or put into a folder of images by anybody."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from flickrexif.core.files import remove
from flickrexif.core.kinds import Holder
from flickrexif.core.photo_ids import is_ambiguous, names_photo
from flickrexif.core.pictures import SUFFIXES, suffixes

ENDINGS = frozenset((*suffixes(*SUFFIXES), ".partial"))  # of an image, whole or on its way


def _forget(files: Sequence[Path], ids: Collection[str], write: bool) -> Mapping[Path, Counter[str]]:
    told = {photo_id for photo_id in ids if not is_ambiguous(photo_id)}
    removed: dict[Path, Counter[str]] = defaultdict(Counter)
    for path in files:
        if path.suffix.lower() in ENDINGS and names_photo(path.stem, ids if _is_of_flickr(path) else told):
            removed[path.parent]["image files"] += 1
            if write:
                remove([path])
    return removed


HOLDER = Holder(forget=_forget)


def _is_of_flickr(path: Path) -> bool:
    """Whether files are named by Flickr's ids there, however short: by a crawl, or beside labels."""
    return ".crawl" in path.parts or (path.parent.name == "images" and (path.parents[1] / "labels").is_dir())
