"""Chooses one raw string a tag from a photo's Exif, and says whether the photo is usable.

`flickr.photos.getExif` prints what ExifTool prints, one entry a (tagspace, tag); one tag can be in several tagspaces.
Those that the camera writes (IFD0, ExifIFD) win over XMP, and XMP wins over the old tagspaces with numbers for names.
"""

from collections.abc import Iterable, Mapping
from typing import Any

TAGSPACES = (  # first wins
    "IFD0", "ExifIFD", "XMP-tiff", "XMP-exif", "XMP-exifEX", "XMP-aux", "XMP-xmp", "TIFF", "EXIF", "Composite",
)  # fmt: skip
# The tags of two tagspaces that count. XMP has a Flash of five fields, of which ExifTool composes Exif's.
OF_SPACE = {"XMP-aux": {"Lens": "LensModel"}, "Composite": {"Flash": "Flash"}}

# The old TIFF and EXIF tagspaces name tags by number.
NUMERIC_TAGS = {
    "271": "Make",
    "272": "Model",
    "305": "Software",
    "33434": "ExposureTime",
    "33437": "FNumber",
    "34855": "ISO",
    "37386": "FocalLength",
    "37385": "Flash",
    "34850": "ExposureProgram",
    "36867": "DateTimeOriginal",
    "41986": "ExposureMode",
    "41987": "WhiteBalance",
    "41989": "FocalLengthIn35mmFormat",
    "41728": "FileSource",
    "42036": "LensModel",
}
# Exif 2.3's names of what ISO stands for where it is too large for its own field, or missing.
SENSITIVITY_TAGS = {
    34864: "SensitivityType",
    34865: "StandardOutputSensitivity",
    34866: "RecommendedExposureIndex",
    34867: "ISOSpeed",
}
# Other names of tags: in XMP, ISO has the name of Exif 2.3.
OTHER_NAMES = NUMERIC_TAGS | {"PhotographicSensitivity": "ISO"} | {str(code): n for code, n in SENSITIVITY_TAGS.items()}
TAGS = frozenset(NUMERIC_TAGS.values()) | {"CreatorTool"}
SENSITIVITY_NAMES = frozenset(SENSITIVITY_TAGS.values())
SETTINGS_TAGS = ("ExposureTime", "FNumber", "FocalLength")

MAX_LENGTH = 1_000  # strangers wrote these strings


def raw_tags(entries: Iterable[Any]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Choose one raw string a tag from getExif's `exif` list.

    Returns `(tags, conflicts)`: tag name -> chosen string, and tag name -> all the different strings where the
    tagspaces disagree (the chosen one first). Entries that do not have Flickr's form are ignored.
    """
    texts_by_tag: dict[str, dict[int, str]] = {}
    for entry in entries:
        if isinstance(entry, Mapping) and (parsed := _entry(entry)):
            tag, place, raw = parsed
            texts_by_tag.setdefault(tag, {}).setdefault(place, raw)
    tags, conflicts = {}, {}
    for tag, by_place in texts_by_tag.items():
        values = list(dict.fromkeys(by_place[place] for place in sorted(by_place)))
        tags[tag] = values[0]
        if len(values) > 1:
            conflicts[tag] = values
    return tags, conflicts


def _entry(entry: Mapping[str, Any]) -> tuple[str, int, str] | None:
    space, tag = entry.get("tagspace"), str(entry.get("tag"))
    if space not in TAGSPACES:
        return None
    tag = OF_SPACE[space].get(tag, "") if space in OF_SPACE else OTHER_NAMES.get(tag, tag)
    raw = entry.get("raw")
    content = raw.get("_content") if isinstance(raw, Mapping) else raw
    if tag not in TAGS | SENSITIVITY_NAMES or content is None or isinstance(content, Mapping | list):
        return None
    text = str(content)[:MAX_LENGTH].replace("\0", "").strip()
    if not text or text.startswith("(Binary data"):
        return None
    return tag, TAGSPACES.index(space), text


def unusable(tags: Mapping[str, str]) -> str | None:
    """Why a photo with these tags is left out, or None: it needs Make, Model and one exposure setting.

    A scanner writes its own name but no exposure setting; a file that lost its Exif has neither.
    """
    if not tags:
        return "no_exif"
    if not (tags.get("Make") and tags.get("Model")):
        return "no_make_or_model"
    if not any(tags.get(tag) for tag in SETTINGS_TAGS):
        return "no_exposure_setting"
    return None
