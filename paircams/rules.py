"""The rules on one image's tags and on a subject's files; see paircams.protocol.FINDINGS."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from flickrexif.core.text import plain
from flickrexif.exif import label
from flickrexif.paircams.protocol import CAMERAS_UNTIL, PHONES_FROM
from flickrexif.paircams.records import PairImage, Problem

NAME_LENGTH = 100  # of a stranger's name, characters


class Pair(NamedTuple):
    """A complete subject: one image a side."""

    phone: PairImage
    camera: PairImage


# rule -> Exif tag, field of flickrexif.exif.labels.Labels, the value that the protocol requires
TAG_RULES: Mapping[str, tuple[str, str, object]] = {
    "flash": ("Flash", "flash", False),
    "white_balance": ("WhiteBalance", "white_balance", "Auto"),
    "exposure_mode": ("ExposureMode", "exposure_mode", "Auto"),
    "exposure_program": ("ExposureProgram", "exposure_program", "Program AE"),
}


def shown(text: str | None) -> str:
    """A stranger's name, bounded and printable."""
    return plain(text, NAME_LENGTH) or "?"


def problem(image: PairImage, rule: str, detail: str) -> Problem:
    """A finding on one image."""
    return Problem(subject=image.subject, file=image.file_name, rule=rule, detail=detail)


def subject_problems(images: Sequence[PairImage]) -> Iterator[Problem]:
    """Why the images of one subject are not a pair."""
    subject = images[0].subject
    if len(images) != 2:
        yield Problem(
            subject=subject, file="", rule="two_images", detail=f"{len(images)} image{'s' * (len(images) > 1)}"
        )
    elif images[0].side == images[1].side:
        yield Problem(subject=subject, file="", rule="one_a_side", detail=f"both are of a {images[0].side}")


def settings_kept(image: PairImage) -> dict[str, tuple[bool, str]]:
    """Rule -> whether the image keeps it, and a text with the tag's value; only for tags that have a meaning."""
    labels = label(image.tags)
    settings = {rule: (tag, getattr(labels, field), required) for rule, (tag, field, required) in TAG_RULES.items()}
    return {
        rule: (value == required, f"{tag} is {shown(image.tags.get(tag))}")
        for rule, (tag, value, required) in settings.items()
        if value is not None
    }


def released_in_time(image: PairImage) -> bool | None:
    """Whether a phone is new enough, or a camera old enough; None when the year is unknown."""
    if image.released is None:
        return None
    return image.released >= PHONES_FROM if image.side == "phone" else image.released <= CAMERAS_UNTIL


def image_problems(image: PairImage) -> Iterator[Problem]:
    """Findings on flash, white balance, exposure and year of release; unknown values are no findings."""
    for rule, (kept, detail) in settings_kept(image).items():
        if not kept:
            yield problem(image, rule, detail)
    if released_in_time(image) is False:
        yield problem(image, "released", f"{shown(image.model)} ({image.side}) was released in {image.released}")
