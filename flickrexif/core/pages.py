"""Pages that show photos: marks in their heads that say which command wrote a page and which photos it shows.

A page's head holds `<meta name="generator" content="flickrexif browse">`, and in `<meta name="flickrexif-shows" …>` a
JSON list of the names of its pictures: ids, subjects, names of files. A page without the list may show any photo.
"""

import html
import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import AGAIN, remove
from flickrexif.core.kinds import Holder
from flickrexif.core.photo_ids import names_photo

GENERATOR = '<meta name="generator" content="flickrexif {}">'
SHOWS = '<meta name="flickrexif-shows" content="{}">'
OURS = re.compile(rb'<meta name="generator" content="flickrexif [a-z ]+">|<title>PairCams check, page \d')  # 0.1's too
NAMES = re.compile(SHOWS.format('([^"]*)').encode())
HEAD = 2_000  # bytes of a page among which its generator stands


def marks(program: str, names: Iterable[str]) -> str:
    """The lines for a page's head: the program that writes it, and the `names` of the photos that it shows."""
    shown = html.escape(json.dumps(list(dict.fromkeys(names))))
    return f"{GENERATOR.format(program)}\n{SHOWS.format(shown)}"


def is_ours(page: Path, program: str) -> bool:
    """Whether `program` wrote the page. Raises FlickrExifError for a file that cannot be read."""
    try:
        with page.open("rb") as file:
            return GENERATOR.format(program).encode() in file.read(HEAD)
    except OSError as error:
        raise FlickrExifError(f"{page} cannot be read ({error.strerror or error}).", AGAIN) from None


def shows(page: Path, ids: Collection[str]) -> bool:
    """Whether the page was written by flickrexif and shows one of the photos, or does not say which it shows."""
    try:
        content = page.read_bytes()
    except OSError as error:
        raise FlickrExifError(f"{page} cannot be read ({error.strerror or error}).", AGAIN) from None
    if not OURS.search(content[:HEAD]):
        return False
    names = NAMES.search(content)
    return names is None or any(names_photo(name, ids) for name in json.loads(html.unescape(names[1].decode())))


def _forget(files: Sequence[Path], ids: Collection[str], write: bool) -> Mapping[Path, Counter[str]]:
    removed: dict[Path, Counter[str]] = defaultdict(Counter)
    for page in files:
        if page.suffix == ".html" and shows(page, ids):
            removed[page.parent]["pages that show photos"] += 1
            if write:
                remove([page])
    return removed


HOLDER = Holder(forget=_forget)
