"""`crawl`, `status`, `build` and `sandbox`: from Flickr, or the embedded server, to a data set."""

import json
import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flickrexif.cli.options import AsJson, DataDir, Seed
from flickrexif.cli.output import SHORT, say, table
from flickrexif.core.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from flickrexif.collectors.crawl import MonthSummary
    from flickrexif.collectors.session import Service

SANDBOX_PORT = 8600


def crawl(
    month: Annotated[list[str] | None, typer.Option(help="Month taken, YYYY-MM; may be repeated.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="First month of a span, YYYY-MM.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last month of a span, YYYY-MM.")] = None,
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
    data_dir: DataDir = Path("data"),
    calls_per_hour: Annotated[
        int | None,
        typer.Option(
            min=1, help="Most API calls in any hour. [default: 3500; no limit with --sandbox]", show_default=False
        ),
    ] = None,
    images: Annotated[str, typer.Option(help="Also fetch images: none, large (up to 1024 px) or original.")] = "none",
    endpoint: Annotated[str | None, typer.Option(help="REST URL of another server than Flickr's.")] = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Crawl simulated photos from an embedded server; needs no key.")
    ] = False,
    faults: Annotated[
        str | None,
        typer.Option(help="With --sandbox: share of answers that fail, e.g. 0.2 or 429=0.1,500=0.05."),
    ] = None,
    workers: Annotated[int, typer.Option(help="Calls under way at once.")] = 16,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the calls and hours it would take; call nothing.")
    ] = False,
) -> None:
    """Collect a month of photos with camera metadata from Flickr into a data set.

    Keys come from FLICKR_API_KEY and FLICKR_API_SECRET, or from a file
    named by FLICKR_CREDENTIALS.

    Stop it at any time: the same command goes on where it was.
    """
    from flickrexif.collectors.crawl import CrawlSettings
    from flickrexif.collectors.flickr.licenses import parse_licenses

    months = months_of(month, first, last)
    settings = CrawlSettings(
        target=target,
        minimum=target // 2 if minimum is None else minimum,
        per_user_cap=per_user_cap,
        licenses=parse_licenses(licenses),
        seed=seed,
        images=_images(images),
        workers=workers,
    )
    if dry_run:
        _print_estimate(data_dir, months, settings, calls_per_hour or 3_500)
        return
    with ExitStack() as stack:
        service = service_of(stack, endpoint, sandbox, faults, calls_per_hour)
        summaries = _crawl(data_dir, months, settings, service)
    _print_summaries(summaries, _built(data_dir, months))
    short = [s.month for s in summaries if s.kept < settings.minimum]
    if short:
        say(f"Below the minimum of {settings.minimum} photos: {_some(short)}.")
    unfetched = sum(s.kept - sum(s.images.values()) for s in summaries) if settings.images != "none" else 0
    if unfetched:
        say(f"{unfetched} image{'s' * (unfetched > 1)} could not be fetched. Run the same command again.")
    if short or unfetched:
        raise typer.Exit(SHORT)


def status(data_dir: DataDir = Path("data"), as_json: AsJson = False) -> None:
    """Show how every month of the crawl stands: kept, rejected by reason, photographers, calls."""
    from flickrexif.collectors.crawl import summary
    from flickrexif.collectors.journal import read_journal
    from flickrexif.collectors.session import journal_path

    with read_journal(journal_path(data_dir)) as journal:
        summaries = [summary(journal, month) for month in journal.months()]
    if as_json:
        typer.echo(json.dumps([asdict(s) for s in summaries], indent=2))
    else:
        _print_summaries(summaries)


def build(data_dir: DataDir = Path("data")) -> None:
    """Write the data set (Parquet files and card) again from the journal; no call is made."""
    typer.echo(_built(data_dir, None))


def sandbox(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = SANDBOX_PORT,
    photos: Annotated[
        Path | None,
        typer.Option(
            help="Serve the real photos of this folder instead of simulated ones.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    faults: Annotated[
        str | None, typer.Option(help="Share of answers that fail, e.g. 0.2 or 429=0.1,500=0.05.")
    ] = None,
    latency: Annotated[float, typer.Option(help="Seconds before each answer.")] = 0.0,
    photos_per_month: Annotated[int, typer.Option(help="Size of a simulated month.")] = 60_000,
    seed: Annotated[int, typer.Option(help="Key of the simulated population.")] = 0,
) -> None:
    """Serve a Flickr-compatible API on loopback, for trying things without a key (key and secret: sandbox)."""
    from flickrexif.collectors.sandbox.faults import parse_faults
    from flickrexif.collectors.sandbox.photos import FolderPopulation
    from flickrexif.collectors.sandbox.server import serve
    from flickrexif.collectors.sandbox.simulated import SimulatedPopulation

    population = FolderPopulation(photos) if photos else SimulatedPopulation(seed, photos_per_month)
    serve(population, port, parse_faults(faults) if faults else None, latency, say)


def months_of(month: Sequence[str] | None, first: str | None, last: str | None) -> list[str]:
    """The months that the options name. Raises UsageError."""
    from flickrexif.collectors.month import FIRST_MONTH, months_between, parse_month

    if month and (first or last):
        raise UsageError("--month and --from/--to were both given.", "Give one of them.")
    if month:
        return sorted({parse_month(text) for text in month})
    if not last:
        raise UsageError("No month was given.", "Type --month 2024-08, or --from 2000-01 --to 2024-08.")
    return months_between(first or FIRST_MONTH, last)


def _some(months: Sequence[str], most: int = 6) -> str:
    """The first months, and how many more there are."""
    more = f" and {len(months) - most} more" if len(months) > most else ""
    return ", ".join(months[:most]) + more


def _images(text: str) -> Literal["none", "large", "original"]:
    if text not in ("none", "large", "original"):
        raise UsageError(f"--images {text} is not known.", "Use none, large or original.")
    return text  # type: ignore[return-value]


def service_of(
    stack: ExitStack, endpoint: str | None, sandbox: bool, faults: str | None, calls: int | None
) -> "Service":
    """Flickr, another server, or an embedded one that runs as long as `stack`."""
    from flickrexif.collectors.flickr.credentials import SANDBOX, from_environment
    from flickrexif.collectors.flickr.models import FLICKR_ENDPOINT
    from flickrexif.collectors.session import Service

    if sandbox:
        from flickrexif.collectors.sandbox.faults import parse_faults
        from flickrexif.collectors.sandbox.server import Sandbox
        from flickrexif.collectors.sandbox.simulated import SimulatedPopulation

        if endpoint:
            raise UsageError("--sandbox and --endpoint were both given.", "Give one of them.")
        population, failing = SimulatedPopulation(), parse_faults(faults) if faults else None
        try:  # always the same port, so that image addresses, and with them the data set's bytes, are the same
            server = stack.enter_context(Sandbox(population, faults=failing, port=SANDBOX_PORT))
        except UsageError:  # taken
            server = stack.enter_context(Sandbox(population, faults=failing))
        return Service(endpoint=server.endpoint, credentials=SANDBOX, calls_per_hour=calls)
    if faults:
        raise UsageError("--faults is for --sandbox alone.", "Leave it out.")
    endpoint = endpoint or FLICKR_ENDPOINT
    return Service(
        endpoint=endpoint,
        credentials=from_environment(os.environ, endpoint),
        calls_per_hour=3_500 if calls is None else calls,
    )


def _crawl(data_dir: Path, months: list[str], settings: Any, service: "Service") -> "list[MonthSummary]":
    from flickrexif.collectors.progress import CrawlProgress
    from flickrexif.collectors.session import crawl_into

    progress = CrawlProgress(len(months))
    try:
        return crawl_into(data_dir, months, settings, service, progress, threading.Event())
    except KeyboardInterrupt:
        raise Interrupted("Interrupted; what was done is saved.", "Run the same command again to go on.") from None
    finally:
        progress.close()


def _built(data_dir: Path, months: Sequence[str] | None) -> str:
    """Build, describe, and return what was made, and how to load it."""
    from flickrexif.cards import write_card
    from flickrexif.collectors.dataset import build_dataset
    from flickrexif.collectors.session import data_root

    report = build_dataset(data_dir, months)
    write_card(data_root(data_dir))
    return (
        f"{sum(report.rows.values()):,} photos of {len(report.rows)} month(s) in {data_root(data_dir)}\n"
        f'Load them: from flickrexif import load_dataset; load_dataset("flickrexif", data_dir="{data_dir}")'
    )


def _print_estimate(data_dir: Path, months: list[str], settings: Any, calls_per_hour: int) -> None:
    from flickrexif.collectors.crawl import check_settings
    from flickrexif.collectors.journal import read_journal
    from flickrexif.collectors.session import estimate, journal_path

    check_settings(settings)
    with ExitStack() as stack:
        path = journal_path(data_dir)
        journal = stack.enter_context(read_journal(path)) if path.exists() else None
        rows = estimate(journal, months, settings)
    calls = sum(row.calls for row in rows)
    table(
        ("month", "kept", "target", "calls to make"),
        [(row.month, row.kept, row.target, row.calls) for row in rows],
    )
    typer.echo(f"About {calls:,} calls: {calls / calls_per_hour:,.1f} hours at {calls_per_hour:,} calls an hour.")


def _print_summaries(summaries: "Sequence[MonthSummary]", made: str = "") -> None:
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
                "done" if s.done else "open",
            )
            for s in summaries
        ],
    )
    reasons: dict[str, int] = {}
    for s in summaries:
        for reason, count in s.rejected.items():
            reasons[reason] = reasons.get(reason, 0) + count
    if reasons:
        from flickrexif.collectors.verdicts import REASONS

        ordered = sorted(reasons.items(), key=lambda item: -item[1])
        table(("rejected", "photos", "meaning"), [(reason, count, REASONS[reason]) for reason, count in ordered])
    if made:
        typer.echo(made)
