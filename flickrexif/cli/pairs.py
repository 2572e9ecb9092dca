"""`pairs build`, `check`, `plan` and `simulate`: PairCams from a folder of photo pairs."""

from pathlib import Path
from typing import Annotated, Any

import typer

from flickrexif.cli.options import AsJson, Seed
from flickrexif.cli.output import progress_bar, table

app = typer.Typer(no_args_is_help=True, help="PairCams: one scene, a phone and a camera.")

Source = Annotated[str, typer.Argument(help="Folder of pairs, CSV manifest, or a Hugging Face data set.")]
Cameras = Annotated[Path | None, typer.Option(help="CSV of more cameras: make,model,released,side.")]


@app.command()
def build(
    source: Source,
    out: Annotated[Path, typer.Option(help="Folder of the data set to write.")] = Path("data/paircams"),
    cameras: Cameras = None,
    strict: Annotated[bool, typer.Option("--strict", help="Findings of the check are errors.")] = False,
) -> None:
    """Build a PairCams data set; positions, serial numbers, owners and maker notes are taken out of the images."""
    from flickrexif.cards import write_card
    from flickrexif.paircams.build import build_pairs

    with progress_bar("image") as progress:
        report = build_pairs(source, out, cameras=cameras, strict=strict, progress=progress)
    write_card(out)
    if report.findings:
        table(("subject", "file", "rule", "detail"), [(f.subject, f.file, f.rule, f.detail) for f in report.findings])
    typer.echo(f"{report.pairs:,} pairs in {out}, {len(report.findings)} findings")
    typer.echo(f'Load them: from datasets import load_dataset; load_dataset("{out}", split="train")')


@app.command()
def check(
    source: Source,
    cameras: Cameras = None,
    page: Annotated[Path | None, typer.Option(help="Folder for a contact sheet of all pairs (HTML).")] = None,
    as_json: AsJson = False,
) -> None:
    """Check pairs against the protocol: sides, settings, release years, time, framing, duplicates."""
    from flickrexif.paircams.check import HEADER, inspect, notes, summary, to_json
    from flickrexif.paircams.check import table as findings
    from flickrexif.paircams.page import write_pages
    from flickrexif.paircams.pairing import read_pairs

    with progress_bar("image") as progress:
        images, faults = read_pairs(source, cameras, progress)
        report = inspect(images, faults, progress=progress)
    if page:
        typer.echo(f"Contact sheet: {write_pages(page, images, report)[0]}", err=True)
    if as_json:
        typer.echo(to_json(report))
        return
    if report.problems:
        table(HEADER, findings(report))
    table(("rule", "meaning", "findings", "checked on"), summary(report))
    for note in notes(report):
        typer.echo(note)


@app.command()
def plan(
    source: Annotated[str | None, typer.Argument(help="The pairs there are.")] = None,
    cameras: Cameras = None,
    pairs: Annotated[int, typer.Option(min=1, help="Pairs wanted in all.")] = 730,
) -> None:
    """Print which images are still missing, by camera and side, with the settings to use."""
    from flickrexif.paircams.pairing import read_pairs
    from flickrexif.paircams.plan import cameras_of
    from flickrexif.paircams.plan import plan as shots
    from flickrexif.paircams.protocol import read_cameras

    images: list[Any] = read_pairs(source, cameras)[0] if source else []
    known = read_cameras(cameras)
    chosen = cameras_of(images, known.values()) if images else list(known.values())
    rows = [(s.side, s.model, s.subject, s.have, s.missing, s.settings) for s in shots(images, chosen, pairs)]
    table(("side", "model", "subject", "have", "missing", "settings"), rows)


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="Folder to write.")],
    pairs: Annotated[int, typer.Option(min=1, help="How many.")] = 60,
    seed: Seed = 0,
) -> None:
    """Make simulated pairs, for trying things: sample photographs seen through two simulated cameras."""
    from flickrexif.collectors.sandbox.pairs import simulate_pairs

    with progress_bar("pair") as progress:
        simulate_pairs(folder, pairs, seed, progress=progress)
    typer.echo(f"{pairs:,} simulated pairs in {folder}")
