"""The files of a data set's folder that may be published: named here, all others stay."""

import re
from pathlib import Path

from flickrexif.processing.parts import read_parts

PUBLISHED = re.compile(
    r"README\.md|croissant\.json|ATTRIBUTION\.csv|collection\.json|pairs\.json"
    r"|figures/\w[\w-]*\.png"
    r"|(?:data|labels|images)/train-[\w-]+\.parquet"
    r"|splits/split_data_target_attribute=[^/.]+\.(?:json|parquet)"
    r"|(?P<config>\w[\w-]*)/(?P<split>\w+)-(?:\d{5}-of-\d{5}\.parquet|failures\.csv)"  # of a variant
)


def published_files(root: Path) -> list[str]:
    """The files below `root` that may be published, relative to it with `/`, sorted.

    By an allow-list: nothing hidden (the journal, locks, markers, unfinished files), nothing unknown, no split of a
    variant that is still being made, and no link, which could lead anywhere.
    """
    found = [path for pattern in ("*", "*/*") for path in root.glob(pattern)]
    names = {path.relative_to(root).as_posix(): path for path in found}
    finished = {(None, None)} | {(part.config, part.split) for part in read_parts(root)}
    return sorted(
        name
        for name, path in names.items()
        if (hit := PUBLISHED.fullmatch(name)) and hit.group("config", "split") in finished and _is_own_file(path, root)
    )


def _is_own_file(path: Path, root: Path) -> bool:
    linked = path.is_symlink() or (path.parent != root and path.parent.is_symlink())
    return path.is_file() and not linked
