"""Image files that are named by photos' ids: fetched by a crawl, or put into a folder of images by anybody."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from flickrexif.core.files import remove
from flickrexif.core.image_files import is_image
from flickrexif.core.kinds import Holder
from flickrexif.core.photo_ids import is_ambiguous, names_photo


def _forget(files: Sequence[Path], ids: Collection[str], write: bool) -> Mapping[Path, Counter[str]]:
    told = {photo_id for photo_id in ids if not is_ambiguous(photo_id)}
    removed: dict[Path, Counter[str]] = defaultdict(Counter)
    for path in files:
        if names_photo(path.stem, ids if _is_of_flickr(path) else told) and _is_image(path):
            removed[path.parent]["image files"] += 1
            if write:
                remove([path])
    return removed


HOLDER = Holder(forget=_forget)


def _is_image(path: Path) -> bool:
    """Whether it is one, whole or on its way."""
    return path.suffix.lower() == ".partial" or is_image(str(path))


def _is_of_flickr(path: Path) -> bool:
    """Whether files are named by Flickr's ids there, however short: by a crawl, or beside labels."""
    return ".crawl" in path.parts or (path.parent.name == "images" and (path.parents[1] / "labels").is_dir())
