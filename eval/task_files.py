"""What the tasks read: embedding files of one encoder, joined over variants, and published split files."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flickrexif.core.draws import rank
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.embeddings import FLICKR_ID, Embeddings, embedding_path, read_embeddings
from flickrexif.eval.knn import uniform_draws
from flickrexif.eval.results import fingerprint
from flickrexif.processing.variants import classes as classes_of

SPLITS = ("train", "val", "test")
Read = list[tuple[Path, Embeddings]]  # the files and what they hold
HELD_OUT = 5  # one in so many images is a test image where a data set has no validation split


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingFiles:
    """Where the embeddings of one encoder are: the words of `embedding_path`."""

    root: Path
    dataset: str
    model: str
    variant: str
    mask: float | None = None
    held_out: bool = False  # the data set has no validation split: its test images are drawn by their ids

    def path(self, *, processing: str | None = None, split: str | None = None) -> Path:
        """The file of one processing and split."""
        return embedding_path(
            self.root, self.dataset, self.model, self.variant, processing=processing, split=split, mask=self.mask
        )

    def whole(self, *, processing: str | None = None) -> Path:
        """The one file of a data set without a validation split: without a split, or of the split train."""
        path = self.path(processing=processing)
        return path if path.exists() else self.path(processing=processing, split="train")

    def settings(self) -> dict[str, str]:
        """What a record says of test images that were drawn; nothing where the data set has its own."""
        return {"test_images": f"one in {HELD_OUT}, drawn by id"} if self.held_out else {}


@dataclass(frozen=True, slots=True)
class Images:
    """Some images in several embedding files: of each file [n, d], in one order."""

    embeddings: list[Tensor]
    ids: list[str]
    labels: Tensor  # [n]; zeros where the files have none

    def of(self, rows: Tensor) -> "Images":
        """The images where `rows` [n] is true."""
        ids = [image_id for image_id, kept in zip(self.ids, rows.tolist(), strict=True) if kept]
        return Images([matrix[rows] for matrix in self.embeddings], ids, self.labels[rows])


@dataclass(frozen=True, slots=True)
class TrainAndTest:
    """Training and test images, the files they were read from, and how many are not in all of them, by split."""

    train: Images
    test: Images
    read: Read
    left_out: dict[str, int]


def about(files: EmbeddingFiles, found: Embeddings) -> dict[str, Any]:
    """Who was measured on what; the released code's files say neither encoder nor family, their names do."""
    from flickrexif.eval.encoders.registry import known

    encoder = found.metadata.get("encoder", f"paper:{files.model}/{files.variant}")
    family = found.metadata.get("family") or (known()[encoder].family if encoder in known() else None)
    return {"encoder": encoder, "family": family, "dataset": files.dataset}


def fingerprints(root: Path, paths: Sequence[Path]) -> dict[str, str]:
    """Path below `root` -> hash of the file."""
    return {path.relative_to(root).as_posix(): fingerprint(path) for path in paths}


def variants_of(files: EmbeddingFiles, parameter: str, seeds: int) -> tuple[TrainAndTest, Tensor]:
    """The images under every class of the parameter, and `seeds` draws of a class for each training image."""
    if seeds < 1:
        raise UsageError(f"A probe needs a draw of the processing, not {seeds}.", "Give --seeds 10.")
    names = classes_of(parameter)
    found = train_and_test([(files, name) for name in names])
    return found, uniform_draws(parameter=parameter, image_ids=found.train.ids, classes=len(names), seeds=range(seeds))


def train_and_test(places: Sequence[tuple[EmbeddingFiles, str | None]]) -> TrainAndTest:
    """Training and test images of files (and a processing) that hold the same images.

    They are those of the splits train and val. Where the files say `held_out`, one image in HELD_OUT is a test image,
    drawn by its id, so that more images move none from one part to the other.
    """
    if places[0][0].held_out:
        images, read, left_out = _images([files.whole(processing=name) for files, name in places])
        asked = torch.tensor([is_held_out(image_id) for image_id in images.ids], dtype=torch.bool)
        return TrainAndTest(images.of(~asked), images.of(asked), read, {"all": left_out})
    train, test = (
        _images([files.path(processing=name, split=split) for files, name in places]) for split in SPLITS[:2]
    )
    return TrainAndTest(train[0], test[0], train[1] + test[1], dict(zip(SPLITS[:2], (train[2], test[2]), strict=True)))


def is_held_out(image_id: str) -> bool:
    """Whether it is a test image where a data set has no validation split."""
    return rank(0, "test image of a data set without a validation split", image_id) % HELD_OUT == 0


def _images(paths: Sequence[Path]) -> tuple[Images, Read, int]:
    found = [read_embeddings(path) for path in paths]
    embeddings, ids, rows, left_out = common(found)
    labels = found[0].columns.get("label", torch.zeros(len(found[0]), dtype=torch.int64))[rows]
    return Images(embeddings, ids, labels), list(zip(paths, found, strict=True)), left_out


def common(found: Sequence[Embeddings]) -> tuple[list[Tensor], list[str], Tensor, int]:
    """The images that all files have, in the order of the first: embeddings, ids, rows in the first, number left out.

    A file lacks the images that could not be decoded. Raises FlickrExifError where the files share none, and where
    files without ids differ in length, so that their rows cannot be matched.
    """
    every = [embeddings.image_ids() for embeddings in found]
    if all(ids == every[0] for ids in every):
        return [e.image_embeddings for e in found], every[0], torch.arange(len(every[0])), 0
    if not all(embeddings.columns.keys() & {"image_id", FLICKR_ID} for embeddings in found):
        raise FlickrExifError("The embeddings of the classes differ in length and name no images.", "Embed them again.")
    places = [{image_id: row for row, image_id in enumerate(ids)} for ids in every]
    shared = [image_id for image_id in every[0] if all(image_id in place for place in places)]
    if not shared:
        raise FlickrExifError("The embeddings of the classes have no image in common.", "Embed the same images.")
    rows = [torch.tensor([place[image_id] for image_id in shared]) for place in places]
    chosen = [embeddings.image_embeddings[row] for embeddings, row in zip(found, rows, strict=True)]
    return chosen, shared, rows[0], len(set().union(*every)) - len(shared)


# --- acquisition labels


def read_split(path: Path) -> tuple[list[str], dict[str, tuple[list[int], list[int]]]]:
    """The classes of a split file, and ids and labels of train, val and test. FlickrExifError for any other file."""
    try:
        record = json.loads(path.read_text("utf-8"))
        classes = [str(name) for name in record["label_encoder_classes"]]
        labelled = {
            s: (list(map(int, record[f"{s}_ids"])), list(map(int, record[f"encoded_{s}_labels"]))) for s in SPLITS
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FlickrExifError(
            f"{path} is no split file ({error!r:.80}).", "Make it with `flickrexif splits`."
        ) from None
    if problem := next(_faults(classes, labelled), None):
        raise FlickrExifError(f"{path} is no split file: {problem}.", "Make it again with `flickrexif splits`.")
    return classes, labelled


def _faults(classes: Sequence[str], labelled: dict[str, tuple[list[int], list[int]]]) -> Iterator[str]:
    if len(classes) < 2:
        yield f"it has {len(classes)} classes"
    for split, (ids, labels) in labelled.items():
        if len(ids) != len(labels):
            yield f"{split} has {len(ids)} ids and {len(labels)} labels"
        elif labels and not 0 <= min(labels) <= max(labels) < len(classes):
            yield f"{split} has a label that is no class"
