"""`crawl`, `status`, `build` and `sandbox`: from Flickr, or the embedded server, to a data set."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import flickrexif
from flickrexif.cli.options import AsJson, DataDir, Seed
from flickrexif.cli.output import DETAIL, SHORT, how_to_load, notes, say, table

if TYPE_CHECKING:
    from flickrexif.collectors.crawl import MonthSummary
    from flickrexif.commands.crawl import CrawlReport
    from flickrexif.dataset.build import BuildReport


FEW_MONTHS = 12


def crawl(
    month: Annotated[list[str] | None, typer.Option(help="Month taken, YYYY-MM; may be repeated.")] = None,
    source: Annotated[
        Literal["flickr", "yfcc100m"],
        typer.Option(case_sensitive=False, help="yfcc100m: no key and no call, from the files of --files."),
    ] = "flickr",
    files: Annotated[
        Path | None, typer.Option(help="With --source yfcc100m: folder of its two files, indexed once.")
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help="First month of a span, YYYY-MM.")] = None,
    last: Annotated[
        str | None,
        typer.Option("--to", help="Last month of a span, YYYY-MM. [default: this month]", show_default=False),
    ] = None,
    target: Annotated[int, typer.Option(help="Usable photos wanted a month.")] = 4_000,
    minimum: Annotated[
        int | None,
        typer.Option(help="Fewer a month end in exit code 3. [default: half of --target]", show_default=False),
    ] = None,
    per_user_cap: Annotated[int, typer.Option(help="Photos a photographer and month.")] = 10,
    licenses: Annotated[
        str, typer.Option(help="permissive, all, or ids or short names: 4,5 or by,by-sa.")
    ] = "permissive",
    seed: Seed = 0,
    data_dir: DataDir = None,
    calls_per_hour: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Most API calls of the key in any hour. [default: 3500; no limit for a server on this machine]",
            show_default=False,
        ),
    ] = None,
    images: Annotated[
        Literal["none", "large", "original"],
        typer.Option(case_sensitive=False, help="Also fetch images: large is up to 1024 px."),
    ] = "none",
    endpoint: Annotated[str | None, typer.Option(help="REST URL of another server than Flickr's.")] = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Crawl simulated photos from an embedded server; needs no key.")
    ] = False,
    faults: Annotated[
        str | None,
        typer.Option(help="With --sandbox: share of answers that fail, e.g. 0.2 or 429=0.1,500=0.05."),
    ] = None,
    workers: Annotated[int, typer.Option(help="Calls under way at once.")] = 16,
    again: Annotated[
        bool,
        typer.Option("--again", help="Search months anew that ended short, or whose searches cannot be trusted."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the calls and hours it would take; call nothing.")
    ] = False,
) -> None:
    """Collect a month of photos with camera metadata from Flickr into a data set.

    Keys come from FLICKR_API_KEY and FLICKR_API_SECRET, or from a file
    named by FLICKR_CREDENTIALS.

    Stop it at any time: the same command goes on where it was.
    """
    from flickrexif.collectors.progress import CrawlProgress

    with closing(CrawlProgress(notes())) as progress:
        report = flickrexif.crawl(
            month,
            source=source,
            files=files,
            first=first,
            last=last,
            target=target,
            minimum=minimum,
            per_user_cap=per_user_cap,
            licenses=licenses,
            seed=seed,
            data_dir=data_dir,
            calls_per_hour=calls_per_hour,
            images=images,
            endpoint=endpoint,
            sandbox=sandbox,
            faults=faults,
            workers=workers,
            again=again,
            dry_run=dry_run,
            progress=progress,
        )
    if report.built is None:
        _print_estimates(report)
        return
    _print_summaries(report.months)
    _print_built(report.built)
    if report.short:
        say(f"Below the minimum of {report.minimum} photos: {_some(report.short)}.")
    if report.unfetched:
        say(f"{report.unfetched} image{'s' * (report.unfetched > 1)} could not be fetched. Run the same command again.")
    if report.short or report.unfetched:
        raise typer.Exit(SHORT)


def status(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show how every month of the crawl stands: kept, rejected by reason, photographers, calls."""
    months = flickrexif.status(data_dir=data_dir)
    if as_json:
        typer.echo(json.dumps([asdict(month) for month in months], indent=2))
    else:
        _print_summaries(months)


def build(data_dir: DataDir = None) -> None:
    """Write the data set (Parquet files and card) again from the journal; no call is made."""
    _print_built(flickrexif.build(data_dir=data_dir))


def sandbox(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8600,
    photos: Annotated[
        Path | None,
        typer.Option(help="Serve the real photos of this folder instead of simulated ones."),
    ] = None,
    faults: Annotated[
        str | None, typer.Option(help="Share of answers that fail, e.g. 0.2 or 429=0.1,500=0.05.")
    ] = None,
    latency: Annotated[float, typer.Option(help="Seconds before each answer.")] = 0.0,
    photos_per_month: Annotated[int, typer.Option(help="Size of a simulated month.")] = 60_000,
    seed: Annotated[int, typer.Option(help="Key of the simulated population.")] = 0,
) -> None:
    """Serve a Flickr-compatible API on loopback, for trying things without a key (key and secret: sandbox)."""
    flickrexif.sandbox(
        port=port,
        photos=photos,
        faults=faults,
        latency=latency,
        photos_per_month=photos_per_month,
        seed=seed,
        say=say,
    )


def _some(months: Sequence[str], most: int = 6) -> str:
    """The first months, and how many more there are."""
    more = f" and {len(months) - most} more" if len(months) > most else ""
    return ", ".join(months[:most]) + more


def _print_estimates(report: "CrawlReport") -> None:
    """The sum, then a row a month; of many months a row a year, unless --verbose was given."""
    calls, hourly = sum(row.calls for row in report.estimates), report.calls_per_hour
    size = sum(row.bytes for row in report.estimates) / 1e9
    hours = f"About {calls:,} calls: {calls / hourly:,.1f} hours at {hourly:,} calls an hour" if hourly else "No call"
    typer.echo(f"{hours}; about {size:,.1f} GB on the disk.")
    by_month = len(report.estimates) <= FEW_MONTHS or DETAIL.get() == "more"
    totals: dict[str, Counter[str]] = {}
    for row in report.estimates:
        period = totals.setdefault(row.month if by_month else row.month[:4], Counter())
        period.update(kept=row.kept, target=row.target, calls=row.calls)
    rows = [(period, sums["kept"], sums["target"], sums["calls"]) for period, sums in totals.items()]
    table(("month" if by_month else "year", "kept", "target", "calls to make"), rows)
    if not by_month:
        typer.echo("Add --verbose for each month.")


def _print_built(report: "BuildReport") -> None:
    """Print the photos and months that were built, and how to load them."""
    typer.echo(f"{sum(report.rows.values()):,} photos of {len(report.rows)} month(s) in {report.root}")
    print_loading(report.root.parent)


def print_loading(data_dir: Path) -> None:
    """Print how to load the data set of a data folder."""
    typer.echo(how_to_load(data_dir / "flickrexif"))


def _print_summaries(summaries: "Sequence[MonthSummary]") -> None:
    from flickrexif.collectors.images import REASONS as IMAGE_REASONS
    from flickrexif.collectors.search import DOUBTS
    from flickrexif.core.verdicts import REASONS

    table(
        ("month", "kept", "target", "photographers", "calls", "calls a photo", "images", "state"),
        [
            (
                s.month,
                s.kept,
                s.target,
                s.owners,
                s.all_calls,
                f"{s.all_calls / s.kept:.2f}" if s.kept else "",
                s.images.get("fetched", 0),
                _state(s),
            )
            for s in summaries
        ],
    )
    _print_reasons("doubtful search", (s.doubts for s in summaries), DOUBTS, "searches")
    if may_have_more := [s.month for s in summaries if s.may_have_more]:
        say(f"There may be more photos of {_some(may_have_more)}: crawl again with --again to search anew.")
    if smaller := [s.month for s in summaries if s.beyond_target]:
        say(f"An earlier --target of {_some(smaller)} was larger; with it, photos come back without a call.")
    _print_reasons("rejected", (s.rejected for s in summaries), REASONS)
    _print_reasons("without image", (s.images for s in summaries), IMAGE_REASONS)


def _state(summary: "MonthSummary") -> str:
    if not summary.done:
        return "open"
    return "ended short" if summary.exhausted and summary.kept < summary.target else "done"


def _print_reasons(
    what: str, counts: Iterable[Mapping[str, int]], meanings: Mapping[str, str], of: str = "photos"
) -> None:
    """How many photos or searches had each reason, most first; nothing where there is none."""
    reasons = sum(map(Counter, counts), Counter[str]())
    rows = [(reason, count, meanings[reason]) for reason, count in reasons.most_common() if reason in meanings]
    if rows:
        table((what, of, "meaning"), rows)
