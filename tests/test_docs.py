"""Pages made from the code say what the code says. `python -m tests.test_docs` writes them anew."""

import os
import re
from pathlib import Path

import pytest

from flickrexif.collectors.images import REASONS
from flickrexif.collectors.published import REASONS as OF_TABLES
from flickrexif.collectors.sandbox.faults import KINDS
from flickrexif.core.columns import Column
from flickrexif.dataset.schema import FULL_COLUMNS, IMAGE_COLUMNS, PUBLISHED_COLUMNS
from tests.test_imports import LAYERS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "columns.md"
BY_HAND = "## Where the Exif comes from\n"  # what follows is kept
DESIGN = (ROOT / "docs" / "design.md").read_text("utf-8")
FOR_DEVELOPERS = {"docs/design.md": DESIGN, "CONTRIBUTING.md": (ROOT / "CONTRIBUTING.md").read_text("utf-8")}


def table(columns: tuple[Column, ...]) -> str:
    rows = [f"| `{c.name}` | {c.type} | {c.description} |" for c in columns]
    return "\n".join(["| Column | Type | What it holds |", "| --- | --- | --- |", *rows])


def page() -> str:
    parts = {
        "Config `default`": PUBLISHED_COLUMNS,
        "Config `labels`: these and": FULL_COLUMNS[len(PUBLISHED_COLUMNS) :],
        "Config `images`": IMAGE_COLUMNS,
    }
    tables = "\n\n".join(f"## {t}\n\n{table(c)}" for t, c in parts.items())
    return f"# Columns of FlickrExif\n\n{tables}\n\n{BY_HAND}{PAGE.read_text().partition(BY_HAND)[2]}"


def test_the_columns_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.test_docs`"


def rows_of(name: str) -> dict[str, str]:
    """The tables of a page with a word in code and its meaning."""
    return dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", (ROOT / "docs" / name).read_text("utf-8"), re.MULTILINE))


def test_every_section_of_the_readme_names_the_tests_that_hold_it() -> None:
    """Beside a claim, in a comment that pages do not show; what a command costs is told by docs/benchmarks.md."""
    sections = re.split(r"^## ", (ROOT / "README.md").read_text("utf-8"), flags=re.MULTILINE)
    held = {text.splitlines()[0]: re.findall(r"<!-- held by (.*) -->", text) for text in sections}
    assert {title for title, comments in held.items() if not comments} == {"What it costs", "More", "Citing"}
    named = {name for comments in held.values() for comment in comments for name in comment.split(", ")}
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_why_there_is_no_image_is_told() -> None:
    assert rows_of("sampling.md") == REASONS
    assert OF_TABLES.items() <= rows_of("fetch.md").items()


def test_every_fault_of_the_embedded_server_is_described() -> None:
    page = (ROOT / "docs/sandbox.md").read_text("utf-8")
    assert [kind for kind in KINDS if f"`{kind}`" not in page] == []


@pytest.mark.parametrize("text", FOR_DEVELOPERS.values(), ids=FOR_DEVELOPERS)
def test_files_and_folders_that_are_named_exist(text: str) -> None:
    named = [name for name in re.findall(r"`([\w./-]+)`", text) if "/" in name and not name.startswith((".", "eval."))]
    assert len(named) > 20
    assert [name for name in named if not os.path.lexists(ROOT / name)] == []
    modules = re.findall(r"python -m (tests\.\w+)", text)
    assert [name for name in modules if not (ROOT / f"{name.replace('.', '/')}.py").exists()] == []


def test_what_is_looked_for_is_where_the_table_says() -> None:
    rows = re.findall(r"^\| [^|]+ \| `([^`]+)` \| `(\w+)` \|$", DESIGN, re.MULTILINE)
    assert len(rows) > 25
    assert ("flickrexif/core/caps.py", "within_cap") in rows
    for path, name in rows:
        assert re.search(rf"^\s*(def|class) {name}\b|^\s*{name}\b.*=|\.{name}\b", (ROOT / path).read_text(), re.M), path


def test_the_layers_of_the_page_are_those_of_the_import_rule() -> None:
    table = DESIGN.partition("## The layers")[2].partition("## ")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    layers = [{Path(name).stem for name in re.findall(r"`([^`]+)`", row)} for row in rows]
    assert layers == [set(layer) for layer in LAYERS]


if __name__ == "__main__":
    PAGE.write_text(page())
