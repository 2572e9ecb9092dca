"""`fetch`: the images of a table of photos, and the data set that they make."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from flickrexif.cards import write_card
from flickrexif.collectors.flickr.models import SearchPhoto
from flickrexif.collectors.journal import FETCHED, NAME, Journal, open_journal, read_journal
from flickrexif.collectors.published import (
    MONTH,
    NOT_YET,
    fetch_images,
    image_records,
    photo_at,
    published_photo,
    service_at,
)
from flickrexif.collectors.session import IMAGE_BYTES, IMAGES_PER_SECOND
from flickrexif.commands.places import Place, data_folder, path_of, several
from flickrexif.core.addresses import is_hub_name
from flickrexif.core.errors import UsageError
from flickrexif.core.files import remove
from flickrexif.core.folder import DataFolder
from flickrexif.core.photos import Source
from flickrexif.core.takedowns import read_takedowns
from flickrexif.dataset.build import TAG_COLUMNS, BuildReport, Collection
from flickrexif.dataset.images import StoredImage
from flickrexif.dataset.kind import is_fetched
from flickrexif.dataset.parquet import FOLDERS
from flickrexif.dataset.published import TABLE, write_published
from flickrexif.dataset.schema import PUBLISHED_COLUMNS
from flickrexif.dataset.split_files import STEM, Split, without_photos, write_split
from flickrexif.dataset.table import HINT, Chosen, choose, read_local, read_splits
from flickrexif.kinds import recognised
from flickrexif.loading import load_dataset

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchReport:
    """The photos that were chosen of a table, what became of their images, and of a dry run what it would take."""

    photos: int
    passed_over: Mapping[str, int]  # one of dataset.table.PASSED_OVER -> rows of the table
    not_in_table: int  # photos that the split files name
    to_fetch: int  # images that were not here before
    reasons: Mapping[str, int] = field(default_factory=dict)  # why there is no image -> photos
    built: BuildReport | None = None  # None: a dry run

    @property
    def hours(self) -> float:
        """What the images to fetch take of Flickr's servers, at the least."""
        return self.to_fetch / IMAGES_PER_SECOND / 3_600

    @property
    def bytes(self) -> int:
        """About what they have to send; on the disk they take twice as much: as files, and in the data set."""
        return self.to_fetch * IMAGE_BYTES["large"]

    @property
    def not_yet(self) -> int:
        """Photos whose image the same command asks for again."""
        return self.reasons.get(NOT_YET, 0)


def fetch(
    table: Place,
    *,
    out: Place,
    splits: Place | None = None,
    attribute: str | Iterable[str] | None = None,
    limit: int | None = None,
    where: str | Iterable[str] | None = None,
    data_dir: Place | None = None,
    dry_run: bool = False,
    progress: Callable[[int, int], None] = lambda *_: None,
    say: Callable[[str], None] = lambda _: None,
) -> FetchReport:
    """Fetch the images of `table`, and write them with its rows as the data set `out`, with a card.

    `table` is a data set on the Hub, a Parquet file, a folder of these or of a data set, or a CSV file, with the
    published columns, of which `Flickr ID` and `url` must be there. `splits` is a folder of split files: the photos
    they name alone are taken, or those of `attribute`, and the files are copied to `out`. `where` ("Make=Canon") keeps
    rows whose column has that value. `limit` draws that many photos. Photos on the list of takedowns are left out. Each
    photo has a row, with a reason where its image cannot be had. After an interruption the same call goes on; what was
    refused for a while is asked for again. With `dry_run` no image is fetched and nothing written. Raises UsageError
    for what fits no photo, and when `out` holds other data or another command writes; FlickrExifError when the servers
    keep failing.
    """
    place, attributes, conditions = path_of(out), several(attribute), several(where)
    if limit is not None and limit < 1:
        raise UsageError(f"{limit:,} photos cannot be drawn.", "Give --limit of 1 or more, or leave it out.")
    if attributes and not splits:
        raise UsageError("An attribute names split files, and there are none.", "Name their folder with --splits.")
    files = read_splits(path_of(splits), attributes) if splits else []
    _check_place(place)
    home = DataFolder.holding(place) or data_folder(data_dir)
    name = str(table)
    rows = _read(name)
    with nullcontext() if dry_run else home.writing("fetch", place):
        takedowns = read_takedowns(home.takedowns)
        chosen = choose(rows, name, takedowns=takedowns, splits=files, where=conditions, limit=limit)
        photos = chosen.table["Flickr ID"].to_pylist()
        report = FetchReport(
            photos=len(photos),
            passed_over=chosen.passed_over,
            not_in_table=chosen.not_in_table,
            to_fetch=len(set(photos) - _fetched_before(place)),
        )
        service = service_at(chosen.table["url"].to_pylist())
        if dry_run:
            return report
        settings = {
            TABLE: name if is_hub_name(name) else Path(name).name,
            "attributes": [split.target_attribute for split in files],
            "limit": limit,
            "where": list(conditions),
        }
        told = json.dumps({key: value for key, value in settings.items() if value}, sort_keys=True)
        with open_journal(_journal(place)) as journal:
            fetch_images(journal, _photos(chosen), told, service, threading.Event(), progress, say)
            reasons, built = build_fetched(place, journal)
        if splits:
            named = {photo for split in files for ids in split.ids.values() for photo in ids.tolist()}
            gone = chosen.taken_down | takedowns.photos(named)
            _copy_splits([without_photos(split, gone) for split in files], place / "splits")
        write_card(place)
    return replace(report, reasons=reasons, built=built)


def build_fetched(root: Path, journal: Journal) -> tuple[Counter[str], BuildReport]:
    """Write the data set of the photos that the journal keeps; also why how many have no image."""
    meta, records = journal.meta(), image_records(journal)
    reasons = {number: record.reason for number, record in records.items() if record.reason}
    collection = Collection(source=cast(Source, meta["source"]), settings=json.loads(meta[FETCHED]))
    photos = (published_photo(photo, tags, records[photo.id]) for photo, tags in journal.kept(MONTH))
    images = [
        StoredImage(r.photo_id, journal.path.parent / r.path, r.sha256, r.width, r.height, r.size)
        for r in records.values()
        if r.path and r.sha256 and r.width and r.height and r.size is not None
    ]
    return Counter(reasons.values()), write_published(root, collection, photos, images, reasons)


def _journal(root: Path) -> Path:
    return root / ".crawl" / NAME


def _read(name: str) -> "pa.Table":
    """The table in a file or folder of that name, else on the Hub."""
    place = path_of(name)
    if place.exists():
        return read_local(place)
    if not is_hub_name(name):
        raise UsageError(f"There is no table {name}.", HINT)
    splits = load_dataset(name)
    if len(splits) != 1:
        raise UsageError(f"{name} has {len(splits)} splits, and a table is one.", HINT)
    return next(iter(splits.values())).data.table


def _check_place(root: Path) -> None:
    """UsageError where other data than those of `fetch` are."""
    if root.exists() and not root.is_dir():
        raise UsageError(f"{root} is a file.", "Name a folder with --out, such as data/published.")
    if _journal(root).exists():
        with read_journal(_journal(root)) as journal:
            is_other = bool(journal.months())
    else:
        has_rows = recognised(root) or any((root / name).exists() for name in FOLDERS.values())
        is_other = bool(has_rows) and not is_fetched(root)
    if is_other:
        raise UsageError(f"{root} holds other data.", "Name another folder with --out, such as data/published.")


def _fetched_before(root: Path) -> set[int]:
    """The photos whose image, or the reason that there is none, is in the journal."""
    if not _journal(root).exists():
        return set()
    with read_journal(_journal(root)) as journal:
        return {record.photo_id for record in journal.images(MONTH)}


def _photos(chosen: Chosen) -> Iterator[tuple[SearchPhoto, dict[str, str]]]:
    """The chosen photos with their raw strings, by tag."""
    texts = [column.name for column in PUBLISHED_COLUMNS if column.name in TAG_COLUMNS]
    for batch in chosen.table.to_batches(max_chunksize=4_096):
        for row in batch.to_pylist():
            tags = {TAG_COLUMNS[column]: row[column] for column in texts if row[column]}
            yield photo_at(row["Flickr ID"], row["url"], row["owner"]), tags


def _copy_splits(splits: Iterable[Split], folder: Path) -> None:
    """Write the split files, and remove those of another call."""
    written = {path for split in splits for path in write_split(split, folder)}
    remove(sorted({*folder.glob(f"{STEM}*")} - written))
