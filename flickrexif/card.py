"""The data-set card: a pure function of counts and of where the photos came from; no stranger's text enters it."""

from collections import Counter
from collections.abc import Mapping
from typing import Literal

from flickrexif.schema import FULL_COLUMNS, IMAGE_COLUMNS, PUBLISHED_COLUMNS, Column

Source = Literal["flickr", "sandbox:simulated", "sandbox:photos", "folder"]

# config -> folder of its Parquet files
FOLDERS = {"default": "data", "labels": "labels", "images": "images"}

ORIGINS: dict[Source, str] = {
    "flickr": "Photos on Flickr, found by `flickr.photos.search`, with the Exif of `flickr.photos.getExif`.",
    "sandbox:simulated": (
        "> **SIMULATED DATA.** No row is a real photo: cameras, settings, photographers, titles and licences\n"
        "> were drawn at random by an embedded server. Try the tools with it; conclude nothing about cameras."
    ),
    "sandbox:photos": (
        "> **NOT FROM FLICKR.** Real photographs of a local folder, served by an embedded server as Flickr\n"
        "> would: the Exif is theirs; ids, photographers, titles, licences and addresses are made up."
    ),
    "folder": "Photos of a local folder, described by the Exif in their files; not collected from Flickr.",
}

TERMS = """## Licences

Every photo keeps the licence its photographer chose: the columns `license`, `license_url` and `attribution` of
the config `labels` name it. Follow it, link back to `page_url`, and remove a photo when its owner does.
The labels made from the Exif are offered under CC BY 4.0, as the front matter says; that covers no photo.

This product uses the Flickr API but is not endorsed or certified by SmugMug, Inc.
"""
FOLDER_TERMS = """## Licences

The photos belong to whoever took them; this card grants nothing.
"""
MONTHS = tuple(f"{number:02}" for number in range(1, 13))


def card(*, source: Source, dates: tuple[str, str] | None, rows: Mapping[str, int], images: Mapping[str, int]) -> str:
    """The card as Markdown with front matter.

    `dates`: first and last day of the collection, YYYY-MM-DD. `rows`, `images`: how many, by month YYYY-MM.
    """
    configs = [config for config in FOLDERS if config != "images" or images]
    parts = (
        _front_matter(source, configs, sum(rows.values())),
        ORIGINS[source],
        "# FlickrExif\n\nPhotos, and the camera and settings that took them: one row a photo, one file a month.",
        _counts(dates, rows, images),
        "## Loading\n\n```python\nfrom flickrexif import load_dataset\n\n"
        + "".join(f'{config} = load_dataset("flickrexif", "{config}")\n' for config in configs)
        + "```",
        "## Columns",
        *(_columns(config) for config in configs),
        FOLDER_TERMS if source == "folder" else TERMS,
    )
    return "\n\n".join(parts)


def size_category(rows: int) -> str:
    """The Hub's name for a number of rows."""
    bounds = (10**3, "1K"), (10**4, "10K"), (10**5, "100K"), (10**6, "1M"), (10**7, "10M"), (10**8, "100M")
    below = "n"
    for bound, name in bounds:
        if rows < bound:
            return f"{below}<{name}" if below == "n" else f"{below}<n<{name}"
        below = name
    return "n>100M"


def _front_matter(source: Source, configs: list[str], rows: int) -> str:
    lines = ["---", f"pretty_name: FlickrExif{'' if source == 'flickr' else f' ({source})'}"]
    if source != "folder":
        lines.append("license: cc-by-4.0  # the labels; each photo has its own, see below")
    lines += [
        "task_categories:",
        "- image-classification",
        "size_categories:",
        f"- {size_category(rows)}",
        "configs:",
    ]
    for config in configs:
        lines += [f"- config_name: {config}", "  data_files:", "  - split: train"]
        lines.append(f"    path: {FOLDERS[config]}/train-*.parquet")
    return "\n".join([*lines, "---"])


def _counts(dates: tuple[str, str] | None, rows: Mapping[str, int], images: Mapping[str, int]) -> str:
    """The totals, and a table of years by months."""
    photos = f"{sum(rows.values()):,} photos taken in {len(rows):,} months"
    photos += f", {sum(images.values()):,} with their image" if images else ""
    photos += f"; collected {dates[0]} to {dates[1]}" if dates else ""
    by_year: Counter[str] = Counter()
    for month, count in rows.items():
        by_year[month[:4]] += count
    table = [("Year", *MONTHS, "All"), ("---:",) * 14]
    for year in sorted(by_year):
        counts = (rows.get(f"{year}-{month}", 0) for month in MONTHS)
        table.append((year, *(f"{count:,}" if count else "" for count in counts), f"{by_year[year]:,}"))
    return "\n".join([f"{photos}.", "", *(f"| {' | '.join(cells)} |" for cells in table)])


def _columns(config: str) -> str:
    columns: tuple[Column, ...]
    columns = {"default": PUBLISHED_COLUMNS, "labels": FULL_COLUMNS, "images": IMAGE_COLUMNS}[config]
    lines = [f"### {config}", "", "| Column | Type | What |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| `{c.name}` | {c.type} | {c.description} |" for c in columns)])
