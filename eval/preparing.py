"""From stored bytes to encoders' inputs, in worker processes: decode once, apply variants, prepare for each encoder."""

import warnings
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from PIL import Image

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.pictures import BadPicture, upright
from flickrexif.eval.encoders.record import Prepare
from flickrexif.eval.images import Reader
from flickrexif.processing.operations import REASONS as DECODING_REASONS
from flickrexif.processing.operations import decode, iter_variants
from flickrexif.processing.variants import Variant

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch.utils.data import Dataset

MAX_ASPECT = 200  # of the longer side to the shorter; beyond it the resize alone would need gigabytes

REASONS = {
    **DECODING_REASONS,
    "unreadable": "the file is not there or cannot be read",
    "missing": "the data set lists it without an image",
    "not_a_flickr_id": "the file is not named <Flickr ID>.<ext>",
    "too_narrow": f"one side is over {MAX_ASPECT} times the other",
    "not_finite": "the encoder's output is not finite",
}
"""Why an image has no row. Stored variants may add those of their making."""


Wanted = tuple[tuple[int, ...], ...]
PREFETCH = 2  # jobs ahead, of each worker


class Combo(NamedTuple):
    """What is done to an image before the encoder: None is the image as stored, and no mask."""

    variant: Variant | None
    mask: float | None


@dataclass(frozen=True, slots=True)
class Job:
    """The images start to stop - 1; `wanted` are the places in `Preparer.combos`, for each of its preparations."""

    start: int
    stop: int
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Prepared:
    """The inputs of a job's images: [images x combos, ...] for each preparation, the combos of an image together."""

    job: Job
    rows: tuple[int, ...]
    failures: tuple[tuple[int, str], ...]  # (row, reason) of the other images
    inputs: "tuple[torch.Tensor | None, ...]"  # None: nothing wanted, or no image


@dataclass(frozen=True, slots=True)
class Preparer:
    """Does jobs; holds no state, so that any number of workers give the same inputs."""

    read: Reader
    ids: Sequence[str]
    combos: tuple[Combo, ...]
    prepares: tuple[Prepare, ...]
    seed: int = 0
    orient: bool = False  # turn the image as its Exif orientation says

    def __call__(self, job: Job) -> Prepared:
        rows: list[int] = []
        failures: list[tuple[int, str]] = []
        inputs: list[list[np.ndarray]] = [[] for _ in self.prepares]
        for row, data in zip(range(job.start, job.stop), self.read(job.start, job.stop), strict=True):
            try:
                made = self._image(data, self.ids[row], job.wanted)
            except (BadPicture, _Unusable) as error:
                failures.append((row, error.reason))
            else:
                rows.append(row)
                for kept, new in zip(inputs, made, strict=True):
                    kept += new
        return Prepared(job, tuple(rows), tuple(failures), tuple(map(_stack, inputs)))

    def _image(self, data: bytes | None, image_id: str, wanted: Wanted) -> "list[list[np.ndarray]]":
        """The inputs of one image, for each preparation. Raises BadPicture or _Unusable: for all of them or none."""
        if data is None:
            raise _Unusable("unreadable")
        image = decode(data)
        if max(image.size) > MAX_ASPECT * min(image.size):
            raise _Unusable("too_narrow")
        if self.orient:
            image = upright(image)
        made: list[dict[int, np.ndarray]] = [{} for _ in self.prepares]
        for variant, pixels in self._variants(image, image_id, {place for places in wanted for place in places}):
            for prepare, places, found in zip(self.prepares, wanted, made, strict=True):
                for place in places:
                    if self.combos[place].variant == variant:
                        found[place] = prepare(pixels, image_id, self.combos[place].mask)
        return [[found[place] for place in places] for found, places in zip(made, wanted, strict=True)]

    def _variants(
        self, image: Image.Image, image_id: str, places: set[int]
    ) -> Iterator[tuple[Variant | None, Image.Image]]:
        """The pixels that a reader of each stored variant would see, one variant at a time."""
        needed = dict.fromkeys(self.combos[place].variant for place in sorted(places))
        if None in needed:
            yield None, image
        named = [variant for variant in needed if variant is not None]
        encoded = iter_variants(image, named, seed=self.seed, image_id=image_id)
        yield from ((variant, decode(one.data)) for variant, one in zip(named, encoded, strict=True))


class _Unusable(FlickrExifError):
    def __init__(self, reason: str) -> None:
        super().__init__(REASONS[reason])
        self.reason = reason


def _stack(arrays: "list[np.ndarray]") -> "torch.Tensor | None":
    import numpy as np
    import torch

    return torch.from_numpy(np.stack(arrays)) if arrays else None


# --- workers


def prepared(preparer: Preparer, jobs: Sequence[Job], workers: int) -> Generator[Prepared, None, None]:
    """The outcomes of `jobs` in their order, made by so many processes (0: by this one).

    Raises FlickrExifError when a worker dies, or the data can no longer be read.
    """
    if not workers:
        yield from map(preparer, jobs)
        return
    from torch.utils.data import DataLoader

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This DataLoader will create")  # more workers than cores
        loader = DataLoader(
            cast("Dataset[Prepared]", _Jobs(preparer, jobs)),
            batch_size=None,
            num_workers=workers,
            collate_fn=_as_it_is,
            multiprocessing_context="spawn",  # forking a process with threads or CUDA is no good
            prefetch_factor=PREFETCH,
        )
        outcomes = iter(loader)
    try:
        for outcome in outcomes:
            if isinstance(outcome, FlickrExifError):
                raise outcome
            yield outcome
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        message = f"A worker process died ({str(error).splitlines()[0][:200]})."
        raise FlickrExifError(message, "Give fewer --workers, or the machine more memory or /dev/shm.") from None


@dataclass(frozen=True, slots=True)
class _Jobs:
    """The jobs as torch's DataLoader sees them."""

    preparer: Preparer
    jobs: Sequence[Job]

    def __len__(self) -> int:
        return len(self.jobs)

    def __getitem__(self, place: int) -> Prepared | FlickrExifError:
        try:
            return self.preparer(self.jobs[place])
        except FlickrExifError as error:  # as a value: torch would raise a traceback in its place
            return error


def _as_it_is(outcome: Any) -> Any:
    return outcome
