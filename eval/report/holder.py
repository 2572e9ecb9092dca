"""Pictures out of reports: the figures of neighbours, whose pixels are those of photos.

The page beside them says which photos they show; without it, any.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from flickrexif.core.files import remove
from flickrexif.core.kinds import Holder
from flickrexif.core.pages import shows
from flickrexif.eval.report.render.files import FORMATS
from flickrexif.eval.report.spec import PHOTOS


def shows_photos(figure: Path) -> bool:
    """Whether a file is a figure of photos."""
    is_figure = figure.parent.name == "figures" and figure.suffix.removeprefix(".") in FORMATS
    return is_figure and figure.name.startswith(PHOTOS)


def _forget(files: Sequence[Path], ids: Collection[str], write: bool) -> Mapping[Path, Counter[str]]:
    removed: dict[Path, Counter[str]] = defaultdict(Counter)
    for figure in filter(shows_photos, files):
        page = figure.parents[1] / "index.html"
        if not page.exists() or shows(page, ids):
            removed[figure.parent]["figures that show photos"] += 1
            if write:
                remove([figure])
    return removed


HOLDER = Holder(forget=_forget)
