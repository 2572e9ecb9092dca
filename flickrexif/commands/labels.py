"""`label`, `splits` and `audit`: labels of one's own photos, and splits that do not leak."""

from collections.abc import Callable, Iterable
from typing import Literal

from flickrexif.cards import write_card
from flickrexif.collectors.owners import OwnerFrom, OwnerTable
from flickrexif.commands.folder import ReaderName, check_folder, label_folder
from flickrexif.commands.places import Place, data_folder, home_of, path_of, several
from flickrexif.dataset.audit import Audit, audit_paths
from flickrexif.dataset.folder import FolderReport, Images
from flickrexif.dataset.labels_table import data_set_of
from flickrexif.dataset.splits import ATTRIBUTES, PAPER, SplitsReport, make_splits, proportional


def label(
    folder: Place,
    *,
    out: Place,
    images: Images = "link",
    owner_from: OwnerFrom | None = None,
    owners: Place | None = None,
    owner_column: str = "owner",
    reader: ReaderName = "own",
    data_dir: Place | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FolderReport:
    """Label the photos in `folder`: the columns of FlickrExif as the data set `out`, with a card.

    `images` are links to the files, copies without positions, serial numbers and names, or none. Splits keep the photos
    of a photographer together: `owner_from` says who that is, by the outermost folder ("top"), the folder ("parent"),
    the camera's serial number ("camera"), or `owner_column` of the CSV file `owners` ("column"); None: the first of
    column, top (where no photo lies outside of a folder) and camera. Photos of which nothing tells it count as one
    photographer's. `reader` is who reads the Exif: this package, or the program exiftool. A photo that cannot be read
    has a row with the reason. Raises UsageError when there is no photo, `out` holds another data set or is being
    written, `owners` does not fit, or exiftool is not installed.
    """
    photos, data_set = path_of(folder), path_of(out)
    table = OwnerTable(path=path_of(owners), column=owner_column) if owners else None
    check_folder(photos, data_set, owner_from, table)
    with home_of(photos, data_dir).writing("label", data_set):
        report = label_folder(photos, data_set, progress, images=images, rule=owner_from, table=table, reader=reader)
        write_card(data_set)
    return report


def splits(
    labels: Place | None = None,
    *,
    protocol: Literal["paper", "proportional"] = "paper",
    attribute: str | Iterable[str] | None = None,
    seed: int = 0,
    min_photos: int = 10,
    data_dir: Place | None = None,
    out: Place | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> SplitsReport:
    """Split the photos of each attribute (None: all ten) into train, val and test, no photographer in two of them.

    `labels` is the folder of a data set, or its labels: a folder of Parquet files, or one (None: the data folder's
    FlickrExif). The files go to `out` (None: `splits` in the data set). `say` gets a line for each attribute. The
    report tells which classes are short. Raises FlickrExifError when no attribute at all can be split, UsageError when
    another command writes.
    """
    table = path_of(labels) if labels else data_folder(data_dir).flickrexif
    data_set, folder = data_set_of(table), home_of(table, data_dir)
    files = path_of(out) if out else data_set / "splits"
    rules = PAPER if protocol == "paper" else proportional(min_photos)
    described = [data_set] if files == data_set / "splits" and (data_set / "README.md").exists() else []
    with folder.writing("splits", *described):
        report = make_splits(table, files, rules, several(attribute) or ATTRIBUTES, seed, say, folder.register)
        for place in described:
            write_card(place)  # which counts the photos of each split
    return report


def audit(paths: Place | Iterable[Place], *, labels: Place | None = None) -> tuple[Audit, ...]:
    """Look for leaks and other faults in any split files (JSON or Parquet), or folders of them; nothing is written.

    With `labels`, a data set's folder or its labels as `splits` takes them, photographers are checked too. A file that
    cannot be read is a finding.
    """
    files = [paths] if isinstance(paths, str) or not isinstance(paths, Iterable) else paths
    return tuple(audit_paths(map(path_of, files), path_of(labels) if labels else None))
