"""What kind of device took a photo, from its Exif Make and Model, and whether it is a smartphone.

The maker is needed first, because one model code means different devices of different makers. Then the first of these
that applies decides: a scanner's FileSource; `rules.csv`, written by hand; `cameras.csv`, the cameras of lensfun;
`devices.csv`, tablets and phones of Matomo's device rules; a tablet's name; what the maker mostly makes (`makes.csv`).
"""

import re
from functools import cache, lru_cache

from flickrexif.exif.makes import Make, find_make, listed_make, rows, tidy, words

# Brands that share their model codes.
FAMILIES = {"Honor": "Huawei", "Redmi": "Xiaomi", "POCO": "Xiaomi", "iQOO": "vivo", "HMD": "Nokia"}

NOT_PHONES = frozenset(
    "tablet dslr mirrorless compact bridge action drone film_scanner flatbed_scanner webcam other feature_phone".split()
)
CATEGORIES = NOT_PHONES | {"smartphone", "unknown"}
# Makers of these kinds also make other things: without a model, the kind is not known.
CAMERAS = frozenset({"compact", "dslr", "mirrorless"})
PHONES = frozenset({"smartphone", "feature_phone", "tablet"})

TABLET = re.compile(r"(?:PAD|TAB|TABLET)(?:[ _-]|\d|$)")
LONGEST_CODE = 24
SHORTEST_CODE = 3


@lru_cache(maxsize=32_768)
def device_category(make_raw: str | None, model_raw: str | None, *, file_source: str | None = None) -> str:
    """The kind of device, one of CATEGORIES; "unknown" when neither the maker nor the model is known.

    `file_source` is FileSource as ExifTool prints it ("Film Scanner", ...).
    """
    source = (tidy(file_source) or "").casefold()
    if source in ("film scanner", "1"):
        return "film_scanner"
    if source in ("reflection print scanner", "2"):
        return "flatbed_scanner"
    make, model = _maker(tidy(make_raw), tidy(model_raw))
    if category := _listed_category(make, model):
        return category
    return make.kind if make and (model or make.kind not in CAMERAS) else "unknown"


def is_smartphone(category: str) -> bool | None:
    """Whether a category is a smartphone; tablets, media players, Android cameras and feature phones are not.

    None for "unknown" and for anything that is not a category.
    """
    if category == "smartphone":
        return True
    return False if category in NOT_PHONES else None


def _maker(make_text: str | None, model: str | None) -> tuple[Make | None, str]:
    """The maker, and the model in capitals without the maker's name; the maker may be named in the model only."""
    make = find_make(make_text)
    if make is None and model:
        make = listed_make(model)
    names = (make.name if make else "", make_text or "")
    return make, strip_maker(names, model or "")


def strip_maker(names: tuple[str, ...], model: str) -> str:
    """`model` in capitals, without any of `names` in front: "Canon EOS 5D" -> "EOS 5D", "LG-H815" -> "H815"."""
    text = model.upper()
    for name in names:
        joint = " -_" if len(name) < 5 else ""  # after a short name one of these must follow
        for spelling in (name.upper(), name.upper().replace(" ", "")):
            rest = text[len(spelling) :]
            if spelling and text.startswith(spelling) and rest and (not joint or rest[0] in joint):
                text = rest.lstrip(" -_") or text
    return text


def code_key(make: str, model: str) -> str:
    """A model's code as `devices.csv` spells it: capitals and digits, without the maker's name."""
    return re.sub(r"[^A-Z0-9+]", "", strip_maker((make,), model))


def camera_key(make: str, model: str) -> str:
    """A camera's name as `cameras.csv` spells it."""
    return "".join(words(strip_maker((make,), model)))


@cache
def _rules() -> dict[str, list[tuple[re.Pattern[str], str]]]:
    rules: dict[str, list[tuple[re.Pattern[str], str]]] = {}
    for make, pattern, category in rows("rules.csv"):
        rules.setdefault(make, []).append((re.compile(pattern), category))
    return rules


@cache
def _table(name: str) -> dict[tuple[str, str], str]:
    return {(make, model): category for make, model, category in rows(name)}


def _listed_category(make: Make | None, model: str) -> str | None:
    """The category by rules, tables and tablets' names; None when none of them has the model."""
    name = make.name if make else "?"
    for rule_set in ("*", name):
        for pattern, category in _rules().get(rule_set, ()):
            if pattern.match(model):
                return category
    if make is None:
        return None
    if camera := _table("cameras.csv").get((name, camera_key(name, model))):
        return camera
    if code := _code(FAMILIES.get(name, name), code_key(name, model)):
        return code
    return "tablet" if make.kind in PHONES and TABLET.search(model) else None


def _code(make: str, key: str) -> str | None:
    """The category of the longest code in `devices.csv` that `key` starts with and that does not cut a number short."""
    table = _table("devices.csv")
    for n in range(min(len(key), LONGEST_CODE), SHORTEST_CODE - 1, -1):
        category = table.get((make, key[:n]))
        if category and not (key[n - 1].isdigit() and key[n : n + 1].isdigit()):
            return category
    return None
