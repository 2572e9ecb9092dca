"""A labelled source through processing variants to Parquet files that `datasets.load_dataset` reads.

    <out>/<config>/<split>-00000-of-00012.parquet   one config a variant (jpeg75_420) or draw (jpeg_uniform_seed0)
    <out>/<config>/<split>-failures.csv             image id and reason of every image without a row
    <out>/<config>/.done/                           settings and listing of the split, a marker for each finished shard

`flickrexif.cards.write_card` then writes the card, without which `load_dataset` takes the folder for half built.

Rows are in the source's order. How a split is cut into shards depends on its source alone, so the files of a variant do
not depend on the other variants of the run, on the number of workers or on interruptions.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.failures import write_failure_table
from flickrexif.core.files import remove_unfinished, unwritable
from flickrexif.core.folder import DataFolder
from flickrexif.core.remote import is_remote
from flickrexif.core.shards import shard_of
from flickrexif.core.takedowns import read_takedowns
from flickrexif.processing.draw import balanced_classes, draw_class
from flickrexif.processing.engines import check_engine, local, ray
from flickrexif.processing.estimate import Estimate, Wanted, estimate, sentence, together
from flickrexif.processing.listing import Listing, Opened, read_listing, write_listing
from flickrexif.processing.parts import (
    AGAIN,
    failures_path,
    read_record,
    totals,
    write_record,
)
from flickrexif.processing.shards import (
    MARKERS,
    Marker,
    Target,
    Unit,
    codecs,
    make_shards,
    read_marker,
    shard_name,
    slices,
)
from flickrexif.processing.source import Source
from flickrexif.processing.sources import open_source, splits
from flickrexif.processing.variants import PARAMETERS, VARIANTS, classes, variant

SHARD_BYTES = 500_000_000  # of the images as the source stores them
DRAWS = ("uniform", "balanced")
LISTED = ("images", "shards", "listing")  # settings that change when the source has other images

Progress = Callable[[int, int, Mapping[str, int]], None]
"""Called with the images made so far, the images in all, and the failures by reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSettings:
    """What to make of which source: `variants` and all classes of `parameter`, or with `draw` one class an image."""

    source: str
    out: Path
    variants: tuple[str, ...] = ()
    parameter: str | None = None
    draw: str | None = None  # uniform: by chance, as in the paper; balanced: classes of equal size
    seed: int = 0
    split: str | None = None  # None: all that the source has
    limit: int | None = None  # images of a split
    workers: int = 1
    engine: str = "local"
    address: str | None = None  # of a Ray cluster
    shard_bytes: int = SHARD_BYTES
    shard: str = ""  # 3/8: every eighth file from the third on; a run without it finishes the data set


@dataclass(frozen=True, slots=True)
class Config:
    """A config of the output: the names that its column `variant` may hold, and the draw if there is one."""

    name: str
    variants: tuple[str, ...]
    draw: str | None = None
    parameter: str | None = None

    def chosen(self, source: Source, seed: int) -> bytes:
        """The index of every image's variant."""
        indices = {name: index for index, name in enumerate(self.variants)}
        if not self.parameter:
            return bytes([indices[self.name.upper()]]) * len(source)
        if self.draw == "uniform":
            return bytes(indices[draw_class(self.parameter, image_id, seed)] for image_id in source.ids)
        drawn = balanced_classes(self.parameter, source.ids, seed)
        return bytes(indices[drawn[image_id]] for image_id in source.ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartReport:
    """A config and split: `rows` and `failures` (by reason) add up to the images of the source."""

    config: str
    split: str
    rows: int
    failures: Mapping[str, int]
    shards: int
    new_shards: int  # written by this run; the other shards were finished before
    taken_down: int  # images on the list of takedowns, or removed by `flickrexif forget`


@dataclass(frozen=True, slots=True)
class ProcessReport:
    """What is in `out` after a run."""

    out: Path
    parts: tuple[PartReport, ...]
    passed_over: Mapping[str, int]  # kind -> files of the source that are no images
    shard: str  # the part of the work that it is of; "" for the whole
    estimate: Estimate | None = None  # of a dry run, which has no parts

    @property
    def failed(self) -> int:
        return sum(sum(part.failures.values()) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Plan:
    """A config of a split, before any shard is written."""

    config: Config
    source: Source
    cuts: Sequence[tuple[int, int]]
    folder: Path
    settings: Mapping[str, Any]  # all that decides the bytes
    chosen: bytes
    taken_down: int
    listing: Listing | None  # None: the one in the folder stays
    passed_over: Mapping[str, int]  # of the source

    @property
    def settings_hash(self) -> str:
        return hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()

    def shards(self) -> list[str]:
        return [shard_name(self.source.split, number, len(self.cuts)) for number in range(len(self.cuts))]

    def own(self, shard: str) -> slice:
        """Which of the shards are made in this part of the work."""
        number, count = shard_of(shard)
        return slice(number - 1, None, count)

    def markers(self, settings_hash: str, own: slice) -> list[Marker | None]:
        markers = (read_marker(self.folder, shard) for shard in self.shards()[own])
        return [marker if marker and marker.settings == settings_hash else None for marker in markers]


def process(settings: ProcessSettings, progress: Progress | None = None) -> ProcessReport:
    """Make the shards that are missing. After an interruption call it again with the same settings.

    With `settings.shard` only those of that part are made and reported; then one call without it finishes the data set.
    Raises UsageError for impossible settings and for an `out` that holds a config made with other settings,
    FlickrExifError when a file cannot be written or a worker dies.
    """
    engine, plans, out = _engine(settings), _all_plans(settings), settings.out.absolute()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(out, error) from None
    remove_unfinished([out])
    for plan in plans:
        _begin(plan)
    new_shards = _run(plans, settings, engine, progress or (lambda *_: None))
    parts = [_finish(plan, count, settings.shard) for plan, count in zip(plans, new_shards, strict=True)]
    return ProcessReport(settings.out, tuple(parts), _passed_over(plans), settings.shard)


def dry_run(settings: ProcessSettings, clock: Callable[[], float]) -> ProcessReport:
    """The report of a run that writes nothing, with an estimate, for which a few images are processed."""
    plans = _all_plans(settings)
    by_source: dict[int, list[Plan]] = {}
    for plan in plans:
        by_source.setdefault(id(plan.source), []).append(plan)
    estimates = [
        estimate(sharing[0].source, [_wanted(plan, settings.shard) for plan in sharing], settings.seed, clock)
        for sharing in by_source.values()
    ]
    return ProcessReport(settings.out, (), _passed_over(plans), settings.shard, together(estimates))


def _wanted(plan: Plan, shard: str) -> Wanted:
    own = plan.own(shard)
    markers = plan.markers(plan.settings_hash, own)
    spans = [span for span, marker in zip(plan.cuts[own], markers, strict=True) if not marker]
    return Wanted(plan.config.variants, plan.chosen, spans)


def _all_plans(settings: ProcessSettings) -> list[Plan]:
    configs = configs_of(settings)
    names = (settings.split,) if settings.split else tuple(splits(settings.source))
    return [plan for split in names for plan in _plans(settings.out.absolute(), configs, split, settings)]


def _passed_over(plans: Sequence[Plan]) -> Counter[str]:
    """What lies beside the images of each split."""
    return sum({plan.source.split: Counter(plan.passed_over) for plan in plans}.values(), Counter[str]())


def check_settings(settings: ProcessSettings) -> None:
    """Raise UsageError for settings that are impossible for any source."""
    configs_of(settings)
    _engine(settings)
    shard_of(settings.shard)
    if settings.limit is not None and settings.limit < 1:
        raise UsageError(f"{settings.limit} images of a split are none.", "Give --limit 1 or more.")


def summary(report: ProcessReport) -> str:
    """One line for each config and split, and how to load the last."""
    if report.estimate:
        return sentence(report.estimate, "images")
    lines = []
    for part in report.parts:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(part.failures.items()))
        table = "" if report.shard else f" ({part.config}/{part.split}-failures.csv)"
        failed = f"; left out: {reasons}{table}" if reasons else ""
        failed += f"; taken down: {part.taken_down:,}" if part.taken_down else ""
        kept = f" ({part.shards - part.new_shards} were there)" if part.new_shards < part.shards else ""
        lines.append(f"{part.config} {part.split}: {part.rows:,} images in {part.shards} file(s){kept}{failed}")
    if report.shard:
        return "\n".join([*lines, f"This is shard {report.shard}. After all: the same command without --shard."])
    last = report.parts[-1]
    load = f'load_dataset("{report.out}", "{last.config}", split="{last.split}")'
    if is_remote(report.out):  # of which `datasets` takes files alone
        load = f'load_dataset("parquet", data_files="{report.out}/{last.config}/{last.split}-*.parquet", split="train")'
    return "\n".join([*lines, f"Load them: from datasets import load_dataset; {load}"])


def configs_of(settings: ProcessSettings) -> tuple[Config, ...]:
    """The configs that the settings ask for, in the table's order. Raises UsageError."""
    if settings.draw:
        if not settings.parameter or settings.variants:
            raise UsageError("A draw is of one parameter's classes.", "Give --parameter, and no --variant.")
        if settings.draw not in DRAWS:
            raise UsageError(f"There is no draw {settings.draw!r}.", f"Known: {', '.join(DRAWS)}.")
        names, parameter = classes(settings.parameter), settings.parameter.lower()
        return (Config(f"{parameter}_{settings.draw}_seed{settings.seed}", names, settings.draw, parameter),)
    requested = {variant(name).name for name in settings.variants}
    requested.update(classes(settings.parameter) if settings.parameter else ())
    if not requested:
        parameters = ", ".join(PARAMETERS)
        raise UsageError("Nothing to make was named.", f"Give --variant NAME or --parameter with one of: {parameters}.")
    return tuple(Config(row.config, tuple(VARIANTS)) for row in VARIANTS.values() if row.name in requested)


def _engine(settings: ProcessSettings) -> Callable[..., None]:
    if settings.workers < 1:
        raise UsageError(f"{settings.workers} workers cannot work.", "Give --workers 1 or more.")
    check_engine(settings.engine, settings.address)
    return partial(ray.run, address=settings.address) if settings.engine == "ray" else local.run


# --- the plan


def _plans(out: Path, configs: Sequence[Config], split: str, settings: ProcessSettings) -> Iterator[Plan]:
    takedowns = read_takedowns(DataFolder.of(out).takedowns)
    opened = Opened.of(open_source(settings.source, split, settings.limit), takedowns)
    if not opened.allowed.any():
        raise UsageError(f"All images of {settings.source} were taken down.", "Name another source.")
    source = opened.take(np.flatnonzero(opened.allowed))
    cuts = slices(source.sizes, settings.shard_bytes)
    common = {
        "split": source.split,
        "images": len(source),
        "shards": len(cuts),
        "shard_bytes": settings.shard_bytes,
        "listing": _digest(f"{i}\0{n}\0{s}" for i, n, s in zip(source.ids, source.labels, source.sizes, strict=True)),
        "class_names": _digest(source.class_names),
        "codecs": codecs(),
    }
    whole = cache(lambda: Opened.of(open_source(settings.source, split), takedowns))  # of a limited source
    shared: dict[bytes, Source] = {}  # places -> the source: configs that share it are made together
    for config in configs:
        used = config.variants if config.parameter else (config.name.upper(),)
        seeded = config.draw is not None or any(VARIANTS[name].is_random for name in used)
        recorded = common | {
            "steps": {name: VARIANTS[name].description for name in used},
            "variants": _digest(config.variants),
            "draw": config.draw,
            "seed": settings.seed if seeded else None,
        }
        chosen = config.chosen(source, settings.seed)
        taken_down = len(opened.source) - len(source)
        plan = Plan(
            config,
            source,
            cuts,
            out / config.name,
            recorded,
            chosen,
            taken_down,
            opened.listing(chosen, cuts),
            opened.source.passed_over,
        )
        yield _continued(plan, opened, whole, settings.limit, shared)


def _continued(
    plan: Plan, opened: Opened, whole: Callable[[], Opened], limit: int | None, shared: dict[bytes, Source]
) -> Plan:
    """The plan adapted to a split in the folder: with its settings and cuts, without the images taken out of it."""
    split = plan.source.split
    record, kept = read_record(plan.folder / MARKERS / f"{split}.json"), read_listing(plan.folder, split)
    if record is None or kept is None:
        return plan
    old = record["settings"]
    if kept.is_whole and old == plan.settings:
        return replace(plan, listing=None)
    if any(old.get(name) != value for name, value in plan.settings.items() if name not in LISTED):
        return plan
    if is_limited := limit == old["images"] and not kept.is_whole:  # other images may have come into its place
        opened = whole()
    places = kept.places_in(opened, exact=not is_limited)
    if places is None:
        return plan
    allowed = opened.allowed[places]
    left = kept.without(opened.images[places[~allowed]])
    places = places[allowed]
    return replace(
        plan,
        source=shared.setdefault(places.tobytes(), opened.take(places)),
        cuts=left.cuts(old["shards"]),
        settings=old,
        chosen=left.variants[left.images != 0].tobytes(),
        taken_down=int((left.images == 0).sum()),
        listing=None if allowed.all() else left,
    )


def _digest(lines: Any) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def _begin(plan: Plan) -> None:
    """Write the record and the listing; UsageError when the folder holds the split made with other settings."""
    path = plan.folder / MARKERS / f"{plan.source.split}.json"
    stored = read_record(path)
    if plan.listing and (stored is None or stored["settings"] == plan.settings):
        write_listing(plan.folder, plan.source.split, plan.listing)
    if stored is None:
        write_record(plan.folder, plan.source.split, {"settings": plan.settings, "source": plan.source.name})
    elif stored["settings"] != plan.settings:
        old = stored["settings"]
        changed = ", ".join(f"{name} {old.get(name)}" for name in plan.settings if old.get(name) != plan.settings[name])
        message = f"{plan.folder} holds a split `{plan.source.split}` made with other settings ({changed[:200]})."
        raise UsageError(message, AGAIN)
    _clear(plan)


def _clear(plan: Plan) -> None:
    remove_unfinished([plan.folder, plan.folder / MARKERS])


# --- the work


def _run(
    plans: Sequence[Plan], settings: ProcessSettings, engine: Callable[..., None], progress: Progress
) -> list[int]:
    """Make the missing shards; returns how many were missing of each plan."""
    hashes = [plan.settings_hash for plan in plans]
    missing: dict[tuple[int, int, tuple[int, int]], list[tuple[Plan, str]]] = {}
    new_shards = [0] * len(plans)
    done = total = 0
    for place, (plan, settings_hash) in enumerate(zip(plans, hashes, strict=True)):
        own = plan.own(settings.shard)
        numbered = list(enumerate(plan.cuts))[own]
        for marker, (number, (start, stop)) in zip(plan.markers(settings_hash, own), numbered, strict=True):
            total += stop - start
            if marker:
                done += stop - start
            else:
                new_shards[place] += 1
                missing.setdefault((id(plan.source), number, (start, stop)), []).append((plan, settings_hash))
    failures: Counter[str] = Counter()

    def tick(images: int, failed: Mapping[str, int]) -> None:
        nonlocal done
        done += images
        failures.update(failed)
        progress(done, total, failures)

    progress(done, total, failures)
    if missing:
        engine(_units(missing, settings), make_shards, tick, workers=settings.workers)
    return new_shards


def _units(
    missing: Mapping[tuple[int, int, tuple[int, int]], list[tuple[Plan, str]]], settings: ProcessSettings
) -> Iterator[Unit]:
    """A unit for each shard number; with more workers than numbers, several, which share the configs among them."""
    groups = -(-settings.workers // len(missing))
    for (_, number, (start, stop)), parts in missing.items():
        source, cuts = parts[0][0].source, parts[0][0].cuts
        targets = [
            Target(plan.folder, plan.config.variants, plan.chosen[start:stop], settings_hash)
            for plan, settings_hash in parts
        ]
        for group in range(min(groups, len(targets))):
            share = tuple(targets[group::groups])
            yield Unit(source.part(start, stop), number, len(cuts), share, settings.seed, codecs())


# --- the end


def _finish(plan: Plan, new_shards: int, shard: str) -> PartReport:
    """Write the split's failures and totals, from the markers of its shards; of a part of the work only report it."""
    own = plan.own(shard)
    expected = len(plan.cuts[own])
    markers = [marker for marker in plan.markers(plan.settings_hash, own) if marker]
    if len(markers) < expected:
        raise FlickrExifError(
            f"{expected - len(markers)} file(s) of {plan.folder} are gone again.", "Run the same command again."
        )
    result = totals(markers)
    if not shard:
        split = plan.source.split
        failures = [failure for marker in markers for failure in marker.failures]
        write_failure_table(failures_path(plan.folder, split), failures)
        write_record(plan.folder, split, {"settings": plan.settings, "source": plan.source.name, **result})
        _clear(plan)  # again: workers of a killed run may still have been writing when this run began
    return PartReport(
        config=plan.config.name,
        split=plan.source.split,
        rows=result["rows"],
        failures=result["failures"],
        shards=len(markers),
        new_shards=new_shards,
        taken_down=plan.taken_down,
    )
