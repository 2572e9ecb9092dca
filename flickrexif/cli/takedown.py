"""`forget` and `refresh`: photos that must go, everywhere below the data folder."""

import re
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flickrexif.cli.output import progress_bar, table
from flickrexif.core.errors import FlickrExifError, Interrupted, UsageError

if TYPE_CHECKING:
    from flickrexif.collectors.journal import Journal
    from flickrexif.takedown.refresh import RefreshReport

DataDir = Annotated[
    Path, typer.Option("--data-dir", envvar="FLICKREXIF_DATA", help="Folder of the data sets.", file_okay=False)
]
MOST_IDS = 20  # listed one by one
UNFINISHED = "takedown.unfinished"  # beside the list, while files are being rewritten
GENERATOR = re.compile(rb'<meta name="generator" content="flickrexif (browse|report)">')
HEAD = 10_000  # bytes of a page


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who must go, and why."""

    reason: str
    photos: frozenset[int] = frozenset()
    owners: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was removed where, whom no data set and no journal knew, and how many lines the list got."""

    removed: Sequence[tuple[str, int]]  # what and where, how many
    unknown: Sequence[str]
    listed: int


def forget(
    reason: Annotated[str, typer.Option(help="Why, for the list of takedowns; it is never published.")],
    photo: Annotated[list[str] | None, typer.Option(metavar="ID", help="Flickr ID; may be repeated.")] = None,
    owner: Annotated[
        list[str] | None, typer.Option(metavar="NSID", help="All of a photographer's photos; may be repeated.")
    ] = None,
    data_dir: DataDir = Path("data"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would go; change nothing.")] = False,
) -> None:
    """Remove photos everywhere below the data folder, for good: no later crawl takes them back.

    Rows, images, split entries, embeddings, processed variants and the
    journal's records go. A line with a salted hash stays, in
    flickrexif/.crawl/takedowns.csv, which is never published.

    Stop it at any time: the same command again completes it.
    """
    wanted = Wanted(reason, frozenset(map(_photo_id, photo or ())), frozenset(map(_nsid, owner or ())))
    if not wanted.photos and not wanted.owners:
        raise UsageError("Nothing to forget was named.", "Give --photo ID or --owner NSID.")
    _print_forgotten(_forget(data_dir, [wanted], write=not dry_run), dry_run=dry_run)


def refresh(
    month: Annotated[list[str] | None, typer.Option(help="Month taken, YYYY-MM; may be repeated.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="First month of a span, YYYY-MM.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last month of a span, YYYY-MM.")] = None,
    data_dir: DataDir = Path("data"),
    older_than: Annotated[
        float, typer.Option(min=0, metavar="DAYS", help="Pass over photos asked for in the last DAYS.")
    ] = 1.0,
    calls_per_hour: Annotated[
        int | None,
        typer.Option(
            min=1, help="Most API calls in any hour. [default: 3500; no limit with --sandbox]", show_default=False
        ),
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help="REST URL of another server than Flickr's.")] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Ask the embedded server.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Forget also when more than half of the photos must go.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the calls it would take; call nothing.")] = False,
) -> None:
    """Ask Flickr again for the photos of the data set, and forget those that are gone, private or relicensed.

    Keys come from where `crawl` takes them, and its calls count against the same hour.

    Stop it at any time: the same command goes on where it was. Nothing is
    forgotten before all answers are there.
    """
    from flickrexif.collectors.month import months_of
    from flickrexif.collectors.session import service_of
    from flickrexif.takedown.refresh import refresh as ask

    months = months_of(month or (), first, last) if month or first or last else None
    if dry_run:
        _print_due(data_dir, months, older_than, calls_per_hour or 3_500)
        return
    try:
        with ExitStack() as stack, progress_bar("photo") as progress:
            service = service_of(stack, endpoint, sandbox, None, calls_per_hour)
            report = ask(data_dir, months, service, threading.Event(), progress, older_than)
    except KeyboardInterrupt:
        raise Interrupted("Interrupted; what was learnt is saved.", "Run the same command again to go on.") from None
    _print_report(report)
    if not report.going:
        return
    if report.doubtful and not yes:
        message = "More than half of the photos would be forgotten; nothing was."
        raise FlickrExifError(message, "Look at some of their pages; if they must go, add --yes.")
    wanted = [Wanted(f"refresh: {verdict}", frozenset(ids)) for verdict, ids in report.going.items()]
    _print_forgotten(_forget(data_dir, wanted, write=True), dry_run=False)


def _photo_id(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,18}", text) and int(text):
        return int(text)
    hint = "It is the number in the address of its page, as in --photo 53512345678."
    raise UsageError(f"{text[:40]!r} is no id of a photo.", hint)


def _nsid(text: str) -> str:
    if re.fullmatch(r"[0-9]{1,20}@N[0-9]{2}", text):
        return text
    hint = "It stands in the column `owner`, as in --owner 7478087@N06."
    raise UsageError(f"{text[:40]!r} is no NSID of a photographer.", hint)


# --- the work


def _forget(data_dir: Path, wanted: Iterable[Wanted], *, write: bool) -> Forgotten:
    """The list first, so that what is interrupted here is completed by the same command; the journal last."""
    from flickrexif.collectors.session import data_root, journal_path

    wanted = list(wanted)
    if not data_dir.is_dir():
        raise UsageError(f"There is no folder {data_dir}.", "Name the data folder with --data-dir.")
    unfinished = data_root(data_dir) / ".crawl" / UNFINISHED
    try:
        with _journal(journal_path(data_dir), write=write) as journal:
            again = unfinished.exists()
            listed = _list(data_root(data_dir), wanted) if write else 0
            photos, unknown = _find(data_dir, journal, wanted)
            if write:
                unfinished.touch()
            removed = _sweep(data_dir, journal, photos, write=write, again=again)
            if write:
                unfinished.unlink()
    except KeyboardInterrupt:
        message = "Interrupted; the photos are on the list of takedowns, some are still in files."
        raise Interrupted(message, "Run the same command again to complete it.") from None
    return Forgotten(removed, unknown, listed)


@contextmanager
def _journal(path: Path, *, write: bool) -> "Iterator[Journal | None]":
    """The journal if there is one; to write, with every crawl kept away."""
    from flickrexif.collectors.journal import locked, read_journal

    with ExitStack() as stack:
        if write:
            stack.enter_context(locked(path))
        yield stack.enter_context(read_journal(path)) if path.exists() else None


def _list(root: Path, wanted: Sequence[Wanted]) -> int:
    from flickrexif.core.takedowns import add, takedown_path

    now = datetime.now(UTC)
    path = takedown_path(root)
    return sum(len(add(path, photos=one.photos, owners=one.owners, reason=one.reason, now=now)) for one in wanted)


def _find(data_dir: Path, journal: "Journal | None", wanted: Sequence[Wanted]) -> tuple[frozenset[int], list[str]]:
    """Ids of all photos that must go, and those named that are in no data set and no journal."""
    from flickrexif.dataset.forget import photos_of

    photos = frozenset[int]().union(*(one.photos for one in wanted))
    owners = frozenset[str]().union(*(one.owners for one in wanted))
    found = journal.photos_of(photos, owners) if journal else {}
    for root in _data_sets(data_dir):
        found |= photos_of(root, photos, owners)
    unknown = [str(one) for one in sorted(photos - found.keys())] + sorted(owners - set(found.values()))
    return photos | found.keys(), unknown


def _sweep(
    data_dir: Path, journal: "Journal | None", photos: Collection[int], *, write: bool, again: bool
) -> list[tuple[str, int]]:
    """What is made from the data sets goes before their rows, by which a photographer's photos are found."""
    from flickrexif.core.files import remove
    from flickrexif.dataset.forget import forget_photos
    from flickrexif.eval.forget import forget_images as forget_embeddings
    from flickrexif.processing.forget import forget_images, is_processed

    names = set(map(str, photos))
    data_sets = _data_sets(data_dir)
    processed = [folder for folder in _folders(data_dir) if is_processed(folder)]
    removed: dict[Path, Counter[str]] = {}
    if (embeddings := data_dir / "embeddings").is_dir():
        count = forget_embeddings(embeddings, names, data_dir, write=write)
        removed[embeddings] = Counter({"embeddings": count})
    for folder in processed:
        count = forget_images(folder, names, data_sets, write=write)
        removed[folder] = Counter({"processed images": count})
    for root in data_sets:
        removed[root] = removed.get(root, Counter()) + forget_photos(root, photos, write=write)
    if journal:
        removed[journal.path] = Counter({"journal rows": journal.holds(photos)})
        if write and (again or +removed[journal.path]):
            journal.forget(photos)
    pages = _pages(data_dir, names, photos_found=again or any(map(Counter.total, removed.values())))
    for path in pages:
        removed.setdefault(path.parent, Counter())["pages and records that show photos"] += 1
    if write:
        remove(pages)
        _describe([folder for folder in (*processed, *data_sets) if again or +removed[folder]])
    return [(f"{kind} in {place}", count) for place, kinds in removed.items() for kind, count in kinds.items() if count]


def _pages(data_dir: Path, names: Collection[str], *, photos_found: bool) -> list[Path]:
    """Records that name one of the photos; and where any was found, as they hold pictures, the pages of `browse` and
    `report` with their figures of neighbours."""
    records = [path for path in data_dir.glob("results/**/strips*.json") if _quotes(path, names)]
    if not photos_found and not records:
        return []
    pages = (path for path in data_dir.rglob("*.html") if GENERATOR.search(path.read_bytes()[:HEAD]))
    return sorted((*records, *pages, *data_dir.rglob("figures/strips*.*")))


def _quotes(path: Path, names: Collection[str]) -> bool:
    text = path.read_text("utf-8")
    return any(f'"{name}"' in text for name in names)


def _describe(folders: Iterable[Path]) -> None:
    """The cards of the data sets that have one, for what is left of them; of nothing there is no card."""
    from flickrexif.cards import write_card
    from flickrexif.core.files import remove
    from flickrexif.processing.parts import read_parts

    for folder in dict.fromkeys(folders):
        if not (folder / "README.md").exists():
            continue
        if any(folder.glob("labels/*.parquet")) or read_parts(folder):
            write_card(folder)
        else:
            remove([folder / "README.md", folder / "croissant.json", *folder.glob("figures/*.png")])


def _folders(data_dir: Path) -> list[Path]:
    return sorted(path for path in data_dir.iterdir() if path.is_dir())


def _data_sets(data_dir: Path) -> list[Path]:
    """The FlickrExif folder, built or not, and other data sets of its layout."""
    from flickrexif.collectors.session import data_root
    from flickrexif.dataset.forget import is_data_set

    return [path for path in _folders(data_dir) if is_data_set(path) or path == data_root(data_dir)]


# --- what is printed


def _print_forgotten(done: Forgotten, *, dry_run: bool) -> None:
    if done.removed:
        table(("what", "would go" if dry_run else "removed"), done.removed)
    if done.unknown:
        more = f" and {len(done.unknown) - MOST_IDS} more" if len(done.unknown) > MOST_IDS else ""
        typer.echo(f"In no data set and no journal here: {', '.join(done.unknown[:MOST_IDS])}{more}.")
    if dry_run:
        typer.echo("Nothing was changed.")
        return
    typer.echo(f"{done.listed:,} new on the list of takedowns: no later crawl takes them.")
    if done.removed:
        typer.echo("What was published before still has them: push the removal with `flickrexif publish`.")
        typer.echo("Pages that could show them were removed: make them again with `flickrexif browse` and `report`.")


def _print_due(data_dir: Path, months: Sequence[str] | None, older_than: float, calls_per_hour: int) -> None:
    from flickrexif.takedown.refresh import due

    found = due(data_dir, months, older_than, datetime.now(UTC).timestamp())
    calls = len(found.asked)
    typer.echo(
        f"{len(found.photos):,} photos, {calls:,} of them to ask: "
        f"{calls / calls_per_hour:,.1f} hours at {calls_per_hour:,} calls an hour."
    )


def _print_report(report: "RefreshReport") -> None:
    from flickrexif.takedown.refresh import VERDICTS

    rows: Mapping[str, int] = report.verdicts
    table(("verdict", "photos", "meaning"), [(name, rows[name], VERDICTS[name]) for name in VERDICTS if rows.get(name)])
    typer.echo(f"{report.photos:,} photos, {report.asked:,} asked now.")
    ids = [str(one) for some in report.going.values() for one in some]
    if ids:
        more = f" and {len(ids) - MOST_IDS} more" if len(ids) > MOST_IDS else ""
        typer.echo(f"No longer to be shown: {', '.join(ids[:MOST_IDS])}{more}")
