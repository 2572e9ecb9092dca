"""The files of a data set's folder that may be published: those of its kind, and those that describe it."""

import re
from pathlib import Path

from flickrexif.core.kinds import DataSetKind, named_files

DESCRIBING = re.compile(r"README\.md|croissant\.json|ATTRIBUTION\.csv|figures/\w[\w-]*\.png")


def published_files(kind: DataSetKind, folder: Path) -> list[str]:
    """The files below `folder` that may be published, relative to it with `/`, sorted.

    Only names on an allow-list: no hidden files (the journal, locks, markers, unfinished files), no other files, no
    unfinished split of a variant, and no links, which could lead anywhere.
    """
    paths = (*kind.files(folder), *named_files(folder, DESCRIBING))
    return sorted(path.relative_to(folder).as_posix() for path in paths if _is_own_file(path, folder))


def is_published(kind: DataSetKind, name: str) -> bool:
    """Whether `publish` sends and removes files of this name, relative to the folder."""
    return any(pattern.fullmatch(name) for pattern in (kind.file_names, DESCRIBING))


def _is_own_file(path: Path, folder: Path) -> bool:
    linked = path.is_symlink() or (path.parent != folder and path.parent.is_symlink())
    return path.is_file() and not linked
