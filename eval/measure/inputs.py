"""Reads what measurements compute from: embeddings joined over variants, and labels of photos."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from flickrexif.core.draws import rank, rng
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.parquet import read_table
from flickrexif.dataset import split_files
from flickrexif.dataset.labels_table import data_set_of, label_tables
from flickrexif.dataset.split_files import STEM, Split
from flickrexif.eval.data.catalog import DataSet
from flickrexif.eval.data.embeddings import FLICKR_ID, Embeddings
from flickrexif.eval.measure.base import CAMERA, HELD_OUT, File, Inputs
from flickrexif.processing.variants import classes as classes_of

SMART = "Is Smartphone"  # its split file
ENOUGH = 500  # test photos of its split file; with fewer, the labels of all photos are taken


@dataclass(frozen=True, slots=True)
class Images:
    """Images that are in several embedding files, in the same order in each."""

    embeddings: list[Tensor]  # [n, d] a file
    ids: list[str]
    labels: Tensor  # [n]; zeros where the files have none

    def of(self, rows: Tensor) -> "Images":
        """The images where `rows` [n] is true."""
        ids = [image_id for image_id, kept in zip(self.ids, rows.tolist(), strict=True) if kept]
        return Images([matrix[rows] for matrix in self.embeddings], ids, self.labels[rows])


@dataclass(frozen=True, slots=True)
class TrainAndTest:
    """Training and test images."""

    train: Images
    test: Images
    left_out: dict[str, int]  # split -> how many images are not in all files
    class_names: Sequence[str]  # [] where the files have none
    labelled: bool  # whether the images have class labels

    @property
    def n(self) -> dict[str, int]:
        """How many images train and test, and of how many classes, where they have any."""
        classes = len(torch.unique(torch.cat([self.train.labels, self.test.labels]))) if self.labelled else 0
        return {"train": len(self.train.ids), "test": len(self.test.ids)} | ({"classes": classes} if classes else {})


def train_and_test(inputs: Inputs, column: str = "") -> TrainAndTest:
    """The training and test images that all files have: the splits train and val, or drawn from the only split.

    One image in HELD_OUT is then a test image, drawn by its id, so that adding images to a data set moves none from one
    part to the other. FlickrExifError where a file lacks the column, or files do not fit each other.
    """
    for file in (file for group in inputs.files.values() for file in group):
        if column and column not in file.embeddings.columns:
            message = f'{file.path} has no column "{column}".'
            raise FlickrExifError(message, "Embed a data set that has it with `flickrexif embed`.")
    first = next(iter(inputs.files.values()))[0].embeddings
    facts = {"class_names": json.loads(first.metadata.get("class_names", "[]")), "labelled": "label" in first.columns}
    parts = [shared_images([file.embeddings for file in files]) for files in zip(*inputs.files.values(), strict=True)]
    if inputs.held_out:
        ((images, left_out),) = parts
        in_test = torch.tensor([is_held_out(image_id) for image_id in images.ids], dtype=torch.bool)
        return TrainAndTest(images.of(~in_test), images.of(in_test), {"all": left_out}, **facts)
    (train, of_train), (test, of_test) = parts
    return TrainAndTest(train, test, {"train": of_train, "val": of_test}, **facts)


def uniform_draws(parameter: str, image_ids: Sequence[str], seeds: Sequence[int]) -> Tensor:
    """The class of the parameter that each seed draws for each image, [seeds, n] uint8, as `processing.draw` does."""
    purpose, numbers = f"class of {parameter.lower()}", range(len(classes_of(parameter)))
    draws = [[rng(seed, purpose, image_id).choice(numbers) for image_id in image_ids] for seed in seeds]
    return torch.tensor(draws, dtype=torch.uint8).reshape(len(seeds), len(image_ids))


def is_held_out(image_id: str) -> bool:
    """Whether the image is a test image where a data set has no validation split."""
    return rank(0, "test image of a data set without a validation split", image_id) % HELD_OUT == 0


def shared_images(files: Sequence[Embeddings]) -> tuple[Images, int]:
    """The images that all files have, in the order of the first file, and how many are left out.

    A file lacks images that could not be decoded. Raises FlickrExifError where the files share no image or are of
    different widths, and where files without ids differ in length, so that their rows cannot be matched.
    """
    if len(widths := {file.image_embeddings.shape[1] for file in files}) > 1:
        raise FlickrExifError(f"The embeddings of the classes have {sorted(widths)} numbers.", "Embed them again.")
    labels = files[0].columns.get("label", torch.zeros(len(files[0]), dtype=torch.int64))
    ids_by_file = [file.image_ids() for file in files]
    if all(ids == ids_by_file[0] for ids in ids_by_file):
        return Images([file.image_embeddings for file in files], ids_by_file[0], labels), 0
    if not all(file.columns.keys() & {"image_id", FLICKR_ID} for file in files):
        raise FlickrExifError("The embeddings of the classes differ in length and name no images.", "Embed them again.")
    places = [{image_id: row for row, image_id in enumerate(ids)} for ids in ids_by_file]
    shared = [image_id for image_id in ids_by_file[0] if all(image_id in place for place in places)]
    if not shared:
        raise FlickrExifError("The embeddings of the classes have no image in common.", "Embed the same images.")
    rows = [torch.tensor([place[image_id] for image_id in shared]) for place in places]
    chosen = [file.image_embeddings[row] for file, row in zip(files, rows, strict=True)]
    return Images(chosen, shared, labels[rows[0]]), len(set().union(*ids_by_file)) - len(shared)


# --- labels of photos


def split_folder(labels: Path) -> Path:
    """The folder of split files: `splits` of a data set's folder, named itself or by its labels, or the folder."""
    if (inside := labels / "splits").is_dir():
        return inside
    return labels if any(labels.glob(f"{STEM}*.json")) else data_set_of(labels) / "splits"


def paths_of_splits(labels: Path) -> dict[str, Path]:
    """The split files by their attributes, sorted: of a folder, or the file itself."""
    files = [labels] if labels.is_file() else sorted(split_folder(labels).glob(f"{STEM}*.json"))
    return {path.stem.removeprefix(STEM): path for path in files if path.match(f"{STEM}*.json")}


def split_path(labels: Path, attribute: str) -> Path:
    """The path of an attribute's split file. UsageError names the attributes that have one."""
    paths = paths_of_splits(labels)
    if attribute not in paths:
        hint = f"There: {', '.join(paths)}." if paths else "Make them with `flickrexif splits`."
        raise UsageError(f"{labels} has no split file of {attribute[:80]!r}.", hint)
    return paths[attribute]


def read_split(path: Path) -> Split:
    """A split file with at least two classes. FlickrExifError for any other file."""
    split = split_files.read_split(path)
    if len(split.classes) < 2:
        raise FlickrExifError(f"{path} has only one class.", "Make it again with `flickrexif splits`.")
    return split


def of_cameras(data: DataSet) -> Iterator[str]:
    """Why labelled photos cannot be compared by kind of camera, "" where they can; nothing for other images."""
    if data.has_photo_ids:
        try:
            reason = data.lack or only_split(data) or _too_few(data)
            yield reason or ("" if data.labels and camera_label_files(data.labels) else NO_LABELS)
        except UsageError:
            yield NO_LABELS


NO_LABELS = "there are no labels: type `flickrexif build`"
FEW = 10  # photos; each needs as many others to be its neighbours


def _too_few(data: DataSet) -> str:
    """Why photos at hand are too few to have neighbours; "" where they are enough, or embeddings alone are there."""
    count = max(map(len, data.sources.values()), default=FEW + 1)
    return "" if count > FEW else f"neighbours need more than {FEW} images, and it has {count:,}"


def only_split(data: DataSet) -> str:
    """Why a measurement of all photos cannot be made; "" where they are in one split."""
    return "" if len(data.splits) == 1 else "its images are not in one split"


def camera_label_files(labels: Path) -> list[Path]:
    """The files with the labels smart or not: the file itself, or of a folder the split file of Is Smartphone if it
    has enough test photos, else the label tables. UsageError where there is none."""
    if labels.is_file():
        return [labels]
    path = split_folder(labels) / f"{STEM}{SMART}.json"
    tables = label_tables(labels)
    if path.is_file() and (not tables or _has_enough(path)):
        return [path]
    if not tables:
        raise UsageError(f"There are no labels in {labels}.", "Make them with `flickrexif build`.")
    return tables


def photographers_of(labels: Path, ids: Sequence[int]) -> dict[str, int]:
    """How many photographers took these photos; empty where no table says it of each."""
    tables = label_tables(labels) if labels.is_dir() else []
    rows = read_table(tables, [FLICKR_ID, "owner"], "Make it again with `flickrexif build`.") if tables else None
    owners = dict(zip(*rows.to_pydict().values(), strict=True)) if rows else {}
    named = {owners.get(flickr_id) for flickr_id in ids}
    return {} if None in named or not named else {"photographers": len(named)}


def _has_enough(path: Path) -> bool:
    try:
        return len(read_split(path).ids["test"]) >= ENOUGH
    except FlickrExifError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Photos:
    """Photos with an embedding and a label, by their rows in the file; the others are left out."""

    embeddings: Tensor  # [n, d]
    ids: Sequence[int]  # Flickr IDs
    labels: Sequence[int]
    classes: Sequence[str]  # of these labels
    owners: Mapping[int, str]  # of photos whose photographer is known
    left_out: dict[str, int]


def labelled_photos(inputs: Inputs) -> Photos:
    """The photos with an embedding and a label smart or not, in the order of the embeddings.

    UsageError where there are none, and for embeddings of another data set; FlickrExifError for other labels.
    """
    assert inputs.labels is not None
    files, file = camera_label_files(inputs.labels), inputs.only
    if files[0].suffix == ".json":
        split = read_split(files[0])
        if split.target_attribute != SMART:
            message = f"{files[0]} holds labels of {split.target_attribute[:80]}, not of {SMART}."
            raise FlickrExifError(message, "Name another file with --labels.")
        label = dict(zip(split.ids["test"].tolist(), split.labels["test"].tolist(), strict=True))
        owners, classes = {}, tuple(split.classes)
    else:
        photos = [photo for path in files for photo in _labelled(path)]
        label = {flickr_id: int(smart) for flickr_id, _, smart in photos}
        owners, classes = {flickr_id: owner for flickr_id, owner, _ in photos}, ("False", "True")
    ids = flickr_ids(file)
    rows = [row for row, flickr_id in enumerate(ids) if flickr_id in label]
    if not rows:
        message = f"None of the photos in {inputs.labels} has an embedding in {file.path}."
        raise UsageError(message, "Embed the labelled photos.")
    chosen = [ids[row] for row in rows]
    return Photos(
        embeddings=file.embeddings.image_embeddings[torch.tensor(rows)],
        ids=chosen,
        labels=[label[flickr_id] for flickr_id in chosen],
        classes=classes,
        owners=owners,
        left_out={"no_label": len(ids) - len(rows), "no_embedding": len(label.keys() - set(ids))},
    )


def _labelled(path: Path) -> list[tuple[int, str, bool]]:
    """(Flickr ID, owner, whether from a smartphone) of the photos whose device is known."""
    table = read_table([path], [FLICKR_ID, "owner", CAMERA], "Name a folder of label tables, or of split files.")
    return [row for row in zip(*table.to_pydict().values(), strict=True) if row[2] is not None]


def flickr_ids(file: File) -> list[int]:
    """The Flickr ID of each row. UsageError for a file of another data set, which has none."""
    if FLICKR_ID not in file.embeddings.columns:
        message = f"{file.path} has no column {FLICKR_ID!r}."
        raise UsageError(message, "Name the embeddings of FlickrExif with --dataset.")
    ids: list[int] = file.embeddings.columns[FLICKR_ID].tolist()
    return ids
