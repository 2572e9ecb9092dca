"""`crawl`, `build` and `sandbox`: from Flickr, files of metadata, or the embedded server, to a data set."""

import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from flickrexif.cards import write_card
from flickrexif.collectors.crawl import (
    CrawlSettings,
    Images,
    MonthSummary,
    NoProgress,
    Progress,
    check_crawled,
    check_settings,
    check_source,
)
from flickrexif.collectors.drawn import read_record
from flickrexif.collectors.flickr.licenses import parse_licenses
from flickrexif.collectors.journal import check_journal, read_journal
from flickrexif.collectors.month import months_of
from flickrexif.collectors.session import (
    CALLS_PER_HOUR,
    Estimate,
    check_rate,
    crawl_into,
    estimate,
    service_of,
    source_at,
)
from flickrexif.commands.build import build_dataset
from flickrexif.commands.from_files import SOURCES, build_from_files, estimates_from_files
from flickrexif.commands.places import Place, data_folder, path_of, several
from flickrexif.core.errors import UsageError
from flickrexif.core.folder import DataFolder
from flickrexif.dataset.build import BuildReport, check_not_merged


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlReport:
    """The state of each month of a crawl, and the data set that was built; for a dry run the calls it would take."""

    months: tuple[MonthSummary, ...] = ()
    built: BuildReport | None = None
    short: tuple[str, ...] = ()  # months with fewer photos than the minimum
    minimum: int
    unfetched: int = 0  # images that could not be fetched
    estimates: tuple[Estimate, ...] = ()
    calls_per_hour: int


def crawl(
    month: str | Iterable[str] | None = None,
    *,
    source: Literal["flickr", "yfcc100m"] = "flickr",
    files: Place | None = None,
    first: str | None = None,
    last: str | None = None,
    target: int = 4_000,
    minimum: int | None = None,
    per_user_cap: int = 10,
    licenses: str = "permissive",
    seed: int = 0,
    data_dir: Place | None = None,
    calls_per_hour: int | None = None,
    images: Images = "none",
    endpoint: str | None = None,
    sandbox: bool = False,
    faults: str | None = None,
    workers: int = 16,
    again: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> CrawlReport:
    """Collect photos with camera metadata of one month, of several, or of the span `first` to `last`, and build them.

    A month ends at `target` usable photos; one with fewer than `minimum` (None: half of `target`) is reported as short.
    With `again` months that ended short of their target, or whose searches cannot be trusted, are searched anew.
    `calls_per_hour=None` is 3,500, and no limit for a server on this machine. With `dry_run` nothing is called. The API
    key comes from the environment. With `source="yfcc100m"` the photos come from the metadata in the folder `files`,
    without a call; of the other options only months, target, minimum, cap, licences, seed and folder go with it. Raises
    UsageError for impossible settings, for a data folder with photos of another source and when another command writes
    to it, FlickrExifError when Flickr refuses the key or stops answering, or a file is damaged. All that was done is in
    the journal.
    """
    months = months_of(several(month), first, last, datetime.now(UTC).date())
    settings = CrawlSettings(
        target=target,
        minimum=target // 2 if minimum is None else minimum,
        per_user_cap=per_user_cap,
        licenses=parse_licenses(licenses),
        seed=seed,
        images=images,
        workers=workers,
    )
    check_settings(settings)
    if source != "flickr" or files:
        of_flickr = {
            "--calls-per-hour": calls_per_hour is not None,
            "--images": images != "none",
            "--endpoint": endpoint is not None,
            "--sandbox": sandbox,
            "--faults": faults is not None,
            "--workers": workers != CrawlSettings().workers,
            "--again": again,
        }
        path = _files(source, files, [option for option, given in of_flickr.items() if given])
        return _from_files(data_folder(data_dir), source, path, months, settings, progress or NoProgress(), dry_run)
    folder, hourly = data_folder(data_dir), CALLS_PER_HOUR if calls_per_hour is None else calls_per_hour
    check_rate(hourly)
    _check_world(folder, source_at(endpoint, sandbox))
    if dry_run:
        estimates = _estimates(folder, months, settings)
        return CrawlReport(minimum=settings.minimum, estimates=estimates, calls_per_hour=hourly)
    with ExitStack() as stack:
        service = service_of(stack, endpoint, sandbox, faults, calls_per_hour)
        stack.enter_context(folder.writing("crawl"))
        check_not_merged(folder.flickrexif)
        stop, shown = threading.Event(), progress or NoProgress()
        summaries = crawl_into(folder.path, months, settings, service, shown, stop, again=again)
        built = _build(folder, months)
        unfetched = 0 if images == "none" else _unfetched(folder, months, images)
    return CrawlReport(
        months=tuple(summaries),
        built=built,
        short=tuple(s.month for s in summaries if s.kept < settings.minimum),
        minimum=settings.minimum,
        unfetched=unfetched,
        calls_per_hour=hourly,
    )


def build(*, data_dir: Place | None = None) -> BuildReport:
    """Write the data set (Parquet files and card) again from the journal; no call is made.

    Raises FlickrExifError when there is no journal or nothing in it, UsageError when another command writes.
    """
    folder = data_folder(data_dir)
    if record := read_record(folder.flickrexif):
        hint = f"Type: flickrexif crawl --source {record.source} --files FOLDER, with the same months and settings."
        raise UsageError(f"The photos in {folder.flickrexif} were drawn from files; there is no journal.", hint)
    check_journal(folder.journal)
    with folder.writing("build"):
        return _build(folder, None)


def sandbox(
    *,
    port: int = 8600,
    photos: Place | None = None,
    faults: str | None = None,
    latency: float = 0.0,
    photos_per_month: int = 60_000,
    seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve a Flickr-compatible API on 127.0.0.1 until Ctrl-C (key and secret: sandbox); `say` gets its address.

    The photos are simulated, or those of the folder `photos`. Raises UsageError when the port is taken.
    """
    from flickrexif.collectors.sandbox.faults import parse_faults
    from flickrexif.collectors.sandbox.photos import FolderPopulation
    from flickrexif.collectors.sandbox.server import serve
    from flickrexif.collectors.sandbox.simulated import SimulatedPopulation

    population = FolderPopulation(path_of(photos)) if photos else SimulatedPopulation(seed, photos_per_month)
    serve(population, port, parse_faults(faults) if faults else None, latency, say)


def _files(source: str, files: Place | None, of_flickr: list[str]) -> Path:
    """The folder of the files of a source; UsageError for options that do not go together."""
    if source not in SOURCES:
        sources = ", ".join(f"--source {name}" for name in SOURCES)
        raise UsageError("--files is for a source of files alone.", f"Add {sources}, or leave it out.")
    if of_flickr:
        message = f"{', '.join(of_flickr)} {'is' if len(of_flickr) == 1 else 'are'} for a crawl of Flickr alone."
        hint = f"Leave out what is not for --source {source}. Images are fetched by: flickrexif fetch DATA_SET --out …"
        raise UsageError(message, hint)
    if files is None:
        raise UsageError(f"--source {source} reads files.", "Add --files and the folder that they are in.")
    return path_of(files)


def _from_files(
    folder: DataFolder,
    source: str,
    files: Path,
    months: list[str],
    settings: CrawlSettings,
    progress: Progress,
    dry_run: bool,
) -> CrawlReport:
    """Draw `months` from files, and build them."""
    if dry_run:
        estimates = estimates_from_files(folder, SOURCES[source], files, months, settings, progress.say)
        return CrawlReport(minimum=settings.minimum, estimates=estimates, calls_per_hour=0)
    with folder.writing("crawl"):
        summaries, built = build_from_files(folder, SOURCES[source], files, months, settings, progress)
        write_card(folder.flickrexif)
    return CrawlReport(
        months=summaries,
        built=built,
        short=tuple(s.month for s in summaries if s.kept < settings.minimum),
        minimum=settings.minimum,
        calls_per_hour=0,
    )


def _check_world(folder: DataFolder, source: str | None) -> None:
    """Refuse to mix simulated photos with others before a key is asked for or anything is called."""
    if record := read_record(folder.flickrexif):
        check_source(folder.path, record.source, source or "flickr")
    if source and folder.journal.exists():
        with read_journal(folder.journal) as journal:
            check_crawled(folder.path, journal)
            check_source(folder.path, journal.meta().get("source"), source)


def _estimates(folder: DataFolder, months: list[str], settings: CrawlSettings) -> tuple[Estimate, ...]:
    with ExitStack() as stack:
        journal = stack.enter_context(read_journal(folder.journal)) if folder.journal.exists() else None
        return tuple(estimate(journal, months, settings))


def _unfetched(folder: DataFolder, months: list[str], images: Images) -> int:
    """How many images, or originals where these are asked for, the next run tries again."""
    with read_journal(folder.journal) as journal:
        return sum(len(journal.without_image(month, originals=images == "original")) for month in months)


def _build(folder: DataFolder, months: list[str] | None) -> BuildReport:
    """Write data and card; the caller holds the lock."""
    report = build_dataset(folder.path, months)
    write_card(folder.flickrexif)
    return report
