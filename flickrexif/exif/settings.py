"""Flash, exposure program, exposure mode, white balance and editing software, from raw strings.

All functions return None when the string is missing or unknown.
"""

import re
from functools import cache

from flickrexif.exif.codes import canonical_words, code_words, flash_words, table

_CODE = re.compile(r"(?:unknown \()?(?:0x([0-9a-f]{1,4})|([0-9]{1,5}))\)?")
_FLASH_CODES = range(0x80)
# Software as cameras, not editors, write it.
_FIRMWARE = re.compile(
    r"v?[0-9][a-z0-9]*(?:[._-][a-z0-9]+)*"  # 16.1.2, 1.00, v321-78
    r"|.*(?:\b|_)(?:ver|version|fw|firmware|rev)[ .:]*[0-9].*"  # Ver.1.00, NIKON D60 Ver.1.00
    r"|.*v\.? ?[0-9]+[._][0-9].*"  # COOLPIX P90V1.1, DSC-H9 v1.0
    r"|[a-z]{1,2}[0-9]{2,4}[a-z0-9]{6,}"  # a Samsung phone's build, G930FXXU1APAW
    r"|[a-z][0-9][a-z][0-9]{3}[a-z]"  # a Minolta's, D1v024j
    r"|.*(?:-user\b|\bprg[0-9]|release-keys|hdr\+|hdrplus|mediatek|android|windows phone|digital camera|coolpix).*",
    re.IGNORECASE,
)


def flash_fired(raw: str | None) -> bool | None:
    """Whether the flash fired, from one of ExifTool's 27 wordings, or from bit 0 of a code (Exif 2.32)."""
    text = (raw or "").strip().lower()
    code = _code(text)
    return flash_words().get(text, bool(code & 1) if code in _FLASH_CODES else None)


def exposure_program(raw: str | None) -> str | None:
    """ExifTool's name of the program ("Program AE", "Manual", ...); "Not Defined" is None."""
    name = _canonical("ExposureProgram", raw)
    return None if name == "Not Defined" else name


def exposure_mode(raw: str | None) -> str | None:
    """Auto, Manual or Auto bracket."""
    return _canonical("ExposureMode", raw)


def white_balance(raw: str | None) -> str | None:
    """Auto or Manual."""
    return _canonical("WhiteBalance", raw)


def null_reason(raw: str | None) -> str:
    """Why one of the functions above gives None for the string `raw`: not_defined or unknown_value."""
    return "not_defined" if (raw or "").strip().lower() in ("0", "not defined") else "unknown_value"


def edited(software: str | None) -> bool | None:
    """True for an editor (editors.csv), False for firmware or a camera app, None for anything else."""
    text = (software or "").strip()[:200]
    if _editors().search(text):
        return True
    return False if _FIRMWARE.fullmatch(text) else None


def _canonical(tag: str, raw: str | None) -> str | None:
    text = (raw or "").strip().lower()
    return canonical_words(tag).get(text) or code_words(tag).get(_code(text))


def _code(text: str) -> int:
    """The number in "16", "0x10" or "Unknown (0x10)", else -1."""
    match = _CODE.fullmatch(text)
    if not match:
        return -1
    return int(match[1], 16) if match[1] else int(match[2])


@cache
def _editors() -> re.Pattern[str]:
    names = "|".join(re.escape(row["name"]) for row in table("editors.csv"))
    return re.compile(rf"(?<![a-z0-9])(?:{names})(?![a-z])", re.IGNORECASE)
