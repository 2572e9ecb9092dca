"""The description of a kind of data set, from its TOML file: all that does not depend on the data."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """One data set. Texts are Markdown of our own; lists of sentences become lists of the card."""

    name: str  # flickrexif
    pretty_name: str  # FlickrExif
    summary: str  # one paragraph
    license: str  # of the labels, an id of the Hub; "" for none
    license_url: str
    task_categories: tuple[str, ...]
    tags: tuple[str, ...]
    source_datasets: tuple[str, ...]
    annotations_creators: tuple[str, ...]
    language: tuple[str, ...]
    origins: Mapping[str, str]  # `Facts.source` -> where the data came from; shown first
    collected: str  # how, in a paragraph
    preprocessing: str
    licenses: str  # of what is in it, and attribution
    personal_data: str
    biases: tuple[str, ...]
    limits: tuple[str, ...]
    intended_use: tuple[str, ...]
    out_of_scope: tuple[str, ...]
    takedown: str  # whom to write to and what happens
    maintenance: str
    notice: str  # what a service's terms ask to be said; "" for none
    citation: str  # BibTeX


def read_description(name: str, source: str = "") -> Description:
    """The description of `flickrexif`, `paircams` or `imagenet-traces`, in the words for data of that source."""
    values = tomllib.loads(files("flickrexif.cards").joinpath(f"descriptions/{name}.toml").read_text("utf-8"))
    values |= values.pop("sources", {}).get(source, {})
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return Description(**fields)
