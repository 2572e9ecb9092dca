"""The model's name without what firmware adds.

A maker's name in front of the model stays, as in the published classes ("Canon EOS 450D", "NIKON D750"), but only
once.
"""

import re
from functools import lru_cache

from flickrexif.exif.makes import tidy

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
