"""The answers of the API's methods other than search."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flickrexif.collectors.sandbox.images import SUFFIXES, image_file, original_secret
from flickrexif.collectors.sandbox.population import Population, SandboxPhoto
from flickrexif.collectors.sandbox.search import FARM, Failure

LICENSES = Path(__file__).parents[1] / "flickr" / "licenses.csv"
LABELS = {"m": "Small", "z": "Medium 640", "c": "Medium 800", "l": "Large", "o": "Original"}
NOT_FOUND = 1, "Photo not found"


def find_photo(population: Population, arguments: Mapping[str, str]) -> SandboxPhoto:
    """The photo that `photo_id` (and `secret`, if given) names. Raises Failure code 1."""
    text = arguments.get("photo_id", "")
    photo = population.photo(int(text)) if text.isascii() and text.isdigit() and len(text) < 20 else None
    if photo is None or photo.exif_access == "deleted" or arguments.get("secret", photo.secret) != photo.secret:
        raise Failure(*NOT_FOUND)
    return photo


def get_exif(population: Population, arguments: Mapping[str, str], _base: str) -> dict[str, Any]:
    """flickr.photos.getExif: code 2 where the owner does not share Exif."""
    photo = find_photo(population, arguments)
    if photo.exif_access == "hidden":
        raise Failure(2, "Permission denied")
    exif = population.exif(photo)
    return {"photo": {**_names(photo), "camera": camera(exif), "exif": exif}}


def camera(exif: list[Mapping[str, Any]]) -> str:
    """The camera's name from the Exif entries: the model, with the maker's first word before it."""
    named = {entry["tag"]: str(entry["raw"].get("_content", "")) for entry in reversed(exif)}
    make, model = named.get("Make", "").split(), named.get("Model", "")
    if not make or model.casefold().startswith(make[0].casefold()):
        return model
    return f"{make[0].title()} {model}".strip()


def get_info(population: Population, arguments: Mapping[str, str], base: str) -> dict[str, Any]:
    """flickr.photos.getInfo."""
    photo = find_photo(population, arguments)
    info = _names(photo) | {
        "dateuploaded": str(photo.uploaded),
        "isfavorite": 0,
        "license": str(photo.license),
        "safety_level": "0" if photo.safe else "1",
        "rotation": 0,
        "owner": {"nsid": photo.owner, "username": photo.owner_name, "path_alias": photo.path_alias},
        "title": {"_content": photo.title},
        "description": {"_content": ""},
        "visibility": {"ispublic": 1, "isfriend": 0, "isfamily": 0},
        "dates": {
            "posted": str(photo.uploaded),
            "taken": str(photo.taken),
            "takengranularity": photo.granularity,
            "takenunknown": str(int(photo.taken_unknown)),
        },
        "urls": {"url": [{"type": "photopage", "_content": page_url(photo, base)}]},
        "media": photo.media,
    }
    if photo.original_allowed:
        info |= {"originalsecret": original_secret(photo), "originalformat": "jpg"}
    return {"photo": info}


def get_sizes(population: Population, arguments: Mapping[str, str], base: str) -> dict[str, Any]:
    """flickr.photos.getSizes, smallest first."""
    photo = find_photo(population, arguments)
    files = [file for size in reversed("olczm") if (file := image_file(photo, size, base))]
    sizes = [
        {
            "label": LABELS[file.size],
            "width": file.width,
            "height": file.height,
            "source": file.url,
            "url": f"{page_url(photo, base)}sizes/{SUFFIXES[file.size]}/",
            "media": photo.media,
        }
        for file in files
    ]
    may = int(photo.original_allowed)
    return {"sizes": {"canblog": 0, "canprint": 0, "candownload": may, "size": sizes}}


def get_licenses(_population: Population, _arguments: Mapping[str, str], _base: str) -> dict[str, Any]:
    """flickr.photos.licenses.getInfo."""
    with LICENSES.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {"licenses": {"license": [{"id": int(r["id"]), "name": r["name"], "url": r["url"]} for r in rows]}}


def echo(_population: Population, arguments: Mapping[str, str], _base: str) -> dict[str, Any]:
    """flickr.test.echo."""
    return {name: {"_content": value} for name, value in arguments.items()}


METHODS = {
    "flickr.photos.getExif": get_exif,
    "flickr.photos.getInfo": get_info,
    "flickr.photos.getSizes": get_sizes,
    "flickr.photos.licenses.getInfo": get_licenses,
    "flickr.test.echo": echo,
}


def page_url(photo: SandboxPhoto, base: str) -> str:
    """The address of the photo's page under `base`, which serves no such pages, so that nothing links to Flickr."""
    return f"{base}/photos/{photo.path_alias or photo.owner}/{photo.id}/"


def _names(photo: SandboxPhoto) -> dict[str, Any]:
    return {"id": str(photo.id), "secret": photo.secret, "server": photo.server, "farm": FARM}
