"""`pairs plan`: what is still to be taken. Apart from the other commands of pairs, which open pictures."""

from flickrexif.commands.places import Place, optional_path
from flickrexif.paircams.pairing import read_pairs
from flickrexif.paircams.plan import PAIRS, Shots, cameras_of
from flickrexif.paircams.plan import plan as missing_shots
from flickrexif.paircams.protocol import read_cameras


def plan_pairs(source: Place | None = None, *, cameras: Place | None = None, pairs: int = PAIRS) -> tuple[Shots, ...]:
    """The images still to be taken for `pairs` pairs in all, by camera and side; `source` holds those already taken.

    Raises UsageError when `source` holds no pairs.
    """
    images = read_pairs(str(source), optional_path(cameras))[0] if source else []
    table = read_cameras(optional_path(cameras)).values()
    return tuple(missing_shots(images, cameras_of(images, table) if images else list(table), pairs))
