"""`pairs plan`: what is still to be taken."""

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from flickrexif.commands.places import Place, data_folder, home_of, optional_path, path_of, several
from flickrexif.paircams.pairing import read_pairs
from flickrexif.paircams.plan import PAIRS, Shots, cameras_of, own_cameras
from flickrexif.paircams.plan import plan as missing_shots
from flickrexif.paircams.protocol import SETTINGS, read_cameras


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotList:
    """What is to be taken and with which settings, how many files of the source do not count, and the page to print."""

    shots: tuple[Shots, ...]
    settings: str = SETTINGS
    uncounted: int = 0
    page: Path | None = None


def plan_pairs(
    source: Place | None = None,
    *,
    phone: str | Iterable[str] | None = None,
    camera: str | Iterable[str] | None = None,
    cameras: Place | None = None,
    pairs: int = PAIRS,
    page: Place | None = None,
    data_dir: Place | None = None,
) -> ShotList:
    """The images still to be taken for `pairs` pairs in all, by model and side; `source` holds those already taken.

    `phone` and `camera` name one's own models ("Pixel 7"; None: those of `source`, else of the published data set).
    Writes a list to print into the folder `page` if given. Raises UsageError when `source` holds no pairs or another
    command writes.
    """
    images, faults = read_pairs(str(source), optional_path(cameras)) if source else ([], [])
    table = read_cameras(optional_path(cameras)).values()
    mine = own_cameras(several(phone), several(camera))
    shots = missing_shots(images, mine or (cameras_of(images, table) if images else list(table)), pairs)
    home = home_of(source, data_dir) if source else data_folder(data_dir)
    written = None
    with home.writing("pairs plan") if page else nullcontext():
        if page:
            from flickrexif.paircams.sheet import write_sheet

            written = write_sheet(path_of(page), images, shots, pairs, home.register)
    uncounted = len({fault.file for fault in faults if fault.file})
    return ShotList(shots=tuple(shots), uncounted=uncounted, page=written)
