"""The rules of PairCams, and its table of cameras.

One scene, twice, from the same angle: with a smartphone of 2018 or later and with a digital camera of 2014 or earlier.
No flash, automatic white balance, automatic exposure, Program AE.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flickrexif.core.errors import UsageError
from flickrexif.exif.devices import is_smartphone
from flickrexif.exif.makes import words
from flickrexif.exif.models import clean_model
from flickrexif.paircams.records import Side

PHONES_FROM = 2018  # year of release
CAMERAS_UNTIL = 2014

# Faults of the source: with one of these there is no data set.
FAULTS = {
    "no_such_file": "The manifest names a file that is not there.",
    "bad_manifest": "A line of the manifest cannot be used.",
    "unplaced": "An image lies where no subject is named.",
    "unreadable": "The file is no whole image that can be read.",
    "unsupported": "The file is neither JPEG, PNG nor HEIC.",
    "private": "Private metadata cannot be taken out of the file without touching the picture.",
    "two_images": "A subject has exactly two images.",
    "one_a_side": "A subject has one image of a phone and one of a camera.",
    "two_cameras": "The two images of a subject come from two cameras.",
    "side_unknown": "Neither the manifest, the table of cameras nor the Exif tells a phone from a camera.",
}
# Findings on complete pairs: they are reported, and are errors only with --strict.
FINDINGS = {
    "flash": "No flash is fired.",
    "white_balance": "White balance is automatic.",
    "exposure_mode": "Exposure is automatic.",
    "exposure_program": "The exposure program is Program AE.",
    "released": f"The phone was released in {PHONES_FROM} or later, the camera in {CAMERAS_UNTIL} or earlier.",
    "taken": "Both images of a subject are taken within a short time.",
    "orientation": "Both images of a subject are upright or both lie.",
    "framing": "Both images of a subject show the same scene from the same angle.",
    "swapped": "An image matches another subject better than its own.",
    "duplicate": "No file belongs to two images.",
    "near_duplicate": "No scene belongs to two subjects.",
}
RULES = FAULTS | FINDINGS

TABLE_HINT = "Its lines are make,model,released,side: a year, and phone, camera or nothing for the side."

SETTINGS = "no flash, white balance Auto, exposure mode Auto, program P (Program AE), same place, angle and framing"

TABLE = Path(__file__).with_name("cameras.csv")
SIDES: dict[str, Side | None] = {"phone": "phone", "camera": "camera", "": None}
COLUMNS = ("make", "model", "released", "side")


@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A row of cameras.csv, with names as in Exif; `side` is the published one, None for other models."""

    make: str
    model: str
    released: int  # year
    side: Side | None = None


def read_cameras(extra: Path | None = None) -> dict[str, Camera]:
    """`model_key` -> camera, from the package's table and from `extra`, whose rows win.

    `extra` is a CSV file with the columns make, model, released and optionally side. Raises UsageError, which names
    every line of it that cannot be used.
    """
    cameras = [*_read(TABLE), *(_read(extra) if extra else ())]
    return {model_key(camera.model): camera for camera in cameras}


def model_key(model: str) -> str:
    """A key that is the same for all spellings of a model."""
    return " ".join(words(clean_model(None, model) or ""))


def side_of(camera: Camera | None, category: str) -> Side | None:
    """The published side of `camera`, else the side of its kind of device; None when that is unknown."""
    if camera and camera.side:
        return camera.side
    smart = is_smartphone(category)
    return None if smart is None else "phone" if smart else "camera"


def _read(path: Path) -> list[Camera]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"The table of cameras {path} cannot be read ({error}).", TABLE_HINT) from None
    cameras = [_camera(row) for row in rows]
    wrong = [str(line) for line, camera in enumerate(cameras, start=2) if camera is None]
    if wrong or not rows:
        lines = f"lines that cannot be used: {', '.join(wrong)}" if wrong else "no line"
        raise UsageError(f"The table of cameras {path} has {lines}.", TABLE_HINT)
    return [camera for camera in cameras if camera]


def _camera(row: Mapping[str | None, str | None]) -> Camera | None:
    make, model, released, side = ((row.get(name) or "").strip() for name in COLUMNS)
    if not model or not re.fullmatch(r"(?:19|20)\d\d", released, re.ASCII) or side not in SIDES:
        return None
    return Camera(make=make, model=model, released=int(released), side=SIDES[side])
