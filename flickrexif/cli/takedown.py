"""`forget` and `refresh`: remove photos from the data folder and all that was made of it."""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

import flickrexif
from flickrexif.cli.options import DataDir
from flickrexif.cli.output import progress_bar, say, table
from flickrexif.core.errors import Interrupted

if TYPE_CHECKING:
    from flickrexif.takedown.forget import Report
    from flickrexif.takedown.refresh import RefreshReport

MOST_IDS = 20  # listed one by one


def forget(
    reason: Annotated[str, typer.Option(help="Why, for the list of takedowns; never published, names nobody.")],
    photo: Annotated[list[str] | None, typer.Option(metavar="ID", help="Flickr ID; may be repeated.")] = None,
    owner: Annotated[
        list[str] | None, typer.Option(metavar="NSID", help="All of a photographer's photos; may be repeated.")
    ] = None,
    data_dir: DataDir = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would go; change nothing.")] = False,
) -> None:
    """Remove photos from the data folder and all that was written of it, for good: no later crawl takes them back.

    Rows, images, split entries, embeddings, processed variants, pages and
    the journal's records go; then every file is looked through for what is
    left. A line with a salted hash stays, in
    flickrexif/.crawl/takedowns.csv, which is never published.

    Stop it at any time: the same command again completes it.
    """
    try:
        report = flickrexif.forget(data_dir, photos=photo or (), owners=owner or (), reason=reason, dry_run=dry_run)
    except KeyboardInterrupt:
        message = "Interrupted; the photos are on the list of takedowns, some are still in files."
        raise Interrupted(message, "Run the same command again to complete it.") from None
    _print_forgotten(report)


def refresh(
    month: Annotated[list[str] | None, typer.Option(help="Month taken, YYYY-MM; may be repeated.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="First month of a span, YYYY-MM.")] = None,
    last: Annotated[
        str | None,
        typer.Option("--to", help="Last month of a span, YYYY-MM. [default: this month]", show_default=False),
    ] = None,
    data_dir: DataDir = None,
    older_than: Annotated[
        float, typer.Option(min=0, metavar="DAYS", help="Pass over photos asked for in the last DAYS.")
    ] = 1.0,
    calls_per_hour: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Most API calls of the key in any hour. [default: 3500; no limit for a server on this machine]",
            show_default=False,
        ),
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help="REST URL of another server than Flickr's.")] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Ask the embedded server.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Forget also when more than half of the photos must go.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the calls it would take; call nothing.")] = False,
) -> None:
    """Ask Flickr again for the photos of the data set, and remove those that are gone, private or relicensed.

    What is gone or private is forgotten for good; what has another licence
    may be taken again under that one. Keys come from where `crawl` takes
    them, and its calls count against the same hour.

    Stop it at any time: the same command goes on where it was. Nothing is
    forgotten before all answers are there.
    """
    with ExitStack() as bar:
        progress = bar.enter_context(progress_bar("photo"))
        refreshed = flickrexif.refresh(
            month,
            first=first,
            last=last,
            data_dir=data_dir,
            older_than=older_than,
            calls_per_hour=calls_per_hour,
            endpoint=endpoint,
            sandbox=sandbox,
            yes=yes,
            dry_run=dry_run,
            progress=progress,
            say=say,
            answered=lambda report: _print_answers(report, bar),
        )
    if refreshed.due:
        calls, hourly = len(refreshed.due.asked), refreshed.calls_per_hour
        photos = f"{len(refreshed.due.photos):,} photos, {calls:,} of them to ask"
        typer.echo(f"{photos}: {calls / hourly:,.1f} hours at {hourly:,} calls an hour.")
    if refreshed.forgotten:
        _print_forgotten(refreshed.forgotten)
        if refreshed.was_merged:
            typer.echo("This data set was merged: refresh those it was merged from too, before merging them again.")


def _print_forgotten(report: "Report") -> None:
    rows = [
        (f"{thing} in {place}", count) for place, things in report.removed.items() for thing, count in things.items()
    ]
    if rows:
        table(("what", "would go" if report.dry_run else "removed"), rows)
    if report.unknown:
        typer.echo(f"No labels and no journal here know: {_some(report.unknown)}.")
    if report.dry_run:
        typer.echo("Nothing was changed.")
        return
    typer.echo(f"{report.listed:,} new on the list of takedowns: no later crawl takes them.")
    typer.echo("Every file was looked through: nothing is left of their ids.")
    if rows:
        typer.echo("What was published still has them, in its history too. Remove them there as well:")
        typer.echo("  flickrexif publish DIR --repo USER/NAME --purge")
        typer.echo("Pages that showed them were removed: make them again with `flickrexif browse` and `report`.")


def _print_answers(report: "RefreshReport", bar: ExitStack) -> None:
    from flickrexif.takedown.refresh import VERDICTS

    bar.close()
    counts = report.verdicts
    rows = [(name, counts[name], meaning) for name, meaning in VERDICTS.items() if counts.get(name)]
    table(("verdict", "photos", "meaning"), rows)
    typer.echo(f"{report.photos:,} photos, {report.asked:,} asked now.")
    ids = [str(photo_id) for going in report.going.values() for photo_id in going]
    if ids:
        typer.echo(f"No longer to be shown: {_some(ids)}")


def _some(names: "tuple[str, ...] | list[str]") -> str:
    more = f" and {len(names) - MOST_IDS} more" if len(names) > MOST_IDS else ""
    return f"{', '.join(names[:MOST_IDS])}{more}"
