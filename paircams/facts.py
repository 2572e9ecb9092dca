"""The facts for the card of a built PairCams data set, from its files."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from flickrexif.core.errors import UsageError
from flickrexif.core.facts import Cell, Chart, Config, Facts, Table, split_of
from flickrexif.core.parquet import Row, features_of, read_table
from flickrexif.core.text import plain, reason_of
from flickrexif.core.versions import fields_of
from flickrexif.paircams.columns import COLUMNS
from flickrexif.paircams.fingerprint import rows_sha256
from flickrexif.paircams.protocol import CAMERAS_UNTIL, FINDINGS, PHONES_FROM, SETTINGS

AGAIN = "Build the pairs again: flickrexif pairs build."
SIDES = ("phone", "camera")
COLUMNS_READ = ("side", "model", "make", "device_category", "released", "taken", "width", "height", "simulated")
MAX_ROWS = 60  # rows of a table; the rest are counted together
MAX_NAME = 80  # characters of a name


def paircams_facts(root: Path) -> Facts:
    """The facts of the PairCams data set in `root`. Raises UsageError when it is incomplete."""
    files = sorted((root / "data").glob("train-*.parquet"))
    split = split_of(root, "train", "data/train-*.parquet", files)
    record = _read_record(root)
    rows = read_table(files, COLUMNS_READ).to_pylist() if split.rows else []
    sides = Counter(row["side"] for row in rows)
    if not rows or sides != dict.fromkeys(SIDES, record["pairs"]) or rows_sha256(files) != record["rows_sha256"]:
        raise UsageError(f"{root} holds {len(rows):,} images, not the pairs of its pairs.json.", AGAIN)
    config = Config(
        name="default",
        description="One row an image, two rows a subject, sorted by subject, the phone's first.",
        splits=(split,),
        columns=COLUMNS,
        features=features_of(files[0]),
    )
    simulated = sum(row["simulated"] for row in rows)
    days = sorted(row["taken"] for row in rows if row["taken"] and not row["simulated"])
    return Facts(
        source="simulated" if simulated else "real",
        summary=_summary(record["pairs"], len(rows), simulated),
        rows=len(rows),
        configs=(config,),
        collection=_collection(record, len(rows), simulated),
        composition=(*_composition(rows), *_findings(record["findings"])),
        charts=tuple(_charts(rows)),
        measured=tuple(_measured(rows)),
        dates=(f"{days[0]:%Y-%m-%d}", f"{days[-1]:%Y-%m-%d}") if days else None,
        years=(days[0].year, days[-1].year) if days else None,
    )


def _read_record(root: Path) -> dict[str, Any]:
    path = root / "pairs.json"
    try:
        stored = fields_of(json.loads(path.read_bytes()), path)
        findings = {str(rule): int(n) for rule, n in stored["findings"].items()}
        return {"pairs": int(stored["pairs"]), "findings": findings, "rows_sha256": str(stored["rows_sha256"])}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = reason_of(error)
        raise UsageError(f"{path} cannot be read ({reason}).", AGAIN) from None


def _summary(pairs: int, images: int, simulated: int) -> str:
    origin = f"; {simulated:,} of {images:,} images were made by a program, no camera took them" if simulated else ""
    return f"{pairs:,} pair{'s' * (pairs != 1)}, {_images(images)}{origin}."


def _collection(record: dict[str, Any], images: int, simulated: int) -> tuple[tuple[str, str], ...]:
    broken = {rule: n for rule, n in record["findings"].items() if n}
    rules = f"{len(broken)} rule{'s' * (len(broken) != 1)}"
    check = f"{sum(broken.values()):,} findings on {rules} of the protocol" if broken else "no finding"
    return (
        (
            "Protocol",
            f"phones released {PHONES_FROM} or later, cameras released {CAMERAS_UNTIL} or earlier; {SETTINGS}",
        ),
        ("Check of the pairs", check),
        *((("Simulated images", f"{simulated:,} of {images:,}"),) if simulated else ()),
    )


def _composition(rows: Sequence[Row]) -> list[Table]:
    return [
        _table("Camera models", rows, ("model", "released"), ("Model", "Released")),
        _table("Makers", rows, ("make",), ("Maker",)),
        _table(
            "Kinds of device",
            rows,
            ("device_category",),
            ("Device",),
            "The side is the published one; the kind of device is what the camera is.",
        ),
    ]


def _table(title: str, rows: Sequence[Row], keys: Sequence[str], header: Sequence[str], note: str = "") -> Table:
    """A table that counts images by side and `keys`: phones first, then the largest counts first."""
    counts = Counter((row["side"], *(_cell(row[key]) for key in keys)) for row in rows)
    ordered = sorted(counts.items(), key=lambda item: (item[0][0] != "phone", -item[1], str(item[0])))
    cells: list[tuple[Cell, ...]] = [(*values, count) for values, count in ordered[:MAX_ROWS]]
    if rest := ordered[MAX_ROWS:]:
        cells.append(("", f"{len(rest):,} others", *("",) * (len(keys) - 1), sum(count for _, count in rest)))
    return Table(title=title, header=("Side", *header, "Images"), rows=tuple(cells), note=note)


def _cell(value: str | int | None) -> Cell:
    """A name or a year as text, so that a year is not shown as 2,019."""
    return None if value is None else plain(str(value), MAX_NAME)


def _findings(findings: dict[str, int]) -> list[Table]:
    rows = tuple((FINDINGS.get(rule, plain(rule, MAX_NAME)), count) for rule, count in findings.items() if count)
    title = "Where the protocol is not kept"
    return [Table(title=title, header=("Rule", "Findings"), rows=rows)] if rows else []


def _charts(rows: Sequence[Row]) -> Iterator[Chart]:
    """Charts of images by release year of their model, if any is known, and by kind of device."""
    years = Counter(int(row["released"]) for row in rows if row["released"] is not None)
    kinds = Counter(str(row["device_category"]) for row in rows).most_common()
    if years:
        span = range(min(years), max(years) + 1)
        coverage = f"known of {sum(years.values()):,} of {len(rows):,} images"
        yield Chart(
            name="released",
            title="Images by release year of their camera",
            alt=f"Images by the year in which their camera was released, {coverage}: {span[0]} to {span[-1]}.",
            kind="bars",
            labels=tuple(str(year) for year in span),
            values=tuple(float(years[year]) for year in span),
            unit="images",
        )
    yield Chart(
        name="devices",
        title="Images by kind of device",
        alt="Images by kind of device: " + ", ".join(f"{kind} {count:,}" for kind, count in kinds) + ".",
        kind="bars",
        labels=tuple(kind for kind, _ in kinds),
        values=tuple(float(count) for _, count in kinds),
        unit="images",
    )


def _measured(rows: Sequence[Row]) -> list[str]:
    """Sentences on how the two sides differ otherwise, so that a classifier might learn that instead."""
    sides = {side: [row for row in rows if row["side"] == side] for side in SIDES}
    sentences = [_models(side, images) for side, images in sides.items()]
    years = [[row["released"] for row in sides[side] if row["released"]] for side in SIDES]
    if all(years):
        spans = [f"{min(span)}" + f" to {max(span)}" * (min(span) < max(span)) for span in years]
        when = f"The phones' models were released in {spans[0]}, the cameras' in {spans[1]}"
        sentences.append(f"{when}: the sides differ in age too.")
    pixels = [median(row["width"] * row["height"] for row in sides[side]) / 1e6 for side in SIDES]
    sentences.append(f"The median image has {pixels[0]:.2g} megapixels (phones) and {pixels[1]:.2g} (cameras).")
    if phones := sum(row["device_category"] == "smartphone" for row in sides["camera"]):
        sentences.append(
            f"{_images(phones)} of the camera side {'was' if phones == 1 else 'were'} taken by a smartphone."
        )
    if unknown := sum(row["model"] is None for row in rows):
        sentences.append(f"{_images(unknown)} name{'s' * (unknown == 1)} no camera model.")
    return sentences


def _models(side: str, images: Sequence[Row]) -> str:
    models = Counter(row["model"] for row in images)
    name, most = min(models.items(), key=lambda item: (-item[1], str(item[0])))
    share = f"the largest, {plain(name or 'without a name', MAX_NAME)}, took {most / len(images):.0%} of its images"
    return f"The {side} side has {len(models):,} model{'s' * (len(models) != 1)}; {share}."


def _images(count: int) -> str:
    return f"{count:,} image{'s' * (count != 1)}"
