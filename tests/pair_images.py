"""Images of pairs, described without a file."""

from dataclasses import replace

from flickrexif.paircams.protocol import Side
from flickrexif.paircams.records import PairImage


def pair_image(subject: str, side: Side, **fields: object) -> PairImage:
    """An image of 800 x 600 pixels whose Exif says nothing but what `fields` say."""
    image = PairImage(
        subject=subject,
        path=None,
        read=bytes,
        file_name=f"{side}.jpg",
        side=side,
        make=None,
        model=None,
        device_category="unknown",
        released=None,
        tags={},
        taken=None,
        width=800,
        height=600,
        orientation=1,
        sha256="",
    )
    return replace(image, **fields)  # type: ignore[arg-type]
