"""The card of a folder of processed images: a pure function of what its finished splits hold."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

ABOUT = """# Processed images

Images of a labelled data set after a known processing: one config for each variant, or for a draw of one of a
parameter's classes for each image. Each row's bytes are exactly as encoded."""

COLUMNS = """## Columns

| Column | Type | What |
| --- | --- | --- |
| `image` | Image (bytes, path) | the encoded file |
| `label` | ClassLabel | the source's own label; -1 where it has none |
| `image_id` | string | the source's own id, or the path below its split's folder |
| `variant` | ClassLabel | what was done to the image |
| `width`, `height` | int32 | pixels of the encoded image |
| `sha256` | string | of the encoded bytes |

An image that cannot be read or decoded has no row; `<config>/<split>-failures.csv` names it and says why."""

TERMS = """## Terms

The images keep the terms of the data set they come from (ImageNet's and iNaturalist's allow research only, and no
redistribution); this card grants nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A finished split of a config, as its record tells it."""

    config: str
    source: str
    settings: Mapping[str, Any]
    rows: int
    failures: Mapping[str, int]
    content: str  # sha256

    @property
    def split(self) -> str:
        return str(self.settings["split"])


def card(parts: Sequence[Part]) -> str:
    """The card as Markdown with front matter, configs and splits sorted by name."""
    parts = _sorted(parts)
    loading = f'load_dataset("imagenet-traces", "{parts[0].config}", split="{parts[0].split}")' if parts else ""
    sections = (
        _front_matter(parts),
        ABOUT,
        _contents(parts),
        f"## Loading\n\n```python\nfrom flickrexif import load_dataset\n\nimages = {loading}\n```" if parts else "",
        COLUMNS,
        _codecs(parts),
        TERMS,
    )
    return "\n\n".join(filter(None, sections)) + "\n"


def fingerprints(parts: Sequence[Part]) -> str:
    """`.huggingface.yaml`: a description of each config that changes when its images do."""
    lines = ["dataset_info:"] if parts else []
    for config, found in groupby(_sorted(parts), attrgetter("config")):
        contents = " ".join(f"{part.split} {part.content}" for part in found)
        lines += [f"- config_name: {config}", f"  description: 'sha256 {contents}'"]
    return "".join(f"{line}\n" for line in lines)


def _sorted(parts: Sequence[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: (part.config, part.split))


def _front_matter(parts: Sequence[Part]) -> str:
    lines = ["---", "pretty_name: Processed images", "task_categories:", "- image-classification"]
    lines += ["configs:"] if parts else []
    for config, found in groupby(parts, attrgetter("config")):
        lines += [f"- config_name: {config}", "  data_files:"]
        for part in found:
            lines += [f"  - split: {part.split}", f"    path: {config}/{part.split}-*-of-*.parquet"]
    return "\n".join([*lines, "---"])


def _contents(parts: Sequence[Part]) -> str:
    lines = [
        "| Config | Split | Source | Images | Left out | What was done |",
        "| --- | --- | --- | ---: | ---: | --- |",
    ]
    for part in parts:
        cells = part.config, part.split, _plain(part.source), f"{part.rows:,}", f"{sum(part.failures.values()):,}"
        lines.append(f"| {' | '.join(cells)} | {_what(part)} |")
    return "\n".join(lines)


def _what(part: Part) -> str:
    steps = part.settings["steps"]
    seed = "" if part.settings["seed"] is None else f" (seed {part.settings['seed']})"
    if part.settings["draw"]:
        return f"one of {', '.join(steps)} for each image, {part.settings['draw']}{seed}"
    return f"{', '.join(steps.values())}{seed}"


def _codecs(parts: Sequence[Part]) -> str:
    made = {", ".join(f"{name} {v}" for name, v in part.settings["codecs"].items() if v != "none") for part in parts}
    return f"Encoded with {'; '.join(sorted(made))}." if made else ""


def _plain(text: str) -> str:
    """A folder's name, without what Markdown or HTML would take for its own."""
    return re.sub(r"[^\w ./-]", "_", text)[:80]
