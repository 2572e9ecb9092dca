"""`encoders`, `embed` and `merge-shards`: any frozen image encoder over any of the data sets."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import flickrexif
from flickrexif.cli import completion
from flickrexif.cli.options import Address, AsJson, DataDir, Engine, Seed
from flickrexif.cli.output import SHORT, progress_bar, say, table

if TYPE_CHECKING:
    from flickrexif.eval.encoders import EncoderRow

Embeddings = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the embedding files, or its address (s3://…). [default: embeddings in --data-dir]",
        show_default=False,
    ),
]


def encoders(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="Encoders of which all is shown, after loading those that are here.",
            autocompletion=completion.encoder_names,
        ),
    ] = None,
    family: Annotated[str | None, typer.Option(help="CVL, SUP, SSL or CTL (controls).")] = None,
    as_json: AsJson = False,
) -> None:
    """List the encoders known by name: the paper's 47, later ones, the offline ones, the controls; or all of one."""
    rows = flickrexif.encoders(family, names=names or None)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    if names:
        for row in rows:
            table((row.spec.key, "meaning"), [(what, value) for what, value in _details(row) if value])
        return
    table(
        ("encoder", "family", "input px", "embedding", "licence", "to fetch"),
        [
            (
                r.spec.name,
                r.spec.family,
                r.spec.input_size,
                r.spec.embedding_size or "",
                r.spec.licence,
                _to_fetch(r.missing_bytes),
            )
            for r in rows
        ],
    )


def _details(row: "EncoderRow") -> list[tuple[str, object]]:
    """Everything that an encoder's embeddings depend on."""
    spec = row.spec
    channels = {"mean": spec.mean, "std": spec.std}
    return [
        ("family", spec.family),
        ("network", " ".join(filter(None, (spec.backend, spec.model, spec.tag)))),
        ("image", row.image),
        *((what, " ".join(f"{value:.6g}" for value in values)) for what, values in channels.items()),
        ("channels", spec.order),
        ("pooling", spec.pooling),
        ("embedding", spec.embedding_size or ""),
        ("weights", spec.checkpoint or spec.source),
        ("digest", spec.digest),
        ("licence", spec.licence),
        ("training", spec.training),
        ("augmentation", spec.augmentation),
        ("as told in", spec.source_of_facts),
        ("to fetch", _to_fetch(row.missing_bytes)),
    ]


def _to_fetch(missing: int | None) -> str:
    if missing is None:
        return "unknown"
    return f"{missing / 1e6:,.0f} MB" if missing else "here"


def embed(
    dataset: Annotated[
        str, typer.Option(help="flickrexif, paircams, imagenet-traces, a folder, or a Hugging Face data set.")
    ],
    encoder: Annotated[
        list[str],
        typer.Option(
            help="Name or collection (@paper47, @cvl, …) or a file of names; may be repeated.",
            autocompletion=completion.encoder_names,
        ),
    ],
    variant: Annotated[
        list[str] | None,
        typer.Option(help="Stored variant (config); may be repeated. [default: all]", show_default=False),
    ] = None,
    on_the_fly: Annotated[
        list[str] | None,
        typer.Option(
            help="Parameter (jpeg, …) or variant applied to each image; may be repeated.",
            autocompletion=completion.parameters_and_variants,
        ),
    ] = None,
    mask: Annotated[
        list[float] | None, typer.Option(help="Share of the area to hide, e.g. 0.9; may be repeated.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="train or validation.")] = None,
    embeddings: Embeddings = None,
    data_dir: DataDir = None,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    workers: Annotated[
        int,
        typer.Option(min=0, help="Processes that decode, 0: none beside this one; on Ray, 0: all that fit."),
    ] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    dtype: Annotated[
        Literal["fp32", "bf16", "fp16"], typer.Option(help="Arithmetic of the encoder.", case_sensitive=False)
    ] = "fp32",
    orient: Annotated[bool, typer.Option("--orient", help="Turn images as their Exif orientation says.")] = False,
    compiled: Annotated[bool, typer.Option("--compile", help="Compile the encoder (torch.compile).")] = False,
    shard: Annotated[str, typer.Option(help="3/8: the third of eight parts, for several machines.")] = "",
    engine: Engine = "local",
    address: Address = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print files, bytes, time and memory, from a few images; write nothing.")
    ] = False,
    seed: Seed = 0,
) -> None:
    """Embed images: one file an encoder, variant, mask and split, in the published layout.

    Stop it at any time: the same command goes on where it was.
    """
    from flickrexif.eval.embed.report import summary

    with progress_bar("image") as progress:
        report = flickrexif.embed(
            dataset,
            encoder,
            variant=variant,
            on_the_fly=on_the_fly,
            mask=mask,
            split=split,
            embeddings=embeddings,
            data_dir=data_dir,
            batch_size=batch_size,
            workers=workers,
            device=device,
            dtype=dtype,
            orient=orient,
            compiled=compiled,
            shard=shard,
            seed=seed,
            engine=engine,
            address=address,
            dry_run=dry_run,
            progress=progress,
            say=say,
        )
    typer.echo(summary(report))
    if report.failed or report.faults:
        raise typer.Exit(SHORT)


def merge_shards(embeddings: Embeddings = None, data_dir: DataDir = None) -> None:
    """Join the embedding files that `embed --shard` made."""
    for path in flickrexif.merge_shards(embeddings=embeddings, data_dir=data_dir):
        typer.echo(str(path))
