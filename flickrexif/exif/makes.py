"""Who made the camera: one canonical name per maker, and the spelling of the published class names.

`makes.csv` is written by hand: a raw spelling, the canonical and the published name, and the category of the maker's
devices unless the model says otherwise. `brands.csv` (made by generate_devices.py) adds phone brands that it lacks.
"""

import csv
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

MAX_LENGTH = 100  # of a canonical name, characters; longer strings are no camera's name

# What companies append to their names; a generated brand matches with or without them.
COMPANY_WORDS = frozenset(
    "AG BV CO COMMUNICATION COMMUNICATIONS COMPANY CORP CORPORATION DIGITAL ELECTRONIC ELECTRONICS GMBH GROUP "
    "HOLDINGS INC INTERNATIONAL LIMITED LLC LTD MOBILE MOBILES PHONE PHONES PLC PTE SA SRL TECH TECHNOLOGIES "
    "TECHNOLOGY TELECOM".split()
)


class Make(NamedTuple):
    """A maker; `kind` is the device category of its models that are in no rule and no table."""

    name: str
    published: str
    kind: str


def tidy(raw: object) -> str | None:
    """`raw` without padding, control characters and what follows a NUL; at most 100 characters, None when empty."""
    if not isinstance(raw, str):
        return None
    text = raw[:1_000].lstrip("\0 ").partition("\0")[0]
    text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())[:MAX_LENGTH].strip() or None


def words(text: str) -> list[str]:
    """The words of a name in capitals, without punctuation; two spellings are compared by them."""
    return re.sub(r"[^\w&+]|_", " ", text.upper()).split()


def rows(name: str) -> list[list[str]]:
    """The rows of one of the tables beside this file, without its comments and its header."""
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return list(csv.reader(line for line in text.splitlines() if not line.startswith("#")))[1:]


@cache
def _makes() -> tuple[dict[str, Make], dict[str, Make]]:
    """(exact spelling -> Make, comparable words -> Make); an exact spelling wins."""
    exact: dict[str, Make] = {}
    by_words: dict[str, Make] = {}
    for raw, make, published, kind in rows("makes.csv"):
        entry = Make(make, published or make, kind)
        exact[raw] = entry
        by_words.setdefault(" ".join(words(raw)), entry)
    return exact, by_words


@cache
def _brands() -> dict[str, Make]:
    return {" ".join(words(brand)): Make(brand, brand, kind) for brand, kind in rows("brands.csv")}


def listed_make(text: str) -> Make | None:
    """The maker in `makes.csv`, by exact spelling, else by as many of the first words as possible."""
    exact, by_words = _makes()
    if text in exact:
        return exact[text]
    parts = words(text)
    runs = (" ".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((by_words[run] for run in runs if run in by_words), None)


@lru_cache(maxsize=8_192)
def find_make(raw: str | None) -> Make | None:
    """The maker that `raw` names, or None: from `makes.csv`, else from `brands.csv`, with or without company words."""
    text = tidy(raw)
    if text is None:
        return None
    if make := listed_make(text):
        return make
    parts = words(text)
    while parts:
        if make := _brands().get(" ".join(parts)):
            return make
        if parts.pop() not in COMPANY_WORDS:
            return None
    return None


def canonical_make(raw: str | None) -> str | None:
    """One name per maker ("NIKON CORPORATION" and "NIKON" -> "Nikon"); an unknown maker's own text, tidied."""
    make = find_make(raw)
    return make.name if make else tidy(raw)


def published_make(raw: str | None) -> str | None:
    """The maker as the published Make classes spell it ("NIKON", "EASTMAN KODAK COMPANY", "samsung", ...)."""
    make = find_make(raw)
    return make.published if make else tidy(raw)
