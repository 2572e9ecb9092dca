"""Lists what can be measured: the images of a data folder or named ones, and embeddings whose images are elsewhere."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from flickrexif.core.addresses import place_of
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.kinds import DataSetKind
from flickrexif.dataset.kind import FETCHED, FOLDER
from flickrexif.dataset.kind import FLICKREXIF as FLICKREXIF_KIND
from flickrexif.eval.data.embeddings import FLICKR_ID, SUFFIX, UNSAFE, EmbeddingKey, read_embeddings
from flickrexif.eval.data.formats import dataset_of, open_images, stored_variants
from flickrexif.eval.data.names import NAMES, WHOLE
from flickrexif.eval.data.source import Source
from flickrexif.kinds import data_sets, recognised

IDENTITY = "IDENTITY"
FLICKREXIF, PAIRCAMS = WHOLE
OF_LABELS = (FETCHED, FOLDER)  # data sets of photos with labels and splits of their own, under any name
NO_IMAGES = {
    FLICKREXIF: "there are no images: type `flickrexif crawl --images large --month 2024-08`",
    PAIRCAMS: "there are no pairs: type `flickrexif pairs build FOLDER`",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """The images of one data set: those at hand, or, without `sources`, those that embeddings were made from."""

    name: str  # its folder in the published layout of embeddings
    sources: Mapping[tuple[str, str | None], Source] = field(default_factory=dict)  # by stored variant and split
    stored: frozenset[tuple[str, str | None]] = frozenset()  # the variants and splits that exist
    classes: int = 0  # number of classes of the labels; 0 where an image has no label
    processed: bool = False  # whether the measurements of processing are made of it
    origin: str = ""  # where the photos came from, see `Source`
    has_photo_ids: bool = False  # whether its images have the ids of labelled photos: FlickrExif, and one's own
    labels: Path | None = None  # of these photos: a folder with `splits` and `labels`, or with split files
    lack: str = ""  # why it has no images at all
    broken: bool = False  # True where that is an error and not a lack of data

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

    def source(self, key: EmbeddingKey) -> Source | None:
        """The images that an embedding file is made from; None where they are not at hand."""
        return self.sources.get((IDENTITY if self.on_the_fly else key.processing, key.split))


def catalog(data_dir: Path, embeddings: Path, names: Sequence[str] = ()) -> tuple[DataSet, ...]:
    """The data sets of `data_dir` and those of which embeddings alone are in `embeddings`; of `names`, if any, only
    those.

    A name is that of a data set here (paircams, ImageNet), else images as in `flickrexif embed --dataset`, of which
    variants are made on the fly. FlickrExif and PairCams are always listed, with what they lack. Raises UsageError for
    a name that is none, and where two data sets share one.
    """
    listed = {data.name: data for data in _in_folder(data_dir)}
    listed |= {data.name: data for data in of_embeddings(embeddings) if data.name not in listed}
    chosen = {}
    for name in names:
        data = listed.get(NAMES.get(name.lower(), name)) or _opened(name, data_dir, processed=True)
        _check_same(data, listed.get(data.name, data))
        chosen[data.name] = data
    lacking = {
        name: DataSet(name=name, lack=lack, has_photo_ids=name == FLICKREXIF) for name, lack in NO_IMAGES.items()
    }
    return tuple((chosen if names else lacking | listed).values())


def of_embeddings(root: Path, names: Sequence[str] = ()) -> tuple[DataSet, ...]:
    """The data sets of which embedding files are in `root`; of `names`, if any, only those.

    Raises UsageError for a name that is none.
    """
    listed = {folder.name: data for folder in sorted(root.glob("*/")) if (data := _embedded(folder))}
    called = [NAMES.get(name.lower(), name).translate(UNSAFE) for name in names]
    for name in called:
        if name not in listed:
            raise UsageError(f"There are no embeddings of {name} in {root}.", f"There: {', '.join(listed) or 'none'}.")
    return tuple(data for name, data in listed.items() if not names or name in called)


def _in_folder(data_dir: Path) -> Iterator[DataSet]:
    """The data sets in `data_dir` that may have images, and folders of images by the names of the published ones."""
    inside = {folder: kind for folder, kind in data_sets(data_dir) if folder.parent == data_dir}
    with_images = {folder for folder, kind in inside.items() if _may_have_images(folder, kind)}
    others = {folder for name in NAMES if any((folder := data_dir / name).glob("*"))} - {*inside}
    for folder in sorted(with_images | others):
        name = dataset_of(folder)
        try:
            processed = name not in WHOLE and inside.get(folder) not in OF_LABELS
            yield _opened(str(folder), data_dir, processed=processed)
        except FlickrExifError as error:
            yield DataSet(name=name, lack=str(error), broken=True, has_photo_ids=name == FLICKREXIF)


def _may_have_images(folder: Path, kind: DataSetKind) -> bool:
    """Whether there are images, or files of them are missing, which is told where they are opened."""
    if kind is FLICKREXIF_KIND and any(folder.glob("images/*.*")):  # or files named by their ids
        return True
    try:
        return bool(stored_variants(folder, kind))
    except FlickrExifError:
        return True


def _opened(spec: str, data_dir: Path, *, processed: bool) -> DataSet:
    data = data_set_of(open_images(spec, data_dir=data_dir), processed=processed)
    folder = place_of(spec)
    own = folder.absolute() if recognised(folder) in OF_LABELS else None
    return replace(data, labels=own or (data_dir / "flickrexif" if data.name == FLICKREXIF else None))


def data_set_of(opened: Sequence[Source], *, processed: bool) -> DataSet:
    """The data set of its sources, at least one."""
    sources = {(source.variant, source.split): source for source in opened}
    labels = (source.columns.get("label", [-1]) for source in opened if source.split in (None, "train", "val"))
    return DataSet(
        name=opened[0].dataset,
        sources=sources,
        stored=frozenset(sources),
        classes=_classes(labels),
        processed=processed,
        origin=opened[0].origin,
        has_photo_ids=opened[0].dataset == FLICKREXIF or FLICKR_ID in opened[0].columns,
    )


def _classes(labels: Iterable[Sequence[int]]) -> int:
    values = {value for column in labels for value in column}
    return 0 if min(values, default=-1) < 0 else len(values)


def _check_same(data: DataSet, other: DataSet) -> None:
    """UsageError where two data sets of one name have other images."""
    fingerprints = [{source.fingerprint for source in images.sources.values()} for images in (data, other)]
    if other.sources and fingerprints[0] != fingerprints[1]:
        raise UsageError(f"Two data sets have the name {data.name}.", "Rename the folder of one of them.")


def _embedded(folder: Path) -> DataSet | None:
    """The data set of a folder of embedding files; None where the folder has none."""
    first = {}  # a file of each variant and split: they are alike in what is asked here
    for path in sorted(folder.rglob(f"model=*{SUFFIX}")):
        key = EmbeddingKey.of(folder.parent, path)
        if key is not None:
            first[key.processing, key.split] = path
    if not first:
        return None
    files, faults = [], []
    for path in first.values():
        try:
            files.append(read_embeddings(path))
        except FlickrExifError as error:
            faults.append(str(error))
    origins = {file.origin for file in files}
    has_photo_ids = folder.name == FLICKREXIF or any(FLICKR_ID in file.columns for file in files)
    labels = [file.columns["label"].tolist() if "label" in file.columns else [-1] for file in files]
    return DataSet(
        name=folder.name,
        stored=frozenset(first),
        classes=_classes(labels),
        processed=(folder.name not in WHOLE and not has_photo_ids) or any(variant != IDENTITY for variant, _ in first),
        origin=origins.pop() if len(origins) == 1 else "",
        has_photo_ids=has_photo_ids,
        lack="" if files else faults[0],  # of a single broken file, measuring what needs it will say so
        broken=not files,
    )
