"""Lists what the suite can measure: the images below a data folder, and embeddings whose images are elsewhere."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.kinds import DataSetKind
from flickrexif.dataset.kind import FLICKREXIF as FLICKREXIF_KIND
from flickrexif.eval.data.embeddings import SUFFIX, UNSAFE, EmbeddingKey, read_embeddings
from flickrexif.eval.data.formats import NAMES, WHOLE, dataset_of, open_images, stored_variants
from flickrexif.eval.data.source import Source
from flickrexif.kinds import data_sets
from flickrexif.processing.variants import VARIANTS

IDENTITY = "IDENTITY"
FLICKREXIF, PAIRCAMS = WHOLE
NO_IMAGES = {
    FLICKREXIF: "there are no images: type `flickrexif crawl --images large --month 2024-08`",
    PAIRCAMS: "there are no pairs: type `flickrexif pairs build FOLDER`",
}


class Need(NamedTuple):
    """One embedding file that a measurement reads."""

    dataset: str
    processing: str  # a variant; IDENTITY for unprocessed images
    mask: float | None
    split: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSet:
    """The images of one data set: those at hand, or, without `sources`, those that embeddings were made from."""

    name: str  # its folder in the published layout of embeddings
    sources: Mapping[tuple[str, str | None], Source] = field(default_factory=dict)  # by stored variant and split
    stored: frozenset[tuple[str, str | None]]  # the variants and splits that exist
    classes: int  # number of classes of the labels; 0 where an image has no label
    processed: bool  # whether the measurements of processing are made of it
    origin: str = ""  # where the photos came from, see `Source`

    @property
    def on_the_fly(self) -> bool:
        """Whether variants of these images are made while they are embedded."""
        return bool(self.sources) and all(variant == IDENTITY for variant, _ in self.stored)

    @property
    def splits(self) -> tuple[str | None, ...]:
        """The splits that measurements read: train and val; else train alone, or no split; else nothing."""
        splits = {split for _, split in self.stored}
        if {"train", "val"} <= splits:
            return ("train", "val")
        return next(((split,) for split in ("train", None) if split in splits), ())

    @property
    def held_out(self) -> bool:
        """Whether test images are drawn, as there is no validation split."""
        return len(self.splits) == 1

    def has(self, processing: str) -> bool:
        """Whether images in that processing exist or can be made."""
        variant = IDENTITY if self.on_the_fly else processing
        return bool(self.splits) and all((variant, split) in self.stored for split in self.splits)

    def needs(self, processing: str, mask: float | None = None) -> Iterator[Need]:
        """The embedding files of one processing under one mask."""
        return (Need(self.name, processing, mask, split) for split in self.splits)

    def source(self, need: Need) -> Source | None:
        """The images that an embedding file is made from; None where they are not at hand."""
        return self.sources.get((IDENTITY if self.on_the_fly else need.processing, need.split))


class Unreadable(NamedTuple):
    """Images that cannot be used, and why."""

    name: str
    reason: str


def image_sets(data_dir: Path, specs: Sequence[str], embeddings: Path) -> tuple[list[ImageSet], list[Unreadable]]:
    """Everything that can be measured: folders of `data_dir`, the image sets `specs` (as in `flickrexif embed
    --dataset`), and embeddings whose images are elsewhere; and the images that cannot be used.

    Raises UsageError where two data sets share a name, and where a spec cannot be read.
    """
    sets: dict[str, ImageSet] = {}
    broken = []
    for folder in _folders(data_dir):
        name = dataset_of(folder)
        try:
            _add(sets, _opened(str(folder), data_dir, processed=name not in WHOLE))
        except FlickrExifError as error:
            broken.append(Unreadable(name, str(error)))
    for spec in specs:
        _add(sets, _opened(spec, data_dir, processed=True))
    for folder in sorted(embeddings.glob("*/")):
        names = {name.translate(UNSAFE) for name in (*sets, *(unreadable.name for unreadable in broken))}
        if folder.name not in names and (image_set := _embedded(folder)):
            sets[folder.name] = image_set
    return list(sets.values()), broken


def _folders(data_dir: Path) -> list[Path]:
    """The data sets in `data_dir` that may have images, and folders of images by the names of the published ones."""
    inside = {folder: kind for folder, kind in data_sets(data_dir) if folder.parent == data_dir}
    made = {folder for folder, kind in inside.items() if _may_have_images(folder, kind)}
    others = {folder for name in NAMES if (folder := data_dir / name).is_dir()} - {*inside}
    return sorted(made | others)


def _may_have_images(folder: Path, kind: DataSetKind) -> bool:
    """Whether there are images, or files of them are missing, which is told where they are opened."""
    if kind is FLICKREXIF_KIND and any(folder.glob("images/*.*")):  # or files named by their ids
        return True
    try:
        return bool(stored_variants(folder, kind))
    except FlickrExifError:
        return True


def _opened(spec: str, data_dir: Path, processed: bool) -> ImageSet:
    sources = open_images(spec, data_dir=data_dir)
    by_place = {(source.variant, source.split): source for source in sources}
    labels = (source.columns.get("label", [-1]) for source in sources if source.split in (None, "train", "val"))
    name, stored = sources[0].dataset, frozenset(by_place)
    return ImageSet(
        name=name,
        sources=by_place,
        stored=stored,
        classes=_classes(labels),
        processed=processed,
        origin=sources[0].origin,
    )


def _classes(labels: Iterable[Sequence[int]]) -> int:
    values = {value for column in labels for value in column}
    return 0 if min(values, default=-1) < 0 else len(values)


def _add(sets: dict[str, ImageSet], new: ImageSet) -> None:
    existing = sets.setdefault(new.name, new)
    if {s.fingerprint for s in existing.sources.values()} != {s.fingerprint for s in new.sources.values()}:
        raise UsageError(f"Two data sets have the name {new.name}.", "Rename the folder of one of them.")
    sets[new.name] = replace(existing, processed=existing.processed or new.processed)


def _embedded(folder: Path) -> ImageSet | None:
    """The data set of a folder of embedding files; None where the folder has none."""
    stored, labels, origins = set(), [], set()
    for place in (folder, *sorted(folder / name for name in VARIANTS)):
        files = [*place.glob(f"model=*{SUFFIX}"), *place.glob(f"mask=*/model=*{SUFFIX}")]
        keys = {path: EmbeddingKey.of(folder.parent, path) for path in sorted(files)}
        for split, path in {key.split: path for path, key in keys.items() if key}.items():
            stored.add((IDENTITY if place == folder else place.name, split))
            labels.append(_labels(path))
            origins.add(_origin(path))
    if not stored:
        return None
    processed = folder.name not in WHOLE or any(variant != IDENTITY for variant, _ in stored)
    return ImageSet(
        name=folder.name,
        stored=frozenset(stored),
        classes=_classes(labels),
        processed=processed,
        origin=origins.pop() if len(origins) == 1 else "",
    )


def _labels(path: Path) -> list[int]:
    try:
        columns = read_embeddings(path).columns
    except FlickrExifError:
        return [-1]
    return columns["label"].tolist() if "label" in columns else [-1]


def _origin(path: Path) -> str:
    try:
        return read_embeddings(path).origin
    except FlickrExifError:
        return ""
