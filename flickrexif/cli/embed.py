"""`encoders`, `embed` and `merge-shards`: any frozen image encoder over any of the data sets."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from flickrexif.cli.options import AsJson, DataDir, Seed
from flickrexif.cli.output import SHORT, say, table
from flickrexif.core.errors import Interrupted

Embeddings = Annotated[Path, typer.Option("--embeddings", help="Folder of the embedding files.")]


def encoders(
    family: Annotated[str | None, typer.Option(help="CVL, SUP, SSL or CTL (controls).")] = None, as_json: AsJson = False
) -> None:
    """List the encoders known by name: the paper's 47, the offline one, the controls."""
    import json
    from dataclasses import asdict

    from flickrexif.eval.encoders import list_encoders

    rows = list_encoders(family)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    table(
        ("encoder", "family", "input px", "embedding", "licence", "to fetch"),
        [
            (
                r.record.name,
                r.record.family,
                r.record.input_size,
                r.record.embedding_size or "",
                r.record.licence,
                _to_fetch(r.missing_bytes),
            )
            for r in rows
        ],
    )


def _to_fetch(missing: int | None) -> str:
    if missing is None:
        return "unknown"
    return f"{missing / 1e6:,.0f} MB" if missing else "here"


def embed(
    dataset: Annotated[
        str, typer.Option(help="flickrexif, paircams, imagenet-traces, a folder, or a Hugging Face data set.")
    ],
    encoder: Annotated[
        list[str], typer.Option(help="Name or collection (@paper47, @cvl, …) or a file of names; may be repeated.")
    ],
    variant: Annotated[
        list[str] | None,
        typer.Option(help="Stored variant (config); may be repeated. [default: all]", show_default=False),
    ] = None,
    on_the_fly: Annotated[
        list[str] | None, typer.Option(help="Parameter (jpeg, …) or variant applied to each image; may be repeated.")
    ] = None,
    mask: Annotated[
        list[float] | None, typer.Option(help="Share of the area to hide, e.g. 0.9; may be repeated.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="train or validation.")] = None,
    out: Embeddings = Path("data/embeddings"),
    data_dir: DataDir = Path("data"),
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode; 0: none beside this one.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    dtype: Annotated[Literal["fp32", "bf16", "fp16"], typer.Option(help="Arithmetic of the encoder.")] = "fp32",
    orient: Annotated[bool, typer.Option("--orient", help="Turn images as their Exif orientation says.")] = False,
    compiled: Annotated[bool, typer.Option("--compile", help="Compile the encoder (torch.compile).")] = False,
    shard: Annotated[str, typer.Option(help="3/8: the third of eight parts, for several machines.")] = "",
    seed: Seed = 0,
) -> None:
    """Embed images: one file an encoder, variant, mask and split, in the published layout.

    Stop it at any time: the same command goes on where it was.
    """
    from flickrexif.eval.devices import pick_device
    from flickrexif.eval.embed import EmbedSettings, summary
    from flickrexif.eval.embed import embed as run
    from flickrexif.eval.encoders import expand, load
    from flickrexif.eval.image_sets import open_images
    from flickrexif.processing.progress import ProcessProgress

    place, records = pick_device(device), expand(encoder)
    sources = open_images(dataset, data_dir=data_dir, variants=tuple(variant or ()), split=split)
    settings = EmbedSettings(
        out=out,
        on_the_fly=tuple(on_the_fly or ()),
        masks=tuple(mask or (0.0,)),
        batch_size=batch_size,
        workers=workers,
        device=place,
        dtype=dtype,
        seed=seed,
        orient=orient,
        compile=compiled,
        shard=shard,
    )
    loaded = [load(record, device=place, dtype=dtype) for record in records]
    progress = ProcessProgress()
    try:
        report = run(settings, loaded, sources, progress, say)
    except KeyboardInterrupt:
        raise Interrupted("Interrupted; finished blocks are kept.", "Run the same command again to go on.") from None
    finally:
        progress.close()
    typer.echo(summary(report))
    if report.failed:
        raise typer.Exit(SHORT)


def merge_shards(out: Embeddings = Path("data/embeddings")) -> None:
    """Join the embedding files that `embed --shard` made."""
    from flickrexif.eval.merging import merge_shards as run

    for path in run(out):
        typer.echo(str(path))
