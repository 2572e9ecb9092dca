"""Pairs to Parquet files.

    <out>/data/train-00000.parquet …   one row an image, sorted by subject, phone first
    <out>/pairs.json

`flickrexif.cards.write_card` then writes the card, without which `load_dataset` takes the folder for half built.

The same pairs give the same bytes. When the source has faults, all are listed and nothing is written.
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.files import AGAIN, Outcome, put, put_text, remove
from flickrexif.core.folder import STATE
from flickrexif.core.kinds import SIMULATED_CAMERA
from flickrexif.core.parquet import Row, image_writer, runs, schema_of
from flickrexif.core.versions import versioned
from flickrexif.exif import label
from flickrexif.exif.models import clean_model
from flickrexif.paircams.check import check
from flickrexif.paircams.columns import COLUMNS
from flickrexif.paircams.fingerprint import RowsHash
from flickrexif.paircams.pairing import passed_over, read_pairs
from flickrexif.paircams.records import BadPairs, PairImage, Problem
from flickrexif.paircams.scrub import kind_of, scrub

SHARD_BYTES = 500_000_000  # of image bytes a file
STAGING = ".paircams.tmp"
OUTPUT_NAMES = frozenset(
    ("data", "figures", "README.md", "croissant.json", "pairs.json", ".huggingface.yaml", STAGING, STATE)
)
ENDINGS = {"jpeg": "jpg", "png": "png", "heif": "heic"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairsReport:
    """The result of a build: pairs, findings of the check, and the files that were written, unchanged or removed."""

    root: Path  # the data set
    pairs: int
    findings: tuple[Problem, ...]
    simulated: int  # images
    written: tuple[Path, ...]
    unchanged: tuple[Path, ...]
    removed: tuple[Path, ...]
    passed_over: Mapping[str, int] = field(default_factory=dict)  # kind -> files of the source that are no photos


def build_pairs(
    source: str | Path,
    out: Path,
    *,
    cameras: Path | None = None,
    strict: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> PairsReport:
    """Build the data set `out` from `source` (paircams/pairing.py says which there are).

    `progress(done, total)` counts images read, then pairs compared. Raises `BadPairs` with all faults of the source,
    and, when `strict`, with all findings of the check; UsageError when `out` holds something else; FlickrExifError
    without OpenCV, which compares the pictures.
    """
    check_out(Path(source), out)
    images, faults = read_pairs(source, cameras, progress)
    if faults:
        raise BadPairs(faults)
    findings = check(images, progress=progress)
    if strict and findings:
        raise BadPairs(findings, "The pairs break the protocol")
    return replace(write_pairs(images, findings, out), passed_over=passed_over(source))


def write_pairs(images: Sequence[PairImage], findings: Sequence[Problem], out: Path) -> PairsReport:
    """Write complete pairs, sorted by subject. Raises FlickrExifError when the disk is full or a file has changed."""
    staging = out / STAGING
    try:
        staging.mkdir(parents=True, exist_ok=True)
        stages, digest, simulated = _write_shards(images, staging)
        done = [put(out / "data" / stage.name, stage.replace) for stage in stages]
    except OSError as error:
        raise FlickrExifError(f"{out} cannot be written ({error.strerror or error}).", AGAIN) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    names = {path.name for _, path in done}
    done += remove(path for path in sorted((out / "data").glob("train-*.parquet")) if path.name not in names)
    done.append(write_record(out, len(images) // 2, simulated, findings, digest))
    files: dict[Outcome, list[Path]] = {"written": [], "unchanged": [], "removed": []}
    for outcome, path in done:
        files[outcome].append(path)
    return PairsReport(
        root=out,
        pairs=len(images) // 2,
        findings=tuple(findings),
        simulated=simulated,
        written=tuple(files["written"]),
        unchanged=tuple(files["unchanged"]),
        removed=tuple(files["removed"]),
    )


def write_record(
    out: Path, pairs: int, simulated: int, findings: Iterable[Problem], digest: str
) -> tuple[Outcome, Path]:
    """Write `pairs.json`: what the data set in `out` holds, of which `simulated` images are, and a hash of its rows."""
    facts = {
        "pairs": pairs,
        "simulated_images": simulated,
        "findings": dict(sorted(Counter(finding.rule for finding in findings).items())),
        "rows_sha256": digest,
    }
    return put_text(out / "pairs.json", json.dumps(versioned(facts), indent=2) + "\n")


def check_out(source: Path, out: Path) -> None:
    """UsageError when `out` lies in the source or holds something else."""
    if source.exists() and out.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{out} lies in the source.", "Name a folder outside it with --out.")
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is no folder.", "Name another with --out.")
    if out.exists() and {path.name for path in out.iterdir()} - OUTPUT_NAMES:
        raise UsageError(f"{out} holds something else.", "Name a new folder with --out.")


# --- rows


def subject_numbers(subjects: Sequence[str]) -> dict[str, int]:
    """Subject -> number: the subject itself when all are numbers, as in the published data set, else its position."""
    distinct = list(dict.fromkeys(subjects))
    if all(subject.isascii() and subject.isdecimal() and len(subject) < 18 for subject in distinct):
        numbers = {subject: int(subject) for subject in distinct}
        if len(set(numbers.values())) == len(distinct):
            return numbers
    return {subject: place for place, subject in enumerate(distinct)}


def _row(image: PairImage, number: int) -> Row:
    data = image.read()
    if hashlib.sha256(data).hexdigest() != image.sha256:
        raise FlickrExifError(f"{image.file_name} changed while it was read.", "Run the same command again.")
    stored = scrub(data)
    named = {name: text for name, text in (("Make", image.make), ("Model", image.model)) if text}
    labels = label({**image.tags, **named})
    ending = ENDINGS[kind_of(stored) or "jpeg"]
    return {
        "image": {"bytes": stored, "path": f"{number}_{image.side}.{ending}"},
        "subject_idx": number,
        "model": clean_model(image.make, image.model),
        "side": image.side,
        "device_category": image.device_category,
        "make": labels.make,
        "released": image.released,
        "flash": labels.flash,
        "white_balance": labels.white_balance,
        "exposure_mode": labels.exposure_mode,
        "exposure_program": labels.exposure_program,
        "taken": image.taken,
        "width": image.width,
        "height": image.height,
        "sha256": hashlib.sha256(stored).hexdigest(),
        "simulated": image.tags.get("Software") == SIMULATED_CAMERA,
    }


def _write_shards(images: Sequence[PairImage], folder: Path) -> tuple[list[Path], str, int]:
    """The files, a hash of all rows, and how many images are simulated."""
    import pyarrow as pa

    digest, simulated, paths = RowsHash(), 0, list[Path]()
    with ExitStack() as stack:
        room = 0
        for rows in map(list, runs(_rows(images))):
            size = sum(len(row["image"]["bytes"]) for row in rows)
            if size > room or not paths:
                stack.close()  # the file before
                paths.append(folder / f"train-{len(paths):05}.parquet")
                writer = stack.enter_context(image_writer(paths[-1], schema_of(COLUMNS)))
                room = SHARD_BYTES
            room -= size
            writer.write_table(pa.Table.from_pylist(rows, writer.schema))
            simulated += sum(row["simulated"] for row in rows)
            digest.update(rows)
    return paths, digest.hexdigest(), simulated


def _rows(images: Sequence[PairImage]) -> Iterator[Row]:
    numbers = subject_numbers([image.subject for image in images])
    return (_row(image, numbers[image.subject]) for image in images)
