"""Reads what the tasks measure: embedding files of one encoder, joined over variants, and published split files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flickrexif.core.draws import rank
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.text import plain
from flickrexif.dataset import split_files
from flickrexif.dataset.split_files import SPLITS, STEM, Split
from flickrexif.eval.data.embeddings import FLICKR_ID, EmbeddingKey, Embeddings, read_embeddings
from flickrexif.eval.measure.knn import uniform_draws
from flickrexif.eval.results import NOT_REAL, environment, fingerprint
from flickrexif.processing.variants import classes as classes_of

ReadFiles = list[tuple[Path, Embeddings]]
EMBED_AGAIN = "Delete them, then make them again with `flickrexif embed`."
HELD_OUT = 5  # where a data set has no validation split, one in five images is a test image


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingFiles:
    """Where the embeddings of one encoder on one data set are; the fields are those of `EmbeddingKey`."""

    root: Path
    dataset: str
    model: str
    variant: str
    mask: float | None = None
    held_out: bool = False  # True where the data set has no validation split, so that test images are drawn by id

    def path(self, *, processing: str | None = None, split: str | None = None) -> Path:
        """The file of one processing and split."""
        processing = processing or "IDENTITY"
        return EmbeddingKey(self.dataset, self.model, self.variant, processing, self.mask or 0.0, split).path(self.root)

    def only_file(self, *, processing: str | None = None) -> Path:
        """The one file of a data set without a validation split: the file without a split, else that of train."""
        path = self.path(processing=processing)
        return path if path.exists() else self.path(processing=processing, split="train")

    def settings(self) -> dict[str, str]:
        """The setting that a record has where its test images were drawn; {} where the data set has its own."""
        return {"test_images": f"one in {HELD_OUT}, drawn by id"} if self.held_out else {}


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
    """Training and test images, and the files they were read from."""

    train: Images
    test: Images
    read: ReadFiles
    left_out: dict[str, int]  # split -> how many images are not in all files


def input_fields(
    files: EmbeddingFiles, read: ReadFiles, settings: Mapping[str, Any], others: Sequence[Path] = ()
) -> dict[str, Any]:
    """The fields of a record that its files tell, and its settings, which here lack what the files tell.

    These are the encoder, its family, the data set, the origin of the photos, the mask, the versions and the
    fingerprints, also of `others`: files of labels. Raises FlickrExifError where the embedding files differ in mask or
    origin.
    """
    return {
        **encoder_and_dataset(files, read[0][1]),
        "origin": shared_origin(embeddings for _, embeddings in read),
        "settings": with_inputs(settings, files, read),
        "versions": environment(),
        "fingerprints": fingerprints(files.root, [path for path, _ in read])
        | {path.name: fingerprint(path) for path in others},
    }


def with_inputs(settings: Mapping[str, Any], files: EmbeddingFiles, read: ReadFiles) -> dict[str, Any]:
    """The settings of a task with those that its files tell: the mask, which for the task masking are the ratios, and
    how test images were drawn."""
    mask = {} if "ratios" in settings else {"mask": shared_mask(files.root, read)}
    return {**settings, **mask, **files.settings()}


def shared_mask(root: Path, read: ReadFiles) -> float:
    """The mask of the images of all files. FlickrExifError where they differ: such a measurement has no meaning."""
    masks = {_mask_of(root, path, embeddings) for path, embeddings in read}
    if len(masks) > 1:
        names = ", ".join(f"{mask:g}" for mask in sorted(masks))
        raise FlickrExifError(f"The embeddings are of images under different masks: {names}.", EMBED_AGAIN)
    return masks.pop()


def _mask_of(root: Path, path: Path, embeddings: Embeddings) -> float:
    """The mask that a file tells; where it tells none, that of its path."""
    if embeddings.mask is not None:
        return embeddings.mask
    key = EmbeddingKey.of(root, path)
    return key.mask if key else 0.0


def check_ratios(root: Path, read: ReadFiles, ratios: Sequence[float]) -> None:
    """Raises FlickrExifError where a file has another mask than its ratio; the ratios are repeated for each split."""
    for (path, embeddings), ratio in zip(read, cycle(ratios), strict=False):
        if (mask := _mask_of(root, path, embeddings)) != ratio and f"{mask:g}" != f"{ratio:g}":
            raise FlickrExifError(f"{path} is of images under the mask {mask:g}, not {ratio:g}.", EMBED_AGAIN)


def shared_origin(files: Iterable[Embeddings]) -> str:
    """Where the photos of all files came from; "" where a file does not tell and no other tells of unreal photos.

    Raises FlickrExifError where they came from different places: simulated and real photos never mix.
    """
    origins = {embeddings.origin for embeddings in files}
    told = sorted(origins - {""})
    if len(told) > 1:
        message = f"The embeddings are of photos of different origin: {', '.join(plain(name, 40) for name in told)}."
        raise FlickrExifError(message, EMBED_AGAIN)
    return told[0] if told and ("" not in origins or told[0] in NOT_REAL) else ""


def encoder_and_dataset(files: EmbeddingFiles, embeddings: Embeddings) -> dict[str, Any]:
    """The fields of a record that name the encoder, its digest and family, and the data set.

    Files of the paper's released code do not hold encoder and family; their names tell them.
    """
    from flickrexif.eval.encoders.registry import registered_encoders

    encoder = embeddings.metadata.get("encoder", f"paper:{files.model}/{files.variant}")
    record = registered_encoders().get(encoder)
    family = embeddings.metadata.get("family") or (record.family if record else None)
    digest = embeddings.encoder_digest
    return {"encoder": encoder, "encoder_digest": digest, "family": family, "dataset": files.dataset}


def fingerprints(root: Path, paths: Sequence[Path]) -> dict[str, str]:
    """Path below `root` -> hash of the file."""
    return {path.relative_to(root).as_posix(): fingerprint(path) for path in paths}


def flickr_ids(path: Path, embeddings: Embeddings) -> list[int]:
    """The Flickr ID of each row of the file at `path`. UsageError for a file of another data set, which has none."""
    if FLICKR_ID not in embeddings.columns:
        raise UsageError(f"{path} has no column {FLICKR_ID!r}.", "Name the embeddings of FlickrExif with --dataset.")
    ids: list[int] = embeddings.columns[FLICKR_ID].tolist()
    return ids


def read_variants(files: EmbeddingFiles, parameter: str, seeds: int) -> tuple[TrainAndTest, Tensor]:
    """The images under every class of the parameter, and `seeds` draws of a class for each training image."""
    if seeds < 1:
        raise UsageError(f"A probe needs a draw of the processing, not {seeds}.", "Give --seeds 10.")
    names = classes_of(parameter)
    images = train_and_test([(files, name) for name in names])
    draws = uniform_draws(parameter=parameter, image_ids=images.train.ids, classes=len(names), seeds=range(seeds))
    return images, draws


def train_and_test(sources: Sequence[tuple[EmbeddingFiles, str | None]]) -> TrainAndTest:
    """The training and test images that all sources have; a source is (embedding files, a processing or None).

    They are the splits train and val. Where the files are `held_out`, one image in HELD_OUT is a test image, drawn by
    its id, so that adding images to a data set moves none from one part to the other.
    """
    if sources[0][0].held_out:
        images, read, left_out = _read_images([files.only_file(processing=name) for files, name in sources])
        _check_encoder(read)
        in_test = torch.tensor([is_held_out(image_id) for image_id in images.ids], dtype=torch.bool)
        return TrainAndTest(images.of(~in_test), images.of(in_test), read, {"all": left_out})
    train, test = (
        _read_images([files.path(processing=name, split=split) for files, name in sources]) for split in SPLITS[:2]
    )
    _check_encoder(train[1] + test[1])
    return TrainAndTest(train[0], test[0], train[1] + test[1], dict(zip(SPLITS[:2], (train[2], test[2]), strict=True)))


def _check_encoder(read: ReadFiles) -> None:
    """FlickrExifError where files that are measured together are of other weights or code of the encoder."""
    first, digest = read[0][0], read[0][1].encoder_digest
    if others := [path for path, embeddings in read if embeddings.encoder_digest != digest]:
        why = "the encoder was changed in between, or an earlier version kept no digest of it"
        message = f"{first} and {others[0]} tell different weights: {why}."
        raise FlickrExifError(message, "Delete the older of these files, then embed again.")


def is_held_out(image_id: str) -> bool:
    """Whether the image is a test image where a data set has no validation split."""
    return rank(0, "test image of a data set without a validation split", image_id) % HELD_OUT == 0


def _read_images(paths: Sequence[Path]) -> tuple[Images, ReadFiles, int]:
    files = [read_embeddings(path) for path in paths]
    embeddings, ids, rows, left_out = shared_images(files)
    labels = files[0].columns.get("label", torch.zeros(len(files[0]), dtype=torch.int64))[rows]
    return Images(embeddings, ids, labels), list(zip(paths, files, strict=True)), left_out


def shared_images(files: Sequence[Embeddings]) -> tuple[list[Tensor], list[str], Tensor, int]:
    """The images that all files have, in the order of the first file.

    Returns the embeddings [n, d] of each file, the ids, the rows [n] in the first file and how many images are left
    out: a file lacks those that could not be decoded. Raises FlickrExifError where the files share no image or are of
    different widths, and where files without ids differ in length, so that their rows cannot be matched.
    """
    if len(widths := {file.image_embeddings.shape[1] for file in files}) > 1:
        raise FlickrExifError(f"The embeddings of the classes have {sorted(widths)} numbers.", "Embed them again.")
    ids_by_file = [file.image_ids() for file in files]
    if all(ids == ids_by_file[0] for ids in ids_by_file):
        return [file.image_embeddings for file in files], ids_by_file[0], torch.arange(len(ids_by_file[0])), 0
    if not all(file.columns.keys() & {"image_id", FLICKR_ID} for file in files):
        raise FlickrExifError("The embeddings of the classes differ in length and name no images.", "Embed them again.")
    places = [{image_id: row for row, image_id in enumerate(ids)} for ids in ids_by_file]
    shared = [image_id for image_id in ids_by_file[0] if all(image_id in place for place in places)]
    if not shared:
        raise FlickrExifError("The embeddings of the classes have no image in common.", "Embed the same images.")
    rows = [torch.tensor([place[image_id] for image_id in shared]) for place in places]
    chosen = [file.image_embeddings[row] for file, row in zip(files, rows, strict=True)]
    return chosen, shared, rows[0], len(set().union(*ids_by_file)) - len(shared)


# --- acquisition labels


def split_path(folder: Path, attribute: str) -> Path:
    """The path of an attribute's split file in a folder of split files."""
    return folder / f"{STEM}{attribute}.json"


def attributes_with_split(folder: Path) -> list[str]:
    """The attributes that have a split file in the folder, sorted."""
    return sorted(path.stem.removeprefix(STEM) for path in folder.glob(f"{STEM}*.json"))


def read_split(path: Path) -> Split:
    """A split file with at least two classes. FlickrExifError for any other file."""
    split = split_files.read_split(path)
    if len(split.classes) < 2:
        raise FlickrExifError(f"{path} has only one class.", "Make it again with `flickrexif splits`.")
    return split
