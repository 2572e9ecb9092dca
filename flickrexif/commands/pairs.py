"""`pairs build`, `check` and `simulate`: PairCams from a folder of photo pairs."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from flickrexif.cards import write_card
from flickrexif.collectors.sandbox.pairs import check_simulation
from flickrexif.collectors.sandbox.pairs import simulate_pairs as simulate
from flickrexif.commands.places import Place, data_folder, home_of, optional_path, path_of
from flickrexif.core.folder import DataFolder
from flickrexif.paircams.build import PairsReport, check_out
from flickrexif.paircams.build import build_pairs as build
from flickrexif.paircams.check import Report, inspect
from flickrexif.paircams.page import write_pages
from flickrexif.paircams.pairing import check_source, passed_over, read_pairs

Progress = Callable[[int, int], None]  # done, and in all


@dataclass(frozen=True, slots=True)
class Checked:
    """The report of a check of pairs, the pages of the contact sheet, and the files that are no photos, by kind."""

    report: Report
    pages: tuple[Path, ...]
    passed_over: Mapping[str, int]


def build_pairs(
    source: Place,
    *,
    out: Place | None = None,
    cameras: Place | None = None,
    strict: bool = False,
    data_dir: Place | None = None,
    progress: Progress | None = None,
) -> PairsReport:
    """Build the PairCams data set `out` (None: `paircams` in the data folder) of the pairs in `source`, with a card.

    `source` is a folder, a CSV manifest or a Hugging Face data set; `cameras` a CSV of more cameras. With `strict`
    the findings of the check are errors. Raises BadPairs with all faults of the source, UsageError when `out` holds
    something else or is being written.
    """
    data_set = path_of(out) if out else data_folder(data_dir).path / "paircams"
    check_source(str(source))
    check_out(path_of(source), data_set)
    with home_of(source, data_dir).writing("pairs build", data_set):
        report = build(str(source), data_set, cameras=optional_path(cameras), strict=strict, progress=progress)
        write_card(data_set)
    return report


def check_pairs(
    source: Place,
    *,
    cameras: Place | None = None,
    page: Place | None = None,
    data_dir: Place | None = None,
    progress: Progress | None = None,
) -> Checked:
    """Check the pairs in `source` against the protocol: sides, settings, release years, time, framing, duplicates.

    Writes a contact sheet of all pairs into the folder `page` if given. Raises UsageError when there are no pairs or
    another command writes.
    """
    home = home_of(source, data_dir)
    with home.writing("pairs check") if page else nullcontext():
        images, faults = read_pairs(str(source), optional_path(cameras), progress)
        report = inspect(images, faults, progress=progress)
        pages = write_pages(path_of(page), images, report, home.register) if page else ()
    return Checked(report, tuple(pages), passed_over(str(source)))


def simulate_pairs(
    folder: Place,
    *,
    pairs: int = 60,
    seed: int = 0,
    data_dir: Place | None = None,
    progress: Progress | None = None,
) -> tuple[Path, ...]:
    """Make simulated pairs in a new `folder`, sample photographs seen through two simulated cameras; returns the files.

    After an interruption the same call goes on. Raises UsageError when `folder` holds anything else or another command
    writes.
    """
    shots = path_of(folder)
    check_simulation(shots, pairs, seed)
    with (DataFolder.holding(shots) or data_folder(data_dir)).writing("pairs simulate"):
        return tuple(simulate(shots, pairs, seed, progress=progress))
