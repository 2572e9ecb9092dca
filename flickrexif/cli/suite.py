"""`eval all`: every measurement that the data at hand allow, of any number of encoders."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import flickrexif
from flickrexif.cli.options import DataDir
from flickrexif.cli.output import SHORT, say, table

if TYPE_CHECKING:
    from flickrexif.eval.suite import Outcome
    from flickrexif.eval.suite_plan import Item
    from flickrexif.eval.suite_running import Progress

WIDE = 6  # columns of a summary table, beside the encoders
LINE_EVERY = 30.0  # seconds, when stderr is no terminal


def evaluate_all(
    encoder: Annotated[
        list[str], typer.Option(help="Name or collection (@paper47, @cvl, …) or a file of names; may be repeated.")
    ],
    data_dir: DataDir = None,
    images: Annotated[
        list[str] | None,
        typer.Option(help="More images, made into variants on the fly: a folder, a Hugging Face data set."),
    ] = None,
    tasks: Annotated[
        list[str] | None,
        typer.Option(
            help="probe, knn, similarity, masking, neighbors, retrieval, tsne, strips, mitigation; may be repeated. "
            "[default: all but mitigation]",
            show_default=False,
        ),
    ] = None,
    protocol: Annotated[Literal["paper", "fast"], typer.Option(help="Of the probes.")] = "paper",
    seeds: Annotated[int, typer.Option(min=1, help="Draws of the processing of the training images.")] = 10,
    resume: Annotated[bool, typer.Option(help="Keep the records that still hold.")] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan with estimated seconds; do nothing.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Processes that decode; 0: none beside this one.")] = 0,
) -> None:
    """Make every measurement for which data is there, from images to result records in DATA_DIR/results.

    Nothing is computed twice, and a measurement that fails is a record with its reason. Stop it at any time: the same
    command goes on where it was.
    """
    with _bar() as progress:
        evaluation = flickrexif.evaluate(
            encoder,
            data_dir=data_dir,
            images=images,
            tasks=tasks,
            protocol=protocol,
            seeds=seeds,
            resume=resume,
            dry_run=dry_run,
            device=device,
            workers=workers,
            planned=lambda items: say(_totals(items)),
            progress=progress,
            say=say,
        )
    if dry_run:
        _print_plan(evaluation.items)
        for line in () if tasks else _left_out():
            typer.echo(line)
        return
    _print_summary(evaluation.outcomes)
    for outcome in evaluation.failed:
        say(f"Failed: {_name(outcome.item)}: {outcome.failed}")
    typer.echo(f"Records: {evaluation.folder}")
    if evaluation.failed:
        raise typer.Exit(SHORT)


# --- the plan


def _print_plan(items: "Sequence[Item]") -> None:
    """A row for each possible encoder and measurement; then the impossible ones and why."""
    rows = []
    for item in items:
        if item.state != "not possible":
            m, images = item.measurement, sum(item.images.values())
            seconds = "" if item.state == "done" else "?" if item.seconds is None else f"{item.seconds:,.1f}"
            rows.append((item.candidate.spec.key, m.task, m.label, m.dataset, images or "", seconds, item.state))
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
            m = item.measurement
            measurements = lacking.setdefault((m.dataset, item.reason), {})
            measurements.setdefault(f"{m.task} {m.label}".strip(), set()).add(item.candidate.spec.key)
    for (dataset, reason), measurements in lacking.items():
        affected = set.union(*measurements.values())
        of = "" if affected == encoders else f" by {', '.join(sorted(affected))}"
        yield f"Not possible on {dataset}{of} ({', '.join(measurements)}): {reason}."


def _left_out() -> Iterator[str]:
    """The tasks that are made only when they are named, and why."""
    from flickrexif.eval.suite_tasks import ON_REQUEST

    for task, reason in ON_REQUEST.items():
        yield f"Left out: {task}, as {reason}. Name it with --tasks {task}."


def _totals(items: "Sequence[Item]") -> str:
    count = {state: sum(item.state == state for item in items) for state in ("done", "to do", "not possible")}
    todo = [item for item in items if item.state == "to do"]
    timed = [item.seconds for item in todo if item.seconds is not None]
    images = sum(sum(item.images.values()) for item in todo)
    unknown = f", without {len(todo) - len(timed)} never timed before" if len(timed) < len(todo) else ""
    seconds = f"; about {sum(timed):,.0f} s{unknown}" if timed else "; never timed before" if todo else ""
    counts = f"{count['done']:,} done, {count['to do']:,} to do, {count['not possible']:,} not possible"
    return f"{counts}; {images:,} embeddings to make{seconds}."


@contextmanager
def _bar() -> "Iterator[Progress]":
    """A bar of the share of the expected work that is done; lines now and then where stderr is no terminal."""
    from tqdm import tqdm

    form = "{percentage:3.0f}%|{bar}| {desc} [{elapsed}<{remaining}]"
    said, line_at = "", 0.0
    with ExitStack() as stack:
        bar: tqdm[Any] | None = None

        def progress(done: float, total: float, text: str) -> None:
            nonlocal bar, said, line_at
            bar = bar or stack.enter_context(tqdm(total=1.0, bar_format=form, disable=None, file=sys.stderr))
            share = min(1.0, done / total) if total else 1.0
            if not bar.disable:
                bar.set_description_str(text or said, refresh=False)
                bar.update(share - bar.n)
            elif text and (text != said or time.monotonic() >= line_at):
                line_at = time.monotonic() + LINE_EVERY
                say(f"{share:4.0%} {text}")
            said = text or said

        yield progress


# --- the summary


def _print_summary(outcomes: "Sequence[Outcome]") -> None:
    """Tables of headline metrics by encoder, one for each task and data set, of at most WIDE columns."""
    from flickrexif.eval.suite_tasks import HEADLINES

    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.item.state != "not possible" or outcome.failed:
            m = outcome.item.measurement
            groups.setdefault((m.task, m.dataset), []).append(outcome)
    for (task, dataset), outcomes_of_task in groups.items():
        columns = [
            (label, metric) for label in dict.fromkeys(map(_label, outcomes_of_task)) for metric in HEADLINES[task]
        ]
        for start in range(0, len(columns), WIDE):
            _print_part(f"{task}, {dataset}", outcomes_of_task, columns[start : start + WIDE])
    for line in _lacking([outcome.item for outcome in outcomes if not outcome.failed]):
        say(line)


def _print_part(title: str, outcomes: "Sequence[Outcome]", columns: Sequence[tuple[str, str]]) -> None:
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


def _label(outcome: "Outcome") -> str:
    return outcome.item.measurement.label


def _cell(outcome: "Outcome", metric: str) -> str:
    if outcome.failed:
        return "failed"
    value = outcome.result.metrics.get(metric) if outcome.result else None
    return "-" if value is None else f"{value:.3f}"


def _chance(outcome: "Outcome", metric: str) -> float | None:
    """The chance level of the probe's accuracy or of the nearest neighbours; None for other metrics."""
    if outcome.result is None or metric not in ("accuracy", "10"):
        return None
    chance: Any = outcome.result.metrics.get("chance", outcome.result.detail.get("chance"))
    return chance if isinstance(chance, float) else None


def _name(item: "Item") -> str:
    m = item.measurement
    return " ".join(filter(None, (item.candidate.spec.key, m.task, m.label, m.dataset)))
