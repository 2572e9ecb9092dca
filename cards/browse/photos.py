"""FlickrExif as pages: a sample of photos with their labels and credits, and counts of the labels over all photos."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from pathlib import Path
from typing import Any

from flickrexif.cards.browse.page import Register, write_pages
from flickrexif.cards.browse.pictures import Picture, thumbnail
from flickrexif.core.draws import rank
from flickrexif.core.errors import UsageError
from flickrexif.core.kinds import DataSetKind
from flickrexif.core.parquet import Row, image_bytes, read_columns, read_rows
from flickrexif.core.text import link, plain
from flickrexif.dataset.attribution import NAME_LENGTH, TITLE_LENGTH
from flickrexif.dataset.kind import FOLDER
from flickrexif.exif.bins import APERTURE_CLASSES, EXPOSURE_CLASSES, FOCAL_LENGTH_CLASSES, ISO_CLASSES

PER_PAGE = 30  # photos: what Flickr's terms allow
LISTED = 40  # values of a facet
CREDIT_LENGTH = 1_500  # of an attribution line: a title, a name, a licence and two addresses
VALUE_LENGTH = 60
UNKNOWN = "unknown"
SMART = {True: "smart", False: "non-smart"}
KEY = "Flickr ID"

# Column -> title, and the order of its values; without an order, the most frequent first.
FACETS: Mapping[str, tuple[str, Collection[str] | None]] = {
    "make": ("Make", None),
    "model": ("Model", None),
    "year": ("Year", ()),
    "device_category": ("Device", None),
    "is_smartphone": ("Smart", None),
    "exposure_class": ("Exposure, seconds", EXPOSURE_CLASSES),
    "aperture_class": ("Aperture, f-number", APERTURE_CLASSES),
    "iso_class": ("ISO speed", ISO_CLASSES),
    "focal_length_class": ("Focal length", FOCAL_LENGTH_CLASSES),
}
CREDIT = ("title", "owner_name", "owner", "page_url", "license", "license_url", "attribution", "path")
# Setting -> the columns of its raw string and its class.
SETTINGS = {
    "Exposure": ("exposure_raw", "exposure_class"),
    "Aperture": ("aperture_raw", "aperture_class"),
    "ISO": ("iso_raw", "iso_class"),
    "Focal length": ("focal_length_raw", "focal_length_class"),
}
COLUMNS = (KEY, *CREDIT, "date_taken", *FACETS, *(raw for raw, _ in SETTINGS.values()))

BANNERS = {
    "flickr": "",
    "yfcc100m": "",
    "sandbox:simulated": "SIMULATED DATA: no camera took these photos, and their photographers do not exist.",
    "simulated": "SIMULATED DATA: no camera took these photos.",
    "sandbox:photos": "NOT FROM FLICKR: photos served by an embedded server; titles and names are made up.",
    "folder": "NOT FROM FLICKR: photos of a folder of one's own.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """Whose photo it is; a link is "" if there is none."""

    title: str
    owner: str
    page: str
    license: str
    license_page: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A card of the page; `places` are those of its values in each facet, None for a value not listed."""

    photo_id: int
    credit: Credit
    camera: str
    facts: tuple[tuple[str, str], ...]
    places: tuple[int | None, ...]
    picture: Picture | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """Values with their photos in the data set and in the sample; `more` are the values left out and their photos."""

    title: str
    values: tuple[tuple[str, int, int], ...]
    more: tuple[int, int]

    @property
    def most(self) -> int:
        return max((count for _, count, _ in self.values), default=1)


def write_photos(
    folder: Path, kind: DataSetKind, out: Path, photos: int, seed: int, register: Register
) -> tuple[Path, int, int]:
    """Write the pages of the data set in `folder`; returns the index, the photos shown and the photos in all."""
    configs = kind.configs(folder)
    if "labels" not in configs:
        raise UsageError(f"{folder} holds no labels to show.", f"Build it first: {kind.made_by}")
    files = configs["labels"]["train"]
    ids, counts = _survey(files)
    chosen = nsmallest(photos, set(ids), key=lambda photo_id: (rank(seed, "browse", str(photo_id)), photo_id))
    rows = {row[KEY]: row for row in read_rows(files, KEY, chosen, COLUMNS)}
    sample = [rows[photo_id] for photo_id in chosen]
    facets = [_facet(column, counts[column], sample) for column in FACETS]
    pictures = _pictures(configs.get("images", {}).get("train", ()), chosen)
    cards = [_card(row, facets, pictures.get(row[KEY])) for row in sample]
    batches = [cards[start : start + PER_PAGE] for start in range(0, len(cards), PER_PAGE)] or [[]]
    pages = (_page(batch, cards[PER_PAGE:] if batch is batches[0] else []) for batch in batches)
    index = write_pages(
        out,
        register,
        "photos.html",
        pages,
        len(batches),
        facets=facets,
        total=len(ids),
        shown=len(cards),
        per_page=PER_PAGE,
        seed=seed,
        pictures=bool(pictures),
        banner=banner(kind.origin(folder)),
        flickr=kind is not FOLDER,
    )
    return index, len(cards), len(ids)


def _page(cards: Sequence[Photo], rest: Sequence[Photo]) -> dict[str, Any]:
    """What a page shows at once, and on demand."""
    return {"names": [str(photo.photo_id) for photo in (*cards, *rest)], "cards": cards, "rest": rest}


def credits_of(labels: Sequence[Path], ids: Iterable[int]) -> dict[int, Credit]:
    """The credits of photos that the files `labels` of a data set hold."""
    return {row[KEY]: _credit(row) for row in read_rows(labels, KEY, set(ids), (KEY, *CREDIT))}


def banner(origin: str) -> str:
    """The warning at the top of a page about the source of the photos; "" for Flickr."""
    return BANNERS.get(origin, "UNKNOWN SOURCE: collection.json does not say where these photos came from.")


def device(make: str | None, model: str | None) -> str:
    """A device as one name; many a model's name begins with its maker's."""
    make, model = plain(make, VALUE_LENGTH), plain(model, VALUE_LENGTH)
    maker = make.partition(" ")[0].casefold()
    return (model if maker in model.casefold() and model else f"{make} {model}".strip()) or UNKNOWN


# --- the whole data set


def _survey(files: Sequence[Path]) -> tuple[list[int], dict[str, Counter[str]]]:
    """All ids, and for each facet its values with their counts."""
    ids: list[int] = []
    counts: dict[str, Counter[str]] = {column: Counter() for column in FACETS}
    for table in read_columns(files, (KEY, *FACETS)):
        ids += table[KEY].to_pylist()
        for column in FACETS:
            for entry in table[column].value_counts().to_pylist():
                counts[column][_name(entry["values"])] += entry["counts"]
    return ids, counts


def _facet(column: str, counts: Counter[str], sample: Sequence[Row]) -> Facet:
    title, order = FACETS[column]
    in_sample = Counter(_name(row[column]) for row in sample)
    places = {name: place for place, name in enumerate(order or ())}
    last = len(places)

    def key(name: str) -> tuple[bool, int, str]:
        place = -counts[name] if order is None else places.get(name, last)
        return name == UNKNOWN, place, name

    names = sorted(counts, key=key)
    listed = names if order is not None else names[:LISTED]
    left = names[len(listed) :]
    values = tuple((name, counts[name], in_sample[name]) for name in listed)
    return Facet(title=title, values=values, more=(len(left), sum(counts[name] for name in left)))


def _name(value: object) -> str:
    """A value of a facet: a stranger's text where it is a model."""
    if isinstance(value, bool):
        return SMART[value]
    return UNKNOWN if value is None else plain(str(value), VALUE_LENGTH) or UNKNOWN


# --- the sample


def _pictures(files: Sequence[Path], ids: Collection[int]) -> dict[int, Picture | None]:
    """The photos whose images are stored; None where an image cannot be shown."""
    rows = read_rows(files, KEY, ids, (KEY, "image", "sha256"))
    return {row[KEY]: thumbnail(image_bytes(row)) for row in rows}


def _card(row: Row, facets: Sequence[Facet], picture: Picture | None) -> Photo:
    places = [{name: place for place, (name, _, _) in enumerate(facet.values)} for facet in facets]
    return Photo(
        photo_id=row[KEY],
        credit=_credit(row),
        camera=device(row["make"], row["model"]),
        facts=tuple(_facts(row)),
        places=tuple(of.get(_name(row[column])) for of, column in zip(places, FACETS, strict=True)),
        picture=picture,
    )


def _credit(row: Row) -> Credit:
    owner = plain(row["owner_name"], NAME_LENGTH) or plain(row["owner"], NAME_LENGTH)
    of_folder = row["path"] is not None  # then `owner` is a folder's name, not a photographer's
    return Credit(
        title=plain(row["title"] or row["path"], TITLE_LENGTH) or "Untitled photo",
        owner="" if of_folder else owner,
        page=link(row["page_url"]),
        license=plain(row["license"], NAME_LENGTH),
        license_page=link(row["license_url"]),
        line=plain(row["attribution"], CREDIT_LENGTH),
    )


def _facts(row: Row) -> Iterator[tuple[str, str]]:
    smart: Any = row["is_smartphone"]
    yield "Device", f"{_name(row['device_category'])} ({_name(smart)})"
    for title, (raw, label) in SETTINGS.items():
        written, named = _name(row[raw]), _name(row[label])
        yield title, written if named in (written, UNKNOWN) else f"{written} (class {named})"
    yield "Taken", f"{row['date_taken']:%Y-%m-%d %H:%M}" if row["date_taken"] else UNKNOWN
