"""The records of the splits in a folder of processed images."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from flickrexif.core.errors import UsageError
from flickrexif.core.files import put_text
from flickrexif.core.versions import fields_of, versioned
from flickrexif.processing.shards import MARKERS, Marker

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
        record = read_record(path) if "-of-" not in path.name else None
        if record and record.get("rows"):
            parts.append(Part(config=path.parent.parent.name, **record))
    return sorted(parts, key=lambda part: (part.config, part.split))


def read_record(path: Path) -> dict[str, Any] | None:
    """The record of a split, finished or not; None without one. Raises UsageError when it cannot be read."""
    try:
        record = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read ({str(error)[:80]}).", AGAIN) from None
    if not isinstance(record, dict) or "settings" not in record:
        raise UsageError(f"{path} does not hold settings.", AGAIN)
    return fields_of(record, path)


def totals(markers: Iterable[Marker]) -> dict[str, Any]:
    """Rows, failures and content hash of a split, from the markers of its shards."""
    markers = list(markers)
    reasons = Counter(reason for marker in markers for _, reason in marker.failures)
    content = hashlib.sha256("".join(f"{marker.content}\n" for marker in markers).encode()).hexdigest()
    return {
        "rows": sum(marker.rows for marker in markers),
        "failures": dict(sorted(reasons.items())),
        "content": content,
    }


def failures_path(config: Path, split: str) -> Path:
    """The table of the images without a row, as `flickrexif.core.failures` writes it."""
    return config / f"{split}-failures.csv"


def write_record(config: Path, split: str, record: Mapping[str, Any]) -> None:
    """Write what `read_record` reads."""
    put_text(config / MARKERS / f"{split}.json", json.dumps(versioned(record), indent=2) + "\n")


def fingerprints(parts: Sequence[Part]) -> str:
    """`.huggingface.yaml`: a description of each config that changes when its images do."""
    lines = ["dataset_info:"] if parts else []
    for config, splits in groupby(parts, attrgetter("config")):
        contents = " ".join(f"{part.split} {part.content}" for part in splits)
        lines += [f"- config_name: {config}", f"  description: 'sha256 {contents}'"]
    return "".join(f"{line}\n" for line in lines)
