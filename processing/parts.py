"""The finished splits of a folder of processed images, as their records tell them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from flickrexif.core.errors import UsageError
from flickrexif.processing.shards import MARKERS

AGAIN = "Name another folder with --out, or delete that one."


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A finished split of a config."""

    config: str
    source: str
    settings: Mapping[str, Any]
    rows: int
    failures: Mapping[str, int]
    content: str  # sha256

    @property
    def split(self) -> str:
        return str(self.settings["split"])


def read_parts(out: Path) -> list[Part]:
    """Every finished split that has rows (`datasets` cannot load one without), sorted by config and split."""
    parts = []
    for path in out.glob(f"*/{MARKERS}/*.json"):
        told = read_record(path) if "-of-" not in path.name else None
        if told and told.get("rows"):
            parts.append(Part(config=path.parent.parent.name, **told))
    return sorted(parts, key=lambda part: (part.config, part.split))


def read_record(path: Path) -> dict[str, Any] | None:
    """The record of a split, finished or not; None where there is none. Raises UsageError when it cannot be read."""
    try:
        told = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read ({str(error)[:80]}).", AGAIN) from None
    if not isinstance(told, dict) or "settings" not in told:
        raise UsageError(f"{path} does not hold settings.", AGAIN)
    return told


def fingerprints(parts: Sequence[Part]) -> str:
    """`.huggingface.yaml`: a description of each config that changes when its images do."""
    lines = ["dataset_info:"] if parts else []
    for config, found in groupby(parts, attrgetter("config")):
        contents = " ".join(f"{part.split} {part.content}" for part in found)
        lines += [f"- config_name: {config}", f"  description: 'sha256 {contents}'"]
    return "".join(f"{line}\n" for line in lines)
