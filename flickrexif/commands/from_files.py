"""From files of metadata to the data set: what `flickrexif crawl --source yfcc100m` does.

A month is worked out from the files anew each time, and built before the next.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from flickrexif.collectors.crawl import CrawlSettings, MonthSummary, Progress, check_sampling, check_source
from flickrexif.collectors.drawn import (
    FileSource,
    MonthRecord,
    Record,
    Say,
    draw_month,
    read_record,
    write_record,
)
from flickrexif.collectors.journal import read_journal
from flickrexif.collectors.session import PHOTO_BYTES, Estimate
from flickrexif.collectors.yfcc100m import YFCC100M
from flickrexif.core.folder import DataFolder
from flickrexif.core.parquet import read_table
from flickrexif.core.takedowns import read_takedowns
from flickrexif.core.verdicts import BY_CAP, BY_EXIF
from flickrexif.dataset.build import BuildReport, Collection, build, check_not_merged, read_collection
from flickrexif.dataset.parquet import FOLDERS

SOURCES: Mapping[str, FileSource] = {source.name: source for source in (YFCC100M,)}


def build_from_files(
    folder: DataFolder,
    source: FileSource,
    files: Path,
    months: Sequence[str],
    settings: CrawlSettings,
    progress: Progress,
) -> tuple[tuple[MonthSummary, ...], BuildReport]:
    """Draw `months` from `files` and write them into the data folder; the caller holds its lock.

    Raises UsageError for a folder with photos of another source or sampling, and as `source` does for its files.
    """
    record = _record(folder, source, settings)
    source.prepare(files, progress.say)
    takedowns, root = read_takedowns(folder.takedowns), folder.flickrexif
    summaries, built = [], BuildReport(root=root, rows={}, images={}, written=(), unchanged=(), removed=())
    progress.begin(len(months))
    for month in months:
        candidates = source.candidates(files, month, settings.licenses, settings.seed)
        drawn = draw_month(candidates, settings.target, settings.per_user_cap, takedowns)
        facts = MonthRecord(target=settings.target, exhausted=drawn.exhausted, rejected=drawn.rejected)
        record = replace(record, months={**record.months, month: facts})
        write_record(root, record)
        built = _joined(built, build([(month, drawn.kept)], root, _collection(record)))
        summaries.append(_summary(month, facts, [photo.owner for photo in drawn.kept]))
        progress.month(month, len(drawn.kept), settings.target)
    return tuple(summaries), built


def estimates_from_files(
    folder: DataFolder, source: FileSource, files: Path, months: Sequence[str], settings: CrawlSettings, say: Say
) -> tuple[Estimate, ...]:
    """What the months would take; also says whether the files are to be made ready first. Raises as a crawl."""
    _record(folder, source, settings)
    if not source.is_ready(files):
        say(f"The files in {files} are indexed first, which takes hours for all of them, once.")
    kept = {month: len(_owners(folder.flickrexif, month)) for month in months}
    missing = {month: max(settings.target - kept[month], 0) for month in months}
    return tuple(Estimate(month, kept[month], settings.target, 0, missing[month] * PHOTO_BYTES) for month in months)


def summaries_of(root: Path, record: Record) -> tuple[MonthSummary, ...]:
    """The state of every month that was drawn from files."""
    return tuple(_summary(month, facts, _owners(root, month)) for month, facts in sorted(record.months.items()))


def _record(folder: DataFolder, source: FileSource, settings: CrawlSettings) -> Record:
    """The record of the folder, a new one where it is empty; UsageError where its photos are of another kind."""
    root = folder.flickrexif
    check_not_merged(root)
    collection = read_collection(root)
    check_source(folder.path, collection.source if collection else None, source.name)
    if folder.journal.exists():  # `refresh` leaves one without a source
        with read_journal(folder.journal) as journal:
            check_source(folder.path, journal.meta().get("source"), source.name)
    record = read_record(root) or Record(source=source.name, sampling=settings.sampling(), months={})
    check_source(folder.path, record.source, source.name)
    check_sampling(folder.path, record.sampling, settings)
    return record


def _collection(record: Record) -> Collection:
    rejected = sum((Counter(month.rejected) for month in record.months.values()), Counter[str]())
    not_kept = {reason: rejected[reason] for reason in (*BY_CAP, *BY_EXIF) if rejected[reason]}
    return Collection(source=record.source, settings=json.loads(record.sampling) | {"not_kept": not_kept})


def _owners(root: Path, month: str) -> list[str]:
    """The photographer of each photo that is there of a month."""
    path = root / FOLDERS["labels"] / f"train-{month}.parquet"
    owners: list[str] = read_table([path], ["owner"])["owner"].to_pylist() if path.exists() else []
    return owners


def _summary(month: str, facts: MonthRecord, owners: Sequence[str]) -> MonthSummary:
    return MonthSummary(
        month=month,
        target=facts.target,
        done=True,
        exhausted=facts.exhausted,
        kept=len(owners),
        owners=len(set(owners)),
        rejected=dict(facts.rejected),
        calls={},
        images={},
        doubts={},
        beyond_target=0,
        searched=False,
    )


def _joined(earlier: BuildReport, later: BuildReport) -> BuildReport:
    return replace(
        earlier,
        rows={**earlier.rows, **later.rows},
        written=tuple(dict.fromkeys((*earlier.written, *later.written))),
        unchanged=tuple(dict.fromkeys((*earlier.unchanged, *later.unchanged))),
        removed=(*earlier.removed, *later.removed),
    )
