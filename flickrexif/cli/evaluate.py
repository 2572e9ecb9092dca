"""`eval`: measurements of any number of encoders, from images, or from embeddings that others made, to records."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import flickrexif
from flickrexif.cli import completion
from flickrexif.cli.options import DataDir
from flickrexif.cli.output import SHORT, notes, say, table
from flickrexif.commands.progress import bar
from flickrexif.core.errors import UsageError

if TYPE_CHECKING:
    from flickrexif.eval.results import Result
    from flickrexif.eval.suite import Done, Item

WIDE = 6  # columns of a summary table, beside the encoders


def evaluate(
    tasks: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TASK",
            help="probe, knn, similarity, masking, neighbors, retrieval, tsne, strips, mitigation. [default: all]",
            show_default=False,
            autocompletion=completion.tasks,
        ),
    ] = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(
            help="Name or collection (@paper47, @cvl, …) or a file of names; may be repeated.",
            autocompletion=completion.encoder_names,
        ),
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(help="As in `embed --dataset`; may be repeated. [default: all of --data-dir]", show_default=False),
    ] = None,
    benchmark: Annotated[
        str, typer.Option(help="A named benchmark, imagenette-mini; --dataset is the folder of its images.")
    ] = "",
    quick: Annotated[
        bool,
        typer.Option("--quick", help="A first look: probe and neighbours under resizing, at most 300 images a split."),
    ] = False,
    limit: Annotated[
        int | None, typer.Option(help="At most so many images of each split, of every class alike.", show_default=False)
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting, TASK.FIELD=VALUE or FIELD=VALUE (knn.k=1); may be repeated."),
    ] = None,
    data_dir: DataDir = None,
    embeddings: Annotated[
        Path | None,
        typer.Option(help="Measure files that others made, as they are; encoders are MODEL/VARIANT of their names."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Folder of split files or label tables, or one file. [default: FlickrExif's]", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the records, or the file (.json) of one. [default: results in --data-dir]",
            show_default=False,
        ),
    ] = None,
    heads: Annotated[
        bool, typer.Option("--heads", help="Keep trained heads and projections beside the records.")
    ] = False,
    resume: Annotated[bool, typer.Option(help="Keep the records that still hold.")] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and what it took before; do nothing.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode; 0: none beside this one.")] = 0,
    memory: Annotated[str, typer.Option(help="Memory to measure in, e.g. 4G.")] = "2G",
) -> None:
    """Make every measurement for which data is there, from images to result records in DATA_DIR/results.

    Nothing is computed twice, and a measurement that fails is a record with its reason. Stop it at any time: the same
    command goes on where it was.
    """
    if not encoder:
        raise UsageError("No encoder was named.", "Give --encoder lite0; `flickrexif encoders` lists them.")
    with bar(say, notes()) as progress:
        evaluation = flickrexif.evaluate(
            encoder,
            tasks,
            data_dir=data_dir,
            dataset=dataset,
            benchmark=benchmark,
            quick=quick,
            limit=limit,
            settings=dict(map(_setting, set_ or ())),
            embeddings=embeddings,
            labels=labels,
            out=out,
            heads=heads,
            resume=resume,
            dry_run=dry_run,
            device=device,
            workers=workers,
            memory=memory,
            planned=lambda items: say(_totals(items)),
            progress=progress,
            say=say,
        )
    if dry_run:
        _print_plan(evaluation.items)
        return
    _print_summary(evaluation.outcomes)
    for outcome in evaluation.failed:
        say(f"Failed: {_name(outcome.item)}: {outcome.failed}")
    for sentence in evaluation.finding if quick else ():
        typer.echo(sentence)
    typer.echo(f"Records: {evaluation.folder}")
    if evaluation.failed:
        raise typer.Exit(SHORT)


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (equals and name and value):
        raise UsageError(f"{text[:60]!r} is no setting.", "Write --set TASK.FIELD=VALUE, such as --set knn.k=1.")
    return name, value


# --- the plan


def _print_plan(items: "Sequence[Item]") -> None:
    """A row for each possible encoder and measurement; then the impossible ones and why."""
    rows = []
    for item in items:
        if item.state != "not possible":
            m = item.measurement
            seconds = "" if item.state == "done" else "?" if item.seconds is None else f"{item.seconds:,.1f}"
            rows.append(
                (
                    item.candidate.spec.key,
                    m.task,
                    m.label,
                    item.subject.data.name,
                    item.images or "",
                    seconds,
                    item.state,
                )
            )
    table(("encoder", "task", "label", "data set", "to embed", "seconds", "state"), rows)
    for line in _lacking(items):
        typer.echo(line)
    typer.echo(_totals(items))


def _lacking(items: "Sequence[Item]") -> Iterator[str]:
    """The measurements that are not possible, by data set and reason; names the encoders unless all are meant."""
    encoders = {item.candidate.spec.key for item in items}
    lacking: dict[tuple[str, str], dict[str, set[str]]] = {}
    for item in items:
        if item.state == "not possible":
            measurements = lacking.setdefault((item.subject.data.name, item.reason), {})
            name = f"{item.measurement.task} {item.measurement.label}".strip()
            measurements.setdefault(name, set()).add(item.candidate.spec.key)
    for (dataset, reason), measurements in lacking.items():
        affected = set.union(*measurements.values())
        of = "" if affected == encoders else f" by {', '.join(sorted(affected))}"
        yield f"Not possible on {dataset}{of} ({', '.join(measurements)}): {reason}."


def _totals(items: "Sequence[Item]") -> str:
    count = {state: sum(item.state == state for item in items) for state in ("done", "to do", "not possible")}
    todo = [item for item in items if item.state == "to do"]
    timed = [item.seconds for item in todo if item.seconds is not None]
    images = sum(item.images for item in todo)
    unknown = f", without {len(todo) - len(timed)} never timed before" if len(timed) < len(todo) else ""
    seconds = f"; measuring took about {sum(timed):,.0f} s before{unknown}" if timed else ""
    counts = f"{count['done']:,} done, {count['to do']:,} to do, {count['not possible']:,} not possible"
    return f"{counts}; {images:,} embeddings to make{seconds}."


# --- the summary


def _print_summary(outcomes: "Sequence[Done]") -> None:
    """The metrics of a single measurement; else tables of headline metrics by encoder, one for each task and data set,
    of at most WIDE columns."""
    measured = [outcome for outcome in outcomes if outcome.item.state != "not possible" or outcome.failed]
    if len(measured) == 1 and measured[0].result:
        table(("metric", "value", "95% interval"), _rows(measured[0].result))
        measured = []
    groups: dict[tuple[str, str], list[Done]] = {}
    for outcome in measured:
        groups.setdefault((outcome.item.measurement.task, outcome.item.subject.data.name), []).append(outcome)
    for (task, dataset), of_task in groups.items():
        labels = dict.fromkeys(map(_label, of_task))
        columns = [(label, metric) for label in labels for metric in of_task[0].item.measurement.headlines]
        for start in range(0, len(columns), WIDE):
            _print_part(f"{task}, {dataset}", of_task, columns[start : start + WIDE])
    for line in (*_of_few(outcomes), *_lacking([outcome.item for outcome in outcomes if not outcome.failed])):
        say(line)


def _of_few(outcomes: "Sequence[Done]") -> Iterator[str]:
    """What the page of a report does not count either."""
    from flickrexif.eval.report.datasets import FEWEST, tested

    few = (outcome.result for outcome in outcomes if outcome.result and 0 < tested(outcome.result) < FEWEST)
    names = dict.fromkeys(f"{result.task} of {result.dataset} ({tested(result):,})" for result in few)
    if names:
        yield f"Of fewer than {FEWEST} images, too few to compare encoders by: {'; '.join(names)}."


def _rows(result: "Result") -> Sequence[tuple[str, str, str]]:
    intervals = {name: f"{low:.4f} to {high:.4f}" for name, (low, high) in result.intervals.items()}
    values = {name: "" if value is None else f"{value:.4f}" for name, value in result.metrics.items()}
    return [(name, value, intervals.get(name, "")) for name, value in values.items()]


def _print_part(title: str, outcomes: "Sequence[Done]", columns: Sequence[tuple[str, str]]) -> None:
    chances: dict[tuple[str, str], str] = {}
    rows: dict[str, dict[tuple[str, str], str]] = {}
    for outcome in outcomes:
        for column in columns:
            if _label(outcome) == column[0]:
                rows.setdefault(outcome.item.candidate.spec.key, {})[column] = _cell(outcome, column[1])
                if (chance := _chance(outcome, column[1])) is not None:
                    chances[column] = f"{chance:.3f}"
    named = {"(chance)": chances, **rows} if chances else rows
    header = [label if label and metric == "accuracy" else f"{label} {metric}".strip() for label, metric in columns]
    table((title, *header), [(name, *(row.get(column, "") for column in columns)) for name, row in named.items()])


def _label(outcome: "Done") -> str:
    return outcome.item.measurement.label


def _cell(outcome: "Done", metric: str) -> str:
    if outcome.failed:
        return "failed"
    value = outcome.result.metrics.get(metric) if outcome.result else None
    return "-" if value is None else f"{value:.3f}"


def _chance(outcome: "Done", metric: str) -> float | None:
    """The chance level of the probe's accuracy or of the nearest neighbours; None for other metrics."""
    if outcome.result is None or metric not in ("accuracy", "10"):
        return None
    chance: Any = outcome.result.metrics.get("chance", getattr(outcome.result.detail, "chance", None))
    return chance if isinstance(chance, float) else None


def _name(item: "Item") -> str:
    m = item.measurement
    return " ".join(filter(None, (item.candidate.spec.key, m.task, m.label, item.subject.data.name)))
