"""A data set's Croissant file: JSON-LD by which programs find, judge and load it (Croissant 1.0 with its RAI terms).

It is in the data set's folder. Parquet files are named by patterns, without hashes, so that it loads from that folder
and is written without reading hundreds of gigabytes. The Hub makes a Croissant file of its own.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flickrexif.cards.description import Description
from flickrexif.core.columns import Column
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.facts import Config, Facts
from flickrexif.core.text import plain

if TYPE_CHECKING:
    import mlcroissant as mlc

CONFORMS_TO = ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"]
VERSION = "1.0.0"
LONGEST = 200  # of a class name

# Column.type, less its width, to a data type
TYPES = {"string": "Text", "int": "Integer", "float": "Float", "bool": "Boolean", "timestamp": "DateTime"}
TYPES |= {"image": "ImageObject"}

# `Facts.source` to a term of the RAI vocabulary
COLLECTION_TYPES = {
    "flickr": "Web API",
    "yfcc100m": "Secondary Data analysis",
    "real": "Physical data collection",
    "processed": "Secondary Data analysis",
    "sandbox:simulated": "Software Collection",
    "simulated": "Software Collection",
}

Names = tuple[str, ...]


def croissant(description: Description, facts: Facts, root: Path) -> str:
    """The text of `root`/croissant.json; equal data give equal bytes.

    What strangers wrote is escaped and bounded. Raises FlickrExifError for a split file that cannot be read.
    """
    import mlcroissant as mlc

    names = _class_names(facts)
    metadata = mlc.Metadata(
        name=description.name,
        description=_about(description, facts),
        conforms_to=CONFORMS_TO,
        license=[*filter(None, [description.license_url]), _line(description.licenses)],
        version=VERSION,
        cite_as=description.citation,
        creators=[mlc.Organization(name="The flickrexif project")],
        keywords=list(description.tags),
        in_language=list(description.language),
        date_published=facts.dates[1] if facts.dates else None,
        distribution=[*map(_file_set, facts.configs), *(_split_file(root / file) for file in facts.split_files)],
        record_sets=[
            *(_record_set(config, names) for config in facts.configs),
            *(_enumeration(name, classes) for classes, name in names.items()),
        ],
        **_responsible(description, facts),
    )
    return json.dumps(metadata.to_json(), indent=2).replace("<", "\\u003c") + "\n"  # no page takes it for HTML


def _about(description: Description, facts: Facts) -> str:
    return _line(f"{description.origins[facts.source]} {description.summary} {facts.summary}")


def _responsible(description: Description, facts: Facts) -> dict[str, Any]:
    """The RAI terms: first what is true of every build, then the measurements of this one."""
    collection = "".join(f" {name}: {value}." for name, value in facts.collection)
    labels = f"Labels are {' and '.join(description.annotations_creators)}; the fields' descriptions say of what."
    return {
        "data_collection": _line(f"{description.collected} {collection}"),
        "data_collection_type": [COLLECTION_TYPES.get(facts.source, "Others")],
        "data_collection_timeframe": list(facts.dates) if facts.dates else None,
        "data_preprocessing_protocol": [_line(description.preprocessing)],
        "data_annotation_protocol": [labels],
        "data_biases": [*map(_line, description.biases), *map(_line, facts.measured)],
        "data_limitations": [*map(_line, description.limits)],
        "data_use_cases": [
            *map(_line, description.intended_use),
            *(_line(f"Out of scope: {use}") for use in description.out_of_scope),
        ],
        "personal_sensitive_information": [_line(description.personal_data)],
        "data_release_maintenance_plan": _line(f"{description.maintenance} {description.takedown}"),
    }


def _line(text: str) -> str:
    """A paragraph of Markdown as one line, without emphasis, every character printable."""
    return plain(text.replace("**", ""), len(text))


# --- files


def _id(*names: str) -> str:
    """An @id, which may hold no space: `default/Flickr_ID`."""
    return "/".join(re.sub(r"[^\w.-]", "_", name, flags=re.ASCII) for name in names)


def _file_set(config: Config) -> "mlc.FileSet":
    import mlcroissant as mlc

    return mlc.FileSet(
        id=_id(f"{config.name}-files"),
        name=f"{config.name}-files",
        description=f"The Parquet files of the config {config.name}.",
        encoding_formats=["application/x-parquet"],
        includes=[split.pattern for split in config.splits],
    )


def _split_file(path: Path) -> "mlc.FileObject":
    """A split file, which holds lists of photos and no records."""
    import mlcroissant as mlc

    try:
        content = path.read_bytes()
    except OSError as error:
        raise FlickrExifError(f"{path} cannot be read ({error.strerror}).", "Mend that, then try again.") from None
    return mlc.FileObject(
        id=_id("splits", path.name),
        name=path.name,
        description="A split for training and evaluation: the classes, and the ids and classes of each part.",
        content_url=f"splits/{path.name}",
        content_size=f"{len(content)} B",
        encoding_formats=["application/json"],
        sha256=hashlib.sha256(content).hexdigest(),
    )


# --- records


def _record_set(config: Config, names: Mapping[Names, str]) -> "mlc.RecordSet":
    import mlcroissant as mlc

    fields = [_split_field(config), *(_field(config, column, names) for column in config.columns)]
    return mlc.RecordSet(id=_id(config.name), name=config.name, description=_line(config.description), fields=fields)


def _field(config: Config, column: Column, names: Mapping[Names, str]) -> "mlc.Field":
    import mlcroissant as mlc

    classes = _classes(config, column.name)
    description = (
        f"{column.description}; the record set `{names[classes]}` names the classes" if classes else column.description
    )
    source = mlc.Source(
        file_set=_id(f"{config.name}-files"),
        extract=mlc.Extract(column=column.name),
        transforms=[mlc.Transform(json_path="bytes")] if column.type == "image" else [],
    )
    kind = TYPES.get(re.sub(r"\d.*|\[.*", "", column.type), "Text")
    return mlc.Field(
        id=_id(config.name, column.name),
        name=column.name,
        description=description,
        data_types=[f"https://schema.org/{kind}"],
        source=source,
    )


def _split_field(config: Config) -> "mlc.Field":
    """The split of a record, read from its file's name.

    Unlike the Hub's it refers to no record set of splits: to join the two, mlcroissant would read all files at once.
    """
    import mlcroissant as mlc

    names = "|".join(re.escape(split.name) for split in config.splits)
    source = mlc.Source(
        file_set=_id(f"{config.name}-files"),
        extract=mlc.Extract(file_property="fullpath"),
        transforms=[mlc.Transform(regex=rf"^.*/({names})-[^/]*$")],
    )
    description = f"the split: {', '.join(split.name for split in config.splits)}"
    kinds = ["https://schema.org/Text"]
    return mlc.Field(
        id=_id(config.name, "split"), name="split", description=description, data_types=kinds, source=source
    )


# --- classes


def _class_names(facts: Facts) -> dict[Names, str]:
    """Class names -> the record set that lists them; configs with the same classes share one."""
    record_sets: dict[Names, str] = {}
    for config in facts.configs:
        for column in config.columns:
            classes = _classes(config, column.name)
            if classes and classes not in record_sets:
                place = 1 + sum(name.startswith(f"{column.name}_names") for name in record_sets.values())
                record_sets[classes] = f"{column.name}_names" + (f"_{place}" if place > 1 else "")
    return record_sets


def _classes(config: Config, column: str) -> Names:
    return tuple(config.features.get(column, {}).get("names", ()))


def _enumeration(name: str, classes: Names) -> "mlc.RecordSet":
    import mlcroissant as mlc

    kinds = {"value": "Integer", "name": "Text"}
    fields = [
        mlc.Field(id=_id(name, field), name=field, data_types=[f"https://schema.org/{kind}"])
        for field, kind in kinds.items()
    ]
    data = [{_id(name, "value"): i, _id(name, "name"): plain(label, LONGEST)} for i, label in enumerate(classes)]
    return mlc.RecordSet(
        id=name,
        name=name,
        description="Classes by number.",
        data_types=["https://schema.org/Enumeration"],
        key=[_id(name, "value")],
        fields=fields,
        data=data,
    )
