"""The files that describe a data set: card, Croissant record, figures and attributions, from its files alone.

    <root>/README.md  croissant.json  figures/*.png  ATTRIBUTION.csv  .huggingface.yaml

Equal data give equal bytes, so writing the files again shows whether they still match the data. So does
`.huggingface.yaml`, which is written last and holds a hash of the data.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flickrexif.cards.attribution import attribution_csv
from flickrexif.cards.croissant import croissant
from flickrexif.cards.description import Description, read_description
from flickrexif.cards.figures import png
from flickrexif.cards.files import DESCRIBING
from flickrexif.cards.markdown import alignments, cell, code, text
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.facts import Config, Facts, Table
from flickrexif.core.files import Outcome, put_bytes, remove
from flickrexif.core.kinds import FINGERPRINT, named_files
from flickrexif.core.parquet import opened
from flickrexif.kinds import kind_of

SIZES = (
    (10**3, "1K"),
    (10**4, "10K"),
    (10**5, "100K"),
    (10**6, "1M"),
    (10**7, "10M"),
    (10**8, "100M"),
    (10**9, "1B"),
)
NOT_REAL = {"simulated": "simulated", "photos": "not from Flickr"}  # end of a source -> what follows the name
MOST_CLASS_NAMES = 2_000  # in the front matter; the Parquet files hold them too
MOST_EXAMPLES = 6  # lines of loading code


def render(root: Path) -> dict[str, bytes]:
    """The content of each describing file, by its name relative to `root`."""
    kind = kind_of(root)
    fingerprint = kind.fingerprint(root).encode()  # before the data are read: a change meanwhile shows as a mismatch
    facts = kind.describe(root)
    description = read_description(kind.name, facts.source)
    if facts.source not in description.origins:
        sources = ", ".join(f"`{source}`" for source in description.origins)
        raise FlickrExifError(f"{root} holds data of an unknown source, {facts.source[:40]!r}.", f"Known: {sources}.")
    contents = {
        "README.md": readme(description, facts, root).encode(),
        "croissant.json": croissant(description, facts, root).encode(),
    }
    contents |= {f"figures/{chart.name}.png": png(chart) for chart in facts.charts}
    if kind.credited and facts.rows:
        contents["ATTRIBUTION.csv"] = attribution_csv(kind.configs(root)["labels"]["train"])
    return contents | {FINGERPRINT: fingerprint}


def write_card(root: Path) -> list[tuple[Outcome, Path]]:
    """Write the files of `render` and remove others of an earlier card; files that already match are not touched.

    Raises FlickrExifError when data cannot be read or a file cannot be written.
    """
    contents = render(root)
    done = [put_bytes(root / name, content) for name, content in contents.items()]
    return [*done, *remove([root / name for name in _superfluous(root, contents)])]


def check_card(root: Path) -> list[str]:
    """The describing files that are missing, do not match the data, or are no longer needed; [] when all match."""
    contents = render(root)
    differ = [name for name, content in contents.items() if _content(root / name) != content]
    return sorted([*differ, *_superfluous(root, contents)])


def _superfluous(root: Path, contents: Mapping[str, bytes]) -> list[str]:
    """Describing files of an earlier state, such as a figure of months when there is one month."""
    names = (path.relative_to(root).as_posix() for path in named_files(root, DESCRIBING))
    return [name for name in names if name not in contents]


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


# --- README.md


def readme(description: Description, facts: Facts, root: Path) -> str:
    """The card: front matter for the Hub, and the page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(  # noqa: S701 - Markdown; `text`, `cell` and `code` escape
        loader=PackageLoader("flickrexif.cards"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"text": text, "cell": cell, "code": code, "table": _table}
    return environment.get_template("card.md.jinja").render(
        front_matter=front_matter(description, facts, root),
        d=description,
        f=facts,
        pretty_name=_pretty_name(description, facts),
        origin=description.origins[facts.source],
        examples=_examples(facts),
    )


def front_matter(description: Description, facts: Facts, root: Path) -> str:
    """The YAML block that the Hub and `datasets` read."""
    from huggingface_hub import DatasetCardData

    return DatasetCardData(
        pretty_name=_pretty_name(description, facts),
        license=description.license or None,
        language=list(description.language) or None,
        annotations_creators=list(description.annotations_creators) or None,
        source_datasets=list(description.source_datasets) or None,
        task_categories=list(description.task_categories) or None,
        size_categories=[size_category(facts.rows)],
        tags=list(description.tags) or None,
        configs=[_config(config) for config in facts.configs] or None,
        dataset_info=_dataset_info(facts, root) or None,
    ).to_yaml()


def size_category(rows: int) -> str:
    """The Hub's name for a number of rows."""
    below = ""
    for bound, name in SIZES:
        if rows < bound:
            return f"{below}<n<{name}" if below else f"n<{name}"
        below = name
    return "1B<n<10B"


def _pretty_name(description: Description, facts: Facts) -> str:
    note = NOT_REAL.get(facts.source.rpartition(":")[2])
    return f"{description.pretty_name} ({note})" if note else description.pretty_name


def _config(config: Config) -> dict[str, Any]:
    files = [{"split": split.name, "path": split.pattern} for split in config.splits]
    return {"config_name": config.name, "data_files": files}


def _dataset_info(facts: Facts, root: Path) -> list[dict[str, Any]]:
    """Features and sizes of each config that has files, against which `datasets` verifies what it loads."""
    from datasets import DatasetInfo, Features, SplitDict, SplitInfo

    names = sum(len(kind.get("names", ())) for config in facts.configs for kind in config.features.values())
    infos = []
    for config in facts.configs:
        splits = [split for split in config.splits if split.files]
        if not splits:
            continue
        sizes = {s.name: SplitInfo(s.name, _loaded_bytes(config, s.files, root), s.rows) for s in splits}
        info = DatasetInfo(
            config_name=config.name,
            features=Features.from_dict(dict(config.features)) if names <= MOST_CLASS_NAMES else None,
            splits=SplitDict(sizes),
            download_size=sum(split.bytes for split in splits),
            dataset_size=sum(size.num_bytes for size in sizes.values()),
        )
        infos.append({key: value for key, value in info._to_yaml_dict().items() if value is not None})
    return infos


def _loaded_bytes(config: Config, files: tuple[str, ...], root: Path) -> int:
    """The size of the rows in memory as Arrow, `num_bytes` of `datasets`.

    Images are stored without compression, so the size of the columns in the file will do and no image is read.
    """
    total = 0
    images = any(kind["_type"] == "Image" for kind in config.features.values())
    for name in files:
        with opened(root / name) as file:
            groups = range(file.metadata.num_row_groups)
            total += sum(file.metadata.row_group(n).total_byte_size for n in groups) if images else file.read().nbytes
    return total


def _examples(facts: Facts) -> list[tuple[str, str]]:
    """(config, split) of the loading code."""
    examples = [(config.name, split.name) for config in facts.configs for split in config.splits]
    return examples[:MOST_EXAMPLES]


def _table(table: Table) -> str:
    lines = [[cell(name) for name in table.header], alignments(table.rows, len(table.header))]
    lines += [[cell(value) for value in row] for row in table.rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
