"""PairCams as pages: a sample of pairs, phone and camera side by side."""

from collections.abc import Iterable
from heapq import nsmallest
from operator import itemgetter
from pathlib import Path
from typing import Any

from flickrexif.cards.browse.page import Register, write_pages
from flickrexif.cards.browse.photos import PER_PAGE, device
from flickrexif.cards.browse.pictures import thumbnail
from flickrexif.core.draws import rank
from flickrexif.core.kinds import DataSetKind
from flickrexif.core.parquet import Row, image_bytes, read_columns, read_rows
from flickrexif.core.text import plain
from flickrexif.dataset.attribution import NAME_LENGTH

KEY = "subject_idx"
COLUMNS = (KEY, "side", "make", "model", "device_category", "released", "taken", "width", "height", "image")


def write_pairs(
    folder: Path, kind: DataSetKind, out: Path, photos: int, seed: int, register: Register
) -> tuple[Path, int, int]:
    """Write the pages of the data set in `folder`; returns the index, the images shown and the images in all."""
    files = kind.configs(folder)["default"]["train"]
    subjects: list[int] = []
    simulated = 0
    for table in read_columns(files, (KEY, "simulated")):
        subjects += table[KEY].to_pylist()
        simulated += sum(filter(None, table["simulated"].to_pylist()))
    most = max(1, photos // 2)
    chosen = sorted(nsmallest(most, set(subjects), key=lambda subject: (rank(seed, "browse", str(subject)), subject)))
    each = PER_PAGE // 2
    batches = [chosen[start : start + each] for start in range(0, len(chosen), each)] or [[]]
    pages = ({"names": map(str, batch), "pairs": _pairs(read_rows(files, KEY, batch, COLUMNS))} for batch in batches)
    index = write_pages(
        out,
        register,
        "pairs.html",
        pages,
        len(batches),
        total=len(set(subjects)),
        shown=len(chosen),
        seed=seed,
        banner=f"SIMULATED DATA: no camera took {simulated:,} of these {len(subjects):,} images." if simulated else "",
    )
    return index, 2 * len(chosen), len(subjects)


def _pairs(rows: Iterable[Row]) -> list[tuple[int, list[dict[str, Any]]]]:
    """Subjects with their shots, the phone first."""
    shots: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        shots.setdefault(row[KEY], []).append(_shot(row))
    return [(subject, sorted(shots[subject], key=itemgetter("side"), reverse=True)) for subject in sorted(shots)]


def _shot(row: Row) -> dict[str, Any]:
    return {
        "side": plain(row["side"], NAME_LENGTH),
        "device": device(row["make"], row["model"]),
        "category": plain(row["device_category"], NAME_LENGTH),
        "released": row["released"],
        "taken": f"{row['taken']:%Y-%m-%d %H:%M}" if row["taken"] else "",
        "size": f"{row['width']} \N{MULTIPLICATION SIGN} {row['height']} px",
        "picture": thumbnail(image_bytes(row)),
    }
