"""Flickr's licences by id; their names have changed over time."""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from flickrexif.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class License:
    """A licence: Flickr's id, its name with the version, and the address of its text."""

    id: int
    name: str
    url: str

    @property
    def short_name(self) -> str:
        """The name without version, as the command line takes it: `by-sa`, `cc0`, `public-domain-mark`."""
        return re.sub(r"^cc | \d\.\d$", "", self.name.lower()).replace(" ", "-")


def _read(path: Path) -> Mapping[int, License]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = [License(int(row["id"]), row["name"], row["url"]) for row in csv.DictReader(file)]
    return MappingProxyType({row.id: row for row in rows})


LICENSES = _read(Path(__file__).with_name("licenses.csv"))
PERMISSIVE = (4, 5, 7, 8, 9, 10, 11, 12)  # allow reuse and changes, also commercially


def license_for(license_id: int) -> License:
    """The licence of that id; an id that is not in the table gives "Unknown licence" without an address."""
    return LICENSES.get(license_id) or License(license_id, f"Unknown licence (id {license_id})", "")


def parse_licenses(text: str) -> tuple[int, ...]:
    """The licence ids in `text`: `permissive`, `all`, ids and short names, separated by commas.

    A short name stands for all its versions; case and a leading `cc-` do not matter. Raises `UsageError` for an unknown
    name.
    """
    names = _names()
    requested = [name.strip().lower() for name in text.split(",")]
    requested = [name if name in names else re.sub(r"^cc[- ]", "", name) for name in requested]
    unknown = [name for name in requested if name not in names]
    if unknown:
        short = dict.fromkeys(license_.short_name for license_ in LICENSES.values())
        raise UsageError(
            f"There is no licence {unknown[0][:50]!r}.",
            f"Known are permissive, all, {', '.join(short)}, and the ids {min(LICENSES)} to {max(LICENSES)}.",
        )
    return tuple(sorted({license_id for name in requested for license_id in names[name]}))


def _names() -> dict[str, tuple[int, ...]]:
    names: dict[str, tuple[int, ...]] = {"permissive": PERMISSIVE, "all": tuple(LICENSES)}
    for license_ in LICENSES.values():
        names[str(license_.id)] = (license_.id,)
        names[license_.short_name] = (*names.get(license_.short_name, ()), license_.id)
    return names
