"""`encoders`, `embed`, `merge-shards` and `eval …`: images to embeddings, embeddings to result records."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flickrexif.commands.places import Place, data_folder, home_of, path_of, several
from flickrexif.core.errors import UsageError
from flickrexif.core.folder import DataFolder
from flickrexif.eval.data.formats import NAMES, open_images
from flickrexif.eval.embed.in_turn import embed_in_turn
from flickrexif.eval.embed.merging import merge_shards as join_shards
from flickrexif.eval.embed.run import EmbedReport, EmbedSettings
from flickrexif.eval.embed.run import Progress as EmbedProgress
from flickrexif.eval.encoders import Candidate, as_encoder, expand
from flickrexif.eval.encoders.devices import pick_device
from flickrexif.eval.encoders.own import UNREVISED, own_name
from flickrexif.eval.results import Result
from flickrexif.eval.suite import Outcome, Suite, SuiteSettings, prepare, run_suite
from flickrexif.eval.suite_plan import Item
from flickrexif.eval.suite_running import Progress

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The measurements of encoders: the plan, their outcomes, and the folder of the records."""

    folder: Path
    items: tuple[Item, ...]
    outcomes: tuple[Outcome, ...] = ()  # none of a dry run

    @property
    def results(self) -> tuple[Result, ...]:
        """The records, also of failed measurements, whose metrics are None."""
        return tuple(outcome.result for outcome in self.outcomes if outcome.result is not None)

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The outcomes of failed measurements."""
        return tuple(outcome for outcome in self.outcomes if outcome.failed)


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
    progress: EmbedProgress | None = None,
    say: Say = lambda _: None,
) -> EmbedReport:
    """Embed the images of `dataset`: one file an encoder, variant, mask and split, below `embeddings`.

    `dataset` is flickrexif, paircams or imagenet-traces of the data folder, a folder, or a Hugging Face data set;
    `encoder` a name, several, or an object with its `revision` as `evaluate` takes it; `embeddings=None` is that folder
    in the data folder. Several calls may run at once. Raises UsageError for impossible arguments, FlickrExifError when
    a file cannot be written or a worker dies; the same call then goes on.
    """
    place = pick_device(device)
    candidates = candidates_of(encoder, device=place, revision=revision, say=say)
    root = path_of(embeddings) if embeddings else data_folder(data_dir).path / "embeddings"
    settings = EmbedSettings(
        out=root,
        on_the_fly=several(on_the_fly),
        masks=several(mask) or (0.0,),
        batch_size=batch_size,
        workers=workers,
        device=place,
        dtype=dtype,
        seed=seed,
        orient=orient,
        compile=compiled,
        shard=shard,
    )
    home = data_folder(data_dir) if dataset in NAMES else home_of(dataset, data_dir)
    with home.writing("embed", root, beside=True):
        spec, folder = str(dataset), data_folder(data_dir).path
        sources = open_images(spec, data_dir=folder, variants=several(variant), split=split)
        by_key = {candidate.spec.key: candidate for candidate in candidates}
        return embed_in_turn(
            settings,
            [candidate.spec for candidate in candidates],
            lambda spec: by_key[spec.key].load(place, dtype),
            sources,
            progress or (lambda *_: None),
            say,
        )


def merge_shards(*, embeddings: Place | None = None, data_dir: Place | None = None) -> tuple[Path, ...]:
    """Join the files that `embed(…, shard=…)` made below `embeddings` (None: that folder in the data folder).

    Returns the whole files. Raises UsageError where a shard is missing or another command writes.
    """
    root = path_of(embeddings) if embeddings else data_folder(data_dir).path / "embeddings"
    with home_of(root, data_dir).writing("merge-shards", root):
        return tuple(join_shards(root))


def evaluate(
    encoder: Any,
    *,
    data_dir: Place | None = None,
    name: str = "",
    revision: str = "",
    images: str | Iterable[str] | None = None,
    tasks: str | Iterable[str] | None = None,
    protocol: Literal["paper", "fast"] = "paper",
    seeds: int = 10,
    resume: bool = True,
    dry_run: bool = False,
    device: str = "auto",
    workers: int = 0,
    planned: Callable[[Sequence[Item]], object] = lambda _: None,
    progress: Progress | None = None,
    say: Say = lambda _: None,
) -> Evaluation:
    """Make every measurement of `encoder` that the data folder allows; the records are in its folder `results`.

    `encoder` is a name (`lite0`, `@ctl`), several names, or an object with `embed(batch [n, 3, size, size]) -> [n, d]`,
    see `eval.encoders.as_encoder`, named `name` (default: its class or function). `revision` is a text for the state of
    the object: its embeddings are used again for the same revision alone; without one, they are made anew in each call.
    `planned` gets the plan before the work begins;
    with `dry_run` only the plan is made. A measurement that failed has metrics of None and `detail["reason"]`. Raises
    UsageError when there is nothing to measure or another command writes. After an interruption the same call goes on.
    """
    folder = data_folder(data_dir)
    settings = SuiteSettings(
        data_dir=folder.path,
        images=several(images),
        tasks=several(tasks),
        protocol=protocol,
        seeds=seeds,
        resume=resume,
        device=pick_device(device),
        workers=workers,
    )
    candidates = candidates_of(encoder, name, settings.device, revision, say)
    if dry_run:
        return Evaluation(folder=settings.results, items=tuple(prepare(settings, candidates).items))
    if not folder.path.is_dir():
        raise UsageError(f"There is no data folder {folder.path}.", "Name it with --data-dir.")
    with folder.writing("eval all"):
        suite: Suite = prepare(settings, candidates, say)
        planned(suite.items)
        _register_elsewhere(settings)
        outcomes = run_suite(suite, progress, say)
    return Evaluation(folder=settings.results, items=tuple(suite.items), outcomes=tuple(outcomes))


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
        return [Candidate(spec) for spec in expand(list(encoder))]
    own = as_encoder(encoder, name or f"module:{own_name(encoder)}", device=device, revision=revision)
    if own.spec.digest.startswith(UNREVISED):
        say(f"{own.spec.key} has no revision, so its embeddings are made anew: give revision='…' to use them again.")
    return [Candidate(own.spec, own)]


def _register_elsewhere(settings: SuiteSettings) -> None:
    """Register the embeddings and records of this data folder in others whose photos they name."""
    for spec in settings.images:
        place = path_of(spec)
        other = DataFolder.holding(place) if place.exists() else None
        if other and os.access(other.path, os.W_OK):
            other.register(settings.embeddings, settings.results)
