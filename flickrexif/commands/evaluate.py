"""`embed`, `merge-shards` and `eval …`: images to embeddings, embeddings to result records."""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from flickrexif.commands.evaluation import Evaluation
from flickrexif.commands.places import (
    Place,
    data_folder,
    home_of,
    optional_path,
    output_at,
    path_of,
    several,
    several_places,
    unlocked,
)
from flickrexif.commands.progress import bar
from flickrexif.core.addresses import place_of
from flickrexif.core.errors import UsageError
from flickrexif.core.files import put_bytes
from flickrexif.core.folder import DataFolder
from flickrexif.eval.data.benchmark import BENCHMARKS, Benchmark, benchmark_data, benchmark_of
from flickrexif.eval.data.catalog import FLICKREXIF, DataSet, catalog, of_embeddings
from flickrexif.eval.data.formats import open_images
from flickrexif.eval.data.limit import limited
from flickrexif.eval.data.names import NAMES
from flickrexif.eval.data.source import passed_over
from flickrexif.eval.embed.report import EmbedReport, left_out
from flickrexif.eval.embed.run import Progress as EmbedProgress
from flickrexif.eval.embed.run import dry_run as estimated
from flickrexif.eval.embed.run import embed as embed_images
from flickrexif.eval.embed.settings import EmbedSettings, Work, combos_of
from flickrexif.eval.embed.store import merge_shards as join_shards
from flickrexif.eval.encoders import Candidate, as_encoder, expand
from flickrexif.eval.encoders.devices import pick_device
from flickrexif.eval.encoders.own import UNREVISED, own_name
from flickrexif.eval.encoders.registry import registered_encoders
from flickrexif.eval.encoders.spec import EncoderSpec
from flickrexif.eval.suite import (
    ALL,
    Item,
    Progress,
    SuiteSettings,
    heads_path,
    measurements,
    plan,
    run_suite,
    settings_for,
    tasks_of,
)
from flickrexif.processing.engines import check_engine

Say = Callable[[str], None]


def embed(
    dataset: Place,
    encoder: Any,
    *,
    variant: str | Iterable[str] | None = None,
    on_the_fly: str | Iterable[str] | None = None,
    mask: float | Iterable[float] | None = None,
    split: str | None = None,
    embeddings: Place | None = None,
    data_dir: Place | None = None,
    batch_size: int = 64,
    workers: int = 0,
    device: str = "auto",
    dtype: Literal["fp32", "bf16", "fp16"] = "fp32",
    orient: bool = False,
    compiled: bool = False,
    shard: str = "",
    seed: int = 0,
    revision: str = "",
    engine: Literal["local", "ray"] = "local",
    address: str | None = None,
    dry_run: bool = False,
    progress: EmbedProgress | None = None,
    say: Say = lambda _: None,
) -> EmbedReport:
    """Embed the images of `dataset`: one file an encoder, variant, mask and split, below `embeddings`.

    `dataset` is flickrexif, paircams or imagenet-traces of the data folder, a folder, or a Hugging Face data set;
    `encoder` a name, several, or an object with its `revision` as `evaluate` takes it; `embeddings=None` is that folder
    in the data folder. With `engine="ray"` workers of the cluster at `address` (None: one on this machine) embed,
    `workers=0` as many as fit; encoders then have names. With `dry_run` nothing is written, and the report has an
    estimate. Several calls may run at once. An encoder that fails, a data set that can no longer be read and a file
    that must not be overwritten are `faults` of the report, and the rest is made; where nothing is, the first is
    raised. Raises UsageError for impossible arguments, MachineError when a file cannot be written or workers die; the
    same call then goes on.
    """
    check_engine(engine, address)
    is_here = engine == "local" or dry_run  # workers elsewhere have devices of their own
    place = pick_device(device) if is_here else device
    candidates = candidates_of(encoder, device=place, revision=revision, say=say)
    if engine != "local" and any(own.encoder for own in candidates):
        raise UsageError("An encoder object stays in its process.", "Give it a name (module:PACKAGE:NAME).")
    root = output_at(embeddings) if embeddings else data_folder(data_dir).path / "embeddings"
    settings = EmbedSettings(
        out=root,
        batch_size=batch_size,
        workers=workers,
        device=place,
        dtype=dtype,
        seed=seed,
        orient=orient,
        compile=compiled,
        shard=shard,
        engine=engine,
        address=address,
    )
    combos = combos_of(several(on_the_fly), several(mask) or (0.0,))
    home = data_folder(data_dir) if dataset in NAMES else home_of(dataset, data_dir)
    with nullcontext() if dry_run else home.writing("embed", root, beside=True):
        spec, folder = str(dataset), data_folder(data_dir).path
        sources = open_images(spec, data_dir=folder, variants=several(variant), split=split)
        for line in passed_over(sources) + ([] if dry_run else unlocked(root)):
            say(line)
        work = [Work(source, combos) for source in sources]
        if dry_run:
            return estimated(settings, candidates, work, time.perf_counter)
        report = embed_images(settings, candidates, work, progress, say)
    lines = left_out(report, root)
    if report.faults and all(file.existed for file in report.files):
        for line in lines[1:]:
            say(line)
        raise next(fault.error for fault in report.faults.values() if fault.error)
    for line in lines:
        say(line)
    return report


def merge_shards(*, embeddings: Place | None = None, data_dir: Place | None = None) -> tuple[Path, ...]:
    """Join the files that `embed(…, shard=…)` made below `embeddings` (None: that folder in the data folder).

    Returns the whole files. Raises UsageError where a shard is missing or another command writes.
    """
    root = output_at(embeddings) if embeddings else data_folder(data_dir).path / "embeddings"
    with home_of(root, data_dir).writing("merge-shards", root):
        return tuple(join_shards(root))


def evaluate(
    encoder: Any,
    tasks: str | Iterable[str] | None = None,
    *,
    data_dir: Place | None = None,
    dataset: Place | Iterable[Place] | None = None,
    benchmark: str = "",
    quick: bool = False,
    limit: int | None = None,
    settings: Mapping[str, Any] | None = None,
    name: str = "",
    revision: str = "",
    embeddings: Place | None = None,
    labels: Place | None = None,
    out: Place | None = None,
    heads: bool = False,
    resume: bool = True,
    dry_run: bool = False,
    device: str = "auto",
    workers: int = 0,
    memory: str = "2G",
    planned: Callable[[Sequence[Item]], object] = lambda _: None,
    progress: Progress | None = None,
    say: Say = lambda _: None,
) -> Evaluation:
    """Make the measurements `tasks` (None: all) of `encoder` that the data allow, from images to records.

    `encoder` is a name (`lite0`, `@ctl`), several names, or an object with `embed(batch [n, 3, size, size]) -> [n, d]`,
    see `eval.encoders.as_encoder`, named `name` (default: its class or function). `revision` is a text for the state of
    the object: its embeddings are used again for the same revision alone; without one, they are made anew in each call.
    `dataset` chooses data sets of the data folder, or names others as `embed` takes them (None: all of the data
    folder). `settings` are those of the measurements: {"knn.k": 1, "seeds": 3, "probe.parameter": "jpeg"}.

    `benchmark` is the name of one (`imagenette-mini`), whose images, each compared with its hash, lie in the folder
    `dataset`; its settings are fixed. `limit` takes at most so many images of each split, drawn by their ids, as many
    of each class; the data set is then called NAME-limit-300. `quick` is a first look: the probe and the neighbours
    under resizing, at most 300 images a split, unless you say otherwise.

    With `embeddings`, files in the published layout that others made are measured as they are, without images:
    `encoder` may then be MODEL/VARIANT of the file names. `labels` is a folder with split files or label tables of
    the photos, or such a file (None: those of the data folder's FlickrExif; of one's own photos, theirs).

    Records go to the folder `out` (None: `results` in the data folder), that of a single measurement also to a file.
    `heads` keeps the trained heads of probes and the projections of mitigations beside them. `planned` gets the plan
    before the work begins; with `dry_run` only the plan is made. `progress` takes the place of the bar. A measurement
    that failed has metrics of None and a `reason`. Raises UsageError when there is nothing to measure or another
    command writes. After an interruption the same call goes on.
    """
    folder = data_folder(data_dir)
    named = several_places(dataset)
    root = output_at(embeddings) if embeddings else folder.path / "embeddings"
    chosen = SuiteSettings(
        embeddings=root,
        results=path_of(out) if out else folder.path / "results",
        as_they_are=embeddings is not None,
        resume=resume,
        heads=heads,
        device=pick_device(device),
        workers=workers,
        memory=bytes_of(memory),
    )
    if quick:
        _check_images(named)
        tasks = several(tasks) or QUICK_TASKS
        settings = {**settings_for(tasks_of(tasks), QUICK), **(settings or {})}
        limit = QUICK_LIMIT if limit is None else limit
    if benchmark:
        tasks, settings = _of_benchmark(benchmark_of(benchmark), several(tasks), settings or {})
    names = tasks_of(several(tasks))
    if embeddings:
        candidates = [Candidate(spec) for spec in named_in_files(encoder)]
    else:
        candidates = candidates_of(encoder, name, chosen.device, revision, say)
    sets = _data_sets(folder, root, named, benchmark, limit, as_they_are=chosen.as_they_are)
    sets = _with_labels(sets, optional_path(labels), folder)
    measured = measurements(sets, names, settings or {})
    if not measured:
        raise UsageError(f"There is nothing to measure in {root}.", "Name other tasks or data sets.")
    if dry_run:
        items = tuple(plan(candidates, measured, chosen))
        return Evaluation(folder=chosen.results, items=items, data_dir=folder.path)
    home = (DataFolder.holding(root) or folder) if embeddings else folder
    if embeddings and not home.path.is_dir() and not out:
        raise UsageError(f"There is no data folder {home.path} for the records.", "Name another place with --out.")
    with home.writing("eval", beside=bool(embeddings)) as writing:
        items = tuple(plan(candidates, measured, chosen, say))
        for line in passed_over(source for data in sets for source in data.sources.values()):
            say(line)
        planned(items)
        if out:
            writing.register(chosen.results)
        for other in _elsewhere(named):
            other.register(chosen.embeddings, chosen.results)
        with nullcontext(progress) if progress else bar() as moving:
            outcomes = tuple(run_suite(items, chosen, moving, say))
    return Evaluation(folder=chosen.results, items=items, data_dir=folder.path, outcomes=outcomes)


def mitigate(
    encoder: Any,
    parameter: str,
    *,
    dataset: str,
    out: Place | None = None,
    data_dir: Place | None = None,
    name: str = "",
    revision: str = "",
    device: str = "auto",
    workers: int = 0,
    progress: Progress | None = None,
    say: Say = lambda _: None,
) -> Path:
    """Fit the projection (LEACE) that takes the trace of a processing out of an encoder's embeddings; returns its file.

    It is fitted on the training images of `dataset`, and measured on the others: the record beside it tells the probe
    and the neighbours before and after. `out` is the file (.safetensors; None: beside the record). `NAME+erase@FILE` is
    the encoder with it, and `eval.encoders.erased(encoder, FILE)` that of an object. Arguments and errors as
    `evaluate`; UsageError where the measurement fails.
    """
    evaluation = evaluate(
        encoder,
        "mitigation",
        dataset=dataset,
        data_dir=data_dir,
        settings={"parameter": parameter, "protocol": "fast"},
        name=name,
        revision=revision,
        heads=True,
        device=device,
        workers=workers,
        progress=progress,
        say=say,
    )
    (outcome,) = evaluation.outcomes
    if outcome.result is None or outcome.result.state != "measured":
        reason = outcome.failed or outcome.item.reason
        raise UsageError(f"There is no projection ({reason}).", "Give one encoder, and images of several classes.")
    file = heads_path(outcome.item.path)
    if out is None:
        return file
    put_bytes(path_of(out), file.read_bytes())
    return path_of(out)


QUICK_TASKS = ("probe", "knn")
QUICK = {"parameter": "resizing", "protocol": "fast"}
QUICK_LIMIT = 300


def _check_images(named: Sequence[str]) -> None:
    if not named:
        raise UsageError("A quick look needs images.", "Name them: --quick --dataset FOLDER.")


def _of_benchmark(
    benchmark: Benchmark, tasks: Sequence[str], settings: Mapping[str, Any]
) -> tuple[Sequence[str], Mapping[str, Any]]:
    """The benchmark's tasks, or those of them that are named, and its settings; a setting may choose, not change."""
    others = [task for task in tasks if task not in (*benchmark.tasks, ALL)]
    if others:
        raise UsageError(f"{others[0][:40]} is not of {benchmark.name}.", f"Its tasks: {', '.join(benchmark.tasks)}.")
    changed = [
        name for name, value in settings.items() if name != "parameter" and benchmark.settings.get(name) != value
    ]
    if changed:
        raise UsageError(
            f"{benchmark.name} has its own {changed[0][:40]}.", "Leave that out, or leave out --benchmark."
        )
    chosen = [task for task in benchmark.tasks if task in tasks or ALL in tasks or not tasks]
    return chosen, {**settings, **settings_for(chosen, benchmark.settings)}


def _data_sets(
    folder: DataFolder, root: Path, names: Sequence[str], benchmark: str, limit: int | None, *, as_they_are: bool
) -> Sequence[DataSet]:
    """What is measured: of embeddings as they are, of the images of a benchmark, or of those of names."""
    if as_they_are:
        sets = of_embeddings(root, names)
    elif benchmark:
        sets = (_benchmark_data(benchmark_of(benchmark), names),)
    elif not folder.path.is_dir() and not names:
        raise UsageError(f"There is no data folder {folder.path}.", "Name it with --data-dir.")
    else:
        sets = catalog(folder.path, root, names)
    if not benchmark and (taken := [data.name for data in sets if data.name in BENCHMARKS and data.sources]):
        raise UsageError(
            f"{taken[0]} is the name of a benchmark.", f"Add --benchmark {taken[0]}, or rename the folder."
        )
    return sets if limit is None else [limited(data, limit) for data in sets]


def _benchmark_data(benchmark: Benchmark, names: Sequence[str]) -> DataSet:
    if len(names) != 1:
        hint = f"Fetch them, `{benchmark.fetch}`, and name their folder: --dataset {benchmark.folder}."
        raise UsageError(f"{benchmark.name} needs the folder of its images.", hint)
    return benchmark_data(benchmark, path_of(names[0]))


def _with_labels(sets: Iterable[DataSet], labels: Path | None, folder: DataFolder) -> list[DataSet]:
    """Photos with `labels`, else with those of their data set. UsageError where the named place is not there."""
    if labels and not labels.exists():
        raise UsageError(f"There are no labels {labels}.", "Name another place with --labels.")
    of_flickr = {FLICKREXIF: folder.flickrexif}
    return [
        replace(data, labels=labels or data.labels or of_flickr.get(data.name)) if data.has_photo_ids else data
        for data in sets
    ]


def candidates_of(
    encoder: Any, name: str = "", device: str = "cpu", revision: str = "", say: Say = lambda _: None
) -> list[Candidate]:
    """The encoders of these names, not loaded, or the one that is an object.

    Raises UsageError for unknown names, and where they are given with a revision.
    """
    if isinstance(encoder, str):
        encoder = [encoder]
    if isinstance(encoder, list | tuple | set) and all(isinstance(name, str) for name in encoder):
        if revision:
            raise UsageError("An encoder with a name has no revision.", "Give `revision` with an encoder object.")
        return [Candidate(record) for record in expand(list(encoder))]
    own = as_encoder(encoder, name or f"module:{own_name(encoder)}", device=device, revision=revision)
    if own.spec.digest.startswith(UNREVISED):
        say(f"{own.spec.key} has no revision, so its embeddings are made anew: give revision='…' to use them again.")
    return [Candidate(own.spec, own)]


def named_in_files(encoder: Any) -> list[EncoderSpec]:
    """The encoders of names as `embed` takes them, or MODEL/VARIANT as in the names of embedding files."""
    specs = []
    for name in several(encoder):
        model, slash, variant = name.partition("/")
        released = f"paper:{name}"
        if released in registered_encoders():
            specs += expand([released])
        elif slash and ":" not in model and not name.startswith("@"):
            specs.append(EncoderSpec(name=f"{model}:{variant}", family="OWN", backend="file", model=name))
        else:
            specs += expand([name])
    return specs


def _elsewhere(datasets: Iterable[str]) -> Iterator[DataFolder]:
    """Other data folders that hold photos of these data sets: they register the files in which their photos are."""
    for place in map(place_of, datasets):
        other = DataFolder.holding(place) if place.exists() else None
        if other and os.access(other.path, os.W_OK):
            yield other


def bytes_of(text: str) -> int:
    """Bytes of a size such as 4G or 512M. UsageError for another text."""
    number, unit = text[:-1], text[-1:].upper()
    try:
        size = int(float(number) * UNITS[unit]) if unit in UNITS else int(text)
    except ValueError:
        size = 0
    if size < 1:
        raise UsageError(f"--memory {text[:20]} is no size.", "Write it as 4G or 512M.")
    return size


UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
