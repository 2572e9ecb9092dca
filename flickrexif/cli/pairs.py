"""`pairs build`, `check`, `plan` and `simulate`: PairCams from a folder of photo pairs."""

from pathlib import Path
from typing import Annotated

import typer

import flickrexif
from flickrexif.cli.options import AsJson, DataDir, Seed
from flickrexif.cli.output import how_to_load, progress_bar, say, table, with_detail
from flickrexif.core.image_files import passed_over

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="PairCams: one scene, a phone and a camera.")

Source = Annotated[str, typer.Argument(help="Folder of pairs, CSV manifest, or a Hugging Face data set.")]
Cameras = Annotated[Path | None, typer.Option(help="CSV of more cameras: make,model,released,side.")]


@app.command()
@with_detail
def build(
    source: Source,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the data set to write. [default: paircams in --data-dir]", show_default=False),
    ] = None,
    cameras: Cameras = None,
    strict: Annotated[bool, typer.Option("--strict", help="Findings of the check are errors.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Build a PairCams data set; positions, serial numbers, owners and maker notes are taken out of the images."""
    with progress_bar("image") as progress:
        report = flickrexif.build_pairs(
            source, out=out, cameras=cameras, strict=strict, data_dir=data_dir, progress=progress
        )
    for line in passed_over(source, report.passed_over):
        say(line)
    if report.findings:
        table(("subject", "file", "rule", "detail"), [(f.subject, f.file, f.rule, f.detail) for f in report.findings])
    typer.echo(f"{report.pairs:,} pairs in {report.root}, {len(report.findings)} findings")
    typer.echo(how_to_load(report.root))


@app.command()
@with_detail
def check(
    source: Source,
    cameras: Cameras = None,
    page: Annotated[Path | None, typer.Option(help="Folder for a contact sheet of all pairs (HTML).")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Check pairs against the protocol: sides, settings, release years, time, framing, duplicates."""
    from flickrexif.paircams.check import HEADER, notes, summary, to_json
    from flickrexif.paircams.check import table as findings

    with progress_bar("image") as progress:
        checked = flickrexif.check_pairs(source, cameras=cameras, page=page, data_dir=data_dir, progress=progress)
    report = checked.report
    for line in passed_over(source, checked.passed_over):
        say(line)
    if checked.pages:
        say(f"Contact sheet: {checked.pages[0]}")
    if as_json:
        typer.echo(to_json(report))
        return
    if report.problems:
        table(HEADER, findings(report))
    table(("rule", "meaning", "findings", "checked on"), summary(report))
    for note in notes(report):
        typer.echo(note)


@app.command()
@with_detail
def plan(
    source: Annotated[str | None, typer.Argument(help="The pairs there are.")] = None,
    phone: Annotated[
        list[str] | None, typer.Option(metavar="MODEL", help='Phone to use, e.g. "Pixel 7"; may be repeated.')
    ] = None,
    camera: Annotated[
        list[str] | None, typer.Option(metavar="MODEL", help='Camera to use, e.g. "EOS 5D"; may be repeated.')
    ] = None,
    cameras: Cameras = None,
    pairs: Annotated[int, typer.Option(min=1, help="Pairs wanted in all.")] = 730,
    page: Annotated[Path | None, typer.Option(help="Folder for a list to print (HTML).")] = None,
    data_dir: DataDir = None,
) -> None:
    """Print which images are still missing, by model and side, with the settings to use."""
    planned = flickrexif.plan_pairs(
        source, phone=phone, camera=camera, cameras=cameras, pairs=pairs, page=page, data_dir=data_dir
    )
    typer.echo(f"Every image: {planned.settings}.")
    rows = [(s.side, s.model, s.subject, s.have, s.missing) for s in planned.shots]
    table(("side", "model", "subject", "have", "missing"), rows)
    if planned.uncounted:
        say(f"{planned.uncounted:,} files do not count, as `flickrexif pairs check {source}` tells.")
    if planned.page:
        say(f"To print: {planned.page}")


@app.command()
@with_detail
def simulate(
    folder: Annotated[Path, typer.Argument(help="Folder to write.")],
    pairs: Annotated[int, typer.Option(min=1, help="How many.")] = 60,
    seed: Seed = 0,
    data_dir: DataDir = None,
) -> None:
    """Make simulated pairs, for trying things: sample photographs seen through two simulated cameras."""
    with progress_bar("pair") as progress:
        flickrexif.simulate_pairs(folder, pairs=pairs, seed=seed, data_dir=data_dir, progress=progress)
    typer.echo(f"{pairs:,} simulated pairs in {folder}")
