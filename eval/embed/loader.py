"""Turns stored bytes into inputs of encoders, in worker processes: decode once, apply variants, prepare for each."""

import pickle
import sys
import warnings
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from PIL import Image

from flickrexif.core.apart import apart
from flickrexif.core.errors import FlickrExifError, MachineError
from flickrexif.core.pictures import BadPicture
from flickrexif.core.text import reason_of
from flickrexif.eval.data.source import Reader
from flickrexif.eval.embed.settings import Combo
from flickrexif.eval.encoders.faults import EncoderError, encoder_code
from flickrexif.eval.encoders.spec import Prepare
from flickrexif.processing.engines import DEATHS, deadly
from flickrexif.processing.operations import REASONS as DECODING_REASONS
from flickrexif.processing.operations import decode, iter_variants
from flickrexif.processing.variants import Variant

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch.utils.data import Dataset

MAX_ASPECT = 200  # most that the longer side may be of the shorter; beyond it the resize would need gigabytes

REASONS = {
    **DECODING_REASONS,
    "unreadable": "the file is not there or cannot be read",
    "missing": "the data set lists it without an image",
    "not_a_flickr_id": "the file is not named <Flickr ID>.<ext>",
    "too_narrow": f"one side is over {MAX_ASPECT} times the other",
    "crashes": "the process that decodes it dies",
    "not_finite": "the encoder's output is not finite",
}
"""Reasons why an image has no row; stored variants may have others."""

CombosByPreparation = tuple[tuple[int, ...], ...]
"""For each preparation, the places in `Preparer.combos` of the combos that it is needed for."""
PREFETCH = 2  # jobs that each worker works ahead


@dataclass(frozen=True, slots=True)
class Job:
    """The images start to stop - 1, with the combos that are needed of them."""

    start: int
    stop: int
    combos: CombosByPreparation


@dataclass(frozen=True, slots=True)
class Prepared:
    """The inputs of a job's images: for each preparation [images x combos, ...], the combos of an image together.

    None where no combo is needed or no image is usable, an error where the encoder's `prepare` failed.
    """

    job: Job
    rows: tuple[int, ...]
    failures: tuple[tuple[int, str], ...]  # (row, reason) of the other images
    inputs: "tuple[torch.Tensor | EncoderError | None, ...]"


@dataclass(frozen=True, slots=True)
class Preparer:
    """Prepares the images of a job; has no state, so that any number of workers give the same inputs."""

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
        broken: dict[int, EncoderError] = {}
        for row, data in zip(range(job.start, job.stop), self.read(job.start, job.stop), strict=True):
            try:
                image_inputs = self._image(data, self.ids[row], job.combos, broken)
            except (BadPicture, _Unusable) as error:
                failures.append((row, error.reason))
            else:
                rows.append(row)
                for kept, new in zip(inputs, image_inputs, strict=True):
                    kept += new
        stacked = tuple(broken.get(number) or _stacked(arrays) for number, arrays in enumerate(inputs))
        return Prepared(job, tuple(rows), tuple(failures), stacked)

    def _image(
        self, data: bytes | None, image_id: str, combos: CombosByPreparation, broken: "dict[int, EncoderError]"
    ) -> "list[list[np.ndarray]]":
        """The inputs of one image, for each preparation but the `broken` ones, to which those that fail are added.

        Raises BadPicture or _Unusable where the image cannot be used.
        """
        if data is None:
            raise _Unusable("unreadable")
        image = decode(data, upright=self.orient)
        if max(image.size) > MAX_ASPECT * min(image.size):
            raise _Unusable("too_narrow")
        inputs: list[dict[int, np.ndarray]] = [{} for _ in self.prepares]
        for variant, pixels in self._variants(image, image_id, {place for places in combos for place in places}):
            for number, prepare in enumerate(self.prepares):
                try:
                    for place in combos[number]:
                        if self.combos[place].variant == variant and number not in broken:
                            inputs[number][place] = _array(prepare, pixels, image_id, self.combos[place].mask)
                except EncoderError as error:
                    broken[number] = error
        return [[input_of[place] for place in sorted(input_of)] for input_of in inputs]

    def _variants(
        self, image: Image.Image, image_id: str, places: set[int]
    ) -> Iterator[tuple[Variant | None, Image.Image]]:
        """Each variant with its pixels, encoded and decoded as if it had been stored."""
        needed = dict.fromkeys(self.combos[place].variant for place in sorted(places))
        if None in needed:
            yield None, image
        named = [variant for variant in needed if variant is not None]
        encoded = iter_variants(image, named, seed=self.seed, image_id=image_id)
        yield from ((variant, decode(file.data)) for variant, file in zip(named, encoded, strict=True))


class _Unusable(FlickrExifError):
    def __init__(self, reason: str) -> None:
        super().__init__(REASONS[reason])
        self.reason = reason


def _array(prepare: Prepare, pixels: Image.Image, image_id: str, mask: float | None) -> "np.ndarray":
    """What an encoder prepares of an image, of numbers. EncoderError for anything else."""
    import numpy as np

    with encoder_code("preparing an image"):
        array = prepare(pixels, image_id, mask)
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
        what = getattr(array, "dtype", type(array).__name__)
        raise EncoderError(f"its `prepare` gave {what}, not an array of numbers")
    return array


def _stacked(arrays: "list[np.ndarray]") -> "torch.Tensor | EncoderError | None":
    import numpy as np
    import torch

    if len(shapes := {array.shape for array in arrays}) > 1:
        return EncoderError(f"its `prepare` gave arrays of different shapes: {sorted(shapes)[:3]}")
    return torch.from_numpy(np.stack(arrays)) if arrays else None


# --- workers


def check_prepare(prepare: Prepare) -> None:
    """EncoderError for a `prepare` that cannot be given to other processes, such as that of a class of a notebook."""
    hint = "Define it in a module, a .py file, or work without workers (workers=0)."
    try:
        pickled = pickle.dumps(prepare)
    except Exception as error:  # whatever an object raises when it is pickled
        reason = f"its `prepare` cannot be given to worker processes ({reason_of(error, 200)})"
        raise EncoderError(reason, hint) from None
    script = Path(getattr(sys.modules["__main__"], "__file__", None) or "none")
    if b"__main__" in pickled and not script.is_file():
        raise EncoderError("its `prepare` is of this session, which worker processes do not have", hint)


def prepared(preparer: Preparer, jobs: Sequence[Job], workers: int) -> Generator[Prepared, None, None]:
    """The inputs of `jobs` in their order, prepared by `workers` processes (0: by this one).

    An image that ends the process that prepares it is a failure, with the reason `crashes`. Raises MachineError where
    processes die again and again and no image is to blame, FlickrExifError where the data can no longer be read.
    """
    if not workers:
        yield from map(preparer, jobs)
        return
    at = innocent = 0
    while at < len(jobs):
        try:
            with closing(_loaded(preparer, jobs[at:], workers)) as pieces:
                for piece in pieces:
                    yield piece
                    at, innocent = at + 1, 0
        except _WorkerDiedError as error:
            rows = list(islice(_deadly(preparer, jobs[at]), DEATHS + 1))
            innocent = 0 if rows else innocent + 1
            if DEATHS in (innocent, len(rows) - 1):
                hint = "Give fewer --workers, or the machine more memory or /dev/shm."
                raise MachineError(f"Worker processes died again and again ({error}).", hint) from None
            yield _without(preparer, jobs[at], rows)
            at += 1


def _deadly(preparer: Preparer, job: Job) -> Iterator[int]:
    """The rows of the images that end the process that prepares them, also alone."""

    def dies(start: int, stop: int) -> bool:
        try:
            apart(_attempt, preparer, replace(job, start=job.start + start, stop=job.start + stop))
        except BrokenProcessPool:
            return True
        return False

    return (job.start + place for place in deadly(job.stop - job.start, dies))


def _attempt(preparer: Preparer, job: Job) -> None:
    preparer(job)


def crashed(job: Job, row: int) -> Prepared:
    """What is given for the image of that row of the job when its process ends."""
    return Prepared(replace(job, start=row, stop=row + 1), (), ((row, "crashes"),), (None,) * len(job.combos))


def _without(preparer: Preparer, job: Job, rows: Sequence[int]) -> Prepared:
    """The inputs of the job's images, prepared by other processes, with these rows as failures."""
    starts, stops = (job.start, *(row + 1 for row in rows)), (*rows, job.stop)
    spans = [replace(job, start=start, stop=stop) for start, stop in zip(starts, stops, strict=True) if start < stop]
    pieces = [*(apart(preparer, span) for span in spans), *(crashed(job, row) for row in rows)]
    return Prepared(
        job,
        tuple(row for piece in pieces for row in piece.rows),
        tuple(sorted(failure for piece in pieces for failure in piece.failures)),
        tuple(_joined(inputs) for inputs in zip(*(piece.inputs for piece in pieces), strict=True)),
    )


def _joined(inputs: "Sequence[torch.Tensor | EncoderError | None]") -> "torch.Tensor | EncoderError | None":
    import torch

    if errors := [one for one in inputs if isinstance(one, EncoderError)]:
        return errors[0]
    tensors = [one for one in inputs if isinstance(one, torch.Tensor)]
    if len({tensor.shape[1:] for tensor in tensors}) > 1:
        return EncoderError("its `prepare` gave arrays of different shapes")
    return torch.cat(tensors) if tensors else None


class _WorkerDiedError(Exception):
    """In the words of torch."""


def _loaded(preparer: Preparer, jobs: Sequence[Job], workers: int) -> Generator[Prepared, None, None]:
    """As `prepared`; raises _WorkerDiedError."""
    from torch.utils.data import DataLoader

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This DataLoader will create")  # warns of more workers than cores
        loader = DataLoader(
            cast("Dataset[Prepared]", _Jobs(preparer, jobs)),
            batch_size=None,
            num_workers=workers,
            collate_fn=_unchanged,
            multiprocessing_context="spawn",  # forking breaks threads and CUDA
            prefetch_factor=PREFETCH,
        )
        outcomes = iter(loader)
    try:
        for outcome in outcomes:
            if isinstance(outcome, FlickrExifError):
                raise outcome
            yield outcome
    except RuntimeError as error:
        if "DataLoader worker (pid" not in str(error):  # torch's own words for one that died, not for what one raised
            raise
        raise _WorkerDiedError(reason_of(error, 200)) from None


@dataclass(frozen=True, slots=True)
class _Jobs:
    """The jobs as a data set for torch's DataLoader; item i is the outcome of job i."""

    preparer: Preparer
    jobs: Sequence[Job]

    def __len__(self) -> int:
        return len(self.jobs)

    def __getitem__(self, place: int) -> Prepared | FlickrExifError:
        try:
            return self.preparer(self.jobs[place])
        except FlickrExifError as error:  # returned, since torch would wrap it in a RuntimeError with a traceback
            return error


def _unchanged(outcome: Any) -> Any:
    return outcome
