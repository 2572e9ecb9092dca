"""What the rest of the toolkit must know of a kind of data set, and of a format that holds photos.

Each package that writes a format says it here of its own: `dataset.kind`, `paircams.kind`, `processing.kind` for data
sets, a `Holder` beside each other format. `flickrexif.kinds` lists them. Nobody else looks for files.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

Origin = Literal["real", "simulated"]


class Holder(Protocol):
    """One format that names or shows photos: where it lies, and how photos are taken out of it.

    Photos are called by their ids as text. What is taken out in several steps is taken out in an order that lets the
    same call complete it after an interruption.
    """

    name: str  # what a report calls its entries: "split entries"

    def places(self, folder: Path) -> list[Path]:
        """Where the format lies in or below `folder`, sorted; `folder` itself may be one."""
        ...

    def owners(self, place: Path, ids: Collection[str], owners: Collection[str]) -> Mapping[str, str]:
        """id -> owner of the photos in `place` that are among `ids` or by one of `owners`; empty where none is told."""
        ...

    def forget(self, place: Path, ids: Collection[str], *, write: bool) -> Counter[str]:
        """Take the photos out of `place`; how many of each thing there were. With `write=False` only count.

        Raises FlickrExifError for a file that cannot be read or written.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSetKind:
    """A kind of data set: how its folder is told from others, what it holds and how it is described."""

    name: str  # flickrexif, folder, imagenet-traces, paircams
    made_by: str  # the command that makes one
    recognises: Callable[[Path], bool]  # whether a folder, built or half built, is one
    origin: Callable[[Path], Origin]
    configs: Callable[[Path], Mapping[str, Mapping[str, list[Path]]]]  # config -> split -> Parquet files there
    files: Callable[[Path], list[Path]]  # what belongs to the data set and may be published, without card and figures
    describe: Callable[[Path], Any]  # the facts that its card tells
    holder: Holder
