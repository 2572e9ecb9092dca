"""What the files of a folder of processed images tell of it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from flickrexif.core.columns import Column
from flickrexif.core.errors import UsageError
from flickrexif.core.facts import Chart, Config, Facts, Split, Table, split_of
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


class _Made(NamedTuple):
    """A finished split: its record, its files, its features."""

    part: Part
    split: Split
    features: Mapping[str, Any]

    @property
    def source(self) -> str:
        return plain(self.part.source, LONGEST)


def traces_facts(root: Path) -> Facts:
    """The facts of the processed images that `flickrexif.processing.build` wrote to `root`.

    Raises UsageError when there is no finished split, or when the files of one are not whole.
    """
    made = [_made(root, part) for part in read_parts(root)]
    if not made:
        raise UsageError(f"{root} holds no finished split of processed images.", "Make one: flickrexif process.")
    configs = tuple(_config(name, list(found)) for name, found in groupby(made, lambda one: one.part.config))
    drawn = [(one, _counts(root, one, "variant")) for one in made if one.part.settings["draw"]]
    sources = ", ".join(sorted({one.source for one in made}))
    images = sum(one.split.rows for one in made)
    return Facts(
        source="processed",
        summary=f"{_many(images, 'processed image')} in {_many(len(configs), 'config')}, made of {sources}.",
        rows=max(sum(split.rows for split in config.splits) for config in configs),
        configs=configs,
        collection=_collection(made, sources),
        composition=tuple(_composition(made, drawn)),
        charts=(_sizes(made),),
        measured=tuple(_measured(root, made, drawn)),
    )


def _made(root: Path, part: Part) -> _Made:
    pattern = f"{part.config}/{part.split}-*-of-*.parquet"
    files = sorted(root.glob(pattern))
    split = split_of(root, part.split, pattern, files)
    if split.rows != part.rows:
        message = f"{root / part.config} holds {split.rows:,} of {part.rows:,} images of the split `{part.split}`."
        raise UsageError(message, "Make it again: flickrexif process with the same settings.")
    return _Made(part, split, features_of(files[0]))


def _config(name: str, made: Sequence[_Made]) -> Config:
    splits = tuple(one.split for one in made)
    description = f"Images with the processing: {_what(made[0].part)}."
    return Config(name=name, description=description, splits=splits, columns=COLUMNS, features=made[0].features)


def _what(part: Part) -> str:
    """What was done, in words; `steps` names each variant of the config."""
    steps, seed = part.settings["steps"], part.settings["seed"]
    keyed = "" if seed is None else f" (seed {seed})"
    if part.settings["draw"]:
        return f"one of {', '.join(steps)} for each image, {part.settings['draw']}{keyed}"
    return f"{', '.join(steps.values())}{keyed}"


def _counts(root: Path, made: _Made, column: str) -> Counts:
    """Class name -> images, in the order of the classes, those without images included."""
    found = read_table([root / file for file in made.split.files], (column,))[column].value_counts().to_pylist()
    counts = {one["values"]: one["counts"] for one in found}
    names = made.features[column].get("names", ())
    return [(plain(name, LONGEST), counts.get(place, 0)) for place, name in enumerate(names)]


# --- tables and figures

Drawn = Sequence[tuple[_Made, Counts]]


def _collection(made: Sequence[_Made], sources: str) -> tuple[tuple[str, str], ...]:
    used = {tuple(one.part.settings["codecs"].items()) for one in made}
    codecs = sorted(", ".join(f"{name} {version}" for name, version in one if version != "none") for one in used)
    steps = {name: step for one in made for name, step in one.part.settings["steps"].items()}
    return ("Made of", sources), ("Encoded with", "; ".join(codecs)), *sorted(steps.items())


def _composition(made: Sequence[_Made], drawn: Drawn) -> Iterator[Table]:
    yield Table(
        title="Configs and splits",
        header=("Config", "Split", "Source", "Images", "Left out", "What was done"),
        rows=[
            (part.config, part.split, one.source, part.rows, sum(part.failures.values()), _what(part))
            for one in made
            for part in (one.part,)
        ],
    )
    if drawn:
        yield Table(
            title="Classes that were drawn",
            header=("Config", "Split", "Class", "Images"),
            rows=[(one.part.config, one.part.split, *found) for one, counts in drawn for found in counts],
            note="Each draw depends on the seed, the parameter and the image's id alone.",
        )
    if lost := _left_out(made):
        yield lost


def _left_out(made: Sequence[_Made]) -> Table | None:
    """Why images are missing; configs that lack the same images, as those of one source do, are counted together."""
    found = Counter(
        (one.source, one.part.split, REASONS.get(reason, plain(reason, LONGEST)), count)
        for one in made
        for reason, count in one.part.failures.items()
    )
    if not found:
        return None
    return Table(
        title="Images left out",
        header=("Source", "Split", "Reason", "Images", "Configs"),
        rows=[(*row, configs) for row, configs in sorted(found.items())],
        note="Each config's <split>-failures.csv names the images.",
    )


def _sizes(made: Sequence[_Made]) -> Chart:
    """Bytes an image by config, over the splits."""
    sizes = _mean_sizes(made)
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


def _mean_sizes(made: Sequence[_Made]) -> dict[str, float]:
    """Config -> kB of Parquet an image: the images are all but a few bytes of it."""
    totals: dict[str, tuple[int, int]] = {}
    for one in made:
        size, rows = totals.get(one.part.config, (0, 0))
        totals[one.part.config] = size + one.split.bytes, rows + one.split.rows
    return {config: size / rows / 1000 for config, (size, rows) in totals.items()}


def _measured(root: Path, made: Sequence[_Made], drawn: Drawn) -> Iterator[str]:
    lost, kept = sum(sum(one.part.failures.values()) for one in made), sum(one.split.rows for one in made)
    yield f"{lost:,} of {lost + kept:,} images ({lost / (lost + kept):.2%}) could not be processed and are left out."
    sizes = _mean_sizes(made)
    if len(sizes) > 1:
        least, most = (pick(sizes, key=sizes.__getitem__) for pick in (min, max))
        yield (
            f"A file has {sizes[least]:.1f} kB on average in {least} and {sizes[most]:.1f} kB in {most}: "
            "its size alone tells something of the processing."
        )
    if drawn:
        one, counts = max(drawn, key=lambda found: _spread(found[1]))
        where = f"{one.part.config}, {one.part.split}"
        yield f"Images a class of the most uneven draw ({where}): {_span(counts)}."
    largest = max(made, key=lambda one: one.split.rows)
    if labels := _counts(root, largest, "label"):
        where = f"{largest.part.split}, {len(labels):,} in all"
        yield f"Images a class of {largest.source} ({where}): {_span(labels)}."


def _spread(counts: Counts) -> float:
    """The largest class over the even share."""
    numbers = [count for _, count in counts]
    return max(numbers) * len(numbers) / sum(numbers)


def _span(counts: Counts) -> str:
    least, most = (pick(count for _, count in counts) for pick in (min, max))
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
