"""The shot list for people who collect pairs: which images are still missing."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from flickrexif.paircams.protocol import CAMERAS_UNTIL, PHONES_FROM, Camera, model_key
from flickrexif.paircams.records import PairImage, Side

PAIRS = 730  # of the published data set
SIDES: tuple[Side, ...] = ("phone", "camera")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shots:
    """A line of the shot list: images that one model still has to take."""

    side: Side
    model: str
    subject: str  # the subject that has its other image; empty: any new subjects
    have: int
    missing: int


def plan(images: Sequence[PairImage], cameras: Iterable[Camera], pairs: int = PAIRS) -> list[Shots]:
    """First the subjects that lack a side; then, for each of `cameras`, how many images of its share are missing.

    Each side needs `pairs` images, spread evenly over its cameras. A camera without a published side counts by its
    year of release: from 2018 on as a phone, up to 2014 as a camera; others are left out.
    """
    rows = list(_halves(images))
    taken = Counter((image.side, model_key(image.model or "")) for image in images)
    sides: defaultdict[Side, dict[str, Camera]] = defaultdict(dict)
    for camera in cameras:
        if side := planned_side(camera):
            sides[side][model_key(camera.model)] = camera
    for side in SIDES:
        share, rest = divmod(pairs, max(len(sides[side]), 1))
        for place, (key, camera) in enumerate(sides[side].items()):
            have = sum(count for (of, model), count in taken.items() if of == side and _is_model(model, key))
            missing = max(share + (place < rest) - have, 0)
            rows.append(Shots(side=side, model=camera.model, subject="", have=have, missing=missing))
    return rows


def own_cameras(phones: Iterable[str], cameras: Iterable[str]) -> list[Camera]:
    """One's own models, each on the side on which it was named."""
    return [
        Camera(make="", model=model, released=0, side=side)
        for side, models in zip(SIDES, (phones, cameras), strict=True)
        for model in models
    ]


def _is_model(model: str, key: str) -> bool:
    """Whether a key is that of a model, whose name in Exif may begin with the maker's: "CANON EOS 5D"."""
    return model == key or model.endswith(f" {key}")


def planned_side(camera: Camera) -> Side | None:
    """The side that a camera belongs to in a plan."""
    if camera.side:
        return camera.side
    return "phone" if camera.released >= PHONES_FROM else "camera" if camera.released <= CAMERAS_UNTIL else None


def cameras_of(images: Iterable[PairImage], table: Iterable[Camera]) -> list[Camera]:
    """The cameras of `table` that took any of `images`; when none did, those of the published data set."""
    models = {model_key(image.model or "") for image in images}
    rows = list(table)
    used = [camera for camera in rows if model_key(camera.model) in models]
    return used or [camera for camera in rows if camera.side]


def _halves(images: Sequence[PairImage]) -> Iterator[Shots]:
    """A line for each subject that lacks a side."""
    subjects: defaultdict[str, list[PairImage]] = defaultdict(list)
    for image in images:
        subjects[image.subject].append(image)
    for subject, subject_images in subjects.items():
        sides = {image.side for image in subject_images}
        for side in SIDES:
            if side not in sides:
                yield Shots(side=side, model="", subject=subject, have=0, missing=1)
