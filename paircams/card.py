"""The columns of a built data set, and its card; no stranger's text enters the card."""

from collections import Counter
from collections.abc import Mapping, Sequence

from flickrexif.card import size_category
from flickrexif.schema import Column
from paircams.protocol import FINDINGS, Camera, model_key
from paircams.records import PairImage, Problem

COLUMNS = (
    Column("image", "image", "the file, its private metadata taken out, its compressed picture untouched"),
    Column("subject_idx", "int64", "the subject; two images have each"),
    Column("model", "string", "camera model by name, as published (in embedding files `model` is 1 for phone)"),
    Column("side", "string", "phone or camera, the published side: XT1032, a phone of 2013, is on the camera side"),
    Column("device_category", "string", "what the device is: smartphone, compact, bridge, dslr, mirrorless, ..."),
    Column("make", "string", "one canonical name a maker"),
    Column("released", "int16", "year the model was released; null where the table of cameras lacks it"),
    Column("flash", "bool", "whether the flash fired"),
    Column("white_balance", "string", "Auto or Manual"),
    Column("exposure_mode", "string", "Auto, Manual or Auto bracket"),
    Column("exposure_program", "string", "Program AE, Manual, ..."),
    Column("taken", "timestamp[ms]", "when the photo was taken, by the camera's clock, no zone"),
    Column("width", "int32", "pixels as stored, before the orientation is applied"),
    Column("height", "int32", "pixels as stored"),
    Column("sha256", "string", "of the stored file"),
    Column("simulated", "bool", "no photo but made by `flickrexif pairs simulate`"),
)

INTRODUCTION = """# PairCams

Pairs of images of the same object or scene, from the same angle: one with a smartphone, one with a digital camera,
without flash, with automatic white balance and exposure.
"""
SIMULATED = (
    "> **SIMULATED DATA.** {} of {} images were made by a program from a few photographs. No camera took them.\n"
)
LOADING = """## Loading

```python
from flickrexif import load_dataset

pairs = load_dataset("paircams", split="train")
```
"""
TERMS = """## Privacy and licences

Positions, serial numbers, names, comments, maker notes, XMP, IPTC and thumbnails were taken out of the files. The
pictures are as the cameras compressed them; a HEIC file keeps the small preview that is coded like the picture.

The photos belong to whoever took them; this card grants nothing.
"""


def card(
    images: Sequence[PairImage], findings: Sequence[Problem], simulated: int, cameras: Mapping[str, Camera]
) -> str:
    """The card as Markdown with front matter. `cameras` are the models that are named; others are counted together."""
    return "\n".join(
        (
            _front_matter(len(images), simulated),
            *([SIMULATED.format(simulated, len(images))] if simulated else []),
            INTRODUCTION,
            f"{len(images) // 2:,} pairs, {len(images):,} images.\n",
            _models(images, cameras),
            _findings(findings),
            LOADING,
            _columns(),
            TERMS,
        )
    )


def _front_matter(rows: int, simulated: int) -> str:
    lines = ["---", f"pretty_name: PairCams{' (simulated)' if simulated else ''}", "size_categories:"]
    lines += [f"- {size_category(rows)}", "configs:", "- config_name: default", "  data_files:"]
    return "\n".join([*lines, "  - split: train", "    path: data/train-*.parquet", "---\n"])


def _models(images: Sequence[PairImage], cameras: Mapping[str, Camera]) -> str:
    """How many images each model took; names come from the table of cameras."""
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for image in images:
        camera = cameras.get(model_key(image.model or ""))
        name, year = (camera.model, str(camera.released)) if camera else ("other", "")
        counts[image.side, name, year, image.device_category] += 1
    lines = ["| Side | Model | Released | Device | Images |", "| --- | --- | --- | --- | ---: |"]
    ordered = sorted(counts.items(), key=lambda found: (found[0][0] == "camera", -found[1], found[0]))
    lines += [f"| {side} | {name} | {year} | {kind} | {n:,} |" for (side, name, year, kind), n in ordered]
    return "\n".join([*lines, ""])


def _findings(findings: Sequence[Problem]) -> str:
    if not findings:
        return "No rule of the protocol is broken.\n"
    counts = Counter(finding.rule for finding in findings)
    lines = ["## Where the protocol is not kept", "", "| Rule | Findings |", "| --- | ---: |"]
    return "\n".join([*lines, *(f"| {FINDINGS[rule]} | {counts[rule]:,} |" for rule in FINDINGS if counts[rule]), ""])


def _columns() -> str:
    lines = ["## Columns", "", "| Column | Type | What |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| `{c.name}` | {c.type} | {c.description} |" for c in COLUMNS), ""])
