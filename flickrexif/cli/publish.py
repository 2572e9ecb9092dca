"""`publish`: a data set to the Hugging Face Hub."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import flickrexif
from flickrexif.cli.output import SHORT, progress_bar, table

if TYPE_CHECKING:
    from flickrexif.cards.publish import PublishPlan, PublishReport
    from flickrexif.cards.purge import PurgeReport

FILES_SHOWN = 20  # more are shown by folder


def publish(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a data set, such as data/flickrexif.")],
    repo: Annotated[str, typer.Option(help="Data set on the Hub: user/name.")],
    private: Annotated[bool, typer.Option("--private", help="Make a new data set private.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would go; send nothing.")] = False,
    message: Annotated[str | None, typer.Option(help="Message of the commit.")] = None,
    revision: Annotated[str, typer.Option(help="Branch; made when it is missing.")] = "main",
    tag: Annotated[str | None, typer.Option(help="Name this release, e.g. v1.0.")] = None,
    purge: Annotated[bool, typer.Option("--purge", help="Remove what is gone from earlier revisions too.")] = False,
) -> None:
    """Publish a data set on the Hugging Face Hub: what changed is sent, what is gone here is removed there.

    With --purge no earlier revision stays: one commit is left on each branch,
    tags whose files differ from it are deleted, and so are for good the
    large files that it does not hold.

    The token comes from HF_TOKEN or from `hf auth login`.

    Stop it at any time: the same command sends only what is missing.
    """
    with progress_bar("MB") as progress:
        published = flickrexif.publish(
            folder,
            repo=repo,
            private=private,
            dry_run=dry_run,
            message=message,
            revision=revision,
            tag=tag,
            purge=purge,
            planned=_print_plan,
            progress=lambda done, total: progress(done // 10**6, total // 10**6),
        )
    if published.report:
        _print_report(published.plan, published.report)
        if published.report.purged:
            _print_purge(published.report.purged)


def _print_plan(planned: "PublishPlan") -> None:
    sizes = {file.path: file.size for file in planned.send}
    if len(sizes) + len(planned.delete) <= FILES_SHOWN:
        sent = [(path, _human(size)) for path, size in sizes.items()]
        rows = [*sent, *((path, "removed") for path in planned.delete)]
        if rows:
            table(("file", "size"), rows)
    else:
        table(("folder", "files to send", "size", "files to remove"), list(_by_folder(sizes, planned.delete)))
    count = f"{len(sizes):,} files to send ({_human(planned.bytes)}), {len(planned.delete):,} to remove"
    typer.echo(f"{count}, {len(planned.unchanged):,} unchanged in {planned.settings.repo}.")
    if planned.settings.purge:
        typer.echo("Then earlier commits, tags with other files and the large files that only these hold are removed.")


def _by_folder(sizes: dict[str, int], delete: tuple[str, ...]) -> Iterator[tuple[str, int, str, int]]:
    sent, gone = defaultdict(list), defaultdict(list)
    for path, size in sizes.items():
        sent[_folder(path)].append(size)
    for path in delete:
        gone[_folder(path)].append(path)
    for folder in sorted({*sent, *gone}):
        yield folder, len(sent[folder]), _human(sum(sent[folder])), len(gone[folder])


def _folder(path: str) -> str:
    return f"{path.split('/')[0]}/" if "/" in path else "."


def _human(size: int) -> str:
    for unit, bytes_ in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= bytes_:
            return f"{size / bytes_:.1f} {unit}"
    return f"{size} B"


def _print_report(planned: "PublishPlan", report: "PublishReport") -> None:
    settings = planned.settings
    typer.echo(report.url or f"There was nothing to send: {settings.repo} is as {planned.root}.")
    if settings.tag:
        typer.echo(f"Tag {settings.tag} is on commit {report.commit[:8]}.")
    name = settings.tag or (settings.revision if settings.revision != "main" else None)
    revision = f', revision="{name}"' if name else ""
    typer.echo(f'Load it: from datasets import load_dataset; load_dataset("{settings.repo}"{revision})')


def _print_purge(report: "PurgeReport") -> None:
    """Exit code 3 when the Hub still shows what is gone."""
    size = _human(report.bytes)
    typer.echo(
        f"Removed: {report.removed:,} earlier commits, and {report.large_files:,} large files ({size}) for good."
    )
    if report.kept_tags:
        typer.echo(f"Tags on the commit that is left, which has their files: {', '.join(report.kept_tags)}.")
    if report.deleted_tags:
        typer.echo(f"Tags deleted, for their files differ from it: {', '.join(report.deleted_tags)}.")
    typer.echo("\n- ".join(("What this cannot reach:", *report.unreached)))
    if report.refs_left:
        raise typer.Exit(SHORT)
