"""Result records that name photos, such as those of nearest neighbours: they go, and can be measured again.

So do logs of failed measurements: a traceback may name a photo.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from flickrexif.core.files import remove
from flickrexif.core.kinds import Holder
from flickrexif.core.photo_ids import NUMBER, is_ambiguous
from flickrexif.eval.results import LOG, is_record


def _forget(files: Sequence[Path], ids: Collection[str], write: bool) -> Mapping[Path, Counter[str]]:
    removed: dict[Path, Counter[str]] = defaultdict(Counter)
    quoted = [f'"{photo_id}"' for photo_id in ids if is_ambiguous(photo_id)]  # how a record names an image
    for path in files:
        if path.suffix not in KINDS:
            continue
        text = path.read_text("utf-8", "replace")
        if _is_ours(path, text) and _names(text, ids, quoted):
            removed[path.parent][KINDS[path.suffix]] += 1
            if write:
                remove([path])
    return removed


KINDS = {".json": "records that name photos", ".log": "logs that name photos"}
HOLDER = Holder(forget=_forget)


def _names(text: str, ids: Collection[str], quoted: Collection[str]) -> bool:
    return any(number in ids for number in NUMBER.findall(text)) or any(name in text for name in quoted)


def _is_ours(path: Path, text: str) -> bool:
    return text.startswith(LOG) if path.suffix == ".log" else is_record(text)
