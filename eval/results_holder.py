"""Result records that name photos, such as those of nearest neighbours: they go, and can be measured again."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from flickrexif.core.files import remove
from flickrexif.core.kinds import Holder
from flickrexif.core.photo_ids import NUMBER, is_ambiguous
from flickrexif.eval.results import is_record


def _forget(files: Sequence[Path], ids: Collection[str], write: bool) -> Mapping[Path, Counter[str]]:
    removed: dict[Path, Counter[str]] = defaultdict(Counter)
    quoted = [f'"{photo_id}"' for photo_id in ids if is_ambiguous(photo_id)]  # how a record names an image
    for path in files:
        if path.suffix == ".json" and _names(path.read_text("utf-8", "replace"), ids, quoted):
            removed[path.parent]["records that name photos"] += 1
            if write:
                remove([path])
    return removed


HOLDER = Holder(forget=_forget)


def _names(text: str, ids: Collection[str], quoted: Collection[str]) -> bool:
    named = any(number in ids for number in NUMBER.findall(text)) or any(name in text for name in quoted)
    return named and is_record(text)
