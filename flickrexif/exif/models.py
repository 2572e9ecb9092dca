"""The model's name without what firmware adds, and one name for a camera that was sold under several.

A maker's name in front of the model stays, as in the published classes ("Canon EOS 450D", "NIKON D750"), but only
once. `aliases.csv` is made by generate_devices.py from ExifTool's list of Canon models.
"""

import re
from functools import cache, lru_cache

from flickrexif.exif.makes import rows, tidy, words

# What firmware and factories append to a model's name.
GLUED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r" file version \d+$",  # DCS460D FILE VERSION 3
        r" ?\(?\bv ?\d+\.\d+[.\d]*[a-z]?\)?$",  # HP PhotoSmart C812 (V09.33)
        r"[ ,;]\(?(?:ver(?:sion)?|firmware|fw|f/w)[ .:]*\d+[.\d]*[a-z]?\)?$",
        r"[ ,;]\(?(?:s/n|sn|serial(?: ?(?:no|number|#))?|imei)[ .:#]*[a-z]{0,4}-?\d[a-z\d-]*\)?$",
        r" ?\([a-z]{2}\d{6} ?\)$",  # Leaf Aptus 75(LI300123)
    )
)
LEAF_SERIAL = re.compile(r" ?\([A-Z]{2}\d{6} {0,3}\)(?=/)")  # Leaf Aptus 75(LI300123   )/Hasselblad H2


@lru_cache(maxsize=16_384)
def clean_model(make_raw: str | None, model_raw: str | None) -> str | None:
    """`model_raw` without padding, firmware version and serial number, and with the maker's name only once."""
    text = tidy(model_raw)
    if text is None:
        return None
    for _ in range(4):  # "... Ver.1.01 S/N 123"
        before = text
        text = LEAF_SERIAL.sub("", text)
        for pattern in GLUED:
            text = pattern.sub("", text).strip(" ,;") or text
        if text == before:
            break
    return _once(text, (tidy(make_raw) or "").split(" "))


def _once(text: str, make: list[str]) -> str:
    """`text` without its first word for as long as it is the second too and the maker's ("NIKON NIKON D750")."""
    parts = text.split(" ")
    while len(parts) > 2 and parts[0].casefold() == parts[1].casefold() == make[0].casefold():
        parts = parts[1:]
    return " ".join(parts)


def hardware_key(model: str) -> str:
    """A key by which names of a model are compared: the same for "Canon EOS DIGITAL REBEL" and "EOS Digital Rebel"."""
    return "".join(part for part in words(model) if part not in ("CANON", "DIGITAL"))


@cache
def _aliases() -> dict[str, str]:
    return {hardware_key(alias): model for alias, model in rows("aliases.csv")}


def same_hardware(model: str) -> str:
    """One name for all names of the same camera ("Canon EOS DIGITAL REBEL" -> "Canon EOS 300D DIGITAL")."""
    return _aliases().get(hardware_key(model), model)
