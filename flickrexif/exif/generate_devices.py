"""Make brands.csv, devices.csv and cameras.csv again: `python -m flickrexif.exif.generate_devices SITE`.

SITE is the site-packages folder of a separate environment with lensfunpy and device_detector.
What the tables hold, and under which licences, is in docs/devices.md.
"""

import csv
import re._parser as sre  # type: ignore[import-not-found]
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml  # type: ignore[import-untyped]

from flickrexif.exif.devices import FAMILIES, camera_key, code_key
from flickrexif.exif.makes import find_make, listed_make, words

HERE = Path(__file__).parent
MATOMO = "matomo-org/device-detector, LGPL-3.0-or-later, via PyPI device_detector; model codes and categories only"
LENSFUN = "the lensfun database, CC BY-SA 3.0, via PyPI lensfunpy; maker, model and kind of camera only"

CATEGORIES = {
    "smartphone": "smartphone",
    "phablet": "smartphone",
    "tablet": "tablet",
    "feature phone": "feature_phone",
    "portable media player": "other",
}
BY_RULES = {"Apple"}  # makers whose models rules.csv covers fully
LENSFUN_FILES = {"mil": "mirrorless", "rf": "mirrorless", "slr": "dslr", "compact": "compact", "om": "mirrorless"}
MAX_CODES = 2_000  # that one regular expression may stand for


def expand(pattern: str) -> set[str]:
    """The strings that a regular expression matches, each up to its first open-ended part."""
    return {text for text, _ in _sequence(sre.parse(pattern))}


def _sequence(items: Iterable[tuple[Any, Any]]) -> list[tuple[str, bool]]:
    """(text, whether it is complete): a text that reached an open-ended part ends there."""
    done = [("", True)]
    for item in items:
        ends = _item(*item)
        done = [(a + b, whole) for a, open_ in done for b, whole in (ends if open_ else [("", False)])]
        done = list(dict.fromkeys(done))
        if len(done) > MAX_CODES:
            return [("", False)]
    return done


def _item(op: Any, value: Any) -> list[tuple[str, bool]]:
    name = str(op)
    if name == "LITERAL":
        return [(chr(value), True)]
    if name == "IN":
        return _characters(value)
    if name == "BRANCH":
        return [end for branch in value[1] for end in _sequence(branch)]
    if name == "SUBPATTERN":
        return _sequence(value[-1])
    if name in ("MAX_REPEAT", "MIN_REPEAT") and value[1] == 1:
        return _sequence(value[2]) + [("", True)] * (value[0] == 0)
    if name in ("AT", "ASSERT_NOT", "ASSERT"):
        return [("", True)]
    return [("", False)]


def _characters(items: list[tuple[Any, Any]]) -> list[tuple[str, bool]]:
    characters: list[str] = []
    for op, value in items:
        if str(op) == "LITERAL":
            characters.append(chr(value))
        elif str(op) == "RANGE" and value[1] - value[0] < 30:
            characters += [chr(c) for c in range(value[0], value[1] + 1)]
        else:
            return [("", False)]
    return [(c, True) for c in characters]


def matomo_codes(brands: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(brand, code, category) of every model rule that names its codes, in Matomo's order."""
    for brand, rule in brands.items():
        for model in rule.get("models", ()):
            category = CATEGORIES.get(model.get("device") or rule.get("device"))
            if category:
                for text in expand(model["regex"]):
                    yield str(model.get("brand", brand)), text, category


def brand_kinds(brands: dict[str, Any]) -> dict[str, str]:
    """Brand -> the category of most of its models, for brands that are not in makes.csv."""
    kinds = {}
    for brand, rule in brands.items():
        devices = [rule.get("device"), *(model.get("device") for model in rule.get("models", ()))]
        categories = [CATEGORIES[device] for device in devices if device in CATEGORIES]
        name = str(brand)
        if categories and len("".join(words(name))) > 1 and not listed_make(name):
            kinds[name] = categories[0]
    return kinds


def devices(brands: dict[str, Any], kinds: dict[str, str]) -> list[tuple[str, str, str]]:
    """(make, code, category) of codes whose category is not their brand's, and of codes that begin with such a code."""
    tables: dict[str, dict[str, str]] = {}
    default: dict[str, str] = {}
    for brand, text, category in matomo_codes(brands):
        hand = listed_make(brand)
        make = hand.name if hand else brand
        if make in BY_RULES or (make not in kinds and not hand):
            continue
        make = FAMILIES.get(make, make)
        default[make] = hand.kind if hand else kinds[brand]
        code = code_key(make, text)
        if len(code) >= 6 or (len(code) >= 3 and any(c.isdigit() for c in code)):
            tables.setdefault(make, {}).setdefault(code, category)
    codes = []
    for make, table in tables.items():
        odd = {code for code, category in table.items() if category != default[make]}
        for code, category in table.items():
            if code in odd or any(code[:n] in odd for n in range(3, len(code))):
                codes.append((make, code, category))
    return sorted(codes)


def cameras(folder: Path) -> list[tuple[str, str, str]]:
    """(make, key of the model, category) of lensfun's cameras; the category follows from the file's name."""
    categories = {}
    for path in sorted(folder.glob("*.xml")):
        category = LENSFUN_FILES.get(path.stem.split("-")[0])
        if not category:
            continue
        for camera in ElementTree.parse(path).iter("camera"):  # noqa: S314  (a file of a package of our choice)
            make = find_make(camera.findtext("maker"))
            for model in camera.iterfind("model"):
                if make and model.text:
                    categories[make.name, camera_key(make.name, model.text)] = category
    return sorted((make, model, category) for (make, model), category in categories.items())


def write(name: str, source: str, header: tuple[str, ...], table: Iterable[tuple[str, ...]]) -> None:
    """Write one table beside this file, with its source in a comment."""
    with (HERE / name).open("w", encoding="utf-8", newline="") as file:
        file.write(f"# Generated by generate_devices.py from {source}.\n")
        csv.writer(file, lineterminator="\n").writerows([header, *table])


def main(site: Path) -> None:
    """Write the three tables."""
    rules = site / "device_detector/regexes/upstream/device/mobiles.yml"
    brands = yaml.safe_load(rules.read_text(encoding="utf-8"))
    kinds = brand_kinds(brands)
    write("brands.csv", MATOMO, ("brand", "category"), sorted(kinds.items()))
    write("devices.csv", MATOMO, ("make", "code", "category"), devices(brands, kinds))
    write("cameras.csv", LENSFUN, ("make", "model", "category"), cameras(site / "lensfunpy/db_files"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
