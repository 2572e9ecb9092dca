"""A source of images: a list of ids, labels and sizes; the images' bytes are read when iterating."""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple, Protocol

SPLITS = {"training": "train", "val": "validation", "valid": "validation"}  # other names stay as they are
UNLABELLED = -1  # as in the test splits on the Hub
LAYOUTS = (
    "Give a folder of images, flat or with train/ and val/ of class folders, ImageNet with its devkit, iNaturalist "
    "2018 with its JSON files, data/flickrexif with images, or a Hugging Face data set such as uoft-cs/cifar10."
)


class Item(NamedTuple):
    """One image of a source; `data` is None when its file cannot be read."""

    image_id: str
    label: int
    data: bytes | None


class Reader(Protocol):
    """Gets the bytes of consecutive images: their ids, and the place of the first in the whole source."""

    def __call__(self, ids: Sequence[str], first: int) -> Iterator[bytes | None]: ...


@dataclass(frozen=True, slots=True)
class Source:
    """Images with labels; iterating reads them. `labels` index `class_names`, or are UNLABELLED."""

    name: str
    split: str  # train, validation, test or a data set's own
    class_names: tuple[str, ...]
    ids: Sequence[str]  # relative path below the split's folder, or the data set's own id, or its row number
    labels: "array[int]"
    sizes: "array[int]"  # bytes of each image as stored; of a data set, the mean of its first images
    reader: Reader
    places: Sequence[int]  # rising: of each image, where the reader has it
    passed_over: Mapping[str, int] = field(default_factory=dict)  # kind -> files beside the images

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Item]:
        return map(Item, self.ids, self.labels, self._read())

    def _read(self) -> Iterator[bytes | None]:
        """The bytes of each image; consecutive places are read in one call."""
        for _, run in groupby(enumerate(self.places), lambda pair: pair[1] - pair[0]):
            rows = [row for row, _ in run]
            yield from self.reader(self.ids[rows[0] : rows[-1] + 1], self.places[rows[0]])

    def part(self, start: int, stop: int) -> "Source":
        """The images start to stop - 1."""
        lists = self.ids[start:stop], self.labels[start:stop], self.sizes[start:stop]
        return Source(self.name, self.split, self.class_names, *lists, self.reader, self.places[start:stop])

    def take(self, rows: "array[int]") -> "Source":
        """The images at these rows, which rise."""
        labels, sizes = (array(column.typecode, (column[row] for row in rows)) for column in (self.labels, self.sizes))
        ids, places = [self.ids[row] for row in rows], array("q", (self.places[row] for row in rows))
        return Source(self.name, self.split, self.class_names, ids, labels, sizes, self.reader, places)


Lister = Callable[[int | None], Source]
"""Lists a split, or so many images of it."""
