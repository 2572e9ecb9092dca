"""Pages made from the code say what the code says. `python -m tests.test_docs` writes them anew."""

from pathlib import Path

from flickrexif.core.columns import Column
from flickrexif.dataset.schema import FULL_COLUMNS, IMAGE_COLUMNS, PUBLISHED_COLUMNS

PAGE = Path(__file__).parents[1] / "docs" / "columns.md"


def table(columns: tuple[Column, ...]) -> str:
    rows = [f"| `{c.name}` | {c.type} | {c.description} |" for c in columns]
    return "\n".join(["| Column | Type | What it holds |", "| --- | --- | --- |", *rows])


def page() -> str:
    parts = {
        "Config `default`": PUBLISHED_COLUMNS,
        "Config `labels`: these and": FULL_COLUMNS[len(PUBLISHED_COLUMNS) :],
        "Config `images`": IMAGE_COLUMNS,
    }
    return "# Columns of FlickrExif\n\n" + "\n\n".join(f"## {t}\n\n{table(c)}" for t, c in parts.items()) + "\n"


def test_the_columns_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.test_docs`"


if __name__ == "__main__":
    PAGE.write_text(page())
