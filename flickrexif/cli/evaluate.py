"""`eval …`: the measurements over embedding files, one result record (JSON) each."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import flickrexif
from flickrexif.cli.options import DataDir, Seed
from flickrexif.cli.output import table

if TYPE_CHECKING:
    from flickrexif.eval.results import Result

app = typer.Typer(no_args_is_help=True, help="Measure what embeddings know of the camera and of the processing.")

Embeddings = Annotated[
    Path | None,
    typer.Option(help="Folder of the embedding files. [default: embeddings in --data-dir]", show_default=False),
]
Dataset = Annotated[str, typer.Option(help="Folder of the data set within --embeddings, e.g. ImageNet.")]
Model = Annotated[str, typer.Option(help="Model, as in the file names.")]
Variant = Annotated[str, typer.Option(help="Variant of the model, as in the file names.")]
Mask = Annotated[float | None, typer.Option(help="Embeddings of images masked by this share.")]
Out = Annotated[Path | None, typer.Option(help="Write the result record (JSON) here.")]
Parameter = Annotated[str, typer.Option(help="jpeg, sharpening, resizing or interpolation.")]
Labels = Annotated[Path, typer.Option(help="Labels table or the split file of Is Smartphone.")]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]
Memory = Annotated[str, typer.Option(help="Memory to work in, e.g. 4G.")]
K = Annotated[int, typer.Option(min=1, help="Neighbours that vote.")]
Seeds = Annotated[int, typer.Option(min=1, help="Draws of the uniform set-up or of the training labels.")]


@app.command()
def knn(
    dataset: Dataset,
    model: Model,
    variant: Variant,
    parameter: Parameter,
    embeddings: Embeddings = None,
    data_dir: DataDir = None,
    mask: Mask = None,
    k: K = 10,
    seeds: Seeds = 10,
    memory: Memory = "4G",
    device: Device = "cpu",
    out: Out = None,
) -> None:
    """kNN in five set-ups: does the processing of the training images pull the semantic prediction?"""
    _measure(
        "knn",
        dataset=dataset,
        model=model,
        variant=variant,
        embeddings=embeddings,
        data_dir=data_dir,
        mask=mask,
        out=out,
        parameter=parameter,
        k=k,
        seeds=seeds,
        memory=memory,
        device=device,
    )


@app.command()
def probe(
    dataset: Dataset,
    model: Model,
    variant: Variant,
    embeddings: Embeddings = None,
    data_dir: DataDir = None,
    mask: Mask = None,
    parameter: Annotated[str | None, typer.Option(help="jpeg, sharpening, resizing or interpolation.")] = None,
    attribute: Annotated[str | None, typer.Option(help="Make, Model, Exposure, … with --splits.")] = None,
    splits: Annotated[Path | None, typer.Option(help="Folder of split files (published or ours).")] = None,
    protocol: Annotated[Literal["paper", "fast"], typer.Option(help="paper: SGD and Optuna; fast: L-BFGS.")] = "paper",
    seeds: Seeds = 10,
    seed: Seed = 0,
    weights: Annotated[Path | None, typer.Option(help="Write the trained heads (safetensors) here.")] = None,
    device: Device = "cpu",
    out: Out = None,
) -> None:
    """Linear probe: how well can the trace be read out?"""
    _measure(
        "probe",
        dataset=dataset,
        model=model,
        variant=variant,
        embeddings=embeddings,
        data_dir=data_dir,
        mask=mask,
        out=out,
        parameter=parameter,
        attribute=attribute,
        splits=splits,
        protocol=protocol,
        seeds=seeds,
        seed=seed,
        weights=weights,
        device=device,
    )


@app.command()
def retrieval(
    model: Model,
    variant: Variant,
    dataset: Dataset = "PairCams",
    embeddings: Embeddings = None,
    data_dir: DataDir = None,
    mask: Mask = None,
    device: Device = "cpu",
    out: Out = None,
) -> None:
    """recall@1 of the other photo of a pair, against negatives of the same and of the other type of camera."""
    _measure(
        "retrieval",
        dataset=dataset,
        model=model,
        variant=variant,
        embeddings=embeddings,
        data_dir=data_dir,
        mask=mask,
        out=out,
        device=device,
    )


@app.command()
def neighbors(
    model: Model,
    variant: Variant,
    labels: Labels,
    dataset: Dataset = "FlickrExif",
    embeddings: Embeddings = None,
    data_dir: DataDir = None,
    mask: Mask = None,
    k: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Neighbours; may be repeated. [default: 10, 25, 50]", show_default=False),
    ] = None,
    memory: Memory = "4G",
    device: Device = "cpu",
    out: Out = None,
) -> None:
    """Share of the nearest photos that were taken with the same kind of camera."""
    _measure(
        "neighbors",
        dataset=dataset,
        model=model,
        variant=variant,
        embeddings=embeddings,
        data_dir=data_dir,
        mask=mask,
        out=out,
        labels=labels,
        k=k or (10, 25, 50),
        memory=memory,
        device=device,
    )


@app.command()
def similarity(
    dataset: Dataset,
    model: Model,
    variant: Variant,
    parameter: Parameter,
    embeddings: Embeddings = None,
    data_dir: DataDir = None,
    mask: Mask = None,
    queries: Annotated[int, typer.Option(min=1, help="Test images drawn.")] = 1_000,
    seed: Seed = 0,
    memory: Memory = "4G",
    device: Device = "cpu",
    out: Out = None,
) -> None:
    """Similarities by same or different class and same or different processing."""
    _measure(
        "similarity",
        dataset=dataset,
        model=model,
        variant=variant,
        embeddings=embeddings,
        data_dir=data_dir,
        mask=mask,
        out=out,
        parameter=parameter,
        queries=queries,
        seed=seed,
        memory=memory,
        device=device,
    )


@app.command()
def masking(
    dataset: Dataset,
    model: Model,
    variant: Variant,
    ratios: Annotated[list[float], typer.Option("--ratio", help="Mask ratio; may be repeated.")],
    embeddings: Embeddings = None,
    data_dir: DataDir = None,
    k: K = 10,
    memory: Memory = "4G",
    device: Device = "cpu",
    out: Out = None,
) -> None:
    """kNN accuracy against the share of the image that is hidden."""
    _measure(
        "masking",
        dataset=dataset,
        model=model,
        variant=variant,
        embeddings=embeddings,
        data_dir=data_dir,
        out=out,
        ratios=ratios,
        k=k,
        memory=memory,
        device=device,
    )


@app.command()
def mitigation(
    dataset: Dataset,
    model: Model,
    variant: Variant,
    parameter: Parameter,
    embeddings: Embeddings = None,
    data_dir: DataDir = None,
    mask: Mask = None,
    protocol: Annotated[Literal["paper", "fast"], typer.Option(help="Of the probe.")] = "fast",
    k: K = 10,
    seeds: Seeds = 10,
    seed: Seed = 0,
    device: Device = "cpu",
    out: Out = None,
) -> None:
    """How much of the trace can be removed, and at what cost to semantics."""
    _measure(
        "mitigation",
        dataset=dataset,
        model=model,
        variant=variant,
        embeddings=embeddings,
        data_dir=data_dir,
        mask=mask,
        out=out,
        parameter=parameter,
        protocol=protocol,
        k=k,
        seeds=seeds,
        seed=seed,
        device=device,
    )


@app.command()
def tsne(
    model: Model,
    variant: Variant,
    labels: Labels,
    dataset: Dataset = "FlickrExif",
    embeddings: Embeddings = None,
    data_dir: DataDir = None,
    mask: Mask = None,
    limit: Annotated[int, typer.Option(help="Photos drawn, as many smart as non-smart.")] = 2_000,
    perplexity: Annotated[float, typer.Option(help="About how many neighbours a photo has.")] = 30,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """Photos in the plane (t-SNE): do those taken with the same kind of camera lie together?"""
    _measure(
        "tsne",
        dataset=dataset,
        model=model,
        variant=variant,
        embeddings=embeddings,
        data_dir=data_dir,
        mask=mask,
        out=out,
        labels=labels,
        limit=limit,
        perplexity=perplexity,
        seed=seed,
    )


@app.command()
def strips(
    dataset: Dataset,
    model: Model,
    variant: Variant,
    labels: Annotated[Path | None, typer.Option(help="Of FlickrExif: labels table or split file.")] = None,
    parameter: Annotated[str | None, typer.Option(help="jpeg, sharpening, resizing or interpolation.")] = None,
    embeddings: Embeddings = None,
    data_dir: DataDir = None,
    mask: Mask = None,
    queries: Annotated[int, typer.Option(help="Images drawn.")] = 1,
    k: Annotated[int, typer.Option(help="Nearest images of each.")] = 10,
    seed: Seed = 0,
    out: Out = None,
) -> None:
    """The nearest images of a few, by their ids: do they share the camera, or the processing?"""
    _measure(
        "strips",
        dataset=dataset,
        model=model,
        variant=variant,
        embeddings=embeddings,
        data_dir=data_dir,
        mask=mask,
        out=out,
        labels=labels,
        parameter=parameter,
        queries=queries,
        k=k,
        seed=seed,
    )


def _measure(task: str, **settings: Any) -> None:
    """Measure, and print the metrics."""
    result = flickrexif.measure(task, **settings)
    table(("metric", "value", "95% interval"), _rows(result))
    if reason := result.detail.get("reason"):
        typer.echo(f"Why there is no value: {reason}")
    if settings["out"]:
        typer.echo(f"Record: {settings['out']}")


def _rows(result: "Result") -> Sequence[tuple[str, str, str]]:
    intervals = {name: f"{low:.4f} to {high:.4f}" for name, (low, high) in result.intervals.items()}
    values = {name: "" if value is None else f"{value:.4f}" for name, value in result.metrics.items()}
    return [(name, value, intervals.get(name, "")) for name, value in values.items()]
