"""The facts of a folder of processed images, for its card."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from flickrexif.core.columns import Column
from flickrexif.core.errors import UsageError
from flickrexif.core.facts import Cell, Chart, Config, Facts, Split, Table, counted, split_of
from flickrexif.core.parquet import features_of, read_table
from flickrexif.core.text import plain
from flickrexif.processing.parts import Part, read_parts
from flickrexif.processing.shards import REASONS
from flickrexif.processing.source import UNLABELLED

LONGEST = 80  # of a stranger's name

COLUMNS = (
    Column("image", "image", "the encoded file, its bytes exactly as encoded"),
    Column("label", "int64", f"the source's own label; {UNLABELLED} where it has none"),
    Column("image_id", "string", "the source's own id, or the path below its split's folder"),
    Column("variant", "int64", "what was done to the image"),
    Column("width", "int32", "pixels of the encoded image"),
    Column("height", "int32", "pixels of the encoded image"),
    Column("sha256", "string", "of the encoded bytes"),
)


Counts = list[tuple[str, int]]  # class name, images


class _FinishedSplit(NamedTuple):
    """A finished split: its record, its files, its features."""

    record: Part
    split: Split
    features: Mapping[str, Any]

    @property
    def source(self) -> str:
        return plain(self.record.source, LONGEST)


def traces_facts(root: Path) -> Facts:
    """The facts of the processed images that `flickrexif.processing.build` wrote to `root`.

    Raises UsageError when there is no finished split, or when the files of one are not whole.
    """
    parts = [_finished_split(root, part) for part in read_parts(root)]
    if not parts:
        raise UsageError(f"{root} holds no finished split of processed images.", "Make one: flickrexif process.")
    configs = tuple(_config(name, list(group)) for name, group in groupby(parts, lambda part: part.record.config))
    drawn = [(part, _counts(root, part, "variant")) for part in parts if part.record.settings["draw"]]
    sources = ", ".join(sorted({part.source for part in parts}))
    images = sum(part.split.rows for part in parts)
    return Facts(
        source="processed",
        summary=f"{counted(images, 'processed image')} in {counted(len(configs), 'config')}, made of {sources}.",
        rows=max(sum(split.rows for split in config.splits) for config in configs),
        configs=configs,
        collection=_collection(parts, sources),
        composition=tuple(_composition(parts, drawn)),
        charts=(_sizes(parts),),
        measured=tuple(_measured(root, parts, drawn)),
    )


def _finished_split(root: Path, part: Part) -> _FinishedSplit:
    pattern = f"{part.config}/{part.split}-*-of-*.parquet"
    files = sorted(root.glob(pattern))
    split = split_of(root, part.split, pattern, files)
    if split.rows != part.rows:
        message = f"{root / part.config} holds {split.rows:,} of {part.rows:,} images of the split `{part.split}`."
        raise UsageError(message, "Make it again: flickrexif process with the same settings.")
    return _FinishedSplit(part, split, features_of(files[0]))


def _config(name: str, parts: Sequence[_FinishedSplit]) -> Config:
    splits = tuple(part.split for part in parts)
    description = f"Images with the processing: {_what(parts[0].record)}."
    return Config(name=name, description=description, splits=splits, columns=COLUMNS, features=parts[0].features)


def _what(part: Part) -> str:
    """The processing in words."""
    steps, seed = part.settings["steps"], part.settings["seed"]
    keyed = "" if seed is None else f" (seed {seed})"
    if part.settings["draw"]:
        return f"one of {', '.join(steps)} for each image, {part.settings['draw']}{keyed}"
    return f"{', '.join(steps.values())}{keyed}"


def _counts(root: Path, part: _FinishedSplit, column: str) -> Counts:
    """(class name, images) in the order of the classes, also of classes without images."""
    frequencies = read_table([root / file for file in part.split.files], (column,))[column].value_counts().to_pylist()
    counts = {row["values"]: row["counts"] for row in frequencies}
    names = part.features[column].get("names", ())
    return [(plain(name, LONGEST), counts.get(place, 0)) for place, name in enumerate(names)]


# --- tables and figures

Drawn = Sequence[tuple[_FinishedSplit, Counts]]


def _collection(parts: Sequence[_FinishedSplit], sources: str) -> tuple[tuple[str, str], ...]:
    used = {tuple(part.record.settings["codecs"].items()) for part in parts}
    codecs = sorted(", ".join(f"{name} {version}" for name, version in pairs if version != "none") for pairs in used)
    steps = {name: step for part in parts for name, step in part.record.settings["steps"].items()}
    return ("Made of", sources), ("Encoded with", "; ".join(codecs)), *sorted(steps.items())


def _composition(parts: Sequence[_FinishedSplit], drawn: Drawn) -> Iterator[Table]:
    yield Table(
        title="Configs and splits",
        header=("Config", "Split", "Source", "Images", "Left out", "What was done"),
        rows=[_row(part.record, part.source) for part in parts],
    )
    if drawn:
        yield Table(
            title="Classes that were drawn",
            header=("Config", "Split", "Class", "Images"),
            rows=[(part.record.config, part.record.split, *row) for part, counts in drawn for row in counts],
            note="Each draw depends on the seed, the parameter and the image's id alone.",
        )
    if lost := _left_out(parts):
        yield lost


def _row(record: Part, source: str) -> tuple[Cell, ...]:
    lost = sum(record.failures.values())
    return record.config, record.split, source, record.rows, lost, _what(record)


def _left_out(parts: Sequence[_FinishedSplit]) -> Table | None:
    """Images left out by reason; configs with the same losses, such as those of one source, share a row."""
    losses = Counter(
        (part.source, part.record.split, REASONS.get(reason, plain(reason, LONGEST)), count)
        for part in parts
        for reason, count in part.record.failures.items()
    )
    if not losses:
        return None
    return Table(
        title="Images left out",
        header=("Source", "Split", "Reason", "Images", "Configs"),
        rows=[(*row, configs) for row, configs in sorted(losses.items())],
        note="Each config's <split>-failures.csv names the images.",
    )


def _sizes(parts: Sequence[_FinishedSplit]) -> Chart:
    """The mean size of an image by config, over its splits."""
    sizes = _mean_sizes(parts)
    least, most = (pick(sizes, key=sizes.__getitem__) for pick in (min, max))
    return Chart(
        name="sizes",
        title="Mean size of an image's file by config",
        alt=f"Mean size of a file: from {sizes[least]:.1f} kB ({least}) to {sizes[most]:.1f} kB ({most}).",
        kind="bars",
        labels=tuple(sizes),
        values=tuple(round(size, 1) for size in sizes.values()),
        unit="kB",
    )


def _mean_sizes(parts: Sequence[_FinishedSplit]) -> dict[str, float]:
    """Config -> kB of Parquet an image: the images are all but a few bytes of it."""
    totals: dict[str, tuple[int, int]] = {}
    for part in parts:
        size, rows = totals.get(part.record.config, (0, 0))
        totals[part.record.config] = size + part.split.bytes, rows + part.split.rows
    return {config: size / rows / 1000 for config, (size, rows) in totals.items()}


def _measured(root: Path, parts: Sequence[_FinishedSplit], drawn: Drawn) -> Iterator[str]:
    lost, kept = sum(sum(part.record.failures.values()) for part in parts), sum(part.split.rows for part in parts)
    yield f"{lost:,} of {lost + kept:,} images ({lost / (lost + kept):.2%}) could not be processed and are left out."
    sizes = _mean_sizes(parts)
    if len(sizes) > 1:
        least, most = (pick(sizes, key=sizes.__getitem__) for pick in (min, max))
        yield (
            f"A file has {sizes[least]:.1f} kB on average in {least} and {sizes[most]:.1f} kB in {most}: "
            "its size alone tells something of the processing."
        )
    if drawn:
        part, counts = max(drawn, key=lambda entry: _spread(entry[1]))
        where = f"{part.record.config}, {part.record.split}"
        yield f"Images a class of the most uneven draw ({where}): {_span(counts)}."
    largest = max(parts, key=lambda part: part.split.rows)
    if labels := _counts(root, largest, "label"):
        where = f"{largest.record.split}, {len(labels):,} in all"
        yield f"Images a class of {largest.source} ({where}): {_span(labels)}."


def _spread(counts: Counts) -> float:
    """The largest class over the even share."""
    numbers = [count for _, count in counts]
    return max(numbers) * len(numbers) / sum(numbers)


def _span(counts: Counts) -> str:
    least, most = (pick(count for _, count in counts) for pick in (min, max))
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"
