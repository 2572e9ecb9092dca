"""A labelled source through processing variants to Parquet files that `datasets.load_dataset` reads.

    <out>/<config>/<split>-00000-of-00012.parquet   one config a variant (jpeg75_420) or draw (jpeg_uniform_seed0)
    <out>/<config>/<split>-failures.csv             image id and reason of every image without a row
    <out>/<config>/.done/                           settings of the split, and a marker for each finished shard

`flickrexif.cards.write_card` then writes the card, without which `load_dataset` takes the folder for half built.

Rows are in the source's order. How a split is cut into shards depends on its source alone, so the files of a variant
are the same whatever else is made with it, by however many workers, in however many attempts.
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
from flickrexif.core.files import remove_unfinished
from flickrexif.core.folder import DataFolder
from flickrexif.core.takedowns import read_takedowns
from flickrexif.processing.draw import balanced_classes, draw_class
from flickrexif.processing.engines import local, ray
from flickrexif.processing.listing import Listing, Opened, read_listing, write_listing
from flickrexif.processing.parts import (
    AGAIN,
    read_record,
    totals,
    write_failures,
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
    unwritable,
)
from flickrexif.processing.source import Source
from flickrexif.processing.sources import open_source, splits
from flickrexif.processing.variants import PARAMETERS, VARIANTS, classes, variant

SHARD_BYTES = 500_000_000  # of the images as the source stores them
DRAWS = ("uniform", "balanced")
LISTED = ("images", "shards", "listing")  # settings that change when the source has other images

Progress = Callable[[int, int, Mapping[str, int]], None]
"""Told of images made so far, of how many, and of failures by reason."""


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


@dataclass(frozen=True, slots=True)
class Config:
    """One data set to make: the names its column `variant` may hold, and what is in it."""

    name: str
    variants: tuple[str, ...]
    draw: str | None = None
    parameter: str | None = None

    def chosen(self, source: Source, seed: int) -> bytes:
        """The index of every image's variant."""
        places = {name: place for place, name in enumerate(self.variants)}
        if not self.parameter:
            return bytes([places[self.name.upper()]]) * len(source)
        if self.draw == "uniform":
            return bytes(places[draw_class(self.parameter, image_id, seed)] for image_id in source.ids)
        drawn = balanced_classes(self.parameter, source.ids, seed)
        return bytes(places[drawn[image_id]] for image_id in source.ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartReport:
    """One config and split: every image of the source is in `rows` or in `failures` (by reason)."""

    config: str
    split: str
    rows: int
    failures: Mapping[str, int]
    shards: int
    made: int  # shards made now; the others were there
    taken_down: int  # images that must not be taken, or were taken out since


@dataclass(frozen=True, slots=True)
class ProcessReport:
    """What a run left in `out`."""

    out: Path
    parts: tuple[PartReport, ...]

    @property
    def failed(self) -> int:
        return sum(sum(part.failures.values()) for part in self.parts)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A config of a split, before anything is made."""

    config: Config
    source: Source
    cuts: Sequence[tuple[int, int]]
    folder: Path
    told: Mapping[str, Any]  # all that decides the bytes
    chosen: bytes
    taken_down: int
    listing: Listing | None  # None: the one that is there holds

    @property
    def settings(self) -> str:
        return hashlib.sha256(json.dumps(self.told, sort_keys=True).encode()).hexdigest()

    def shards(self) -> list[str]:
        return [shard_name(self.source.split, number, len(self.cuts)) for number in range(len(self.cuts))]

    def markers(self, settings: str) -> list[Marker | None]:
        found = (read_marker(self.folder, shard) for shard in self.shards())
        return [marker if marker and marker.settings == settings else None for marker in found]


def process(settings: ProcessSettings, progress: Progress | None = None) -> ProcessReport:
    """Make what is not there yet. Call it again after any interruption with the same settings.

    Raises UsageError for settings that cannot be, also when `out` holds a config made with others, and
    FlickrExifError when a file cannot be written or a worker dies.
    """
    configs, engine = configs_of(settings), _engine(settings)
    found = (settings.split,) if settings.split else tuple(splits(settings.source))
    out = settings.out.absolute()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(out, error) from None
    remove_unfinished([out])
    plans = [plan for split in found for plan in _plans(out, configs, split, settings)]
    for plan in plans:
        _begin(plan)
    made = _run(plans, settings, engine, progress or (lambda *_: None))
    parts = [_finish(plan, count) for plan, count in zip(plans, made, strict=True)]
    return ProcessReport(settings.out, tuple(parts))


def check_settings(settings: ProcessSettings) -> None:
    """UsageError for settings that cannot be, whatever the source."""
    configs_of(settings)
    _engine(settings)
    if settings.limit is not None and settings.limit < 1:
        raise UsageError(f"{settings.limit} images of a split are none.", "Give --limit 1 or more.")


def summary(report: ProcessReport) -> str:
    """What was made, in lines, and how to load it."""
    lines = []
    for part in report.parts:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(part.failures.items()))
        failed = f"; left out: {reasons} ({part.config}/{part.split}-failures.csv)" if reasons else ""
        failed += f"; taken down: {part.taken_down:,}" if part.taken_down else ""
        there = f" ({part.shards - part.made} were there)" if part.made < part.shards else ""
        lines.append(f"{part.config} {part.split}: {part.rows:,} images in {part.shards} file(s){there}{failed}")
    last = report.parts[-1]
    load = f'load_dataset("{report.out}", "{last.config}", split="{last.split}")'
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
    wanted = {variant(name).name for name in settings.variants}
    wanted.update(classes(settings.parameter) if settings.parameter else ())
    if not wanted:
        known = ", ".join(PARAMETERS)
        raise UsageError("Nothing to make was named.", f"Give --variant NAME or --parameter with one of: {known}.")
    return tuple(Config(row.config, tuple(VARIANTS)) for row in VARIANTS.values() if row.name in wanted)


def _engine(settings: ProcessSettings) -> Callable[..., None]:
    if settings.workers < 1:
        raise UsageError(f"{settings.workers} workers cannot work.", "Give --workers 1 or more.")
    if settings.engine == "ray":
        return partial(ray.run, address=settings.address)
    if settings.engine != "local":
        raise UsageError(f"There is no engine {settings.engine!r}.", "Known: local, ray.")
    if settings.address:
        raise UsageError("An address is of a Ray cluster.", "Add --engine ray.")
    return local.run


# --- the plan


def _plans(out: Path, configs: Sequence[Config], split: str, settings: ProcessSettings) -> Iterator[_Plan]:
    takedowns = read_takedowns(DataFolder.of(out).takedowns)
    opened = Opened.of(open_source(settings.source, split, settings.limit), takedowns)
    if not opened.allowed.any():
        raise UsageError(f"All images of {settings.source} were taken down.", "Name another source.")
    source = opened.some(np.flatnonzero(opened.allowed))
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
        told = common | {
            "steps": {name: VARIANTS[name].description for name in used},
            "variants": _digest(config.variants),
            "draw": config.draw,
            "seed": settings.seed if seeded else None,
        }
        chosen = config.chosen(source, settings.seed)
        taken_down = len(opened.source) - len(source)
        plan = _Plan(config, source, cuts, out / config.name, told, chosen, taken_down, opened.listing(chosen, cuts))
        yield _continued(plan, opened, whole, settings.limit, shared)


def _continued(
    plan: _Plan, opened: Opened, whole: Callable[[], Opened], limit: int | None, shared: dict[bytes, Source]
) -> _Plan:
    """The plan of a split that is there: of one from which images were taken out, as it was begun, without them."""
    split = plan.source.split
    record, kept = read_record(plan.folder / MARKERS / f"{split}.json"), read_listing(plan.folder, split)
    if record is None or kept is None:
        return plan
    old = record["settings"]
    if kept.is_whole and old == plan.told:
        return replace(plan, listing=None)
    if any(old.get(name) != value for name, value in plan.told.items() if name not in LISTED):
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
        source=shared.setdefault(places.tobytes(), opened.some(places)),
        cuts=left.cuts(old["shards"]),
        told=old,
        chosen=left.variants[left.images != 0].tobytes(),
        taken_down=int((left.images == 0).sum()),
        listing=None if allowed.all() else left,
    )


def _digest(lines: Any) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def _begin(plan: _Plan) -> None:
    """Note the settings; shards of other settings must never stand beside these."""
    path = plan.folder / MARKERS / f"{plan.source.split}.json"
    there = read_record(path)
    if plan.listing and (there is None or there["settings"] == plan.told):
        write_listing(plan.folder, plan.source.split, plan.listing)
    if there is None:
        write_record(plan.folder, plan.source.split, {"settings": plan.told, "source": plan.source.name})
    elif there["settings"] != plan.told:
        old = there["settings"]
        changed = ", ".join(f"{name} {old.get(name)}" for name in plan.told if old.get(name) != plan.told[name])
        message = f"{plan.folder} holds a split `{plan.source.split}` made with other settings ({changed[:200]})."
        raise UsageError(message, AGAIN)
    _clear(plan)


def _clear(plan: _Plan) -> None:
    remove_unfinished([plan.folder, plan.folder / MARKERS])


# --- the work


def _run(
    plans: Sequence[_Plan], settings: ProcessSettings, engine: Callable[..., None], progress: Progress
) -> list[int]:
    """Make the shards that are missing; returns how many of each plan."""
    hashes = [plan.settings for plan in plans]
    missing: dict[tuple[int, int, tuple[int, int]], list[tuple[_Plan, str]]] = {}
    made = [0] * len(plans)
    done = total = 0
    for place, (plan, settings_hash) in enumerate(zip(plans, hashes, strict=True)):
        total += len(plan.source)
        for number, (marker, (start, stop)) in enumerate(zip(plan.markers(settings_hash), plan.cuts, strict=True)):
            if marker:
                done += stop - start
            else:
                made[place] += 1
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
    return made


def _units(
    missing: Mapping[tuple[int, int, tuple[int, int]], list[tuple[_Plan, str]]], settings: ProcessSettings
) -> Iterator[Unit]:
    """A unit for every shard number; several, each with some of the configs, when there are more workers than that."""
    groups = -(-settings.workers // len(missing))
    for (_, number, (start, stop)), wanted in missing.items():
        source, cuts = wanted[0][0].source, wanted[0][0].cuts
        targets = [
            Target(plan.folder, plan.config.variants, plan.chosen[start:stop], settings_hash)
            for plan, settings_hash in wanted
        ]
        for group in range(min(groups, len(targets))):
            some = tuple(targets[group::groups])
            yield Unit(source.part(start, stop), number, len(cuts), some, settings.seed, codecs())


# --- the end


def _finish(plan: _Plan, made: int) -> PartReport:
    """The split's failures and totals, from the markers."""
    settings = plan.settings
    markers = [marker for marker in plan.markers(settings) if marker]
    split = plan.source.split
    if len(markers) < len(plan.cuts):
        lost = len(plan.cuts) - len(markers)
        raise FlickrExifError(f"{lost} file(s) of {plan.folder} are gone again.", "Run the same command again.")
    write_failures(plan.folder, split, [failure for marker in markers for failure in marker.failures])
    made_of = totals(markers)
    write_record(plan.folder, split, {"settings": plan.told, "source": plan.source.name, **made_of})
    _clear(plan)  # again: the workers of a killed run may have outlived the beginning of this one
    name = plan.config.name
    return PartReport(
        config=name,
        split=split,
        rows=made_of["rows"],
        failures=made_of["failures"],
        shards=len(markers),
        made=made,
        taken_down=plan.taken_down,
    )
